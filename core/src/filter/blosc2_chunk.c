#include "filter/blosc2_chunk.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>
#if H5R_HAVE_LZ4
#include <lz4.h>
#endif
#if H5R_HAVE_ZSTD
#include <zstd.h>
#endif

#include "filter/transpose.h"

enum { SHUFFLE = 1, BITSHUFFLE = 2, DELTA = 3, TRUNCATE = 4, BYTEDELTA = 35 };
enum { BLOSCLZ = 0, LZ4 = 1, ZLIB = 3, ZSTD = 4, REGISTERED = 6 };
enum { FLAG_SHUFFLE = 1, FLAG_COPY = 2, FLAG_BITSHUFFLE = 4, FLAG_WHOLE = 16, FLAGS_EXTENDED = FLAG_SHUFFLE | FLAG_BITSHUFFLE };
enum { FLAG2_DICTIONARY = 1, FLAG2_BIG_ENDIAN = 2, FLAG2_LAZY = 8, FLAG2_INSTRUMENTED = 128 };
enum { ZEROS = 1, NANS = 2, VALUE = 3, UNINITIALISED = 4 };
enum { OLD_BITSHUFFLE = 2 }; /* format version whose bitshuffle needs multiples of eight elements */

/* ---------------------------------------------------------------- header */

static h5r_status open_special(h5r_blosc2_chunk *c, unsigned special)
{
    static const uint8_t nan4[4] = {0, 0, 0xc0, 0x7f}, nan8[8] = {0, 0, 0, 0, 0, 0, 0xf8, 0x7f};

    c->kind = H5R_BLOSC2_FILL;
    c->value_size = 1; /* value[] is zero */
    switch (special) {
    case ZEROS:
    case UNINITIALISED:
        return H5R_OK;
    case NANS:
        if (c->type_size != 4 && c->type_size != 8)
            return H5R_STAGE_BAD(c->s, "NaNs of %zu bytes", c->type_size);
        c->value_size = c->type_size;
        memcpy(c->value, c->type_size == 4 ? nan4 : nan8, c->type_size);
        return H5R_OK;
    case VALUE:
        c->value_size = c->len - c->head;
        if (c->value_size == 0 || c->value_size > sizeof c->value || c->n_bytes % c->value_size != 0)
            return H5R_STAGE_BAD(c->s, "a repeated value of %zu bytes", c->value_size);
        memcpy(c->value, c->p + c->head, c->value_size);
        return H5R_OK;
    default:
        return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "special chunk of kind %u", special);
    }
}

static h5r_status open_extended(h5r_blosc2_chunk *c, unsigned *special)
{
    unsigned flags = c->p[31];

    *special = flags >> 4 & 7;
    memcpy(c->filters, c->p + 16, H5R_BLOSC2_FILTERS);
    memcpy(c->meta, c->p + 24, H5R_BLOSC2_FILTERS);
    if (c->codec == REGISTERED)
        return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "registered codec %u", c->p[22]);
    if (flags & (FLAG2_DICTIONARY | FLAG2_BIG_ENDIAN | FLAG2_LAZY | FLAG2_INSTRUMENTED))
        return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "chunk with flags %#x", flags);
    return H5R_OK;
}

h5r_status h5r_blosc2_chunk_open(const h5r_stage *s, const uint8_t *p, size_t n, h5r_blosc2_chunk *out)
{
    h5r_blosc2_chunk c = {.s = s, .p = p, .head = 16};
    unsigned special = 0;

    if (n < 16)
        return H5R_STAGE_BAD(s, "a chunk of %zu bytes", n);
    unsigned flags = p[2];
    c.type_size = p[3];
    c.n_bytes = h5r_le32(p + 4);
    c.block = h5r_le32(p + 8);
    c.len = h5r_le32(p + 12);
    c.codec = flags >> 5;
    c.split = !(flags & FLAG_WHOLE);
    if ((flags & FLAGS_EXTENDED) == FLAGS_EXTENDED)
        c.head = 32;
    else
        c.filters[0] = flags & FLAG_SHUFFLE ? SHUFFLE : flags & FLAG_BITSHUFFLE ? BITSHUFFLE : 0;
    if (c.len < c.head || c.len > n)
        return H5R_STAGE_BAD(s, "a chunk that claims %zu bytes of %zu", c.len, n);
    if (c.type_size == 0 || c.n_bytes > INT_MAX || c.block > c.n_bytes || (c.block == 0 && c.n_bytes > 0))
        return H5R_STAGE_BAD(s, "a chunk of %zu bytes in blocks of %zu, numbers of %zu", c.n_bytes, c.block, c.type_size);
    if (c.head == 32) {
        h5r_status st = open_extended(&c, &special);
        if (st == H5R_OK && special != 0)
            st = open_special(&c, special);
        if (st != H5R_OK)
            return st;
    }
    if (special == 0 && flags & FLAG_COPY) {
        c.kind = H5R_BLOSC2_COPY;
        if (c.len - c.head < c.n_bytes)
            return H5R_STAGE_BAD(s, "a stored chunk of %zu bytes for %zu", c.len, c.n_bytes);
    } else if (special == 0 && (c.len - c.head) / 4 < h5r_blosc2_chunk_blocks(&c)) {
        return H5R_STAGE_BAD(s, "a chunk of %zu bytes for %zu blocks", c.len, h5r_blosc2_chunk_blocks(&c));
    }
    *out = c;
    return H5R_OK;
}

void h5r_blosc2_chunk_close(h5r_blosc2_chunk *c)
{
#if H5R_HAVE_ZSTD
    ZSTD_freeDCtx(c->zstd);
#endif
    c->zstd = NULL;
}

size_t h5r_blosc2_chunk_blocks(const h5r_blosc2_chunk *c)
{
    return c->block == 0 ? 0 : c->n_bytes / c->block + (c->n_bytes % c->block != 0);
}

/* ---------------------------------------------------------------- streams */

static bool lz4_decode(const uint8_t *src, size_t n, uint8_t *out, size_t len)
{
#if H5R_HAVE_LZ4
    return n <= INT_MAX && LZ4_decompress_safe((const char *)src, (char *)out, (int)n, (int)len) == (int)len;
#else
    return (void)src, (void)n, (void)out, (void)len, false;
#endif
}

static bool zlib_decode(const uint8_t *src, size_t n, uint8_t *out, size_t len)
{
    uLongf got = (uLongf)len;
    return uncompress(out, &got, src, (uLong)n) == Z_OK && got == len;
}

static bool zstd_decode(h5r_blosc2_chunk *c, const uint8_t *src, size_t n, uint8_t *out, size_t len)
{
#if H5R_HAVE_ZSTD
    if (c->zstd == NULL)
        c->zstd = ZSTD_createDCtx();
    return c->zstd != NULL && ZSTD_decompressDCtx(c->zstd, out, len, src, n) == len;
#else
    return (void)c, (void)src, (void)n, (void)out, (void)len, false;
#endif
}

static h5r_status decompress(h5r_blosc2_chunk *c, const uint8_t *src, size_t n, uint8_t *out, size_t len)
{
    bool ok;

    switch (c->codec) {
    case BLOSCLZ:
        ok = h5r_blosclz_decode(src, n, out, len);
        break;
    case LZ4:
        if (!H5R_HAVE_LZ4)
            return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "with LZ4, not built in: build with liblz4");
        ok = lz4_decode(src, n, out, len);
        break;
    case ZLIB:
        ok = zlib_decode(src, n, out, len);
        break;
    case ZSTD:
        if (!H5R_HAVE_ZSTD)
            return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "with Zstandard, not built in: build with libzstd");
        ok = zstd_decode(c, src, n, out, len);
        break;
    default:
        return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "codec %u", c->codec);
    }
    return ok ? H5R_OK : H5R_STAGE_BAD(c->s, "damaged stream of %zu bytes for %zu", n, len);
}

/* One stream: its stored size i32, then the bytes. 0: zeros. Negative: a token; token 1: the low byte of the size, repeated. */
static h5r_status get_stream(h5r_blosc2_chunk *c, size_t *at, uint8_t *out, size_t len)
{
    if (c->len - *at < 4)
        return H5R_STAGE_BAD(c->s, "ends before a stream");
    uint32_t size = h5r_le32(c->p + *at);
    *at += 4;
    if (size == 0) {
        memset(out, 0, len);
        return H5R_OK;
    }
    if (size > INT_MAX) {
        if (c->len == *at || c->p[*at] != 1)
            return H5R_STAGE_BAD(c->s, "a stream with an unknown token");
        memset(out, (uint8_t)(0U - size), len);
        ++*at;
        return H5R_OK;
    }
    if (size > c->len - *at)
        return H5R_STAGE_BAD(c->s, "a stream of %u bytes, %zu are left", (unsigned)size, c->len - *at);
    const uint8_t *src = c->p + *at;
    *at += size;
    if (size == len) {
        memcpy(out, src, len);
        return H5R_OK;
    }
    return decompress(c, src, size, out, len);
}

static h5r_status get_streams(h5r_blosc2_chunk *c, size_t k, uint8_t *out, size_t len)
{
    size_t at = h5r_le32(c->p + c->head + 4 * k), n = c->split && len == c->block ? c->type_size : 1;

    if (at > c->len)
        return H5R_STAGE_BAD(c->s, "block %zu begins at %zu of %zu bytes", k, at, c->len);
    if (len % n != 0)
        return H5R_STAGE_BAD(c->s, "blocks of %zu bytes in %zu streams", len, n);
    for (size_t i = 0; i < n; i++) {
        h5r_status st = get_stream(c, &at, out + i * (len / n), len / n);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

/* ---------------------------------------------------------------- filters */

/* Exclusive or with the first block; in that one, with the element before. */
static void undo_delta(const h5r_blosc2_chunk *c, uint8_t *out, size_t len, const uint8_t *first)
{
    size_t t = c->type_size, size = t == 2 || t == 4 || t == 8 ? t : t % 8 == 0 ? 8 : 1;

    len -= len % size;
    if (first != NULL)
        for (size_t i = 0; i < len; i++)
            out[i] ^= first[i];
    else
        for (size_t i = size; i < len; i++)
            out[i] ^= out[i - size];
}

static void undo_bytedelta(const uint8_t *src, uint8_t *out, size_t len, size_t size)
{
    size_t n = len / size;

    for (size_t plane = 0; plane < size; plane++) {
        uint8_t v = 0;
        for (size_t i = plane * n; i < (plane + 1) * n; i++)
            out[i] = v = (uint8_t)(v + src[i]);
    }
    memcpy(out + n * size, src + n * size, len - n * size);
}

/* Undoes one filter from src to out. */
static h5r_status undo(const h5r_blosc2_chunk *c, unsigned filter, unsigned meta, const uint8_t *src, uint8_t *out, size_t len, uint8_t *tmp)
{
    size_t size = c->type_size, n;

    switch (filter) {
    case SHUFFLE:
        if (meta != 0)
            size = meta;
        n = len / size;
        h5r_unshuffle(src, out, n, size);
        break;
    case BITSHUFFLE:
        n = len / size;
        n = c->p[0] == OLD_BITSHUFFLE ? (n % 8 == 0 ? n : 0) : n / 8 * 8;
        h5r_unbitshuffle(src, out, tmp, n, size);
        break;
    case BYTEDELTA:
        undo_bytedelta(src, out, len, meta != 0 ? meta : size);
        return H5R_OK;
    default:
        return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "filter %u of Blosc2", filter);
    }
    memcpy(out + n * size, src + n * size, len - n * size);
    return H5R_OK;
}

/* The filters that have something to undo, in the order of undoing, delta excepted: that one is last or UNSUPPORTED. */
static h5r_status list_filters(const h5r_blosc2_chunk *c, unsigned *list, unsigned *n, bool *delta)
{
    *n = 0;
    *delta = false;
    for (unsigned i = H5R_BLOSC2_FILTERS; i-- > 0;) {
        if (c->filters[i] == 0 || c->filters[i] == TRUNCATE)
            continue;
        if (*delta)
            return h5r_stage_fail(c->s, H5R_ERR_UNSUPPORTED, "a delta after other filters of Blosc2");
        if (c->filters[i] == DELTA)
            *delta = true;
        else
            list[(*n)++] = i;
    }
    return H5R_OK;
}

h5r_status h5r_blosc2_chunk_block(h5r_blosc2_chunk *c, size_t k, uint8_t *out, uint8_t *tmp, const uint8_t *first)
{
    unsigned list[H5R_BLOSC2_FILTERS], n;
    size_t at = k * c->block, len = c->n_bytes - at < c->block ? c->n_bytes - at : c->block;
    bool delta;

    if (c->kind == H5R_BLOSC2_COPY) {
        memcpy(out, c->p + c->head + at, len);
        return H5R_OK;
    }
    if (c->kind == H5R_BLOSC2_FILL && c->value_size == 1) {
        memset(out, c->value[0], len);
        return H5R_OK;
    }
    if (c->kind == H5R_BLOSC2_FILL) {
        for (size_t i = 0; i < len; i++)
            out[i] = c->value[(at + i) % c->value_size];
        return H5R_OK;
    }
    h5r_status st = list_filters(c, list, &n, &delta);
    if (st == H5R_OK)
        st = get_streams(c, k, n > 0 ? tmp : out, len);
    for (unsigned i = 0; i < n && st == H5R_OK; i++) {
        uint8_t *src = tmp + i % 2 * len, *dst = i + 1 == n ? out : tmp + (i + 1) % 2 * len;
        st = undo(c, c->filters[list[i]], c->meta[list[i]], src, dst, len, tmp + 2 * len);
    }
    if (st == H5R_OK && delta)
        undo_delta(c, out, len, first);
    return st;
}
