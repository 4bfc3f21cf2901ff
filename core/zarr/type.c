#include "type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

/* ---------------------------------------------------------------- what a type is */

/* Precision, offset and order of a number that fills its bytes. */
static bool is_whole(const h5r_type *t)
{
    return t->bit_offset == 0 && t->precision == 8 * t->size && (t->order == H5R_ORDER_LE || t->order == H5R_ORDER_BE);
}

static bool is_ieee(const h5r_type *t)
{
    static const struct {
        uint32_t size, sign, exp_pos, exp_size, mant_size, bias;
    } known[] = {{2, 15, 10, 5, 10, 15}, {4, 31, 23, 8, 23, 127}, {8, 63, 52, 11, 52, 1023}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (t->size == known[i].size && t->sign_pos == known[i].sign && t->exp_pos == known[i].exp_pos && t->exp_size == known[i].exp_size &&
            t->mant_pos == 0 && t->mant_size == known[i].mant_size && t->exp_bias == known[i].bias)
            return is_whole(t) && t->norm == H5R_NORM_IMPLIED;
    return false;
}

/* A number that has to be converted, as the one that holds its values, no narrower than an integer of the file. */
static bool converted_number(const h5r_type *t, zarr_type *z)
{
    h5r_number n = h5r_type_number(t, NULL);

    if (n == H5R_NO_NUMBER)
        return false;
    bool is_float = n == H5R_FLOAT32 || n == H5R_FLOAT64;
    z->letter = is_float ? 'f' : (n - H5R_INT8) % 2 == 0 ? 'i' : 'u';
    z->size = (uint32_t)h5r_number_size(n);
    if (!is_float && z->size < t->size && (t->size == 2 || t->size == 4 || t->size == 8))
        z->size = t->size;
    return true;
}

static bool is_bool(const h5r_type *t, const zarr_type *base)
{
    if (t->size != 1 || t->n_members != 2 || !base->as_stored)
        return false;
    unsigned at = strcmp(t->names[0], "TRUE") == 0 ? 1 : 0; /* where FALSE is */
    return strcmp(t->names[at], "FALSE") == 0 && strcmp(t->names[1 - at], "TRUE") == 0 && t->values[at] == 0 && t->values[1 - at] == 1;
}

/* Two floats make a complex number; those wider than Zarr's are narrowed. */
static bool complex_of(const h5r_type *part, uint32_t size, zarr_type *z)
{
    if (part->cls != H5R_CLASS_FLOAT || size != 2 * part->size || (part->size != 4 && part->size != 8 && part->size != 16))
        return false;
    z->letter = 'c';
    z->as_stored = is_ieee(part);
    z->size = part->size == 4 ? 8 : 16;
    z->big_endian = part->order == H5R_ORDER_BE;
    return z->as_stored || (part->size == 16 && h5r_type_number(part, NULL) == H5R_FLOAT64);
}

static bool same_float(const h5r_type *a, const h5r_type *b)
{
    return a->cls == H5R_CLASS_FLOAT && b->cls == H5R_CLASS_FLOAT && a->size == b->size && a->order == b->order && is_ieee(a) == is_ieee(b);
}

static bool number_of(const h5r_type *t, zarr_type *z)
{
    z->big_endian = t->order == H5R_ORDER_BE && t->size > 1;
    switch (t->cls) {
    case H5R_CLASS_INTEGER:
    case H5R_CLASS_BITFIELD:
    case H5R_CLASS_TIME:
        if (!is_whole(t) || (t->size != 1 && t->size != 2 && t->size != 4 && t->size != 8))
            return converted_number(t, z);
        z->letter = t->is_signed ? 'i' : 'u';
        z->size = t->size;
        z->as_stored = true;
        return true;
    case H5R_CLASS_FLOAT:
        if (!is_ieee(t))
            return converted_number(t, z);
        z->letter = 'f';
        z->size = t->size;
        z->as_stored = true;
        return true;
    case H5R_CLASS_ENUM:
        if (!number_of(t->base, z))
            return false;
        if (is_bool(t, z))
            z->letter = 'b';
        return true;
    case H5R_CLASS_COMPLEX:
        return complex_of(t->base, t->size, z);
    case H5R_CLASS_COMPOUND: /* h5py's and netCDF's complex numbers */
        if (t->n_members != 2 || strcmp(t->members[0].name, "r") != 0 || strcmp(t->members[1].name, "i") != 0)
            return false;
        if (t->members[0].offset != 0 || t->members[1].offset != t->members[0].type->size)
            return false;
        return same_float(t->members[0].type, t->members[1].type) && complex_of(t->members[0].type, t->size, z);
    default:
        return false;
    }
}

static bool record_of(const h5r_type *t, zarr_type *z)
{
    if (t->cls != H5R_CLASS_COMPOUND || t->n_members == 0)
        return false;
    z->size = 0;
    for (uint32_t i = 0; i < t->n_members; i++) {
        zarr_type member = {0};
        if (!number_of(t->members[i].type, &member))
            return false;
        z->size += member.size;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(t->members[i].name, t->members[k].name) == 0)
                return false;
    }
    return true;
}

zarr_type zarr_type_of(const h5r_type *t)
{
    zarr_type z = {.per_item = 1};

    while (t->cls == H5R_CLASS_ARRAY && t->base->size > 0) {
        z.per_item *= t->size / t->base->size;
        t = t->base;
    }
    z.t = t;
    if (number_of(t, &z)) {
        z.kind = ZARR_NUMBER;
        return z;
    }
    zarr_type other = {.kind = ZARR_TEXT, .t = t, .per_item = z.per_item};
    if (t->cls == H5R_CLASS_STRING && t->size > 0) {
        other.kind = ZARR_BYTES;
        other.size = t->size;
        /* readers of Zarr take zeros off the end, and nothing else */
        other.as_stored = t->strpad == H5R_STR_NULLPAD || (t->strpad == H5R_STR_NULLTERM && t->size == 1);
    } else if (record_of(t, &other)) {
        other.kind = ZARR_RECORD;
    }
    return other;
}

unsigned zarr_own_dims(const h5r_type *t, uint64_t *dims)
{
    for (uint32_t i = 0; i < t->n_dims; i++)
        dims[i] = t->dims[i];
    return t->n_dims;
}

unsigned zarr_inner_dims(const h5r_type *t, uint64_t *dims, unsigned cap)
{
    unsigned n = 0;

    for (; t->cls == H5R_CLASS_ARRAY; t = t->base)
        for (uint32_t i = 0; i < t->n_dims; i++, n++)
            if (n < cap)
                dims[n] = t->dims[i];
    return n;
}

/* ---------------------------------------------------------------- elements */

/* Native numbers to little-endian ones, in place. */
static void to_little(uint8_t *p, size_t size, size_t n)
{
    const uint16_t one = 1;

    if (*(const uint8_t *)&one == 1)
        return;
    for (; n > 0; n--, p += size)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t byte = p[i];
            p[i] = p[size - 1 - i];
            p[size - 1 - i] = byte;
        }
}

/* Integers of "from" bytes at the beginning of dst, widened to "to" bytes each, from the last one on. Native byte order. */
static void widen(uint8_t *dst, size_t n, size_t from, size_t to, bool is_signed)
{
    const uint16_t one = 1;
    bool little = *(const uint8_t *)&one == 1;

    for (size_t i = n; i-- > 0;) {
        uint8_t in[8];
        memcpy(in, dst + i * from, from);
        bool negative = is_signed && (in[little ? from - 1 : 0] & 0x80) != 0;
        memset(dst + i * to, negative ? 0xff : 0, to);
        memcpy(dst + i * to + (little ? 0 : to - from), in, from);
    }
}

static void convert_numbers(const zarr_type *z, const uint8_t *src, size_t n, uint8_t *dst)
{
    const h5r_type *t = z->t;
    size_t parts = z->letter == 'c' ? 2 : 1;

    if (z->as_stored) {
        memcpy(dst, src, n * z->size);
    } else {
        if (z->letter == 'c')
            t = t->cls == H5R_CLASS_COMPLEX ? t->base : t->members[0].type;
        size_t from = h5r_number_size(h5r_type_number(t, NULL));
        h5r_to_numbers(t, src, n * parts, dst);
        if (from < z->size / parts)
            widen(dst, n, from, z->size, z->letter == 'i');
    }
    to_little(dst, z->size / parts, n * parts);
}

/* Text without what pads it, filled up with zeros. */
static void convert_text(const h5r_type *t, const uint8_t *src, size_t n, uint8_t *dst)
{
    for (size_t i = 0; i < n; i++, src += t->size, dst += t->size) {
        size_t len = h5r_text_length(t, src);
        memcpy(dst, src, len);
        memset(dst + len, 0, t->size - len);
    }
}

void zarr_convert(const zarr_type *z, const void *src, size_t n, uint8_t *dst)
{
    const uint8_t *from = src;

    if (z->kind == ZARR_NUMBER) {
        convert_numbers(z, from, n, dst);
    } else if (z->kind == ZARR_BYTES) {
        convert_text(z->t, from, n, dst);
    } else if (z->kind == ZARR_RECORD) {
        for (size_t i = 0; i < n; i++, from += z->t->size)
            for (uint32_t k = 0; k < z->t->n_members; k++) {
                zarr_type member = zarr_type_of(z->t->members[k].type);
                convert_numbers(&member, from + z->t->members[k].offset, 1, dst);
                dst += member.size;
            }
    }
}

/* ---------------------------------------------------------------- JSON */

static void dtype_text(const zarr_type *z, bool stored, char *text, size_t cap)
{
    uint32_t part = z->letter == 'c' ? z->size / 2 : z->size;
    char order = part == 1 ? '|' : stored && z->big_endian ? '>' : '<';

    snprintf(text, cap, "%c%c%u", order, z->letter, (unsigned)z->size);
}

void zarr_put_dtype(json *j, const zarr_type *z, bool stored)
{
    char text[40];

    if (z->kind == ZARR_RECORD) {
        json_begin_array(j);
        for (uint32_t i = 0; i < z->t->n_members; i++) {
            zarr_type member = zarr_type_of(z->t->members[i].type);
            dtype_text(&member, false, text, sizeof text);
            json_begin_array(j);
            json_text(j, z->t->members[i].name);
            json_text(j, text);
            json_end_array(j);
        }
        json_end_array(j);
        return;
    }
    if (z->kind == ZARR_NUMBER)
        dtype_text(z, stored, text, sizeof text);
    else if (z->kind == ZARR_BYTES)
        snprintf(text, sizeof text, "|S%u", (unsigned)z->size);
    else
        snprintf(text, sizeof text, "|O");
    json_text(j, text);
}

/* Little-endian bits of a number. */
static uint64_t bits(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static int64_t signed_of(const uint8_t *p, size_t n)
{
    uint64_t v = bits(p, n);

    if (n < 8 && (v >> (8 * n - 1)) != 0)
        v |= UINT64_MAX << (8 * n);
    return (int64_t)v;
}

static double half(uint16_t h)
{
    double sign = h & 0x8000 ? -1 : 1;
    int exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;

    if (exponent == 0x1f)
        return mantissa != 0 ? NAN : sign * INFINITY;
    return sign * (exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25));
}

static double float_of(const uint8_t *p, size_t size)
{
    uint64_t v = bits(p, size);
    float narrow;
    double wide;

    if (size == 2)
        return half((uint16_t)v);
    if (size == 4) {
        uint32_t low = (uint32_t)v;
        memcpy(&narrow, &low, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, &v, sizeof wide);
    return wide;
}

/* Zarr has words for what JSON has no number for. */
static void put_float(json *j, double v)
{
    if (isnan(v))
        json_text(j, "NaN");
    else if (isinf(v))
        json_text(j, v > 0 ? "Infinity" : "-Infinity");
    else
        json_double(j, v);
}

void zarr_put_fill(json *j, const zarr_type *z, const uint8_t *value)
{
    if (z->kind == ZARR_TEXT) {
        json_text(j, "");
    } else if (z->kind != ZARR_NUMBER) {
        char *text = base64_text(value, z->size);
        json_text(j, text != NULL ? text : "");
        free(text);
    } else if (z->letter == 'f') {
        put_float(j, float_of(value, z->size));
    } else if (z->letter == 'c') {
        json_begin_array(j);
        put_float(j, float_of(value, z->size / 2));
        put_float(j, float_of(value + z->size / 2, z->size / 2));
        json_end_array(j);
    } else if (z->letter == 'b') {
        json_bool(j, value[0] != 0);
    } else if (z->letter == 'u') {
        json_uint(j, bits(value, z->size));
    } else {
        json_int(j, signed_of(value, z->size));
    }
}

double zarr_number_of(const zarr_type *z, const uint8_t *value)
{
    return z->letter == 'f'   ? float_of(value, z->size)
           : z->letter == 'i' ? (double)signed_of(value, z->size)
                              : (double)bits(value, z->size);
}

void zarr_put_double(double v, uint8_t *to)
{
    uint64_t raw;

    memcpy(&raw, &v, sizeof raw);
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(raw >> 8 * i);
}

bool zarr_put_number_as(json *j, const zarr_type *from, const uint8_t *value, const zarr_type *to)
{
    if (from->letter == to->letter && from->size == to->size) {
        zarr_put_fill(j, to, value);
        return true;
    }
    if (strchr("iuf", from->letter) == NULL || strchr("iuf", to->letter) == NULL)
        return false;
    double v = zarr_number_of(from, value);
    if (to->letter == 'f') {
        put_float(j, v);
        return true;
    }
    double top = ldexp(1, (int)(8 * to->size) - (to->letter == 'i')), bottom = to->letter == 'i' ? -top : 0;
    if (!(v >= bottom && v < top) || v != floor(v) || fabs(v) > 9007199254740992.0)
        return false;
    json_int(j, (int64_t)v);
    return true;
}
