/* Global heap collections: where variable-length values, region references and virtual dataset mappings live. A column of
 * strings hits the same collection thousands of times, so its objects are indexed once. */
#include "object/load.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct collection {
    size_t n;
    h5r_collection_object objects[];
} collection;

static int by_index(const void *a, const void *b)
{
    const h5r_collection_object *p = a, *q = b;
    return p->index < q->index ? -1 : p->index > q->index;
}

/* Indexes a collection in the heap's own arena, which dies with the heap cache. */
static h5r_status index_collection(h5r_ctx *x, const uint8_t *p, uint64_t size, const collection **out)
{
    h5r_widths w = x->file->widths;
    h5r_collection_object o;
    uint64_t stored;
    size_t n = 0;

    h5r_cursor c = h5r_cursor_at(p, (size_t)size);
    (void)h5r_decode_collection_size(&c, w, &stored); /* checked by the caller */
    h5r_cursor again = c;
    while (h5r_next_collection_object(&c, w, &o))
        n++;
    collection *k = h5r_arena_alloc(&x->file->heap_arena, sizeof *k + n * sizeof *k->objects);
    if (k == NULL)
        return h5r_nomem(x);
    while (k->n < n && h5r_next_collection_object(&again, w, &o))
        k->objects[k->n++] = o;
    qsort(k->objects, k->n, sizeof *k->objects, by_index);
    *out = k;
    return H5R_OK;
}

static h5r_status load_collection(h5r_ctx *x, uint64_t addr, const collection **out)
{
    enum { MINIMUM = 4096 }; /* the smallest collection that libhdf5 writes */
    h5r_widths w = x->file->widths;
    size_t prefix = (8U + w.length + 7U) / 8 * 8;
    const uint8_t *p;
    uint64_t size;

    *out = h5r_map_get(&x->file->heap_memo, H5R_MEMO_COLLECTION, addr);
    if (*out != NULL)
        return H5R_OK;
    H5R_TRY(h5r_heap_view(x, addr, prefix, MINIMUM, &p));
    h5r_cursor c = h5r_cursor_at(p, prefix);
    if (h5r_decode_collection_size(&c, w, &size) != H5R_OK)
        return h5r_fail_structure(x, H5R_ERR_FORMAT, addr, "a global heap collection", "GCOL", p);
    H5R_TRY(h5r_heap_view(x, addr, size, 0, &p));
    H5R_TRY(index_collection(x, p, size, out));
    return h5r_map_put(&x->file->heap_memo, H5R_MEMO_COLLECTION, addr, (void *)(uintptr_t)*out) ? H5R_OK : h5r_nomem(x);
}

h5r_status h5r_load_global_object(h5r_ctx *x, uint64_t addr, uint32_t index, const uint8_t **out, uint64_t *len)
{
    const collection *k;

    H5R_TRY(load_collection(x, addr, &k));
    h5r_collection_object key = {.index = (uint16_t)index};
    const h5r_collection_object *o =
        index > UINT16_MAX ? NULL : bsearch(&key, k->objects, k->n, sizeof key, by_index);
    if (o == NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "global heap collection of %zu objects has no number %" PRIu32, k->n, index);
    *out = o->data;
    *len = o->size;
    return H5R_OK;
}
