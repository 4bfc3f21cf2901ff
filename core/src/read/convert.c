#include "read/convert.h"

#include <math.h>
#include <string.h>

/* stored: the elements are in the heap, where no byte is swapped: the order of theirs counts. */
static bool same(const h5r_type *a, const h5r_type *b, bool stored);

static bool same_members(const h5r_type *a, const h5r_type *b, bool stored)
{
    if (a->n_members != b->n_members)
        return false;
    for (uint32_t i = 0; i < a->n_members; i++)
        if (a->members[i].offset != b->members[i].offset || strcmp(a->members[i].name, b->members[i].name) != 0 ||
            !same(a->members[i].type, b->members[i].type, stored))
            return false;
    return true;
}

static bool same_bits(const h5r_type *a, const h5r_type *b)
{
    return a->precision == b->precision && a->bit_offset == b->bit_offset && a->is_signed == b->is_signed &&
           a->sign_pos == b->sign_pos && a->exp_pos == b->exp_pos && a->exp_size == b->exp_size && a->mant_pos == b->mant_pos &&
           a->mant_size == b->mant_size && a->exp_bias == b->exp_bias && a->norm == b->norm &&
           (a->order == H5R_ORDER_VAX) == (b->order == H5R_ORDER_VAX);
}

static bool same(const h5r_type *a, const h5r_type *b, bool stored)
{
    if (a->cls != b->cls || a->size != b->size || (stored && a->order != b->order))
        return false;
    switch (a->cls) {
    case H5R_CLASS_INTEGER:
    case H5R_CLASS_FLOAT:
    case H5R_CLASS_TIME:
    case H5R_CLASS_BITFIELD:
        return same_bits(a, b);
    case H5R_CLASS_STRING:
        return a->strpad == b->strpad;
    case H5R_CLASS_OPAQUE:
        return true;
    case H5R_CLASS_REFERENCE:
        return a->ref == b->ref;
    case H5R_CLASS_COMPOUND:
        return same_members(a, b, stored);
    case H5R_CLASS_VLEN:
        return a->vlen_string == b->vlen_string && (a->vlen_string || same(a->base, b->base, true));
    case H5R_CLASS_ARRAY:
        if (a->n_dims != b->n_dims || memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) != 0)
            return false;
        return same(a->base, b->base, stored);
    case H5R_CLASS_ENUM:
    case H5R_CLASS_COMPLEX:
        return same(a->base, b->base, stored);
    }
    return false;
}

bool h5r_same_elements(const h5r_type *a, const h5r_type *b)
{
    return same(a, b, false);
}

bool h5r_can_convert(const h5r_type *from, const h5r_type *to)
{
    bool same;

    if (h5r_same_elements(from, to) || (from->cls == H5R_CLASS_STRING && to->cls == H5R_CLASS_STRING))
        return true;
    return h5r_type_number(from, NULL) != H5R_NO_NUMBER && h5r_type_number(to, &same) != H5R_NO_NUMBER && same;
}

/* ---------------------------------------------------------------- numbers */

/* A number on its way: whole numbers keep all their bits. */
typedef struct value {
    enum { SIGNED, UNSIGNED, REAL } how;
    int64_t i;
    uint64_t u;
    double d;
} value;

#define GET(type, field, tag)                                                                                  \
    do {                                                                                                       \
        type t_;                                                                                               \
        memcpy(&t_, p, sizeof t_);                                                                             \
        v.field = t_;                                                                                          \
        v.how = tag;                                                                                           \
    } while (0)

static value get_value(h5r_number n, const uint8_t *p)
{
    value v = {.how = SIGNED};

    switch (n) {
    case H5R_INT8: GET(int8_t, i, SIGNED); break;
    case H5R_UINT8: GET(uint8_t, u, UNSIGNED); break;
    case H5R_INT16: GET(int16_t, i, SIGNED); break;
    case H5R_UINT16: GET(uint16_t, u, UNSIGNED); break;
    case H5R_INT32: GET(int32_t, i, SIGNED); break;
    case H5R_UINT32: GET(uint32_t, u, UNSIGNED); break;
    case H5R_INT64: GET(int64_t, i, SIGNED); break;
    case H5R_UINT64: GET(uint64_t, u, UNSIGNED); break;
    case H5R_FLOAT32: GET(float, d, REAL); break;
    case H5R_FLOAT64: GET(double, d, REAL); break;
    case H5R_NO_NUMBER: break;
    }
    return v;
}

static double real_of(const value *v)
{
    return v->how == REAL ? v->d : v->how == SIGNED ? (double)v->i : (double)v->u;
}

static int64_t clip_signed(const value *v, int64_t lo, int64_t hi)
{
    if (v->how == UNSIGNED)
        return v->u > (uint64_t)hi ? hi : (int64_t)v->u;
    if (v->how == SIGNED)
        return v->i < lo ? lo : v->i > hi ? hi : v->i;
    if (isnan(v->d))
        return 0;
    return v->d <= (double)lo ? lo : v->d >= (double)hi ? hi : (int64_t)v->d;
}

static uint64_t clip_unsigned(const value *v, uint64_t hi)
{
    if (v->how == UNSIGNED)
        return v->u > hi ? hi : v->u;
    if (v->how == SIGNED)
        return v->i < 0 ? 0 : (uint64_t)v->i > hi ? hi : (uint64_t)v->i;
    if (isnan(v->d) || v->d <= 0)
        return 0;
    return v->d >= (double)hi ? hi : (uint64_t)v->d;
}

#define PUT(type, expression)                                                                                  \
    do {                                                                                                       \
        type t_ = (type)(expression);                                                                          \
        memcpy(p, &t_, sizeof t_);                                                                             \
    } while (0)

static void put_value(h5r_number n, const value *v, uint8_t *p)
{
    switch (n) {
    case H5R_INT8: PUT(int8_t, clip_signed(v, INT8_MIN, INT8_MAX)); break;
    case H5R_UINT8: PUT(uint8_t, clip_unsigned(v, UINT8_MAX)); break;
    case H5R_INT16: PUT(int16_t, clip_signed(v, INT16_MIN, INT16_MAX)); break;
    case H5R_UINT16: PUT(uint16_t, clip_unsigned(v, UINT16_MAX)); break;
    case H5R_INT32: PUT(int32_t, clip_signed(v, INT32_MIN, INT32_MAX)); break;
    case H5R_UINT32: PUT(uint32_t, clip_unsigned(v, UINT32_MAX)); break;
    case H5R_INT64: PUT(int64_t, clip_signed(v, INT64_MIN, INT64_MAX)); break;
    case H5R_UINT64: PUT(uint64_t, clip_unsigned(v, UINT64_MAX)); break;
    case H5R_FLOAT32: PUT(float, v->how == SIGNED ? (float)v->i : v->how == UNSIGNED ? (float)v->u : (float)v->d); break;
    case H5R_FLOAT64: PUT(double, real_of(v)); break;
    case H5R_NO_NUMBER: break;
    }
}

static void convert_numbers(const h5r_type *from, const h5r_type *to, const uint8_t *src, size_t n, uint8_t *dst)
{
    h5r_number a = h5r_type_number(from, NULL), b = h5r_type_number(to, NULL);
    uint8_t one[8];

    for (size_t i = 0; i < n; i++, src += from->size, dst += to->size) {
        h5r_to_numbers(from, src, 1, one);
        value v = get_value(a, one);
        put_value(b, &v, dst);
    }
}

/* ---------------------------------------------------------------- text */

static void convert_text(const h5r_type *from, const h5r_type *to, const uint8_t *src, size_t n, uint8_t *dst)
{
    for (size_t i = 0; i < n; i++, src += from->size, dst += to->size) {
        const uint8_t *end = from->strpad == H5R_STR_SPACEPAD ? NULL : memchr(src, 0, from->size);
        size_t len = end != NULL ? (size_t)(end - src) : from->size;
        while (from->strpad == H5R_STR_SPACEPAD && len > 0 && src[len - 1] == ' ')
            len--;
        if (len > to->size)
            len = to->size;
        memset(dst, to->strpad == H5R_STR_SPACEPAD ? ' ' : 0, to->size);
        memcpy(dst, src, len);
        if (to->strpad == H5R_STR_NULLTERM && len == to->size && len > 0)
            dst[len - 1] = 0;
    }
}

void h5r_convert(const h5r_type *from, const h5r_type *to, const void *src, size_t n, void *dst)
{
    if (h5r_same_elements(from, to))
        memcpy(dst, src, n * to->size);
    else if (from->cls == H5R_CLASS_STRING)
        convert_text(from, to, src, n, dst);
    else
        convert_numbers(from, to, src, n, dst);
}
