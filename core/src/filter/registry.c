/* Filter identifiers: 0 to 255 are the library's, others are registered with The HDF Group. A new codec is a new file and a row
 * here. The H5R_HAVE_ macros come from core/codecs.cmake and are 0 or 1. */
#include "filter/codecs.h"

#include <stddef.h>

/* decoder when its library is there, else NULL. */
#define PICK_0(decoder) NULL
#define PICK_1(decoder) decoder
#define PICK_(have, decoder) PICK_##have(decoder)
#define PICK(have, decoder) PICK_(have, decoder)

#define OURS(id, name, decoder) {{id, name, "", true}, decoder, NULL}
#define TRIM(id, name, function) {{id, name, "", true}, NULL, function}
#define WITH(id, name, have, library, decoder) {{id, name, library, have}, PICK(have, decoder), NULL}
#define NEVER(id, name) {{id, name, NULL, false}, NULL, NULL}

/* By id. */
static const h5r_codec_row rows[] = {
    OURS(1, "deflate", h5r_decode_deflate),
    OURS(2, "shuffle", h5r_decode_shuffle),
    TRIM(3, "fletcher32", h5r_trim_fletcher32),
    WITH(4, "szip", H5R_HAVE_SZIP, "libaec", h5r_decode_szip),
    OURS(5, "nbit", h5r_decode_nbit),
    OURS(6, "scaleoffset", h5r_decode_scaleoffset),
    NEVER(257, "hzip"),
    NEVER(258, "fpzip"),
    WITH(305, "LZO", H5R_HAVE_LZO, "liblzo2", h5r_decode_lzo),
    WITH(307, "bzip2", H5R_HAVE_BZIP2, "libbz2", h5r_decode_bzip2),
    WITH(32000, "LZF", H5R_HAVE_LZF, "liblzf", h5r_decode_lzf),
    WITH(32001, "Blosc", H5R_HAVE_BLOSC, "libblosc", h5r_decode_blosc),
    NEVER(32002, "MAFISC"),
    WITH(32003, "Snappy", H5R_HAVE_SNAPPY, "libsnappy", h5r_decode_snappy),
    WITH(32004, "LZ4", H5R_HAVE_LZ4, "liblz4", h5r_decode_lz4),
    NEVER(32005, "APAX"),
    NEVER(32006, "CBF"),
    NEVER(32007, "JPEG-XR"),
    OURS(32008, "bitshuffle", h5r_decode_bitshuffle),
    NEVER(32009, "SPDP"),
    NEVER(32010, "LPC-Rice"),
    NEVER(32011, "CCSDS-123"),
    WITH(32012, "JPEG-LS", H5R_HAVE_CHARLS, "libcharls", h5r_decode_jpegls),
    WITH(32013, "ZFP", H5R_HAVE_ZFP, "libzfp", h5r_decode_zfp),
    NEVER(32014, "fpzip"),
    WITH(32015, "Zstandard", H5R_HAVE_ZSTD, "libzstd", h5r_decode_zstd),
    NEVER(32016, "B3D"),
    NEVER(32017, "SZ"),
    WITH(32018, "FCIDECOMP", H5R_HAVE_CHARLS, "libcharls", h5r_decode_jpegls),
    WITH(32019, "JPEG", H5R_HAVE_JPEG, "libjpeg", h5r_decode_jpeg),
    WITH(32020, "VBZ", H5R_HAVE_ZSTD, "libzstd", h5r_decode_vbz),
    NEVER(32021, "FAPEC"),
    TRIM(32022, "BitGroom", h5r_trim_nothing),
    TRIM(32023, "Granular BitRound", h5r_trim_nothing),
    NEVER(32024, "SZ3"),
    NEVER(32025, "Delta-Rice"),
    OURS(32026, "Blosc2", h5r_decode_blosc2),
    NEVER(32027, "FLAC"),
    NEVER(32028, "SPERR"),
    NEVER(32029, "TERSE/PROLIX"),
    NEVER(32030, "FFMPEG"),
    WITH(32031, "JPEG 2000", H5R_HAVE_OPENJPEG, "libopenjp2", h5r_decode_jpeg2000),
    TRIM(32032, "BitRound", h5r_trim_nothing),
    WITH(32033, "HTJ2K", H5R_HAVE_OPENJPEG, "libopenjp2", h5r_decode_jpeg2000),
};
enum { N_ROWS = sizeof rows / sizeof *rows };

const h5r_codec_row *h5r_codec_find(unsigned id)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].info.id == id)
            return &rows[i];
    return NULL;
}

const h5r_filter_info *h5r_filter_at(size_t i)
{
    return i < N_ROWS ? &rows[i].info : NULL;
}

bool h5r_filter_available(unsigned id)
{
    const h5r_codec_row *r = h5r_codec_find(id);
    return r != NULL && r->info.available;
}

const char *h5r_filter_name(unsigned id)
{
    const h5r_codec_row *r = h5r_codec_find(id);
    return r != NULL ? r->info.name : NULL;
}
