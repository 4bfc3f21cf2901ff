/* Where target and source selections are products of equal extents, dimension by dimension (all that HDF5's tools and h5py write), a
 * window becomes strided reads of the sources straight into the caller's buffer. Any other pair of selections is walked in rows,
 * element k of the one being element k of the other. */
#include "read/virtual.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/swap.h"
#include "object/dataset.h"
#include "object/virtual.h"
#include "read/each.h"
#include "read/scatter.h"
#include "read/sources.h"
#include "read/virtual_rows.h"
#include "util/checked.h"
#include "util/grow.h"

typedef struct job {
    h5r_file *f;
    const h5r_window *w;
    unsigned nesting;
    h5r_error *err;
    h5r_source_reads reads;
    h5r_pattern *targets;      /* of the mappings that the reads collected are of, rank patterns for each */
    size_t n_targets;
    bool any_target;           /* one of them is no product: it may be anywhere */
    bool looking;              /* what the window needs is noted rather than read: */
    h5r_named_origin *sources;
    size_t n_sources, cap;
} job;

/* ---------------------------------------------------------------- products */

/* Elements of one dimension that follow each other evenly both in the window and in the source. */
typedef struct run {
    uint64_t first;      /* index in the window */
    uint64_t n;
    uint64_t source;     /* position in the source */
    int64_t step;
} run;

typedef struct run_list {
    run *list;
    size_t n, cap;
} run_list;

static bool add_to_runs(run_list *l, uint64_t index, uint64_t source)
{
    if (l->n > 0) {
        run *r = &l->list[l->n - 1];
        int64_t step = (int64_t)(source - (r->source + (r->n - 1) * (uint64_t)r->step));
        if (r->first + r->n == index && step != 0 && (r->n == 1 || step == r->step)) {
            r->step = step;
            r->n++;
            return true;
        }
    }
    if (!h5r_grow(&l->list, &l->cap, l->n, sizeof *l->list))
        return false;
    l->list[l->n++] = (run){index, 1, source, 1};
    return true;
}

/* Runs of one dimension; target and source patterns pair element by element. extent: of the source. */
static bool make_runs(const h5r_window *w, unsigned dim, const h5r_pattern *target, const h5r_pattern *source, uint64_t extent, run_list *l)
{
    uint64_t last = target->total == 0 ? target->start : target->total == H5R_UNDEFINED ? UINT64_MAX : h5r_pattern_at(target, target->total - 1) + 1;
    uint64_t from, n;

    h5r_select_range(w->start[dim], w->count[dim], w->step[dim], target->start, last, &from, &n);
    for (uint64_t k = from; k < from + n; k++) {
        bool selected;
        uint64_t i = h5r_pattern_below(target, w->start[dim] + k * (uint64_t)w->step[dim], &selected);
        if (!selected || (source->total != H5R_UNDEFINED && i >= source->total))
            continue;
        uint64_t at = h5r_pattern_at(source, i);
        if (at < extent && !add_to_runs(l, k, at))
            return false;
    }
    return true;
}

/* Pairs dimensions that take more than one element. pair[s]: the target's dimension of source dimension s, or -1. */
static bool pair_dimensions(const h5r_pattern *target, unsigned rank, const h5r_pattern *source, unsigned source_rank, int *pair)
{
    unsigned t = 0;

    for (unsigned s = 0; s < source_rank; s++) {
        pair[s] = -1;
        if (source[s].total == 1)
            continue;
        while (t < rank && target[t].total == 1)
            t++;
        if (t == rank || target[t].total != source[s].total)
            return false;
        pair[s] = (int)t++;
    }
    while (t < rank && target[t].total == 1)
        t++;
    return t == rank;
}

/* Reads for each combination of runs. */
static h5r_status add_products(job *j, const h5r_origin *o, const int *pair, const run_list *runs, const uint64_t *fixed)
{
    const h5r_window *w = j->w;
    unsigned rank = o->d->space->rank;
    size_t at[H5R_MAX_RANK] = {0};

    for (unsigned i = 0; i < w->rank; i++)
        if (runs[i].n == 0)
            return H5R_OK;
    for (;;) {
        h5r_source_read t = {.rank = rank, .dst = w->dst};
        for (unsigned i = 0; i < w->rank; i++) {
            const run *r = &runs[i].list[at[i]];
            t.dst += (int64_t)r->first * w->dst_stride[i];
        }
        for (unsigned s = 0; s < rank; s++) {
            const run *r = pair[s] >= 0 ? &runs[pair[s]].list[at[pair[s]]] : NULL;
            t.start[s] = r != NULL ? r->source : fixed[s];
            t.count[s] = r != NULL ? r->n : 1;
            t.step[s] = r != NULL ? r->step : 1;
            t.dst_stride[s] = r != NULL ? w->dst_stride[pair[s]] : 0;
        }
        h5r_status st = h5r_add_source_read(&j->reads, o, &t);
        if (st != H5R_OK)
            return st;
        unsigned i = w->rank;
        while (i > 0 && ++at[i - 1] == runs[i - 1].n)
            at[--i] = 0;
        if (i == 0)
            return H5R_OK;
    }
}

static h5r_status map_product(job *j, const h5r_origin *o, const h5r_pattern *target, const h5r_pattern *source, const int *pair)
{
    const h5r_window *w = j->w;
    const h5r_space *space = o->d->space;
    run_list runs[H5R_MAX_RANK] = {{0}};
    uint64_t fixed[H5R_MAX_RANK] = {0};
    bool ok = true, inside = true;

    for (unsigned s = 0; s < space->rank; s++) {
        fixed[s] = h5r_pattern_at(&source[s], 0);
        inside = inside && (pair[s] >= 0 || fixed[s] < space->shape[s]);
    }
    for (unsigned i = 0; i < w->rank && ok && inside; i++) {
        const h5r_pattern *from = NULL;
        uint64_t extent = 0;
        for (unsigned s = 0; s < space->rank; s++)
            if (pair[s] == (int)i) {
                from = &source[s];
                extent = space->shape[s];
            }
        const h5r_pattern one = {0, 1, 1, 1, 1}; /* a dimension of one element that the source lacks */
        ok = make_runs(w, i, &target[i], from != NULL ? from : &one, from != NULL ? extent : 1, &runs[i]);
        inside = runs[i].n > 0;
    }
    h5r_status st = !ok      ? h5r_error_set(j->err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory")
                    : inside ? add_products(j, o, pair, runs, fixed)
                             : H5R_OK;
    for (unsigned i = 0; i < w->rank; i++)
        free(runs[i].list);
    return st;
}

/* ---------------------------------------------------------------- mappings */

static h5r_status flush(job *j)
{
    j->n_targets = 0;
    j->any_target = false;
    return h5r_do_source_reads(&j->reads);
}

/* Whether the window has elements in all dimensions' ranges of the target selection. */
static bool touches(const h5r_window *w, const h5r_pattern *target)
{
    for (unsigned i = 0; i < w->rank; i++) {
        uint64_t first, n, last = target[i].total == 0             ? target[i].start
                                  : target[i].total == H5R_UNDEFINED ? UINT64_MAX
                                                                     : h5r_pattern_at(&target[i], target[i].total - 1) + 1;
        h5r_select_range(w->start[i], w->count[i], w->step[i], target[i].start, last, &first, &n);
        if (n == 0)
            return false;
    }
    return true;
}

static h5r_status note_source(job *j, const h5r_mapping *m, uint64_t block)
{
    if (j->n_sources >= j->f->root->limits.other_files)
        return H5R_OK; /* the read will say so */
    if (!h5r_grow(&j->sources, &j->cap, j->n_sources, sizeof *j->sources))
        return h5r_error_set(j->err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    j->sources[j->n_sources++] = (h5r_named_origin){m, block};
    return H5R_OK;
}

/* Extent that a selection of the whole source means. Of a numbered mapping it is what the first source has, for all of them: others may
 * have grown. */
static h5r_status selected_shape(job *j, const h5r_mapping *m, uint64_t block, const h5r_space *space, uint64_t *shape)
{
    h5r_origin first;
    bool found;

    memcpy(shape, space->shape, space->rank * sizeof *shape);
    if (block == 0 || m->source.kind != H5R_REGION_ALL)
        return H5R_OK;
    h5r_status st = h5r_open_origin(j->f, m, 0, j->nesting, &first, &found, j->err);
    if (st != H5R_OK || !found)
        return st;
    if (first.d->space->rank != space->rank)
        return h5r_error_set(j->err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "a virtual dataset's numbered sources of %u and of %u dimensions",
                             first.d->space->rank, space->rank);
    memcpy(shape, first.d->space->shape, space->rank * sizeof *shape);
    return H5R_OK;
}

/* Two unlimited selections take as many slices as the source has now. */
static void limit_to_source(h5r_pattern *target, unsigned rank, h5r_pattern *source, const h5r_space *space)
{
    unsigned t = 0, s = 0;
    bool ignored;

    while (t < rank && target[t].total != H5R_UNDEFINED)
        t++;
    while (s < space->rank && source[s].total != H5R_UNDEFINED)
        s++;
    if (t == rank || s == space->rank)
        return;
    uint64_t slices = h5r_pattern_below(&source[s], space->shape[s], &ignored);
    h5r_pattern_limit(&target[t], slices);
    h5r_pattern_limit(&source[s], slices);
}

/* One source: of a mapping, or of one block of a numbered mapping (its target is then that block alone). */
static h5r_status map_source(job *j, const h5r_mapping *m, const h5r_pattern *target, bool is_product, uint64_t block)
{
    h5r_pattern source[H5R_MAX_RANK], limited[H5R_MAX_RANK];
    uint64_t shape[H5R_MAX_RANK];
    int pair[H5R_MAX_RANK];
    h5r_origin o;
    bool found;

    if (j->looking)
        return note_source(j, m, block);
    h5r_status st = h5r_open_origin(j->f, m, block, j->nesting, &o, &found, j->err);
    if (st != H5R_OK || !found)
        return st;
    const h5r_space *space = o.d->space;
    st = selected_shape(j, m, block, space, shape);
    if (st != H5R_OK)
        return st;
    bool from_product = h5r_region_patterns(&m->source, space->rank, shape, source);
    if (is_product && from_product && pair_dimensions(target, j->w->rank, source, space->rank, pair))
        return map_product(j, &o, target, source, pair);
    memcpy(limited, target, j->w->rank * sizeof *limited);
    if (is_product && from_product)
        limit_to_source(limited, j->w->rank, source, space);
    return h5r_map_rows(&j->reads, &o, &m->target, is_product ? limited : NULL, &m->source, from_product ? source : NULL);
}

static h5r_status map_blocks(job *j, const h5r_mapping *m, const h5r_pattern *target, unsigned dim)
{
    const h5r_window *w = j->w;
    h5r_pattern one[H5R_MAX_RANK];
    uint64_t lo = w->start[dim], hi = w->start[dim] + (w->count[dim] - 1) * (uint64_t)w->step[dim];

    if (hi < lo) {
        uint64_t t = lo;
        lo = hi;
        hi = t;
    }
    if (hi < target[dim].start || target[dim].stride == 0)
        return H5R_OK;
    uint64_t from = lo <= target[dim].start ? 0 : (lo - target[dim].start) / target[dim].stride;
    uint64_t to = (hi - target[dim].start) / target[dim].stride;
    memcpy(one, target, w->rank * sizeof *one);
    for (uint64_t b = from; b <= to; b++) {
        one[dim] = (h5r_pattern){target[dim].start + b * target[dim].stride, target[dim].block, 1, target[dim].block, target[dim].block};
        h5r_status st = touches(w, one) ? map_source(j, m, one, true, b) : H5R_OK;
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

/* Whether a target has elements that one of the mappings collected may have, too. */
static bool meets_pending(const job *j, const h5r_pattern *target)
{
    unsigned rank = j->w->rank;

    if (j->any_target)
        return true;
    for (size_t i = 0; i < j->n_targets; i++) {
        const h5r_pattern *other = j->targets + i * rank;
        unsigned k = 0;
        while (k < rank && h5r_patterns_meet(&other[k], &target[k]))
            k++;
        if (k == rank)
            return true;
    }
    return false;
}

/* Where mappings overlap, the later one wins, as in libhdf5: what was collected before is read before. The reads that are collected
 * together may come in any order. */
static h5r_status map(job *j, const h5r_mapping *m)
{
    const h5r_window *w = j->w;
    h5r_pattern target[H5R_MAX_RANK];
    h5r_status st = H5R_OK;

    if (m->target.kind == H5R_REGION_NONE || m->source.kind == H5R_REGION_NONE)
        return H5R_OK;
    bool product = h5r_region_patterns(&m->target, w->rank, w->d->space->shape, target);
    if (product && !touches(w, target))
        return H5R_OK;
    if (j->reads.n > 0 && (!product || meets_pending(j, target)))
        st = flush(j);
    if (st == H5R_OK && product && m->target.unlimited_dim >= 0 && m->target.kind == H5R_REGION_HYPERSLAB && h5r_is_numbered(m))
        st = map_blocks(j, m, target, (unsigned)m->target.unlimited_dim);
    else if (st == H5R_OK)
        st = map_source(j, m, target, product, 0);
    if (j->reads.n == 0)
        return st;
    if (!product || j->n_targets == H5R_MAX_SOURCE_READS)
        j->any_target = true;
    else
        memcpy(j->targets + j->n_targets++ * w->rank, target, w->rank * sizeof *target);
    return st;
}

static h5r_status step_mappings(h5r_ctx *x, void *arg)
{
    const void **io = arg; /* in: the object; out: its mappings */
    const h5r_mapping_list *l;
    H5R_TRY(h5r_load_mappings(x, h5r_header_of(io[0]), &l));
    io[0] = l;
    return H5R_OK;
}

h5r_status h5r_mappings_of(h5r_file *f, const h5r_object *o, const h5r_mapping_list **out, h5r_error *err)
{
    const void *io[1] = {o};

    h5r_heap_enter(f);
    h5r_status st = h5r_run(f, "h5r_mappings", step_mappings, io, err);
    h5r_heap_leave(f);
    if (st == H5R_OK)
        *out = io[0];
    return st;
}

/* Turns every element of the window to the file's byte order. */
static void swap_window(const h5r_window *w, uint8_t *dst, unsigned dim)
{
    if (dim == w->rank) {
        h5r_swap(w->d->type, dst, 1);
        return;
    }
    for (uint64_t i = 0; i < w->count[dim]; i++)
        swap_window(w, dst + (int64_t)i * w->dst_stride[dim], dim + 1);
}

/* Opens all sources of the window at the same time, but for those that were opened before. */
static h5r_status open_sources(job *j, const h5r_mapping_list *l)
{
    h5r_status st = H5R_OK;

    if (h5r_each_width(j->f, l->n + 1) == 1)
        return H5R_OK;
    j->looking = true;
    for (size_t i = 0; i < l->n && st == H5R_OK; i++)
        if (!atomic_load_explicit(&l->opened[i], memory_order_relaxed))
            st = map(j, &l->list[i]);
    j->looking = false;
    if (st != H5R_OK)
        return st;
    h5r_open_origins(j->f, j->sources, j->n_sources, j->nesting);
    for (size_t i = 0; i < j->n_sources; i++)
        if (!h5r_is_numbered(j->sources[i].m))
            atomic_store_explicit(&l->opened[j->sources[i].m - l->list], true, memory_order_relaxed);
    return H5R_OK;
}

static h5r_status fill(const h5r_window *w, bool file_order, h5r_error *err)
{
    uint8_t *value = malloc(w->d->type->size);

    if (value == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    memcpy(value, w->fill, w->d->type->size);
    if (file_order)
        h5r_swap(w->d->type, value, 1);
    h5r_scatter s = {.type = w->d->type, .rank = w->rank, .count = w->count, .dst_stride = w->dst_stride};
    h5r_scatter_fill(&s, value, w->dst);
    free(value);
    return H5R_OK;
}

h5r_status h5r_read_virtual(h5r_file *f, const h5r_window *w, unsigned nesting, h5r_error *err)
{
    const h5r_mapping_list *l;
    h5r_error ignored;
    job j = {.f = f, .w = w, .nesting = nesting, .err = err != NULL ? err : &ignored};
    bool file_order = !w->swap && h5r_needs_swap(w->d->type);

    h5r_status st = h5r_mappings_of(f, w->object, &l, err);
    if (st != H5R_OK)
        return st;
    j.reads = (h5r_source_reads){.f = f, .w = w, .nesting = nesting, .err = j.err, .list = malloc(H5R_MAX_SOURCE_READS * sizeof *j.reads.list)};
    j.targets = malloc(H5R_MAX_SOURCE_READS * (w->rank + (size_t)1) * sizeof *j.targets);
    if (j.reads.list == NULL || j.targets == NULL)
        st = h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    if (st == H5R_OK)
        st = fill(w, file_order, err);
    if (st == H5R_OK)
        st = open_sources(&j, l);
    for (size_t i = 0; i < l->n && st == H5R_OK; i++)
        st = map(&j, &l->list[i]);
    if (st == H5R_OK)
        st = flush(&j);
    if (st == H5R_OK && file_order)
        swap_window(w, w->dst, 0);
    h5r_source_reads_free(&j.reads);
    free(j.targets);
    free(j.sources);
    return st;
}

h5r_status h5r_mappings(h5r_file *f, const h5r_object *ds, const h5r_mapping **out, size_t *n, h5r_error *err)
{
    const h5r_mapping_list *l;

    if (f == NULL || ds == NULL || out == NULL || n == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_mappings: NULL argument");
    h5r_status st = h5r_mappings_of(ds->file, ds, &l, err);
    if (st == H5R_OK) {
        *out = l->list;
        *n = l->n;
    }
    return st;
}
