#include "dimension.h"

#include <stdlib.h>
#include <string.h>

#include "value.h"

const h5r_attr *zarr_find_attr(const zarr_attrs *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->list[i]->name, name) == 0)
            return a->list[i]->error == NULL ? a->list[i] : NULL;
    return NULL;
}

char *zarr_text_of(h5r_file *f, const h5r_attr *a)
{
    h5r_values *values;
    uint8_t *elems;
    char *text = NULL;
    size_t n = 0;

    if (a == NULL || a->space->count != 1 || (a->type->cls != H5R_CLASS_STRING && a->type->cls != H5R_CLASS_VLEN))
        return NULL;
    if (zarr_load_attr(f, a, &elems, &values, &(h5r_error){0}) != H5R_OK)
        return NULL;
    FILE *m = open_memstream(&text, &n);
    if (m != NULL) {
        zarr_put_text(m, f, values, a->type, elems);
        fclose(m);
    }
    h5r_values_free(values);
    free(elems);
    return text;
}

bool zarr_attr_is(h5r_file *f, const h5r_attr *a, const char *text)
{
    char *found = zarr_text_of(f, a);
    bool is = found != NULL && strcmp(found, text) == 0;

    free(found);
    return is;
}

bool zarr_attr_has(h5r_file *f, const h5r_attr *a, const char *part)
{
    char *found = zarr_text_of(f, a);
    bool has = found != NULL && strstr(found, part) != NULL;

    free(found);
    return has;
}

static bool to_integer(const h5r_type *t, const void *elem, int64_t *out)
{
    zarr_type z = zarr_type_of(t);
    uint8_t value[16];

    if (z.kind != ZARR_NUMBER || z.per_item != 1 || (z.letter != 'i' && z.letter != 'u'))
        return false;
    zarr_convert(&z, elem, 1, value);
    uint64_t v = 0;
    for (size_t i = z.size; i-- > 0;)
        v = v << 8 | value[i];
    if (z.letter == 'i' && z.size < 8 && (v >> (8 * z.size - 1)) != 0)
        v |= UINT64_MAX << (8 * z.size);
    *out = (int64_t)v;
    return true;
}

size_t zarr_attr_integers(const h5r_attr *a, int64_t *out, size_t cap)
{
    size_t n = 0;

    if (a == NULL || a->raw_len == 0)
        return 0;
    uint8_t *elems = malloc(a->raw_len);
    if (elems != NULL && h5r_attr_read(a, elems, a->raw_len, NULL) == H5R_OK)
        for (int64_t v; n < a->space->count && to_integer(a->type, elems + n * a->type->size, &v); n++)
            if (n < cap)
                out[n] = v;
    free(elems);
    return n;
}

/* Address of the last reference in an item of DIMENSION_LIST: a reference or a sequence of them. */
static uint64_t last_reference(h5r_file *f, const h5r_values *values, const h5r_type *t, const uint8_t *elem)
{
    uint64_t found = H5R_UNDEFINED, addr;
    const void *data = NULL;
    size_t n = 0;

    if (t->cls == H5R_CLASS_REFERENCE)
        return h5r_ref_address(f, values, t, elem, &addr) == H5R_OK ? addr : H5R_UNDEFINED;
    if (t->cls != H5R_CLASS_VLEN || t->vlen_string || t->base->cls != H5R_CLASS_REFERENCE || h5r_values_get(values, t, elem, &data, &n) != H5R_OK)
        return H5R_UNDEFINED;
    for (size_t i = 0; i < n; i++)
        if (h5r_ref_address(f, values, t->base, (const uint8_t *)data + i * t->base->size, &addr) == H5R_OK && addr != H5R_UNDEFINED)
            found = addr;
    return found;
}

size_t zarr_attr_scales(h5r_file *f, const h5r_attr *a, uint64_t *out, size_t cap)
{
    h5r_values *values;
    uint8_t *elems;
    bool any = false;
    size_t n = 0;

    if (a == NULL || (a->type->cls != H5R_CLASS_VLEN && a->type->cls != H5R_CLASS_REFERENCE))
        return 0;
    if (zarr_load_attr(f, a, &elems, &values, &(h5r_error){0}) != H5R_OK)
        return 0;
    for (; n < a->space->count && n < cap; n++) {
        out[n] = last_reference(f, values, a->type, elems + n * a->type->size);
        any |= out[n] != H5R_UNDEFINED;
    }
    h5r_values_free(values);
    free(elems);
    return any ? n : 0;
}

uint64_t zarr_unlimited_size(const h5r_object *scale, uint64_t size, const h5r_attr *users)
{
    h5r_values *values;
    uint8_t *elems;
    h5r_file *f = scale->file;

    if (users == NULL || users->type->cls != H5R_CLASS_COMPOUND || users->type->n_members != 2 ||
        users->type->members[0].type->cls != H5R_CLASS_REFERENCE)
        return size;
    if (zarr_load_attr(f, users, &elems, &values, &(h5r_error){0}) != H5R_OK)
        return size;
    const h5r_member *ref = &users->type->members[0], *at = &users->type->members[1];
    for (uint64_t i = 0; i < users->space->count; i++) {
        const uint8_t *elem = elems + i * users->type->size;
        const h5r_object *o;
        const h5r_dataset *d;
        uint64_t addr;
        int64_t axis;
        if (h5r_ref_address(f, values, ref->type, elem + ref->offset, &addr) != H5R_OK || addr == H5R_UNDEFINED ||
            !to_integer(at->type, elem + at->offset, &axis))
            continue;
        if (h5r_object_at(f, addr, &o, NULL) != H5R_OK || o->kind != H5R_DATASET || h5r_dataset_describe(f, o, &d, NULL) != H5R_OK)
            continue;
        if (axis >= 0 && axis < (int64_t)d->space->rank && d->space->shape[axis] > size)
            size = d->space->shape[axis];
    }
    h5r_values_free(values);
    free(elems);
    return size;
}
