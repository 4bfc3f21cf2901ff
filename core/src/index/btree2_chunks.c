/* Version 2 B-tree of chunks: record types 10 (no filter) and 11. Specification III.A.2. */
#include <inttypes.h>

#include "index/box.h"
#include "object/btree2.h"

enum { PLAIN = 10, FILTERED = 11 };

typedef struct walk {
    h5r_ctx *x;
    const h5r_chunked *d;
    const uint64_t *lo, *hi;
    h5r_chunk_visit visit;
    void *arg;
} walk;

static h5r_element get_record(const walk *w, const uint8_t *record, size_t len, uint64_t *scaled)
{
    h5r_cursor c = h5r_cursor_at(record, len);
    h5r_element e = h5r_decode_element(w->x, w->d, &c);
    for (unsigned i = 0; i < w->d->rank; i++)
        scaled[i] = h5r_get_u64(&c);
    return e;
}

static bool between(void *arg, const uint8_t *left, const uint8_t *right, size_t len)
{
    const walk *w = arg;
    uint64_t a[H5R_MAX_RANK] = {0}, z[H5R_MAX_RANK], p[H5R_MAX_RANK];

    if (left != NULL)
        (void)get_record(w, left, len, a);
    if (!h5r_box_next(w->d->rank, w->lo, w->hi, a, p))
        return false;
    if (right == NULL)
        return true;
    (void)get_record(w, right, len, z);
    return h5r_box_compare(w->d->rank, p, z) < 0;
}

static h5r_status visit_record(void *arg, const uint8_t *record, size_t len)
{
    const walk *w = arg;
    uint64_t scaled[H5R_MAX_RANK];
    h5r_element e = get_record(w, record, len, scaled);

    if (e.addr == H5R_UNDEFINED || !h5r_box_contains(w->d->rank, w->lo, w->hi, scaled))
        return H5R_OK;
    return w->visit(w->arg, scaled, e.addr, e.size, e.mask);
}

h5r_status h5r_index_btree2(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                            h5r_chunk_visit visit, void *arg)
{
    walk w = {x, d, lo, hi, visit, arg};
    unsigned type = d->filtered ? FILTERED : PLAIN, size;
    unsigned expected = x->file->widths.offset + 8 * d->rank + (d->filtered ? h5r_chunk_size_width(x, d) + 4 : 0);

    H5R_TRY(h5r_btree2_record_size(x, d->addr, type, &size));
    if (size != expected)
        return h5r_fail(x, H5R_ERR_FORMAT, d->addr, "chunk B-tree with records of %u bytes; the dataset calls for %u", size, expected);
    return h5r_btree2_visit_between(x, d->addr, type, between, visit_record, &w);
}
