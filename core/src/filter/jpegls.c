/* JPEG-LS by libcharls. FCIDECOMP (32018) and current writers of 32012 store one image a chunk. Writers of 32012 before 0.3 cut
 * the chunk in up to 24 slices: their sizes (u32 LE each), then an image for each; their client data are width, height and bytes
 * a pixel. */
#include "filter/codecs.h"

#include <charls/charls.h>

enum { OLD_SLICES = 24 };

static h5r_status charls_failed(const h5r_stage *s, charls_jpegls_errc rc)
{
    if (rc == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    return H5R_STAGE_BAD(s, "%s", charls_get_error_message(rc));
}

/* Bytes up to the end of the image (marker EOI), 0 without one. libcharls 2.4 counts through 2^32 bits that are not there before
 * it notices that a stream without this marker is cut. */
static size_t image_end(const uint8_t *p, size_t n)
{
    for (; n >= 2; n--)
        if (p[n - 2] == 0xff && p[n - 1] == 0xd9)
            return n;
    return 0;
}

static charls_jpegls_errc open_image(charls_jpegls_decoder *d, const uint8_t *src, size_t n, size_t *size)
{
    charls_jpegls_errc rc = charls_jpegls_decoder_set_source_buffer(d, src, n);
    if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
        rc = charls_jpegls_decoder_read_header(d);
    if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
        rc = charls_jpegls_decoder_get_destination_size(d, 0, size);
    return rc;
}

/* One image; out NULL: room is made for it as the whole output, else it has cap bytes there. */
static h5r_status get_image(const h5r_stage *s, const uint8_t *src, size_t n, uint8_t *out, size_t cap, size_t *len)
{
    size_t size = 0, end = image_end(src, n);
    h5r_status st = H5R_OK;

    if (end == 0)
        return H5R_STAGE_BAD(s, "%zu bytes without the end of an image", n);
    charls_jpegls_decoder *d = charls_jpegls_decoder_create();
    if (d == NULL)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    charls_jpegls_errc rc = open_image(d, src, end, &size);
    if (rc != CHARLS_JPEGLS_ERRC_SUCCESS)
        st = charls_failed(s, rc);
    else if (out == NULL)
        st = h5r_stage_room(s, size, &out);
    else if (size > cap)
        st = H5R_STAGE_BAD(s, "a slice of %zu bytes, %zu are left", size, cap);
    if (st == H5R_OK) {
        rc = charls_jpegls_decoder_decode_to_buffer(d, out, size, 0);
        if (rc != CHARLS_JPEGLS_ERRC_SUCCESS)
            st = charls_failed(s, rc);
    }
    charls_jpegls_decoder_destroy(d);
    *len = size;
    return st;
}

static h5r_status get_slices(const h5r_stage *s)
{
    const uint32_t *v = s->filter->values; /* width, height, bytes a pixel */
    size_t slices = v[1] < OLD_SLICES ? v[1] : OLD_SLICES, at = 0, len = 0;
    const uint8_t *sizes = s->src, *p = s->src + 4 * slices;
    uint8_t *out;

    if (v[2] != 1 && v[2] != 2)
        return H5R_STAGE_BAD(s, "pixels of %u bytes", (unsigned)v[2]);
    uint64_t pixels = (uint64_t)v[0] * v[1];
    h5r_status st = h5r_stage_room(s, pixels > s->limit ? pixels : pixels * v[2], &out);
    if (st == H5R_OK && s->n < 4 * slices)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    for (size_t i = 0; i < slices && st == H5R_OK; i++, at += len) {
        size_t n = h5r_le32(sizes + 4 * i), left = s->n - (size_t)(p - s->src);
        if (n > left)
            return H5R_STAGE_BAD(s, "a slice of %zu bytes, %zu are left", n, left);
        st = get_image(s, p, n, out + at, s->dst->len - at, &len);
        p += n;
    }
    if (st == H5R_OK && at != s->dst->len)
        return H5R_STAGE_BAD(s, "slices of %zu bytes instead of %zu", at, s->dst->len);
    return st;
}

h5r_status h5r_decode_jpegls(const h5r_stage *s)
{
    size_t len;

    if (s->filter->id == 32012 && s->filter->n_values == 3)
        return get_slices(s);
    return get_image(s, s->src, s->n, NULL, 0, &len);
}
