/* Arithmetic on numbers that come from a file: every operation says whether it overflowed. */
#ifndef H5R_UTIL_CHECKED_H
#define H5R_UTIL_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b; false on overflow. */
static inline bool h5r_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* *out = a + b; false on overflow. */
static inline bool h5r_add(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline uint64_t h5r_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t h5r_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t h5r_ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* floor(log2(n)); 0 for n = 0. */
static inline unsigned h5r_log2(uint64_t n)
{
    return n < 2 ? 0 : 63U - (unsigned)__builtin_clzll(n);
}

/* Bytes that hold the values 0 to n: "enc(n)" of the specification's variable-width counts. */
static inline unsigned h5r_enc_size(uint64_t n)
{
    return h5r_log2(n) / 8 + 1;
}

#endif
