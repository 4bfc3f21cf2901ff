#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "selection.h"

void sink_add(sink *s, const void *bytes, size_t n)
{
    sha256_add(&s->sum, bytes, n);
    for (size_t i = 0; i < n && s->n + i < s->keep_cap; i++)
        s->keep[s->n + i] = ((const uint8_t *)bytes)[i];
    s->n += n;
}

static void add_uint(sink *s, uint64_t v, unsigned width)
{
    uint8_t b[8];
    for (unsigned i = 0; i < width; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    sink_add(s, b, width);
}

/* Whether elements of a type are serialized part by part. */
static bool is_special(const h5r_type *t)
{
    switch (t->cls) {
    case H5R_CLASS_VLEN:
    case H5R_CLASS_REFERENCE:
        return true;
    case H5R_CLASS_ARRAY:
        return is_special(t->base);
    case H5R_CLASS_COMPOUND:
        for (uint32_t i = 0; i < t->n_members; i++)
            if (is_special(t->members[i].type))
                return true;
        return false;
    default:
        return false;
    }
}

typedef struct serializer {
    h5r_file *f;
    const h5r_values *values;
    sink *out;
    h5r_error *err;
} serializer;

static h5r_status fail(serializer *s, h5r_status st, const char *what)
{
    *s->err = (h5r_error){.status = st, .offset = H5R_UNDEFINED};
    snprintf(s->err->message, sizeof s->err->message, "%s", what);
    return st;
}

/* Rank and number of elements of the dataset a reference points to, for selections that do not say them. */
static void space_of(serializer *s, uint64_t addr, unsigned *rank, uint64_t *n)
{
    const h5r_object *o;
    const h5r_dataset *d;

    *rank = 0;
    *n = 0;
    if (h5r_object_at(s->f, addr, &o, NULL) == H5R_OK && o->kind == H5R_DATASET &&
        h5r_dataset_describe(s->f, o, &d, NULL) == H5R_OK) {
        *rank = d->space->rank;
        *n = d->space->count;
    }
}

bool canonical_region(sink *out, const h5r_region *r, unsigned rank, uint64_t count)
{
    selection sel;
    bool whole = r->kind == H5R_REGION_ALL || r->kind == H5R_REGION_NONE, unlimited = r->unlimited_dim >= 0;

    if (!selection_list(r, &sel))
        return false;
    add_uint(out, r->kind, 4);
    add_uint(out, whole ? rank : r->rank, 4);
    add_uint(out, r->kind == H5R_REGION_ALL ? count : sel.n, 8);
    if (!whole && sel.points != NULL)
        for (uint64_t i = 0; i < sel.n * r->rank; i++)
            add_uint(out, sel.points[i], 8);
    const uint64_t *regular[] = {r->start, r->stride, r->count, r->block};
    for (unsigned k = 0; unlimited && k < 4; k++)
        for (unsigned i = 0; i < r->rank; i++)
            add_uint(out, regular[k][i], 8);
    if (!whole && sel.points == NULL && !unlimited) {
        for (unsigned i = 0; i < r->rank; i++)
            add_uint(out, sel.lo[i], 8);
        for (unsigned i = 0; i < r->rank; i++)
            add_uint(out, sel.hi[i], 8);
    }
    free(sel.points);
    return true;
}

static h5r_status add_selection(serializer *s, uint64_t addr, const uint8_t *p, size_t n)
{
    h5r_region r;
    unsigned rank;
    uint64_t count;

    h5r_status st = h5r_region_decode(p, n, &r);
    if (st != H5R_OK)
        return fail(s, st, "region reference whose selection cannot be decoded");
    space_of(s, addr, &rank, &count);
    return canonical_region(s->out, &r, rank, count) ? H5R_OK : fail(s, H5R_ERR_NOMEM, "out of memory");
}

static uint64_t le(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* What follows the token in the heap object of a standard region or attribute reference. */
static h5r_status add_std_rest(serializer *s, const h5r_type *t, const uint8_t *p, uint64_t addr)
{
    enum { REGION = 3, ATTRIBUTE = 4, EXTERNAL = 1 };
    const void *blob;
    size_t n;

    if (p[0] != REGION && p[0] != ATTRIBUTE)
        return H5R_OK;
    if (h5r_values_blob(s->values, t, p, &blob, &n) != H5R_OK || n < 1)
        return fail(s, H5R_ERR_FORMAT, "reference whose heap object is missing");
    const uint8_t *b = blob, *end = b + n;
    b += 1 + b[0];
    if (p[1] & EXTERNAL && end - b >= 2)
        b += 2 + le(b, 2);
    if (p[0] == ATTRIBUTE) {
        if (end - b < 2 || (uint64_t)(end - b - 2) < le(b, 2))
            return fail(s, H5R_ERR_FORMAT, "attribute reference cut short");
        size_t len = (size_t)le(b, 2);
        add_uint(s->out, len, 4);
        sink_add(s->out, b + 2, len);
        return H5R_OK;
    }
    if (end - b < 8) /* length of the selection, rank */
        return fail(s, H5R_ERR_FORMAT, "region reference cut short");
    return add_selection(s, addr, b + 8, (size_t)(end - b - 8));
}

static h5r_status add_reference(serializer *s, const h5r_type *t, const uint8_t *p)
{
    uint64_t addr;
    const void *blob;
    size_t n;
    unsigned width = h5r_get_info(s->f)->offset_size;

    h5r_status st = h5r_ref_address(s->f, s->values, t, p, &addr);
    if (st != H5R_OK)
        return fail(s, st, "reference whose heap object is missing");
    switch (t->ref) {
    case H5R_REF_OBJECT1:
        add_uint(s->out, le(p, t->size < width ? t->size : width), 8);
        return H5R_OK;
    case H5R_REF_REGION1: {
        const h5r_object *o;
        bool gone = addr == H5R_UNDEFINED || h5r_object_at(s->f, addr, &o, NULL) != H5R_OK;
        add_uint(s->out, gone ? UINT64_MAX : addr, 8);
        if (gone)
            return H5R_OK;
        st = h5r_values_blob(s->values, t, p, &blob, &n);
        if (st != H5R_OK || n < width)
            return fail(s, H5R_ERR_FORMAT, "region reference whose heap object is missing");
        return add_selection(s, addr, (const uint8_t *)blob + width, n - width);
    }
    case H5R_REF_STD:
        if (addr == H5R_UNDEFINED) {
            add_uint(s->out, UINT32_MAX, 4);
            return H5R_OK;
        }
        add_uint(s->out, p[0], 4);
        add_uint(s->out, addr, 8);
        return add_std_rest(s, t, p, addr);
    }
    return fail(s, H5R_ERR_INTERNAL, "unknown reference");
}

static h5r_status add_elements(serializer *s, const h5r_type *t, const uint8_t *p, size_t n);

static h5r_status add_vlen(serializer *s, const h5r_type *t, const uint8_t *p)
{
    const void *data;
    size_t count;

    h5r_status st = h5r_values_get(s->values, t, p, &data, &count);
    if (st != H5R_OK)
        return fail(s, st, "variable-length value that was not loaded");
    add_uint(s->out, count, 4);
    if (!t->vlen_string)
        return add_elements(s, t->base, data, count);
    sink_add(s->out, data, count);
    return H5R_OK;
}

static int by_offset(const void *a, const void *b)
{
    const h5r_member *p = a, *q = b;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static h5r_status add_compound(serializer *s, const h5r_type *t, const uint8_t *p, size_t n)
{
    h5r_member *m = malloc(t->n_members * sizeof *m);
    h5r_status st = H5R_OK;

    if (m == NULL)
        return fail(s, H5R_ERR_NOMEM, "out of memory");
    memcpy(m, t->members, t->n_members * sizeof *m);
    qsort(m, t->n_members, sizeof *m, by_offset);
    for (size_t i = 0; i < n && st == H5R_OK; i++)
        for (uint32_t k = 0; k < t->n_members && st == H5R_OK; k++)
            st = add_elements(s, m[k].type, p + i * t->size + m[k].offset, 1);
    free(m);
    return st;
}

static h5r_status add_elements(serializer *s, const h5r_type *t, const uint8_t *p, size_t n)
{
    if (n == 0)
        return H5R_OK;
    if (!is_special(t)) {
        sink_add(s->out, p, n * t->size);
        return H5R_OK;
    }
    if (t->cls == H5R_CLASS_ARRAY)
        return add_elements(s, t->base, p, n * (t->size / t->base->size));
    if (t->cls == H5R_CLASS_COMPOUND)
        return add_compound(s, t, p, n);
    for (size_t i = 0; i < n; i++, p += t->size) {
        h5r_status st = t->cls == H5R_CLASS_VLEN ? add_vlen(s, t, p) : add_reference(s, t, p);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

h5r_status canonical_elements(h5r_file *f, const h5r_type *t, const void *elems, size_t n, sink *out, h5r_error *err)
{
    h5r_values *values = NULL;
    serializer s = {f, NULL, out, err};

    if (t->in_heap) {
        h5r_status st = h5r_values_load(f, t, elems, n, &values, err);
        if (st != H5R_OK)
            return st;
        s.values = values;
    }
    h5r_status st = add_elements(&s, t, elems, n);
    h5r_values_free(values);
    return st;
}
