/* Numbers of any number of bits, most significant bit first, without alignment: what nbit and scaleoffset store. */
#ifndef H5R_FILTER_BITS_H
#define H5R_FILTER_BITS_H

#include <stddef.h>
#include <stdint.h>

/* A read past the end yields zero bits: the caller checks the size of the whole beforehand, or h5r_bits_left(). */
typedef struct h5r_bits {
    const uint8_t *p, *end;
    uint64_t acc;  /* the next `have` bits, at the top */
    unsigned have;
} h5r_bits;

static inline uint64_t h5r_bits_left(const h5r_bits *b)
{
    return b->have + 8 * (uint64_t)(b->end - b->p);
}

/* n is 1 to 32. */
static inline uint32_t h5r_bits_upto32(h5r_bits *b, unsigned n)
{
    while (b->have < n) {
        uint64_t byte = b->p < b->end ? *b->p++ : 0;
        b->acc |= byte << (56 - b->have);
        b->have += 8;
    }
    uint32_t v = (uint32_t)(b->acc >> (64 - n));
    b->acc <<= n;
    b->have -= n;
    return v;
}

/* n is 1 to 64. */
static inline uint64_t h5r_bits_get(h5r_bits *b, unsigned n)
{
    if (n <= 32)
        return h5r_bits_upto32(b, n);
    uint64_t high = h5r_bits_upto32(b, n - 32);
    return high << 32 | h5r_bits_upto32(b, 32);
}

#endif
