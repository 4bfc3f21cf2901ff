/* Bitshuffle: blocks of elements as bit planes, then plain, or each block through LZ4 or Zstandard. Client data: major, minor,
 * element size, elements a block (0: the default), codec. Compressed: total size u64, bytes a block u32 (big-endian), then for
 * each block its stored size u32 BE and its bytes. What is left of eight elements comes last, as it is. */
#include "filter/codecs.h"

#include <limits.h>
#include <string.h>
#if H5R_HAVE_LZ4
#include <lz4.h>
#endif
#if H5R_HAVE_ZSTD
#include <zstd.h>
#endif

#include "filter/transpose.h"

enum { ELEM_SIZE = 2, BLOCK_ELEMS, CODEC };
enum { PLAIN = 0, LZ4 = 2, ZSTD = 3 };

typedef struct reader {
    const uint8_t *p, *end;
    unsigned codec;
#if H5R_HAVE_ZSTD
    ZSTD_DCtx *zstd;
#endif
} reader;

static h5r_status decompress(const h5r_stage *s, const reader *r, size_t n, uint8_t *out, size_t raw)
{
    (void)n, (void)out, (void)raw;
    switch (r->codec) {
    case LZ4:
#if H5R_HAVE_LZ4
        if (n <= INT_MAX && raw <= INT_MAX && LZ4_decompress_safe((const char *)r->p, (char *)out, (int)n, (int)raw) == (int)raw)
            return H5R_OK;
        return H5R_STAGE_BAD(s, "damaged LZ4 block");
#else
        return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "with LZ4, not built in: build with liblz4");
#endif
    default:
#if H5R_HAVE_ZSTD
        if (ZSTD_decompressDCtx(r->zstd, out, raw, r->p, n) == raw)
            return H5R_OK;
        return H5R_STAGE_BAD(s, "damaged Zstandard block");
#else
        return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "with Zstandard, not built in: build with libzstd");
#endif
    }
}

/* The writers' default: 8 KiB, a multiple of eight elements, at least 128. */
static uint64_t default_block(size_t size)
{
    uint64_t n = 8192 / size / 8 * 8;
    return n < 128 ? 128 : n;
}

/* Elements [first, first + elems) of the output; tmp holds two blocks. */
static h5r_status get_block(const h5r_stage *s, reader *r, uint8_t *out, size_t elems, size_t size, uint8_t *tmp)
{
    size_t raw = elems * size, stored = raw;
    const uint8_t *planes = r->p;

    if (r->codec != PLAIN) {
        if (r->end - r->p < 4)
            return H5R_STAGE_BAD(s, "ends in the middle of a block");
        stored = h5r_be32(r->p);
        r->p += 4;
    }
    if (stored > (size_t)(r->end - r->p))
        return H5R_STAGE_BAD(s, "a block of %zu bytes, %zu are left", stored, (size_t)(r->end - r->p));
    if (r->codec != PLAIN) {
        h5r_status st = decompress(s, r, stored, tmp, raw);
        if (st != H5R_OK)
            return st;
        planes = tmp;
    }
    h5r_unbitshuffle(planes, out, tmp + raw, elems, size);
    r->p += stored;
    return H5R_OK;
}

static h5r_status get_all(const h5r_stage *s, reader *r, uint64_t total, size_t size, uint64_t block)
{
    uint64_t elems = total / size, whole = elems / 8 * 8;
    uint8_t *out, *tmp;

    if (block > whole)
        block = whole;
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st == H5R_OK)
        st = h5r_stage_work(s, (size_t)(2 * block * size), &tmp);
    for (uint64_t at = 0; at < whole && st == H5R_OK; at += block)
        st = get_block(s, r, out + at * size, (size_t)(whole - at < block ? whole - at : block), size, tmp);
    if (st != H5R_OK)
        return st;
    size_t rest = (size_t)(total - whole * size);
    if (rest > (size_t)(r->end - r->p))
        return H5R_STAGE_BAD(s, "ends %zu bytes too early", rest - (size_t)(r->end - r->p));
    if (rest > 0)
        memcpy(out + whole * size, r->p, rest);
    return H5R_OK;
}

h5r_status h5r_decode_bitshuffle(const h5r_stage *s)
{
    const h5r_filter *f = s->filter;
    reader r = {.p = s->src, .end = s->src + s->n};

    if (f->n_values <= ELEM_SIZE || f->values[ELEM_SIZE] == 0)
        return H5R_STAGE_BAD(s, "no element size");
    size_t size = f->values[ELEM_SIZE];
    uint64_t total = s->n, block = f->n_values > BLOCK_ELEMS ? f->values[BLOCK_ELEMS] : 0;
    if (f->n_values > CODEC)
        r.codec = f->values[CODEC];
    if (r.codec != PLAIN && r.codec != LZ4 && r.codec != ZSTD) {
        if (s->n != s->chunk)
            return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "codec %u, known are 0 (none), 2 (LZ4) and 3 (Zstandard)", r.codec);
        r.codec = PLAIN; /* what its writer does with a codec that it does not know, and as long as the chunk */
    }
    if (r.codec != PLAIN) {
        if (s->n < 12)
            return H5R_STAGE_BAD(s, "%zu bytes", s->n);
        total = h5r_be64(s->src);
        uint32_t block_bytes = h5r_be32(s->src + 8);
        block = block_bytes / size;
        r.p += 12;
        if (block_bytes % size != 0)
            return H5R_STAGE_BAD(s, "blocks of %u bytes for elements of %zu", (unsigned)block_bytes, size);
    }
    if (block == 0)
        block = default_block(size);
    if (block % 8 != 0)
        return H5R_STAGE_BAD(s, "blocks of %llu elements", (unsigned long long)block);
    if (size > s->limit || total > s->limit) /* also keeps the products small */
        return H5R_STAGE_BAD(s, "%llu bytes in elements of %zu, far above a chunk of %zu", (unsigned long long)total, size, s->chunk);
#if H5R_HAVE_ZSTD
    if (r.codec == ZSTD && (r.zstd = ZSTD_createDCtx()) == NULL)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
#endif
    h5r_status st = get_all(s, &r, total, size, block);
#if H5R_HAVE_ZSTD
    ZSTD_freeDCtx(r.zstd);
#endif
    return st;
}
