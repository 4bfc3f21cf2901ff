/* Deflate: a zlib stream (RFC 1950). */
#include "filter/codecs.h"

#include <string.h>
#include <zlib.h>

#include "util/error.h"

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

static h5r_status inflate_all(z_stream *z, h5r_buf *dst, size_t limit, h5r_error *err)
{
    for (;;) {
        size_t room = dst->cap - dst->len;
        z->next_out = dst->bytes + dst->len;
        z->avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
        uInt before = z->avail_out;
        int rc = inflate(z, Z_NO_FLUSH);
        dst->len += before - z->avail_out;
        if (rc == Z_STREAM_END)
            return H5R_OK;
        if (rc == Z_MEM_ERROR)
            return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "deflate: %s", z->msg != NULL ? z->msg : "damaged stream");
        if (z->avail_out > 0 && z->avail_in == 0)
            return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "deflate: stream ends after %zu bytes of output", dst->len);
        if (dst->len == dst->cap && !grow(dst, limit))
            return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "deflate: more than %zu bytes, far above a chunk", limit);
    }
}

h5r_status h5r_decode_deflate(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                              bool skip_checksums, h5r_error *err)
{
    z_stream z = {0};
    (void)f;
    (void)skip_checksums;

    if (n > UINT32_MAX)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "deflate: a stored chunk above 4 GiB");
    if (!h5r_buf_reserve(dst, expected + 8) || inflateInit(&z) != Z_OK)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    dst->len = 0;
    z.next_in = (Bytef *)(uintptr_t)src; /* zlib does not write there */
    z.avail_in = (uInt)n;
    h5r_status st = inflate_all(&z, dst, limit, err);
    inflateEnd(&z);
    return st;
}
