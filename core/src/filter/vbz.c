/* VBZ (Oxford Nanopore): the size of the data (u32 LE), then a Zstandard frame of integers as a byte stream of variable length
 * (streamvbyte), of zigzag differences. Client data: version, bytes an integer (0: not integers), differences, level (0: without
 * Zstandard). Version 1 codes single bytes in half bytes. The keys decide how far the data are read, so ours checks them; the
 * streamvbyte library does not. */
#include "filter/codecs.h"

#include <string.h>
#include <zstd.h>

enum { VERSION, INT_SIZE, ZIGZAG, LEVEL };

/* Data bits, least significant first; a code takes whole bytes or, in version 1, half bytes. */
typedef struct data {
    const uint8_t *p;
    uint64_t n, at; /* in half bytes */
} data;

static bool get_code(data *d, unsigned halves, uint32_t *out)
{
    uint32_t v = 0;

    if (halves > d->n - d->at)
        return false;
    for (unsigned i = 0; i < halves; i++, d->at++)
        v |= (uint32_t)(d->p[d->at / 2] >> (d->at % 2 * 4) & 0xf) << (4 * i);
    *out = v;
    return true;
}

static bool get_bytes(data *d, unsigned bytes, uint32_t *out)
{
    uint32_t v = 0;

    if (2U * bytes > d->n - d->at)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint32_t)d->p[d->at / 2 + i] << (8 * i);
    d->at += 2U * bytes;
    *out = v;
    return true;
}

static h5r_status unpack(const h5r_stage *s, const uint8_t *src, size_t n, uint8_t *out, size_t count)
{
    static const unsigned half_bytes[4] = {0, 1, 2, 4};
    const uint32_t *v = s->filter->values;
    size_t size = v[INT_SIZE], keys = count / 4 + (count % 4 != 0);
    bool halves = v[VERSION] == 1 && size == 1;

    if (n < keys)
        return H5R_STAGE_BAD(s, "%zu bytes for the keys of %zu integers", n, count);
    data d = {.p = src + keys, .n = 2 * (uint64_t)(n - keys)};
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned key = src[i / 4] >> (i % 4 * 2) & 3;
        uint32_t code;
        if (!(halves ? get_code(&d, half_bytes[key], &code) : get_bytes(&d, key + 1, &code)))
            return H5R_STAGE_BAD(s, "the integers end too early");
        if (v[ZIGZAG] != 0)
            code = sum += code >> 1 ^ (0U - (code & 1));
        for (size_t b = 0; b < size; b++)
            out[i * size + b] = (uint8_t)(code >> (8 * b));
    }
    if ((d.at + 1) / 2 != d.n / 2)
        return H5R_STAGE_BAD(s, "bytes are left behind the integers");
    return H5R_OK;
}

/* The whole of a frame; it must say its size, at most max. */
static h5r_status expand(const h5r_stage *s, const uint8_t *src, size_t n, uint8_t *out, size_t len)
{
    if (ZSTD_decompress(out, len, src, n) != len)
        return H5R_STAGE_BAD(s, "damaged Zstandard frame");
    return H5R_OK;
}

h5r_status h5r_decode_vbz(const h5r_stage *s)
{
    const h5r_filter *f = s->filter;
    const uint32_t *v = f->values;
    uint8_t *out, *work;

    if (f->n_values <= ZIGZAG || (v[INT_SIZE] > 2 && v[INT_SIZE] != 4))
        return H5R_STAGE_BAD(s, "parameters are missing or out of range");
    if (v[VERSION] > 1)
        return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "version %u", (unsigned)v[VERSION]);
    if (s->n < 4)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    const uint8_t *src = s->src + 4;
    size_t n = s->n - 4, total = h5r_le32(s->src), size = v[INT_SIZE];
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK)
        return st;
    if (size > 0 && total % size != 0)
        return H5R_STAGE_BAD(s, "%zu bytes of integers of %zu", total, size);
    if (f->n_values <= LEVEL || v[LEVEL] != 0) {
        unsigned long long content = ZSTD_getFrameContentSize(src, n);
        size_t count = size > 0 ? total / size : 0, most = size > 0 ? 5 * count + 1 : total; /* a key and at most 4 bytes each */
        if (content == ZSTD_CONTENTSIZE_ERROR || content > most) /* also CONTENTSIZE_UNKNOWN */
            return H5R_STAGE_BAD(s, "no Zstandard frame, or one of a size that cannot be");
        if (size == 0)
            return content == total ? expand(s, src, n, out, total) : H5R_STAGE_BAD(s, "%llu of %zu bytes", content, total);
        st = h5r_stage_work(s, (size_t)content, &work);
        if (st == H5R_OK)
            st = expand(s, src, n, work, (size_t)content);
        if (st != H5R_OK)
            return st;
        src = work;
        n = (size_t)content;
    }
    if (size > 0)
        return unpack(s, src, n, out, total / size);
    if (n != total)
        return H5R_STAGE_BAD(s, "%zu of %zu bytes", n, total);
    if (n > 0)
        memcpy(out, src, n);
    return H5R_OK;
}
