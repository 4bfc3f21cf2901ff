/* Elements as numbers of C: integers of any width and bit offset, floats of any bit layout (specification IV.A.2.d). */
#include <h5range/h5range.h>

#include <math.h>
#include <string.h>

#include "format/swap.h"

enum { MAX_SIZE = 64 }; /* bytes of an element that is a number */

/* ---------------------------------------------------------------- which number */

static bool has_fields(const h5r_type *t, unsigned size, unsigned exp_pos, unsigned exp_size, uint32_t bias)
{
    return t->size == size && t->exp_pos == exp_pos && t->exp_size == exp_size && t->mant_pos == 0 && t->mant_size == exp_pos &&
           t->sign_pos == 8 * size - 1 && t->exp_bias == bias && t->norm == H5R_NORM_IMPLIED;
}

static bool is_binary(const h5r_type *t) /* LE or BE: what h5r_swap() turns into native order */
{
    return t->size == 1 || t->order == H5R_ORDER_LE || t->order == H5R_ORDER_BE;
}

static h5r_number float_number(const h5r_type *t, bool *same)
{
    bool f32 = has_fields(t, 4, 23, 8, 127), f64 = has_fields(t, 8, 52, 11, 1023);

    *same = is_binary(t) && (f32 || f64);
    if (t->exp_size > 32 || t->mant_size == 0 || t->size > MAX_SIZE)
        return H5R_NO_NUMBER;
    if (f32)
        return H5R_FLOAT32;
    bool fits = t->mant_size <= 23 && (t->exp_size < 8 || (t->exp_size == 8 && t->exp_bias == 127));
    return fits && t->exp_bias < 128 ? H5R_FLOAT32 : H5R_FLOAT64;
}

static h5r_number integer_number(const h5r_type *t, bool is_signed, bool *same)
{
    uint32_t bits = t->precision;
    h5r_number n = bits <= 8 ? H5R_UINT8 : bits <= 16 ? H5R_UINT16 : bits <= 32 ? H5R_UINT32 : H5R_UINT64;

    if (bits == 0 || bits > 64 || t->size > MAX_SIZE || !is_binary(t))
        return H5R_NO_NUMBER;
    *same = t->bit_offset == 0 && t->precision == 8 * t->size && (t->size & (t->size - 1)) == 0;
    return is_signed ? (h5r_number)(n - 1) : n; /* each signed number stands before its unsigned one */
}

h5r_number h5r_type_number(const h5r_type *t, bool *same)
{
    bool ignored;

    if (same == NULL)
        same = &ignored;
    *same = false;
    switch (t->cls) {
    case H5R_CLASS_INTEGER:
        return integer_number(t, t->is_signed, same);
    case H5R_CLASS_BITFIELD:
    case H5R_CLASS_TIME:
        return integer_number(t, false, same);
    case H5R_CLASS_ENUM:
        return h5r_type_number(t->base, same);
    case H5R_CLASS_FLOAT:
        return float_number(t, same);
    default:
        return H5R_NO_NUMBER;
    }
}

size_t h5r_number_size(h5r_number n)
{
    static const uint8_t sizes[] = {0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    return sizes[n];
}

/* ---------------------------------------------------------------- bits */

/* n <= 64 bits from bit pos on of an element of size bytes, least significant byte first; bits beyond it are 0. */
static uint64_t get_bits(const uint8_t *p, size_t size, size_t pos, size_t n)
{
    uint64_t v = 0;

    for (size_t got = 0; got < n;) {
        size_t bit = pos + got, shift = bit % 8, take = 8 - shift < n - got ? 8 - shift : n - got;
        uint64_t byte = bit / 8 < size ? p[bit / 8] : 0;
        v |= ((byte >> shift) & ((1u << take) - 1)) << got;
        got += take;
    }
    return v;
}

/* The element with its least significant byte first, in buf (t->size bytes) or where it lies. */
static const uint8_t *little_endian(const h5r_type *t, const uint8_t *p, uint8_t *buf)
{
    if (t->order == H5R_ORDER_VAX) { /* 16-bit words, each little-endian, the most significant word first */
        for (size_t i = 0; i + 1 < t->size; i += 2) {
            buf[t->size - 2 - i] = p[i];
            buf[t->size - 1 - i] = p[i + 1];
        }
        return buf;
    }
    if (H5R_NATIVE_ORDER == H5R_ORDER_LE || t->size == 1)
        return p;
    for (size_t i = 0; i < t->size; i++)
        buf[i] = p[t->size - 1 - i];
    return buf;
}

/* ---------------------------------------------------------------- floats */

/* What the largest exponent means. OCP's 8-bit E4M3 has NaN (all ones) but no infinity, its 6- and 4-bit formats have neither, and
 * VAX floats have neither. */
typedef enum specials { IEEE_SPECIALS, NAN_ONLY, NO_SPECIALS } specials;

static specials specials_of(const h5r_type *t)
{
    if (t->order == H5R_ORDER_VAX || t->precision <= 6)
        return NO_SPECIALS;
    return t->precision == 8 && t->exp_size == 4 && t->mant_size == 3 ? NAN_ONLY : IEEE_SPECIALS;
}

static double to_double(const h5r_type *t, const uint8_t *p, specials what)
{
    uint32_t cut = t->mant_size > 64 ? t->mant_size - 64 : 0; /* a double has fewer bits anyway */
    uint64_t mant = get_bits(p, t->size, t->mant_pos + cut, t->mant_size - cut);
    uint64_t exp = get_bits(p, t->size, t->exp_pos, t->exp_size);
    uint64_t top = t->exp_size >= 64 ? UINT64_MAX : (UINT64_C(1) << t->exp_size) - 1;
    bool negative = get_bits(p, t->size, t->sign_pos, 1) != 0;
    bool implied = t->norm == H5R_NORM_IMPLIED;
    uint32_t mant_bits = t->mant_size - cut;
    uint64_t all_ones = mant_bits == 64 ? UINT64_MAX : (UINT64_C(1) << mant_bits) - 1;
    uint64_t fraction = implied ? mant : mant & (all_ones >> 1); /* without the stored integer bit */
    double v;

    /* x87 processors refuse a number whose integer bit is missing. */
    bool invalid = t->norm == H5R_NORM_NONE && t->exp_size == 15 && t->mant_size == 64 && exp != 0 && mant >> 63 == 0;

    if (invalid) {
        v = (double)NAN;
    } else if (what == IEEE_SPECIALS && exp == top && t->exp_size > 0) {
        v = fraction != 0 ? (double)NAN : (double)INFINITY;
    } else if (what == NAN_ONLY && exp == top && mant == all_ones) {
        v = (double)NAN;
    } else {
        int64_t e = (int64_t)exp - (int64_t)t->exp_bias;
        v = (double)mant;
        if (implied && exp != 0)
            v += ldexp(1.0, (int)mant_bits);
        else if (implied && t->order == H5R_ORDER_VAX)
            v = 0; /* VAX has no subnormal numbers */
        else if (implied)
            e++;
        e -= implied ? (int64_t)mant_bits : (int64_t)mant_bits - 1;
        v = ldexp(v, e < -100000 ? -100000 : e > 100000 ? 100000 : (int)e);
    }
    return negative ? -v : v;
}

static void floats(const h5r_type *t, const uint8_t *src, size_t n, h5r_number kind, uint8_t *dst)
{
    uint8_t buf[MAX_SIZE];
    specials what = specials_of(t);

    for (size_t i = 0; i < n; i++, src += t->size) {
        double v = to_double(t, little_endian(t, src, buf), what);
        float f = (float)v;
        if (kind == H5R_FLOAT32)
            memcpy(dst + i * sizeof f, &f, sizeof f);
        else
            memcpy(dst + i * sizeof v, &v, sizeof v);
    }
}

/* ---------------------------------------------------------------- integers */

static void integers(const h5r_type *t, const uint8_t *src, size_t n, bool is_signed, size_t out, uint8_t *dst)
{
    uint8_t buf[MAX_SIZE];
    uint64_t sign = UINT64_C(1) << (t->precision - 1);

    for (size_t i = 0; i < n; i++, src += t->size, dst += out) {
        uint64_t v = get_bits(little_endian(t, src, buf), t->size, t->bit_offset, t->precision);
        if (is_signed && (v & sign) != 0)
            v |= ~(sign | (sign - 1));
        uint8_t n8 = (uint8_t)v;
        uint16_t n16 = (uint16_t)v;
        uint32_t n32 = (uint32_t)v;
        memcpy(dst, out == 1 ? (void *)&n8 : out == 2 ? (void *)&n16 : out == 4 ? (void *)&n32 : (void *)&v, out);
    }
}

void h5r_to_numbers(const h5r_type *t, const void *src, size_t n, void *dst)
{
    bool same;
    h5r_number kind = h5r_type_number(t, &same);

    if (kind == H5R_NO_NUMBER || n == 0)
        return;
    if (t->cls == H5R_CLASS_ENUM)
        t = t->base;
    if (same)
        memcpy(dst, src, n * t->size);
    else if (t->cls == H5R_CLASS_FLOAT)
        floats(t, src, n, kind, dst);
    else
        integers(t, src, n, t->cls == H5R_CLASS_INTEGER && t->is_signed, h5r_number_size(kind), dst);
}
