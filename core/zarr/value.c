#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "type.h"

static void put_number(json *j, double v)
{
    char text[40];

    if (!isfinite(v)) {
        json_raw(j, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    if (strspn(text, "-0123456789") == strlen(text))
        strcat(text, ".0"); /* so that readers see a float */
    json_raw(j, text);
}

static void put_hex(json *j, const uint8_t *p, size_t n)
{
    char *text = malloc(2 * n + 1);

    for (size_t i = 0; text != NULL && i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    json_text_n(j, text != NULL ? text : "", text != NULL ? 2 * n : 0);
    free(text);
}

static void put_zarr_number(json *j, const zarr_type *z, const void *elem)
{
    uint8_t value[16];
    double number;
    float narrow;

    zarr_convert(z, elem, 1, value);
    if (z->letter == 'f' || z->letter == 'c') {
        zarr_type part = {.kind = ZARR_NUMBER, .letter = 'f', .size = z->letter == 'c' ? z->size / 2 : z->size};
        if (z->letter == 'c')
            json_begin_list(j);
        for (size_t at = 0; at < z->size; at += part.size) {
            if (part.size == 4) {
                memcpy(&narrow, value + at, 4);
                number = (double)narrow;
            } else if (part.size == 8) {
                memcpy(&number, value + at, 8);
            } else {
                h5r_to_numbers(z->t, elem, 1, &narrow); /* of 16 bits */
                number = (double)narrow;
            }
            put_number(j, number);
        }
        if (z->letter == 'c')
            json_end_list(j);
        return;
    }
    zarr_put_fill(j, z, value);
}

/* The text of a string or reference; false for values of other types. The caller frees *owned. */
static bool as_text(h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem, const char **text, size_t *n, char **owned)
{
    const void *data = NULL;
    uint64_t addr = H5R_UNDEFINED;

    *owned = NULL;
    *n = 0;
    *text = "";
    if (t->cls == H5R_CLASS_STRING) {
        *text = elem;
        *n = h5r_text_length(t, elem);
        return true;
    }
    if (t->cls == H5R_CLASS_VLEN && t->vlen_string) {
        if (values != NULL && h5r_values_get(values, t, elem, &data, n) == H5R_OK && data != NULL)
            *text = data;
        else
            *n = 0;
        return true;
    }
    if (t->cls != H5R_CLASS_REFERENCE)
        return false;
    if (h5r_ref_address(f, values, t, elem, &addr) != H5R_OK || addr == H5R_UNDEFINED) {
        *text = "null reference";
    } else if ((*text = h5r_known_path(f, addr)) == NULL) {
        *owned = malloc(32);
        if (*owned != NULL)
            snprintf(*owned, 32, "@%llu", (unsigned long long)addr);
        *text = *owned != NULL ? *owned : "";
    }
    *n = strlen(*text);
    return true;
}

static void put_list(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const uint8_t *elems, const uint64_t *dims, unsigned rank)
{
    if (rank == 0) {
        zarr_put_value(j, f, values, t, elems);
        return;
    }
    size_t step = t->size;
    for (unsigned i = 1; i < rank; i++)
        step *= (size_t)dims[i];
    json_begin_list(j);
    for (uint64_t i = 0; i < dims[0]; i++)
        put_list(j, f, values, t, elems + i * step, dims + 1, rank - 1);
    json_end_list(j);
}

/* The elements of a sequence are in the heap as the file has them. */
static void put_sequence(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
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
    uint64_t count = copy != NULL ? n : 0;
    put_list(j, f, values, t->base, copy, &count, 1);
    free(copy);
}

void zarr_put_value(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
{
    const uint8_t *p = elem;
    const char *text;
    char *owned;
    size_t n;

    if (as_text(f, values, t, elem, &text, &n, &owned)) {
        json_text_n(j, text, n);
        free(owned);
        return;
    }
    if (t->cls == H5R_CLASS_ARRAY) {
        uint64_t dims[ZARR_MAX_RANK];
        put_list(j, f, values, t->base, p, dims, zarr_own_dims(t, dims));
        return;
    }
    if (t->cls == H5R_CLASS_VLEN) {
        put_sequence(j, f, values, t, elem);
        return;
    }
    zarr_type z = zarr_type_of(t);
    if (z.kind == ZARR_NUMBER) {
        put_zarr_number(j, &z, elem);
    } else if (t->cls == H5R_CLASS_COMPOUND) {
        json_begin_record(j);
        for (uint32_t i = 0; i < t->n_members; i++) {
            json_key_text(j, t->members[i].name);
            zarr_put_value(j, f, values, t->members[i].type, p + t->members[i].offset);
        }
        json_end_record(j);
    } else {
        put_hex(j, p, t->size);
    }
}

void zarr_put_text(FILE *out, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem)
{
    json j = {.out = out, .first = true, .lists = 1, .replace = true};
    const char *text;
    char *owned;
    size_t n;

    if (as_text(f, values, t, elem, &text, &n, &owned)) {
        json_utf8(&j, text, n);
        free(owned);
    } else {
        zarr_put_value(&j, f, values, t, elem);
    }
}

h5r_status zarr_load_attr(h5r_file *f, const h5r_attr *a, uint8_t **elems, h5r_values **values, h5r_error *err)
{
    *values = NULL;
    *elems = NULL;
    if (a->error != NULL) {
        *err = *a->error;
        return err->status;
    }
    *elems = malloc(a->raw_len + 1);
    if (*elems == NULL) {
        *err = (h5r_error){.status = H5R_ERR_NOMEM, .offset = H5R_UNDEFINED, .message = "out of memory"};
        return H5R_ERR_NOMEM;
    }
    h5r_status st = h5r_attr_read(a, *elems, a->raw_len, err);
    if (st == H5R_OK && a->type->in_heap && a->raw_len > 0)
        st = h5r_values_load(f, a->type, a->raw, (size_t)a->space->count, values, err);
    if (st != H5R_OK) {
        free(*elems);
        *elems = NULL;
    }
    return st;
}

h5r_status zarr_put_attr(json *j, h5r_file *f, const h5r_attr *a, h5r_error *err)
{
    const h5r_type *t = a->type;
    h5r_values *values = NULL;
    uint8_t *elems = NULL;

    h5r_status st = zarr_load_attr(f, a, &elems, &values, err);
    if (st != H5R_OK)
        return st;
    json_key_text(j, a->name);
    bool text = t->cls == H5R_CLASS_STRING || (t->cls == H5R_CLASS_VLEN && t->vlen_string);
    if (a->space->cls == H5R_SPACE_NULL) {
        json_raw(j, text && t->size == 1 ? "\"\"" : "[]");
    } else if (text) {
        uint64_t count = a->space->count;
        put_list(j, f, values, t, elems, &count, count == 1 ? 0 : 1);
    } else {
        uint64_t dims[ZARR_MAX_RANK];
        unsigned rank = a->space->rank;
        memcpy(dims, a->space->shape, rank * sizeof *dims);
        while (t->cls == H5R_CLASS_ARRAY && rank + t->n_dims <= ZARR_MAX_RANK) {
            rank += zarr_own_dims(t, dims + rank);
            t = t->base;
        }
        unsigned single = rank > 0 && dims[0] == 1; /* an array of one element is that element */
        put_list(j, f, values, t, elems, dims + single, rank - single);
    }
    h5r_values_free(values);
    free(elems);
    return H5R_OK;
}
