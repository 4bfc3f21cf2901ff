/* Filter identifiers: 0 to 255 are the library's, others are registered with The HDF Group. A new codec is a new file and a row
 * here. */
#include "filter/codecs.h"

#include <stddef.h>

static const h5r_codec codecs[] = {
    {1, "deflate", h5r_decode_deflate},
    {2, "shuffle", h5r_decode_shuffle},
    {3, "fletcher32", h5r_decode_fletcher32},
    {32022, "BitGroom", h5r_decode_copy},
    {32023, "Granular BitRound", h5r_decode_copy},
    {32032, "BitRound", h5r_decode_copy},
};

/* Names of registered filters that this build cannot undo. */
static const struct {
    unsigned id;
    const char *name;
} names[] = {
    {4, "szip"},         {5, "nbit"},          {6, "scaleoffset"},  {257, "hzip"},        {258, "fpzip"},
    {305, "LZO"},        {307, "bzip2"},       {32000, "LZF"},      {32001, "Blosc"},     {32002, "MAFISC"},
    {32003, "Snappy"},   {32004, "LZ4"},       {32005, "APAX"},     {32006, "CBF"},       {32007, "JPEG-XR"},
    {32008, "bitshuffle"}, {32009, "SPDP"},    {32010, "LPC-Rice"}, {32011, "CCSDS-123"}, {32012, "JPEG-LS"},
    {32013, "ZFP"},      {32014, "fpzip"},     {32015, "Zstandard"}, {32016, "B3D"},      {32017, "SZ"},
    {32018, "FCIDECOMP"}, {32019, "JPEG"},     {32020, "VBZ"},      {32021, "FAPEC"},     {32024, "SZ3"},
    {32025, "Delta-Rice"}, {32026, "Blosc2"},  {32027, "FLAC"},     {32028, "SPERR"},     {32029, "TERSE/PROLIX"},
    {32030, "FFMPEG"},   {32031, "JPEG 2000"},
};

const h5r_codec *h5r_codec_find(unsigned id)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codecs[i].id == id)
            return &codecs[i];
    return NULL;
}

bool h5r_filter_available(unsigned id)
{
    return h5r_codec_find(id) != NULL;
}

const char *h5r_filter_name(unsigned id)
{
    const h5r_codec *c = h5r_codec_find(id);
    if (c != NULL)
        return c->name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].id == id)
            return names[i].name;
    return NULL;
}
