/* Variable-length values and region references: that their heap objects are there, and say something. */
#include "check/check.h"

#include <stdio.h>

typedef struct value_walk {
    h5r_file *f;
    const h5r_values *values;
    uint64_t left;      /* values to look at: a damaged file may nest them endlessly */
    h5r_status st;
} value_walk;

static void walk(value_walk *w, const h5r_type *t, const uint8_t *elem);

static void walk_reference(value_walk *w, const h5r_type *t, const uint8_t *elem)
{
    size_t addr = h5r_get_info(w->f)->offset_size, n;
    const void *data;
    h5r_region r;

    if (t->ref != H5R_REF_REGION1)
        return;
    w->st = h5r_values_blob(w->values, t, elem, &data, &n);
    if (w->st != H5R_OK || n == 0)
        return;
    w->st = n < addr ? H5R_ERR_FORMAT : h5r_region_decode((const uint8_t *)data + addr, n - addr, &r);
}

static void walk_sequence(value_walk *w, const h5r_type *t, const uint8_t *elem)
{
    const void *data;
    size_t n;

    if (t->vlen_string || !t->base->in_heap)
        return;
    w->st = h5r_values_get(w->values, t, elem, &data, &n);
    for (size_t i = 0; w->st == H5R_OK && i < n && w->left > 0; i++)
        walk(w, t->base, (const uint8_t *)data + i * t->base->size);
}

static void walk(value_walk *w, const h5r_type *t, const uint8_t *elem)
{
    if (!t->in_heap || w->left == 0 || w->st != H5R_OK)
        return;
    w->left--;
    switch (t->cls) {
    case H5R_CLASS_COMPOUND:
        for (uint32_t i = 0; i < t->n_members; i++)
            walk(w, t->members[i].type, elem + t->members[i].offset);
        break;
    case H5R_CLASS_ARRAY:
        for (uint32_t i = 0; i < t->size / t->base->size; i++)
            walk(w, t->base, elem + (size_t)i * t->base->size);
        break;
    case H5R_CLASS_VLEN:
        walk_sequence(w, t, elem);
        break;
    case H5R_CLASS_REFERENCE:
        walk_reference(w, t, elem);
        break;
    default:
        break;
    }
}

void h5r_check_values(h5r_checker *k, h5r_file *f, const char *path, const char *what, const h5r_type *t, const void *elems, size_t n)
{
    enum { MOST = 16 * 1024 * 1024 };
    value_walk w = {.f = f, .left = MOST, .st = H5R_OK};
    h5r_values *values = NULL;
    h5r_error err;

    if (h5r_values_load(f, t, elems, n, &values, &err) != H5R_OK) {
        h5r_error named = err;
        h5r_error_set(&named, err.status, err.offset, "%s: %s", what, err.message);
        h5r_check_failure(k, path, &named);
        return;
    }
    w.values = values;
    for (size_t i = 0; i < n && w.st == H5R_OK; i++)
        walk(&w, t, (const uint8_t *)elems + i * t->size);
    if (w.st == H5R_ERR_UNSUPPORTED)
        h5r_check_report(k, H5R_NOTE, path, H5R_UNDEFINED, "%s: a region reference of an unknown version", what);
    else if (w.st != H5R_OK)
        h5r_check_report(k, H5R_FINDING, path, H5R_UNDEFINED, "%s: a region reference to a damaged selection", what);
    h5r_values_free(values);
}
