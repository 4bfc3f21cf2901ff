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

/* IEEE's 16 bits, which C has no type for. */
static bool is_half(const h5r_type *t)
{
    return t->cls == H5R_CLASS_FLOAT && t->size == 2 && t->precision == 16 && t->bit_offset == 0 && t->sign_pos == 15 && t->exp_pos == 10 &&
           t->exp_size == 5 && t->exp_bias == 15 && t->mant_pos == 0 && t->mant_size == 10 && t->norm == H5R_NORM_IMPLIED &&
           (t->order == H5R_ORDER_LE || t->order == H5R_ORDER_BE);
}

/* The member of that name, most likely at the same place; NULL: there is none. */
static const h5r_member *member_named(const h5r_type *t, const char *name, uint32_t likely)
{
    for (uint32_t i = 0; i < t->n_members; i++) {
        const h5r_member *m = &t->members[(likely % t->n_members + i) % t->n_members];
        if (strcmp(m->name, name) == 0)
            return m;
    }
    return NULL;
}

/* Elements of the base type in one of an array or a complex number. */
static size_t parts_of(const h5r_type *t)
{
    return t->cls == H5R_CLASS_COMPLEX ? 2 : t->size / t->base->size;
}

static bool same_parts(const h5r_type *a, const h5r_type *b)
{
    if (a->cls != b->cls || (a->cls != H5R_CLASS_ARRAY && a->cls != H5R_CLASS_COMPLEX))
        return false;
    return a->cls == H5R_CLASS_COMPLEX || (a->n_dims == b->n_dims && memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) == 0);
}

bool h5r_can_convert(const h5r_type *from, const h5r_type *to)
{
    bool same_number;

    if (h5r_same_elements(from, to) || (from->cls == H5R_CLASS_STRING && to->cls == H5R_CLASS_STRING))
        return true;
    if (same_parts(from, to))
        return h5r_can_convert(from->base, to->base);
    if (from->cls == H5R_CLASS_COMPOUND && to->cls == H5R_CLASS_COMPOUND) {
        for (uint32_t i = 0; i < to->n_members; i++) {
            const h5r_member *m = member_named(from, to->members[i].name, i);
            if (m != NULL && !h5r_can_convert(m->type, to->members[i].type))
                return false;
        }
        return true;
    }
    return h5r_type_number(from, NULL) != H5R_NO_NUMBER && h5r_type_number(to, &same_number) != H5R_NO_NUMBER && (same_number || is_half(to));
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

/* To the nearest, of two the even one; what is larger than the largest is infinite, as in libhdf5. */
static uint16_t to_half(double v)
{
    const double largest = 65504;
    unsigned sign = signbit(v) ? 0x8000 : 0;
    int exponent;

    v = fabs(v);
    if (isnan(v))
        return (uint16_t)(sign | 0x7e00);
    if (v > largest)
        return (uint16_t)(sign | 0x7c00);
    (void)frexp(v, &exponent); /* of a number in [0.5, 1) */
    if (v == 0 || exponent < -13)
        exponent = -13; /* subnormal numbers have the least one */
    double units = ldexp(v, 11 - exponent); /* of the last bit: 1024 to 2048, fewer when subnormal */
    unsigned whole = (unsigned)units;
    double rest = units - whole;
    if (rest > 0.5 || (rest == 0.5 && whole % 2 == 1))
        whole++;
    /* The implied bit adds one to the exponent, and so does a carry into the next power of two. */
    return (uint16_t)(sign | ((unsigned)(exponent + 13) * 1024 + whole));
}

/* Elements stride bytes apart; those of the source are only read. */
typedef struct column {
    const h5r_type *type;
    uint8_t *at;
    size_t stride;
} column;

static void convert_numbers(column from, column to, size_t n)
{
    h5r_number a = h5r_type_number(from.type, NULL), b = h5r_type_number(to.type, NULL);
    bool half = is_half(to.type);
    uint8_t one[8];

    for (size_t i = 0; i < n; i++, from.at += from.stride, to.at += to.stride) {
        h5r_to_numbers(from.type, from.at, 1, one);
        value v = get_value(a, one);
        if (half) {
            uint16_t bits = to_half(real_of(&v));
            memcpy(to.at, &bits, sizeof bits);
        } else {
            put_value(b, &v, to.at);
        }
    }
}

/* ---------------------------------------------------------------- text */

static void convert_text(column from, column to, size_t n)
{
    size_t size = from.type->size, room = to.type->size;

    for (size_t i = 0; i < n; i++, from.at += from.stride, to.at += to.stride) {
        const uint8_t *end = from.type->strpad == H5R_STR_SPACEPAD ? NULL : memchr(from.at, 0, size);
        size_t len = end != NULL ? (size_t)(end - from.at) : size;
        while (from.type->strpad == H5R_STR_SPACEPAD && len > 0 && from.at[len - 1] == ' ')
            len--;
        if (len > room)
            len = room;
        memset(to.at, to.type->strpad == H5R_STR_SPACEPAD ? ' ' : 0, room);
        memcpy(to.at, from.at, len);
        if (to.type->strpad == H5R_STR_NULLTERM && len == room && len > 0)
            to.at[len - 1] = 0;
    }
}

/* ---------------------------------------------------------------- parts */

static column part(column c, const h5r_type *type, size_t offset)
{
    return (column){type, c.at + offset, c.stride};
}

static void convert(column from, column to, size_t n);

/* Arrays and complex numbers: the k-th part of all elements, or all parts of the i-th element, whichever takes fewer calls. */
static void convert_parts(column from, column to, size_t n)
{
    const h5r_type *a = from.type->base, *b = to.type->base;
    size_t parts = parts_of(to.type);

    for (size_t k = 0; parts <= n && k < parts; k++)
        convert(part(from, a, k * a->size), part(to, b, k * b->size), n);
    for (size_t i = 0; parts > n && i < n; i++)
        convert((column){a, from.at + i * from.stride, a->size}, (column){b, to.at + i * to.stride, b->size}, parts);
}

/* Members that the source lacks stay zero. */
static void convert_members(column from, column to, size_t n)
{
    for (uint32_t i = 0; i < to.type->n_members; i++) {
        const h5r_member *b = &to.type->members[i], *a = member_named(from.type, b->name, i);
        if (a != NULL)
            convert(part(from, a->type, a->offset), part(to, b->type, b->offset), n);
    }
}

static void convert(column from, column to, size_t n)
{
    if (h5r_same_elements(from.type, to.type)) {
        for (size_t i = 0; i < n; i++)
            memcpy(to.at + i * to.stride, from.at + i * from.stride, to.type->size);
    } else if (from.type->cls == H5R_CLASS_STRING) {
        convert_text(from, to, n);
    } else if (same_parts(from.type, to.type)) {
        convert_parts(from, to, n);
    } else if (from.type->cls == H5R_CLASS_COMPOUND) {
        convert_members(from, to, n);
    } else {
        convert_numbers(from, to, n);
    }
}

void h5r_convert(const h5r_type *from, const h5r_type *to, const void *src, size_t n, void *dst)
{
    if (h5r_same_elements(from, to)) {
        memcpy(dst, src, n * to->size);
        return;
    }
    memset(dst, 0, n * to->size);
    convert((column){from, (uint8_t *)(uintptr_t)src, from->size}, (column){to, dst, to->size}, n);
}
