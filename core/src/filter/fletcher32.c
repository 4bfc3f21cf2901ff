/* Fletcher-32: four bytes of checksum behind the data. */
#include "filter/codecs.h"

#include <inttypes.h>
#include <string.h>

#include "util/error.h"

uint32_t h5r_fletcher32(const uint8_t *p, size_t n)
{
    enum { BLOCK = 360 }; /* words whose sums cannot overflow 32 bits */
    uint32_t a = 0, b = 0;
    size_t words = n / 2;

    while (words > 0) {
        size_t k = words < BLOCK ? words : BLOCK;
        words -= k;
        for (; k > 0; k--, p += 2) {
            a += (uint32_t)p[0] << 8 | p[1];
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    if (n % 2 == 1) {
        a += (uint32_t)p[0] << 8;
        b += a;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    return b << 16 | a;
}

/* Files written before HDF5 1.6.3 hold the checksum with the bytes of each half exchanged. */
static uint32_t exchange_bytes(uint32_t v)
{
    return (v & 0x00ff00ff) << 8 | (v >> 8 & 0x00ff00ff);
}

h5r_status h5r_decode_fletcher32(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                                 bool skip_checksums, h5r_error *err)
{
    (void)f;
    (void)expected;

    if (n < 4 || n - 4 > limit)
        return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "fletcher32: %zu bytes", n);
    const uint8_t *p = src + n - 4;
    uint32_t stored = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (!skip_checksums) {
        uint32_t sum = h5r_fletcher32(src, n - 4);
        if (stored != sum && stored != exchange_bytes(sum))
            return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED,
                                 "fletcher32: checksum %08" PRIx32 " stored, %08" PRIx32 " computed: damaged data", stored, sum);
    }
    if (!h5r_buf_reserve(dst, n - 4))
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    memcpy(dst->bytes, src, n - 4);
    dst->len = n - 4;
    return H5R_OK;
}

h5r_status h5r_decode_copy(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                           bool skip_checksums, h5r_error *err)
{
    (void)f;
    (void)expected;
    (void)skip_checksums;

    if (n > limit)
        return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "%zu bytes, far above a chunk", n);
    if (!h5r_buf_reserve(dst, n))
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    memcpy(dst->bytes, src, n);
    dst->len = n;
    return H5R_OK;
}
