/* Deflate: a zlib stream (RFC 1950). libdeflate, where it is built in, does the ordinary case at once; zlib does all others (a
 * stream longer than a chunk, a damaged one) and has the last word. */
#include "filter/codecs.h"

#include <string.h>
#include <zlib.h>
#if H5R_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

/* Enlarges dst, keeping what is in it. */
static bool grow(h5r_buf *dst, size_t limit)
{
    h5r_buf larger = {0};
    size_t cap = dst->cap > limit / 2 ? limit : dst->cap * 2;

    if (dst->cap >= limit || !h5r_buf_reserve(&larger, cap))
        return false;
    memcpy(larger.bytes, dst->bytes, dst->len);
    larger.len = dst->len;
    h5r_buf_free(dst);
    *dst = larger;
    return true;
}

static uInt clamp(size_t n)
{
    return n > UINT32_MAX ? UINT32_MAX : (uInt)n;
}

static h5r_status inflate_all(const h5r_stage *s, z_stream *z)
{
    h5r_buf *dst = s->dst;
    size_t left = s->n;

    z->next_in = (Bytef *)(uintptr_t)s->src; /* zlib does not write there */
    for (;;) {
        uInt given = clamp(left), room = clamp(dst->cap - dst->len);
        z->avail_in = given;
        z->next_out = dst->bytes + dst->len;
        z->avail_out = room;
        int rc = inflate(z, Z_NO_FLUSH);
        dst->len += room - z->avail_out;
        left -= given - z->avail_in;
        if (rc == Z_STREAM_END)
            return H5R_OK;
        if (rc == Z_MEM_ERROR)
            return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return H5R_STAGE_BAD(s, "%s", z->msg != NULL ? z->msg : "damaged stream");
        if (z->avail_out > 0 && left == 0)
            return H5R_STAGE_BAD(s, "stream ends after %zu bytes of output", dst->len);
        if (dst->len == dst->cap && dst->cap >= s->limit)
            return H5R_STAGE_BAD(s, "more than %zu bytes, far above a chunk of %zu", dst->len, s->chunk);
        if (dst->len == dst->cap && !grow(dst, s->limit))
            return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    }
}

#if H5R_HAVE_LIBDEFLATE
static bool decode_at_once(const h5r_stage *s)
{
    size_t len = 0;

    if (*s->inflater == NULL)
        *s->inflater = libdeflate_alloc_decompressor();
    if (*s->inflater == NULL)
        return false;
    enum libdeflate_result r = libdeflate_zlib_decompress(*s->inflater, s->src, s->n, s->dst->bytes, s->dst->cap, &len);
    s->dst->len = r == LIBDEFLATE_SUCCESS ? len : 0;
    return r == LIBDEFLATE_SUCCESS;
}

void h5r_inflater_free(void *inflater)
{
    if (inflater != NULL)
        libdeflate_free_decompressor(inflater);
}
#else
void h5r_inflater_free(void *inflater)
{
    (void)inflater;
}
#endif

h5r_status h5r_decode_deflate(const h5r_stage *s)
{
    z_stream z = {0};
    uint8_t *out;

    h5r_status st = h5r_stage_room(s, s->chunk, &out);
    if (st != H5R_OK)
        return st;
#if H5R_HAVE_LIBDEFLATE
    if (decode_at_once(s))
        return H5R_OK;
#endif
    s->dst->len = 0;
    if (inflateInit(&z) != Z_OK)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    st = inflate_all(s, &z);
    inflateEnd(&z);
    return st;
}
