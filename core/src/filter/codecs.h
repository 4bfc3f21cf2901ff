/* The built-in codecs, as the pipeline sees them: each undoes one filter. A new codec is a new file and a row of registry.c. */
#ifndef H5R_FILTER_CODECS_H
#define H5R_FILTER_CODECS_H

#include "filter/pipeline.h"

enum { H5R_FILTER_SHUFFLE = 2 };

/* One filter to be undone: src to dst. */
typedef struct h5r_stage {
    const h5r_filter *filter;
    const char *name;     /* for messages */
    const uint8_t *src;
    size_t n;
    size_t chunk;         /* bytes of a whole chunk: what the last stage has to give, and about what the others will */
    size_t limit;         /* the most bytes this stage may give */
    bool skip_checksums;
    h5r_buf *dst;
    h5r_buf *work;        /* scratch; its content means nothing before and after */
    void **inflater;      /* deflate's own, kept from chunk to chunk */
    h5r_error *err;
} h5r_stage;

typedef h5r_status (*h5r_decoder)(const h5r_stage *s);

typedef struct h5r_codec_row {
    h5r_filter_info info;
    h5r_decoder decode;                                   /* NULL: not in this build, or trim */
    h5r_status (*trim)(const h5r_stage *s, size_t *kept); /* the bytes stay as they are, at most with fewer at the end */
} h5r_codec_row;

/* The row of a registered filter, or NULL. */
const h5r_codec_row *h5r_codec_find(unsigned id);

/* ---------------------------------------------------------------- for the codecs */

/* Fails the stage: the message gets the codec's name in front. */
h5r_status h5r_stage_fail(const h5r_stage *s, h5r_status st, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* FORMAT: the stored bytes are wrong. */
#define H5R_STAGE_BAD(s, ...) h5r_stage_fail(s, H5R_ERR_FORMAT, __VA_ARGS__)

/* Room for an output of exactly n bytes: sets dst->len and *out. FORMAT when it is above the limit, NOMEM. */
h5r_status h5r_stage_room(const h5r_stage *s, uint64_t n, uint8_t **out);

/* Scratch of n bytes. */
h5r_status h5r_stage_work(const h5r_stage *s, size_t n, uint8_t **out);

/* For codecs that learn the size of their output only by decoding: attempt() decodes to out (cap bytes), sets *len, and says
 * H5R_NEED when cap was too small. It is tried with a chunk's size, then with the limit. */
h5r_status h5r_stage_attempt(const h5r_stage *s, h5r_status (*attempt)(const h5r_stage *s, uint8_t *out, size_t cap, size_t *len));

static inline uint32_t h5r_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t h5r_be32(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static inline uint64_t h5r_le64(const uint8_t *p)
{
    return h5r_le32(p) | (uint64_t)h5r_le32(p + 4) << 32;
}

static inline uint64_t h5r_be64(const uint8_t *p)
{
    return h5r_be32(p + 4) | (uint64_t)h5r_be32(p) << 32;
}

/* ---------------------------------------------------------------- decoders */

h5r_status h5r_decode_deflate(const h5r_stage *s);
h5r_status h5r_decode_shuffle(const h5r_stage *s);
h5r_status h5r_trim_fletcher32(const h5r_stage *s, size_t *kept);
h5r_status h5r_decode_szip(const h5r_stage *s);
h5r_status h5r_decode_nbit(const h5r_stage *s);
h5r_status h5r_decode_scaleoffset(const h5r_stage *s);
h5r_status h5r_decode_lzo(const h5r_stage *s);
h5r_status h5r_decode_bzip2(const h5r_stage *s);
h5r_status h5r_decode_lzf(const h5r_stage *s);
h5r_status h5r_decode_blosc(const h5r_stage *s);
h5r_status h5r_decode_snappy(const h5r_stage *s);
h5r_status h5r_decode_lz4(const h5r_stage *s);
h5r_status h5r_decode_bitshuffle(const h5r_stage *s);
h5r_status h5r_decode_jpegls(const h5r_stage *s);
h5r_status h5r_decode_zfp(const h5r_stage *s);
h5r_status h5r_decode_zstd(const h5r_stage *s);
h5r_status h5r_decode_jpeg(const h5r_stage *s);
h5r_status h5r_decode_vbz(const h5r_stage *s);
h5r_status h5r_decode_blosc2(const h5r_stage *s);
h5r_status h5r_decode_jpeg2000(const h5r_stage *s);

/* Frees what deflate keeps; NULL is fine. */
void h5r_inflater_free(void *inflater);

/* Filters that change values when writing and nothing in their encoding. */
h5r_status h5r_trim_nothing(const h5r_stage *s, size_t *kept);

/* Fletcher-32 as the filter computes it: sums of big-endian 16-bit words. */
uint32_t h5r_fletcher32(const uint8_t *p, size_t n);

#endif
