#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *layout_name(h5r_layout_class c)
{
    static const char *const names[] = {"compact", "contiguous", "chunked", "virtual", "external"};
    return names[c];
}

const char *index_name(h5r_index_kind k)
{
    static const char *const names[] = {"B-tree v1", "single chunk", "implicit", "fixed array", "extensible array", "B-tree v2"};
    return names[k];
}

/* ---------------------------------------------------------------- types */

static bool is_ieee(const h5r_type *t, unsigned size, unsigned exp_pos, unsigned exp_size, uint32_t bias)
{
    return t->size == size && t->exp_pos == exp_pos && t->exp_size == exp_size && t->mant_pos == 0 &&
           t->mant_size == exp_pos && t->sign_pos == 8 * size - 1 && t->exp_bias == bias && t->norm == H5R_NORM_IMPLIED;
}

static void put_number_type(FILE *out, const h5r_type *t)
{
    const char *kind = t->cls == H5R_CLASS_FLOAT ? "float" : t->cls == H5R_CLASS_BITFIELD ? "bitfield" : t->is_signed ? "int" : "uint";

    if (t->cls == H5R_CLASS_FLOAT && is_ieee(t, 2, 7, 8, 127))
        fputs("bfloat16", out);
    else
        fprintf(out, "%s%" PRIu32, kind, 8 * t->size);
    if (t->precision != 8 * t->size)
        fprintf(out, " (%" PRIu32 " bits from %" PRIu32 ")", t->precision, t->bit_offset);
    if (t->order == H5R_ORDER_BE && t->size > 1)
        fputs(" big-endian", out);
    if (t->order == H5R_ORDER_VAX)
        fputs(" VAX", out);
}

static void put_more(FILE *out, uint32_t n)
{
    fprintf(out, ", ... %" PRIu32 " in all", n);
}

static void put_compound_type(FILE *out, const h5r_type *t, unsigned max)
{
    fputc('{', out);
    for (uint32_t i = 0; i < t->n_members; i++) {
        if (max > 0 && i == max) {
            put_more(out, t->n_members);
            break;
        }
        fputs(i > 0 ? ", " : "", out);
        put_escaped(out, t->members[i].name);
        fputs(": ", out);
        put_type(out, t->members[i].type, max);
    }
    fputc('}', out);
}

static void put_enum_type(FILE *out, const h5r_type *t, unsigned max)
{
    char value[40];

    fputs("enum ", out);
    put_type(out, t->base, max);
    fputs(" {", out);
    for (uint32_t i = 0; i < t->n_members; i++) {
        if (max > 0 && i == max) {
            put_more(out, t->n_members);
            break;
        }
        fputs(i > 0 ? ", " : "", out);
        put_escaped(out, t->names[i]);
        h5r_element_text(NULL, NULL, t->base, t->values + (size_t)i * t->base->size, value, sizeof value);
        fprintf(out, "=%s", value);
    }
    fputc('}', out);
}

void put_type(FILE *out, const h5r_type *t, unsigned max)
{
    switch (t->cls) {
    case H5R_CLASS_INTEGER:
    case H5R_CLASS_FLOAT:
    case H5R_CLASS_BITFIELD:
        put_number_type(out, t);
        break;
    case H5R_CLASS_TIME:
        fprintf(out, "time%" PRIu32 "%s", 8 * t->size, t->order == H5R_ORDER_BE ? " big-endian" : "");
        break;
    case H5R_CLASS_STRING:
        fprintf(out, "string[%" PRIu32 "]", t->size);
        break;
    case H5R_CLASS_OPAQUE:
        fprintf(out, "opaque[%" PRIu32 "]", t->size);
        if (t->tag != NULL && t->tag[0] != '\0' && (max == 0 || strlen(t->tag) <= 40)) {
            fputs(" \"", out);
            put_escaped(out, t->tag);
            fputc('"', out);
        }
        break;
    case H5R_CLASS_COMPOUND:
        put_compound_type(out, t, max);
        break;
    case H5R_CLASS_REFERENCE:
        fputs(t->ref == H5R_REF_OBJECT1 ? "object reference" : t->ref == H5R_REF_REGION1 ? "region reference" : "reference", out);
        break;
    case H5R_CLASS_ENUM:
        put_enum_type(out, t, max);
        break;
    case H5R_CLASS_VLEN:
        if (t->vlen_string) {
            fputs("string", out);
            break;
        }
        fputs("sequence of ", out);
        put_type(out, t->base, max);
        break;
    case H5R_CLASS_ARRAY:
        put_type(out, t->base, max);
        for (uint32_t i = 0; i < t->n_dims; i++)
            fprintf(out, "[%" PRIu32 "]", t->dims[i]);
        break;
    case H5R_CLASS_COMPLEX:
        fputs("complex ", out);
        put_type(out, t->base, max);
        break;
    }
}

char *type_text(const h5r_type *t)
{
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);

    if (m == NULL)
        return NULL;
    put_type(m, t, 0);
    fclose(m);
    return text;
}

void put_extent(FILE *out, const uint64_t *v, unsigned rank)
{
    fputc('(', out);
    for (unsigned i = 0; i < rank; i++) {
        fputs(i > 0 ? ", " : "", out);
        if (v[i] == H5R_UNDEFINED)
            fputs("unlimited", out);
        else
            fprintf(out, "%" PRIu64, v[i]);
    }
    fputs(rank == 1 ? ",)" : ")", out);
}

void put_shape(FILE *out, const h5r_space *s)
{
    if (s->cls == H5R_SPACE_SIMPLE)
        put_extent(out, s->shape, s->rank);
    else
        fputs(s->cls == H5R_SPACE_SCALAR ? "scalar" : "null", out);
}

void json_extent(json *j, const uint64_t *v, unsigned rank)
{
    json_begin_list(j);
    for (unsigned i = 0; i < rank; i++) {
        if (v[i] == H5R_UNDEFINED)
            json_null(j);
        else
            json_uint(j, v[i]);
    }
    json_end_list(j);
}

void filter_text(char *text, size_t cap, const h5r_filter *f)
{
    const char *name = h5r_filter_name(f->id) != NULL ? h5r_filter_name(f->id) : f->name;

    if (name[0] != '\0')
        snprintf(text, cap, "%s", name);
    else
        snprintf(text, cap, "filter %u", f->id);
}

void json_filters(json *j, const h5r_dataset *d)
{
    char name[80];

    json_key(j, "filters");
    json_begin_array(j);
    for (unsigned i = 0; i < d->n_filters; i++) {
        const h5r_filter *f = &d->filters[i];
        filter_text(name, sizeof name, f);
        json_begin_record(j);
        json_put_uint(j, "id", f->id);
        json_put_text(j, "name", name);
        json_put_bool(j, "available", h5r_filter_available(f->id));
        json_key(j, "values");
        json_begin_list(j);
        for (unsigned k = 0; k < f->n_values; k++)
            json_uint(j, f->values[k]);
        json_end_list(j);
        json_end_record(j);
    }
    json_end_array(j);
}

/* ---------------------------------------------------------------- values */

static char *element_text(h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
{
    size_t n = h5r_element_text(f, values, t, elem, NULL, 0);
    char *text = malloc(n + 1);

    if (text != NULL)
        h5r_element_text(f, values, t, elem, text, n + 1);
    return text;
}

void put_value(FILE *out, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
{
    char *text = element_text(f, values, t, elem);

    fputs(text != NULL ? text : "?", out);
    free(text);
}

static void json_sequence(json *j, h5r_file *f, const h5r_values *v, const h5r_type *base, const uint8_t *p, size_t n)
{
    json_begin_list(j);
    for (size_t i = 0; i < n; i++)
        json_value(j, f, v, base, p + i * base->size);
    json_end_list(j);
}

/* Elements of a sequence lie in the heap as the file has them. */
static void json_vlen(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
{
    const void *data = NULL;
    size_t n = 0;

    if (values == NULL || h5r_values_get(values, t, elem, &data, &n) != H5R_OK)
        n = 0;
    uint8_t *copy = n > 0 ? malloc(n * t->base->size) : NULL;
    if (copy != NULL) {
        memcpy(copy, data, n * t->base->size);
        h5r_swap(t->base, copy, n);
    }
    json_sequence(j, f, values, t->base, copy, copy != NULL ? n : 0);
    free(copy);
}

void json_value(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
{
    const uint8_t *p = elem;
    const void *data = NULL;
    size_t n = 0;

    switch (t->cls) {
    case H5R_CLASS_STRING:
        json_text_n(j, elem, h5r_text_length(t, elem));
        return;
    case H5R_CLASS_COMPOUND:
        json_begin_object(j);
        for (uint32_t i = 0; i < t->n_members; i++) {
            json_key_text(j, t->members[i].name);
            json_value(j, f, values, t->members[i].type, p + t->members[i].offset);
        }
        json_end_object(j);
        return;
    case H5R_CLASS_ARRAY:
        json_sequence(j, f, values, t->base, p, t->size / t->base->size);
        return;
    case H5R_CLASS_COMPLEX:
        json_sequence(j, f, values, t->base, p, 2);
        return;
    case H5R_CLASS_VLEN:
        if (!t->vlen_string) {
            json_vlen(j, f, values, t, elem);
            return;
        }
        if (values != NULL)
            (void)h5r_values_get(values, t, elem, &data, &n);
        json_text_n(j, data != NULL ? data : "", n);
        return;
    default:
        break;
    }
    char *text = element_text(f, values, t, elem);
    const char *shown = text != NULL ? text : "?";
    bool number = strspn(shown, "+-.0123456789e") == strlen(shown);
    if (h5r_type_number(t, NULL) == H5R_NO_NUMBER || (t->cls == H5R_CLASS_ENUM && !number))
        json_text(j, shown);
    else
        json_raw(j, number ? shown : "null"); /* JSON has no infinity and no NaN */
    free(text);
}

/* ---------------------------------------------------------------- attributes */

/* Elements in native byte order and their heap values; false with a message when they cannot be had. */
static bool load_attr(h5r_file *f, const h5r_attr *a, uint8_t **elems, h5r_values **values, h5r_error *err)
{
    *values = NULL;
    if (a->error != NULL) {
        *err = *a->error;
        return false;
    }
    *elems = malloc(a->raw_len + 1);
    if (*elems == NULL) {
        snprintf(err->message, sizeof err->message, "out of memory");
        return false;
    }
    if (h5r_attr_read(a, *elems, a->raw_len, err) == H5R_OK &&
        (!a->type->in_heap || a->raw_len == 0 || h5r_values_load(f, a->type, a->raw, (size_t)a->space->count, values, err) == H5R_OK))
        return true;
    free(*elems);
    return false;
}

bool put_attr_value(FILE *out, h5r_file *f, const h5r_attr *a, uint64_t max)
{
    uint8_t *elems;
    h5r_values *values;
    h5r_error err;

    if (!load_attr(f, a, &elems, &values, &err)) {
        fputs("! ", out);
        put_escaped(out, err.message);
        return false;
    }
    uint64_t n = max > 0 && a->space->count > max ? max : a->space->count;
    bool list = a->space->cls == H5R_SPACE_SIMPLE && a->space->count != 1;
    fputs(list ? "[" : "", out);
    for (uint64_t i = 0; i < n; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_value(out, f, values, a->type, elems + i * a->type->size);
    }
    if (n < a->space->count)
        fprintf(out, ", ... %" PRIu64 " in all", a->space->count);
    fputs(list ? "]" : "", out);
    h5r_values_free(values);
    free(elems);
    return true;
}

bool json_attr_value(json *j, h5r_file *f, const h5r_attr *a)
{
    uint8_t *elems;
    h5r_values *values;
    h5r_error err;

    if (!load_attr(f, a, &elems, &values, &err)) {
        json_begin_object(j);
        json_put_text(j, "error", err.message);
        json_end_object(j);
        return false;
    }
    bool list = a->space->cls == H5R_SPACE_SIMPLE;
    if (list)
        json_begin_list(j);
    for (uint64_t i = 0; i < a->space->count; i++)
        json_value(j, f, values, a->type, elems + i * a->type->size);
    if (list)
        json_end_list(j);
    else if (a->space->count == 0)
        json_null(j);
    h5r_values_free(values);
    free(elems);
    return true;
}
