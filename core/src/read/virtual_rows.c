/* Both selections are listed as rows, which are long where it matters: along the last dimension. Places are counted in a frame, the
 * dataset's extent widened to what is selected, so that a row beyond the extent of a source that has shrunk is not taken for another. */
#include "read/virtual_rows.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/grow.h"

enum { MAX_ROWS = 4 * 1024 * 1024 };

/* Elements that follow each other along the last dimension; at is their place in row-major order of the frame. */
typedef struct row {
    uint64_t at, n;
} row;

typedef struct side {
    const h5r_region *region;
    const h5r_pattern *p; /* of a product */
    const h5r_space *space;
    uint64_t frame[H5R_MAX_RANK], stride[H5R_MAX_RANK];
    row *list;
    size_t n, cap;
    uint64_t elements;
} side;

static h5r_status add_row(side *s, uint64_t at, uint64_t n, h5r_error *err)
{
    if (s->n == MAX_ROWS)
        return h5r_error_set(err, H5R_ERR_LIMIT, H5R_UNDEFINED, "a virtual dataset's mapping of more than %d rows", MAX_ROWS);
    if (!h5r_grow(&s->list, &s->cap, s->n, sizeof *s->list))
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    s->list[s->n++] = (row){at, n};
    s->elements += n;
    return H5R_OK;
}

/* Rows of a box of blocks: every combination of block positions, and of rows within them. */
static h5r_status add_box(side *s, const h5r_pattern *p, h5r_error *err)
{
    unsigned last = s->space->rank - 1;
    uint64_t at[H5R_MAX_RANK] = {0};

    for (unsigned i = 0; i <= last; i++)
        if (p[i].total == 0)
            return H5R_OK;
    for (;;) {
        uint64_t base = 0;
        for (unsigned i = 0; i < last; i++)
            base += h5r_pattern_at(&p[i], at[i]) * s->stride[i];
        for (uint64_t k = 0; k < p[last].total; k += p[last].block) {
            h5r_status st = add_row(s, base + h5r_pattern_at(&p[last], k), h5r_min(p[last].block, p[last].total - k), err);
            if (st != H5R_OK)
                return st;
        }
        unsigned i = last;
        while (i > 0 && ++at[i - 1] == p[i - 1].total)
            at[--i] = 0;
        if (i == 0)
            return H5R_OK;
    }
}

static int by_place(const void *a, const void *b)
{
    const row *p = a, *q = b;
    return p->at < q->at ? -1 : p->at > q->at;
}

/* The place behind the last element; false: beyond 64 bits. */
static bool end_of(const h5r_pattern *p, uint64_t *end)
{
    uint64_t i = p->total - 1;

    return h5r_mul(i / p->block, p->stride, end) && h5r_add(*end, i % p->block, end) && h5r_add(*end, p->start, end) && h5r_add(*end, 1, end);
}

static h5r_status make_frame(side *s, h5r_error *err)
{
    const h5r_region *r = s->region;
    unsigned rank = s->space->rank;
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK], end, n = 1;
    bool ok = true;

    for (unsigned i = 0; i < rank; i++) {
        s->frame[i] = s->space->shape[i];
        if (s->p == NULL || s->p[i].total == 0)
            continue;
        ok = ok && end_of(&s->p[i], &end);
        s->frame[i] = ok ? h5r_max(s->frame[i], end) : 0;
    }
    for (uint64_t k = 0; s->p == NULL && k < r->n; k++) {
        h5r_region_item(r, k, first, last);
        for (unsigned i = 0; i < rank; i++) {
            ok = ok && h5r_add(last[i], 1, &end);
            s->frame[i] = ok ? h5r_max(s->frame[i], end) : 0;
        }
    }
    for (unsigned i = rank; i-- > 0 && ok;) {
        s->stride[i] = n;
        ok = h5r_mul(n, s->frame[i], &n);
    }
    return ok ? H5R_OK : h5r_error_set(err, H5R_ERR_LIMIT, H5R_UNDEFINED, "a virtual dataset's mapping among more than 2^64 elements");
}

/* Rows of a selection in the order of its elements. */
static h5r_status make_rows(side *s, h5r_error *err)
{
    const h5r_region *r = s->region;
    unsigned rank = s->space->rank;
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK];
    h5r_pattern p[H5R_MAX_RANK];

    if (rank == 0)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "a virtual dataset's scalar mapping");
    if (r->kind != H5R_REGION_NONE && r->kind != H5R_REGION_ALL && r->rank != rank)
        return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "a selection of rank %u in a dataset of rank %u", r->rank, rank);
    for (unsigned i = 0; s->p != NULL && i < rank; i++)
        if (s->p[i].total >= H5R_UNDEFINED - 1)
            return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "a virtual dataset's mapping between an unlimited and a limited selection");
    h5r_status st = make_frame(s, err);
    if (s->p != NULL)
        return st == H5R_OK ? add_box(s, s->p, err) : st;
    for (uint64_t k = 0; k < r->n && st == H5R_OK; k++) {
        h5r_region_item(r, k, first, last);
        for (unsigned i = 0; i < rank; i++)
            p[i] = (h5r_pattern){first[i], last[i] - first[i] + 1, 1, last[i] - first[i] + 1, last[i] - first[i] + 1};
        st = add_box(s, p, err);
    }
    /* Points keep their order; of blocks the elements come in row-major order of all of them. */
    if (st == H5R_OK && s->n > 0 && r->kind == H5R_REGION_HYPERSLAB)
        qsort(s->list, s->n, sizeof *s->list, by_place);
    return st;
}

/* n elements along the last dimension from one place in the target to one in the source, as far as they lie in window and source. */
static h5r_status add_segment(h5r_source_reads *reads, const h5r_origin *o, const side *to, const side *from, uint64_t target_at,
                              uint64_t source_at, uint64_t n)
{
    const h5r_window *w = reads->w;
    unsigned last = from->space->rank - 1;
    h5r_source_read t = {.rank = from->space->rank, .dst = w->dst};

    for (unsigned i = 0; i <= last; i++) {
        t.start[i] = source_at / from->stride[i] % from->frame[i];
        t.count[i] = 1;
        t.step[i] = 1;
        if (t.start[i] >= from->space->shape[i])
            return H5R_OK;
    }
    n = h5r_min(n, from->space->shape[last] - t.start[last]);
    for (unsigned i = 0; i < w->rank; i++) {
        uint64_t at = target_at / to->stride[i] % to->frame[i], reach = i + 1 == w->rank ? n : 1, index, some;
        h5r_select_range(w->start[i], w->count[i], w->step[i], at, at + reach, &index, &some);
        if (some == 0)
            return H5R_OK;
        t.dst += (int64_t)index * w->dst_stride[i];
        if (i + 1 == w->rank) {
            t.start[last] += w->start[i] + index * (uint64_t)w->step[i] - at; /* the first element taken */
            t.count[last] = some;
            t.step[last] = w->step[i];
            t.dst_stride[last] = w->dst_stride[i];
        }
    }
    return h5r_add_source_read(reads, o, &t);
}

static h5r_status pair_rows(h5r_source_reads *reads, const h5r_origin *o, const side *to, const side *from)
{
    size_t a = 0, b = 0;
    uint64_t a_done = 0, b_done = 0; /* elements of these rows */

    if (to->elements != from->elements && to->elements > 0 && from->elements > 0)
        return h5r_error_set(reads->err, H5R_ERR_FORMAT, H5R_UNDEFINED,
                             "a virtual dataset's mapping of %" PRIu64 " elements to %" PRIu64 " of its source", to->elements,
                             from->elements);
    while (a < to->n && b < from->n) {
        const row *p = &to->list[a], *q = &from->list[b];
        uint64_t n = h5r_min(p->n - a_done, q->n - b_done);
        h5r_status st = add_segment(reads, o, to, from, p->at + a_done, q->at + b_done, n);
        if (st != H5R_OK)
            return st;
        a_done += n;
        b_done += n;
        if (a_done == p->n) {
            a++;
            a_done = 0;
        }
        if (b_done == q->n) {
            b++;
            b_done = 0;
        }
    }
    return H5R_OK;
}

h5r_status h5r_map_rows(h5r_source_reads *reads, const h5r_origin *o, const h5r_region *target_region, const h5r_pattern *target,
                        const h5r_region *source_region, const h5r_pattern *source)
{
    side to = {.region = target_region, .p = target, .space = reads->w->d->space};
    side from = {.region = source_region, .p = source, .space = o->d->space};

    h5r_status st = make_rows(&to, reads->err);
    if (st == H5R_OK)
        st = make_rows(&from, reads->err);
    if (st == H5R_OK)
        st = pair_rows(reads, o, &to, &from);
    free(to.list);
    free(from.list);
    return st;
}
