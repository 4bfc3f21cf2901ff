/* Shuffle: all first bytes of the elements, then all second bytes, ...; what is left over of the last element follows as it
 * is. */
#include "filter/codecs.h"

#include <string.h>

#include "util/error.h"

/* Loops of a constant element size let the compiler interleave planes with vector instructions. */
#define UNSHUFFLE(size)                                                                                        \
    for (size_t i = 0; i < elems; i++)                                                                         \
        for (size_t b = 0; b < (size); b++)                                                                    \
            out[i * (size) + b] = in[b * elems + i];

static void unshuffle(const uint8_t *restrict in, uint8_t *restrict out, size_t elems, size_t size)
{
    switch (size) {
    case 2:
        UNSHUFFLE(2)
        return;
    case 4:
        UNSHUFFLE(4)
        return;
    case 8:
        UNSHUFFLE(8)
        return;
    default:
        for (size_t b = 0; b < size; b++)
            for (size_t i = 0; i < elems; i++)
                out[i * size + b] = in[b * elems + i];
    }
}

h5r_status h5r_decode_shuffle(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                              bool skip_checksums, h5r_error *err)
{
    (void)expected;
    (void)skip_checksums;

    if (f->n_values < 1 || f->values[0] == 0)
        return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "shuffle: no element size");
    if (n > limit)
        return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "shuffle: %zu bytes, far above a chunk", n);
    if (!h5r_buf_reserve(dst, n))
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    size_t size = f->values[0], elems = n / size;
    if (size == 1 || elems <= 1) {
        memcpy(dst->bytes, src, n);
    } else {
        unshuffle(src, dst->bytes, elems, size);
        memcpy(dst->bytes + elems * size, src + elems * size, n - elems * size);
    }
    dst->len = n;
    return H5R_OK;
}
