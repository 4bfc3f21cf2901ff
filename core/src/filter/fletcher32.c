/* Fletcher-32: four bytes of checksum behind the data. */
#include "filter/codecs.h"

#include <inttypes.h>

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

h5r_status h5r_trim_fletcher32(const h5r_stage *s, size_t *kept)
{
    if (s->n < 4)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    uint32_t stored = h5r_le32(s->src + s->n - 4);
    if (!s->skip_checksums) {
        uint32_t sum = h5r_fletcher32(s->src, s->n - 4);
        if (stored != sum && stored != exchange_bytes(sum))
            return H5R_STAGE_BAD(s, "checksum %08" PRIx32 " stored, %08" PRIx32 " computed: damaged data", stored, sum);
    }
    *kept = s->n - 4;
    return H5R_OK;
}

h5r_status h5r_trim_nothing(const h5r_stage *s, size_t *kept)
{
    *kept = s->n;
    return H5R_OK;
}
