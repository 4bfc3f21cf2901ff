#include <stdlib.h>
#include <string.h>

#include "canonical.h"

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\' && c != '%';
}

static void escape(char *out, size_t cap, const char *text)
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && n + 4 < cap; p++) {
        if (is_plain(*p))
            out[n++] = (char)*p;
        else
            n += (size_t)snprintf(out + n, cap - n, "%%%02X", *p);
    }
    out[n] = '\0';
}

static void put(json *j, const char *text, void (*write)(json *, const char *))
{
    size_t cap = 3 * strlen(text) + 8;
    char *s = malloc(cap);

    if (s != NULL)
        escape(s, cap, text);
    write(j, s != NULL ? s : "(out of memory)");
    free(s);
}

void canonical_text(json *j, const char *text)
{
    put(j, text, json_text);
}

void canonical_key(json *j, const char *text)
{
    put(j, text, json_key);
}

void canonical_space(json *j, const h5r_space *s)
{
    static const char *const names[] = {"scalar", "simple", "null"};

    json_begin_object(j);
    json_put_text(j, "class", names[s->cls]);
    if (s->cls == H5R_SPACE_SIMPLE) {
        json_key(j, "dims");
        json_begin_array(j);
        for (unsigned i = 0; i < s->rank; i++)
            json_uint(j, s->shape[i]);
        json_end_array(j);
        json_key(j, "maxdims");
        json_begin_array(j);
        for (unsigned i = 0; i < s->rank; i++)
            if (s->max_shape[i] == H5R_UNDEFINED)
                json_int(j, -1);
            else
                json_uint(j, s->max_shape[i]);
        json_end_array(j);
    }
    json_end_object(j);
}

static const char *pad_name(h5r_pad p)
{
    return p == H5R_PAD_ZERO ? "zero" : p == H5R_PAD_ONE ? "one" : "background";
}

static const char *order_name(h5r_order o)
{
    static const char *const names[] = {"le", "be", "vax", "none"};
    return names[o];
}

static void put_bits(json *j, const h5r_type *t)
{
    json_put_text(j, "order", order_name(t->order));
    json_put_uint(j, "precision", t->precision);
    json_put_uint(j, "bit_offset", t->bit_offset);
    json_key(j, "pad");
    json_begin_array(j);
    json_text(j, pad_name(t->low_pad));
    json_text(j, pad_name(t->high_pad));
    json_end_array(j);
}

static void put_float(json *j, const h5r_type *t)
{
    static const char *const norms[] = {"none", "msbset", "implied"};

    put_bits(j, t);
    json_put_uint(j, "sign_pos", t->sign_pos);
    json_put_uint(j, "exp_pos", t->exp_pos);
    json_put_uint(j, "exp_size", t->exp_size);
    json_put_uint(j, "exp_bias", t->exp_bias);
    json_put_uint(j, "mant_pos", t->mant_pos);
    json_put_uint(j, "mant_size", t->mant_size);
    json_put_text(j, "norm", norms[t->norm]);
    json_put_text(j, "inpad", pad_name(t->inner_pad));
}

static void put_string(json *j, const h5r_type *t)
{
    static const char *const pads[] = {"nullterm", "nullpad", "spacepad"};

    json_put_bool(j, "vlen", t->cls == H5R_CLASS_VLEN);
    json_put_text(j, "strpad", pads[t->strpad]);
    json_put_text(j, "cset", t->cset == H5R_CSET_UTF8 ? "utf8" : "ascii");
}

static int by_offset(const void *a, const void *b)
{
    const h5r_member *const *p = a, *const *q = b;
    return (*p)->offset < (*q)->offset ? -1 : (*p)->offset > (*q)->offset;
}

static void put_members(json *j, const h5r_type *t)
{
    const h5r_member **list = malloc(t->n_members * sizeof *list);

    json_key(j, "members");
    json_begin_array(j);
    for (uint32_t i = 0; list != NULL && i < t->n_members; i++)
        list[i] = &t->members[i];
    if (list != NULL)
        qsort(list, t->n_members, sizeof *list, by_offset);
    for (uint32_t i = 0; list != NULL && i < t->n_members; i++) {
        json_begin_object(j);
        json_key(j, "name");
        canonical_text(j, list[i]->name);
        json_put_uint(j, "offset", list[i]->offset);
        json_key(j, "type");
        canonical_type(j, list[i]->type);
        json_end_object(j);
    }
    json_end_array(j);
    free(list);
}

typedef struct enumerator {
    const char *name;
    const uint8_t *value;
} enumerator;

/* Of a name as escape() writes it: its first character. */
static int escaped(unsigned char c)
{
    return is_plain(c) || c == '\0' ? c : '%';
}

/* In the order of the escaped names. */
static int by_name(const void *a, const void *b)
{
    const unsigned char *p = (const unsigned char *)((const enumerator *)a)->name;
    const unsigned char *q = (const unsigned char *)((const enumerator *)b)->name;

    for (; *p != '\0' && *p == *q; p++)
        q++;
    return escaped(*p) != escaped(*q) ? escaped(*p) - escaped(*q) : *p - *q;
}

static void put_hex(json *j, const uint8_t *p, size_t n)
{
    char *s = malloc(2 * n + 1);

    for (size_t i = 0; s != NULL && i < n; i++)
        snprintf(s + 2 * i, 3, "%02x", p[i]);
    if (s != NULL && n == 0)
        s[0] = '\0';
    json_text(j, s != NULL ? s : "");
    free(s);
}

/* Values are shown as stored in the file; the type has them in the machine's byte order. */
static void put_enum(json *j, const h5r_type *t)
{
    size_t size = t->base->size;
    enumerator *list = malloc((t->n_members + 1) * sizeof *list);
    uint8_t *values = malloc(t->n_members * size + 1);

    json_key(j, "base");
    canonical_type(j, t->base);
    json_key(j, "members");
    json_begin_array(j);
    if (list != NULL && values != NULL) {
        if (t->n_members > 0)
            memcpy(values, t->values, t->n_members * size);
        h5r_swap(t->base, values, t->n_members);
        for (uint32_t i = 0; i < t->n_members; i++)
            list[i] = (enumerator){t->names[i], values + i * size};
        qsort(list, t->n_members, sizeof *list, by_name);
        for (uint32_t i = 0; i < t->n_members; i++) {
            json_begin_object(j);
            json_key(j, "name");
            canonical_text(j, list[i].name);
            json_key(j, "value");
            put_hex(j, list[i].value, size);
            json_end_object(j);
        }
    }
    json_end_array(j);
    free(list);
    free(values);
}

void canonical_type(json *j, const h5r_type *t)
{
    static const char *const names[] = {"integer",  "float",     "time", "string", "bitfield", "opaque",
                                        "compound", "reference", "enum", "vlen",   "array",    "complex"};
    static const char *const refs[] = {"object1", "region1", "std"};
    bool vlen_string = t->cls == H5R_CLASS_VLEN && t->vlen_string;

    json_begin_object(j);
    json_put_text(j, "class", vlen_string ? "string" : names[t->cls]);
    json_put_uint(j, "size", t->size);
    switch (t->cls) {
    case H5R_CLASS_INTEGER:
        json_put_bool(j, "signed", t->is_signed);
        put_bits(j, t);
        break;
    case H5R_CLASS_BITFIELD:
        put_bits(j, t);
        break;
    case H5R_CLASS_FLOAT:
        put_float(j, t);
        break;
    case H5R_CLASS_TIME:
        json_put_text(j, "order", order_name(t->order));
        json_put_uint(j, "precision", t->precision);
        break;
    case H5R_CLASS_STRING:
        put_string(j, t);
        break;
    case H5R_CLASS_OPAQUE:
        json_key(j, "tag");
        canonical_text(j, t->tag);
        break;
    case H5R_CLASS_COMPOUND:
        put_members(j, t);
        break;
    case H5R_CLASS_REFERENCE:
        json_put_text(j, "kind", refs[t->ref]);
        break;
    case H5R_CLASS_ENUM:
        put_enum(j, t);
        break;
    case H5R_CLASS_ARRAY:
        json_key(j, "dims");
        json_begin_array(j);
        for (uint32_t i = 0; i < t->n_dims; i++)
            json_uint(j, t->dims[i]);
        json_end_array(j);
        json_key(j, "base");
        canonical_type(j, t->base);
        break;
    case H5R_CLASS_VLEN:
        if (vlen_string) {
            put_string(j, t);
            break;
        }
        json_key(j, "base");
        canonical_type(j, t->base);
        break;
    case H5R_CLASS_COMPLEX:
        json_key(j, "base");
        canonical_type(j, t->base);
        break;
    }
    json_end_object(j);
}
