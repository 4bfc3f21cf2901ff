/* Reading selections: the windows of all datasets are planned together, their pieces (chunks, runs of contiguous storage)
 * sorted by where they lie in the file, read in batches under limits.inflight_bytes, decoded and scattered. */
#include <inttypes.h>
#include <stdlib.h>

#include "object/dataset.h"
#include "read/decode.h"
#include "read/external.h"
#include "read/plan.h"
#include "read/scatter.h"
#include "read/virtual.h"
#include "util/checked.h"

/* Bytes to read, and what they are for. */
typedef struct piece {
    uint64_t offset, len;
    const h5r_window *w;
    const h5r_chunk *chunk;      /* NULL: a run of contiguous storage */
    uint64_t origin[2];          /* run: first selected index along `dim`, and how many */
    uint64_t outer;              /* run: number of the outer position, row-major over count[0 .. dim) */
    unsigned dim;
} piece;

typedef struct piece_list {
    piece *list;
    size_t n, cap;
    uint64_t failed; /* address of the dataset that reading failed for */
    uint64_t chunks; /* decoded */
    const h5r_dataset *external; /* the bytes lie in its external files, not in this one */
} piece_list;

static h5r_status add_piece(h5r_ctx *x, piece_list *l, piece p)
{
    if (l->n == l->cap) {
        size_t cap = l->cap * 2 + 64;
        piece *list = realloc(l->list, cap * sizeof *list);
        if (list == NULL)
            return h5r_nomem(x);
        l->list = list;
        l->cap = cap;
    }
    l->list[l->n++] = p;
    return H5R_OK;
}

static h5r_status read_pieces(h5r_ctx *x, piece_list *l);

/* A run is small and may be one of very many: they are not all listed before the first is read. In push mode they are, since
 * what is read must be asked for at once. */
static h5r_status add_run(h5r_ctx *x, piece_list *l, piece p)
{
    enum { LONGEST = 256 * 1024 };

    if (l->n >= LONGEST && x->file->source.read_ranges != NULL)
        H5R_TRY(read_pieces(x, l));
    return add_piece(x, l, p);
}

/* ---------------------------------------------------------------- contiguous storage */

/* Bytes of one index of each dimension in row-major storage of the dataset's shape. */
static void source_strides(const h5r_window *w, uint64_t *stride)
{
    uint64_t n = w->d->type->size;
    for (unsigned i = w->rank; i-- > 0;) {
        stride[i] = n;
        n *= w->d->space->shape[i]; /* the product was checked when the dataset was described */
    }
}

/* The dimension along which runs lie: all inner ones are selected whole, or a run would be too long without them. */
static unsigned run_dimension(const h5r_window *w, const uint64_t *stride, uint64_t limit)
{
    unsigned dim = w->rank - 1;

    while (dim > 0 && w->step[dim] == 1 && w->start[dim] == 0 && w->count[dim] == w->d->space->shape[dim] &&
           stride[dim - 1] <= limit)
        dim--;
    return dim;
}

/* Runs along dim for one outer position, each at most limit bytes long where an element is no longer than that. */
static h5r_status add_runs(h5r_ctx *x, piece_list *l, const h5r_window *w, uint64_t base, uint64_t outer, unsigned dim,
                           const uint64_t *stride, uint64_t limit)
{
    uint64_t step = w->step[dim] > 0 ? (uint64_t)w->step[dim] : 0 - (uint64_t)w->step[dim], way;
    uint64_t per_run = h5r_mul(step, stride[dim], &way) && way <= limit ? limit / way : 1;

    /* A step over more than the gap is worth a request of its own. */
    const h5r_source *source = &x->file->source;
    uint64_t gap = x->file->options.exact_reads ? 0 : h5r_max(source->gap, source->block);
    if (step > 1 && way > stride[dim] && way - stride[dim] > gap)
        per_run = 1;
    for (uint64_t i = 0; i < w->count[dim]; i += per_run) {
        uint64_t n = h5r_min(per_run, w->count[dim] - i);
        uint64_t a = w->start[dim] + i * (uint64_t)w->step[dim], z = a + (n - 1) * (uint64_t)w->step[dim];
        uint64_t lo = h5r_min(a, z), hi = h5r_max(a, z);
        piece p = {.offset = base + lo * stride[dim], .len = (hi - lo + 1) * stride[dim], .w = w, .origin = {i, n},
                   .outer = outer, .dim = dim};
        H5R_TRY(add_run(x, l, p));
    }
    return H5R_OK;
}

static h5r_status add_contiguous(h5r_ctx *x, piece_list *l, const h5r_window *w, uint64_t base)
{
    uint64_t stride[H5R_MAX_RANK + 1] = {0}, outer = 1, limit = h5r_max(x->file->limits.inflight_bytes / 4, 1);

    if (w->rank == 0)
        return add_piece(x, l, (piece){.offset = base, .len = w->d->type->size, .w = w, .origin = {0, 1}});
    source_strides(w, stride);
    unsigned dim = run_dimension(w, stride, limit);
    for (unsigned i = 0; i < dim; i++)
        if (!h5r_mul(outer, w->count[i], &outer))
            return h5r_fail(x, H5R_ERR_LIMIT, H5R_UNDEFINED, "selection of more than 2^64 runs");
    for (uint64_t o = 0; o < outer; o++) {
        uint64_t at = base, rest = o;
        for (unsigned i = dim; i-- > 0;) {
            at += (w->start[i] + rest % w->count[i] * (uint64_t)w->step[i]) * stride[i];
            rest /= w->count[i];
        }
        H5R_TRY(add_runs(x, l, w, at, o, dim, stride, limit));
    }
    return H5R_OK;
}

static void scatter_run(const piece *p, const uint8_t *bytes)
{
    const h5r_window *w = p->w;
    uint64_t stride[H5R_MAX_RANK + 1], count[H5R_MAX_RANK + 1] = {1}, rest = p->outer;
    int64_t src_stride[H5R_MAX_RANK + 1];
    uint8_t *dst = w->dst;

    source_strides(w, stride);
    for (unsigned i = p->dim; i-- > 0;) {
        dst += (int64_t)(rest % w->count[i]) * w->dst_stride[i];
        rest /= w->count[i];
    }
    for (unsigned i = p->dim; i < w->rank; i++) {
        count[i - p->dim] = i == p->dim ? p->origin[1] : w->count[i];
        src_stride[i - p->dim] = w->step[i] * (int64_t)stride[i];
    }
    if (w->rank > 0) {
        dst += (int64_t)p->origin[0] * w->dst_stride[p->dim];
        if (w->step[p->dim] < 0) /* the first element selected is the last one of the run */
            bytes += (int64_t)(p->origin[1] - 1) * -src_stride[0];
    }
    h5r_scatter s = {.type = w->d->type, .rank = w->rank - p->dim, .count = count, .src_stride = src_stride,
                     .dst_stride = w->dst_stride + p->dim, .swap = w->swap};
    h5r_scatter_copy(&s, bytes, dst);
}

static void fill_window(const h5r_window *w)
{
    h5r_scatter s = {.type = w->d->type, .rank = w->rank, .count = w->count, .dst_stride = w->dst_stride};
    h5r_scatter_fill(&s, w->fill, w->dst);
}

static h5r_status plan_contiguous(h5r_ctx *x, piece_list *l, const h5r_window *w)
{
    const h5r_dataset *d = w->d;
    uint64_t bytes = d->space->count * d->type->size;

    if (d->storage_offset == H5R_UNDEFINED || d->storage_size == 0) {
        fill_window(w);
        return H5R_OK;
    }
    if (d->storage_size < bytes)
        return h5r_fail(x, H5R_ERR_FORMAT, w->object->addr, "contiguous dataset of %" PRIu64 " bytes with %" PRIu64 " stored", bytes,
                        d->storage_size);
    return add_contiguous(x, l, w, d->storage_offset);
}

static void read_compact(const h5r_window *w)
{
    const uint8_t *bytes = h5r_dataset_data_of(w->d)->compact;
    uint64_t stride[H5R_MAX_RANK + 1] = {0};
    int64_t src_stride[H5R_MAX_RANK + 1];

    if (bytes == NULL) {
        fill_window(w);
        return;
    }
    source_strides(w, stride);
    for (unsigned i = 0; i < w->rank; i++) {
        bytes += w->start[i] * stride[i];
        src_stride[i] = w->step[i] * (int64_t)stride[i];
    }
    h5r_scatter s = {.type = w->d->type, .rank = w->rank, .count = w->count, .src_stride = src_stride,
                     .dst_stride = w->dst_stride, .swap = w->swap};
    h5r_scatter_copy(&s, bytes, w->dst);
}

/* ---------------------------------------------------------------- chunks */

/* The part of a chunk that is selected: in each dimension, count elements of the selection from first on. */
static bool chunk_part(const h5r_window *w, const uint64_t *coords, uint64_t *first, uint64_t *count)
{
    for (unsigned i = 0; i < w->rank; i++) {
        uint64_t lo = coords[i] * w->d->chunk[i], hi;
        if (!h5r_add(lo, w->d->chunk[i], &hi))
            hi = UINT64_MAX;
        h5r_select_range(w->start[i], w->count[i], w->step[i], lo, hi, &first[i], &count[i]);
        if (count[i] == 0)
            return false;
    }
    return true;
}

static h5r_status add_chunks(h5r_ctx *x, piece_list *l, const h5r_window *w)
{
    uint64_t coords[H5R_MAX_RANK], first[H5R_MAX_RANK], count[H5R_MAX_RANK];

    if (w->has_holes)
        fill_window(w);
    for (size_t i = 0; i < w->chunks.n; i++) {
        const h5r_chunk *c = &w->chunks.chunks[i];
        h5r_chunk_coords(w->d, c->number, coords);
        if (!chunk_part(w, coords, first, count))
            continue;
        if (c->size > h5r_stage_limit(w->d->chunk_bytes))
            return h5r_error_set(&x->error, H5R_ERR_FORMAT, c->offset,
                                 "chunk %" PRIu64 ": its index says that it takes %" PRIu64 " bytes, far above the %" PRIu64 " of a decoded one",
                                 c->number, c->size, w->d->chunk_bytes);
        H5R_TRY(add_piece(x, l, (piece){.offset = c->offset, .len = c->size, .w = w, .chunk = c}));
    }
    return H5R_OK;
}

/* Whether a chunk crosses the edge of the dataset: then the layout may say that it was stored without filters. */
static bool is_partial(const h5r_dataset *d, const uint64_t *coords)
{
    for (unsigned i = 0; i < d->space->rank; i++)
        if ((coords[i] + 1) * d->chunk[i] > d->space->shape[i])
            return true;
    return false;
}

h5r_status h5r_decode_stored(const h5r_file *f, const h5r_dataset *d, const uint64_t *coords, uint32_t skipped, const uint8_t *src,
                             size_t n, uint8_t *dst, h5r_pipeline_scratch *scratch, h5r_error *err)
{
    unsigned filters = d->raw_edges && is_partial(d, coords) ? 0 : d->n_filters;
    return h5r_pipeline_decode(&f->options, d->filters, filters, skipped, src, n, dst, (size_t)d->chunk_bytes, scratch, err);
}

/* Buffers of one call, reused from chunk to chunk. */
typedef struct decode_scratch {
    h5r_pipeline_scratch pipeline;
    h5r_buf chunk;
} decode_scratch;

static h5r_status scatter_chunk(h5r_ctx *x, const piece *p, const uint8_t *bytes, decode_scratch *s)
{
    const h5r_window *w = p->w;
    const h5r_dataset *d = w->d;
    uint64_t coords[H5R_MAX_RANK], first[H5R_MAX_RANK], count[H5R_MAX_RANK], stride = d->type->size;
    int64_t src_stride[H5R_MAX_RANK];
    h5r_error err = {0};

    if (!h5r_buf_reserve(&s->chunk, (size_t)d->chunk_bytes))
        return h5r_nomem(x);
    h5r_chunk_coords(d, p->chunk->number, coords);
    h5r_status st = h5r_decode_stored(x->file, d, coords, p->chunk->skipped, bytes, (size_t)p->len, s->chunk.bytes, &s->pipeline, &err);
    if (st != H5R_OK)
        return h5r_error_set(&x->error, st, p->offset, "chunk %" PRIu64 " of %" PRIu64 " bytes: %s", p->chunk->number, p->len, err.message);

    (void)chunk_part(w, coords, first, count);
    const uint8_t *src = s->chunk.bytes;
    uint8_t *dst = w->dst;
    for (unsigned i = w->rank; i-- > 0;) {
        uint64_t at = w->start[i] + first[i] * (uint64_t)w->step[i] - coords[i] * d->chunk[i];
        src += at * stride;
        src_stride[i] = w->step[i] * (int64_t)stride;
        dst += (int64_t)first[i] * w->dst_stride[i];
        stride *= d->chunk[i];
    }
    h5r_scatter sc = {.type = d->type, .rank = w->rank, .count = count, .src_stride = src_stride, .dst_stride = w->dst_stride,
                      .swap = w->swap};
    h5r_scatter_copy(&sc, src, dst);
    return H5R_OK;
}

/* ---------------------------------------------------------------- batches */

/* Requests for pieces [0, n), neighbours joined across the source's gap; where[i] is the request of piece i. */
static size_t make_reads(const h5r_file *f, const piece *p, size_t n, h5r_read *reads, size_t *where)
{
    uint64_t gap = f->options.exact_reads ? 0 : f->source.gap, split = f->source.max_request;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t end = p[i].offset + p[i].len;
        if (k > 0) {
            h5r_read *r = &reads[k - 1];
            uint64_t r_end = r->offset + r->len;
            bool overlaps = p[i].offset < r_end;
            bool near = p[i].offset <= r_end || p[i].offset - r_end <= gap;
            if (overlaps || (near && (split == 0 || end - r->offset <= split))) {
                if (end > r_end)
                    r->len = (size_t)(end - r->offset);
                where[i] = k - 1;
                continue;
            }
        }
        reads[k] = (h5r_read){.offset = p[i].offset, .len = (size_t)p[i].len};
        where[i] = k++;
    }
    return k;
}

/* The first piece whose bytes did not come. */
static const piece *first_missing(const piece *p, size_t n, const h5r_read *reads, const size_t *where)
{
    for (size_t i = 0; i < n; i++) {
        const h5r_read *r = &reads[where[i]];
        if (r->got < p[i].offset - r->offset + p[i].len)
            return &p[i];
    }
    return p;
}

static h5r_status read_batch(h5r_ctx *x, const piece *p, size_t n, decode_scratch *s, piece_list *l)
{
    h5r_read *reads = malloc(n * sizeof *reads);
    size_t *where = malloc(n * sizeof *where);
    uint8_t *bytes = NULL;
    h5r_status st = reads != NULL && where != NULL ? H5R_OK : h5r_nomem(x);

    if (st == H5R_OK) {
        size_t k = make_reads(x->file, p, n, reads, where), total = 0;
        for (size_t i = 0; i < k; i++)
            total += reads[i].len;
        bytes = malloc(total > 0 ? total : 1);
        if (bytes == NULL)
            st = h5r_nomem(x);
        for (size_t i = 0, at = 0; i < k && st == H5R_OK; at += reads[i++].len)
            reads[i].dst = bytes + at;
        if (st == H5R_OK)
            st = l->external != NULL ? h5r_fetch_external(x, l->external, reads, k) : h5r_fetch(x, reads, k);
        if (st < 0)
            l->failed = first_missing(p, n, reads, where)->w->object->addr;
    }
    for (size_t i = 0; i < n && st == H5R_OK; i++) {
        const uint8_t *src = (const uint8_t *)reads[where[i]].dst + (p[i].offset - reads[where[i]].offset);
        if (p[i].chunk != NULL)
            st = scatter_chunk(x, &p[i], src, s);
        else
            scatter_run(&p[i], src);
        if (st < 0)
            l->failed = p[i].w->object->addr;
        else
            l->chunks += p[i].chunk != NULL;
    }
    free(bytes);
    free(where);
    free(reads);
    return st;
}

static int by_offset(const void *a, const void *b)
{
    const piece *p = a, *q = b;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* Reads, decodes and scatters all pieces; the list is empty afterwards. */
static h5r_status read_pieces(h5r_ctx *x, piece_list *l)
{
    /* In push mode everything is asked for at once: a batch that was decoded would be asked for again by the next call. */
    uint64_t budget = x->file->source.read_ranges == NULL ? UINT64_MAX : x->file->limits.inflight_bytes;
    decode_scratch s = {0};
    h5r_status st = H5R_OK;

    if (l->n > 1)
        qsort(l->list, l->n, sizeof *l->list, by_offset);
    for (size_t i = 0; i < l->n && st == H5R_OK;) {
        size_t n = 0;
        uint64_t bytes = 0;
        while (i + n < l->n && (n == 0 || bytes + l->list[i + n].len <= budget))
            bytes += l->list[i + n++].len;
        st = read_batch(x, l->list + i, n, &s, l);
        i += n;
    }
    h5r_pipeline_scratch_free(&s.pipeline);
    h5r_buf_free(&s.chunk);
    l->n = 0;
    return st;
}

/* ---------------------------------------------------------------- public */

typedef struct read_args {
    const h5r_object *const *ds;
    const h5r_selection *sel;
    size_t n;
    h5r_window *windows;
    bool unresolved; /* some are virtual datasets whose extent is not known yet: their windows are empty */
    uint64_t failed; /* address of the dataset that failed */
} read_args;

static h5r_status step_plan(h5r_ctx *x, void *arg)
{
    read_args *a = arg;
    h5r_status acc = H5R_OK;

    a->windows = h5r_scratch(x, a->n, sizeof *a->windows);
    if (a->windows == NULL)
        return H5R_ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++) {
        const h5r_dataset *d;
        h5r_status st = h5r_load_dataset(x, h5r_header_of(a->ds[i]), &d);
        if (st == H5R_OK && d->layout == H5R_LAYOUT_VIRTUAL && !h5r_dataset_data_of(d)->resolved) {
            a->unresolved = true;
            continue;
        }
        if (st == H5R_OK)
            st = h5r_plan_window(x, a->ds[i], &a->sel[i], &a->windows[i]);
        if (st < 0 && acc == H5R_OK)
            a->failed = a->ds[i]->addr;
        H5R_ALSO(acc, st);
    }
    return acc;
}

static h5r_status read_external(h5r_ctx *x, const h5r_window *w)
{
    piece_list l = {.failed = w->object->addr, .external = w->d};

    h5r_status st = add_contiguous(x, &l, w, 0);
    if (st == H5R_OK)
        st = read_pieces(x, &l);
    free(l.list);
    return st;
}

static h5r_status read_virtual(h5r_ctx *x, const h5r_window *w, unsigned nesting)
{
    h5r_error err = {0};
    h5r_status st = h5r_read_virtual(x->file, w, nesting, &err);

    return st < 0 ? h5r_fail_again(x, &err) : st;
}

static h5r_status execute(h5r_ctx *x, read_args *a, unsigned nesting)
{
    piece_list l = {.failed = a->failed};
    h5r_status st = H5R_OK;

    x->error.status = H5R_OK;
    for (size_t i = 0; i < a->n && st == H5R_OK; i++) {
        const h5r_window *w = &a->windows[i];
        if (w->empty)
            continue;
        switch (w->d->layout) {
        case H5R_LAYOUT_COMPACT:
            read_compact(w);
            break;
        case H5R_LAYOUT_CHUNKED:
            st = add_chunks(x, &l, w);
            break;
        case H5R_LAYOUT_CONTIGUOUS:
            st = plan_contiguous(x, &l, w);
            break;
        case H5R_LAYOUT_EXTERNAL:
            st = read_external(x, w);
            break;
        case H5R_LAYOUT_VIRTUAL:
            st = read_virtual(x, w, nesting);
            break;
        }
        if (st < 0 && l.failed == H5R_UNDEFINED)
            l.failed = w->object->addr;
    }
    if (st == H5R_OK && l.n > 0)
        st = read_pieces(x, &l);
    pthread_mutex_lock(&x->file->lock);
    x->file->stats.chunks += l.chunks;
    pthread_mutex_unlock(&x->file->lock);
    a->failed = l.failed;
    free(l.list);
    return st;
}

/* Looks at the sources of virtual datasets, which decide their extents. */
static h5r_status resolve(h5r_file *f, const read_args *a, unsigned nesting, h5r_error *err)
{
    for (size_t i = 0; i < a->n; i++) {
        const h5r_dataset *d;
        h5r_status st = a->windows[i].object == NULL ? h5r_describe_nested(f, a->ds[i], nesting, &d, err) : H5R_OK;
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

static h5r_status read_planned(h5r_ctx *x, read_args *a, unsigned nesting)
{
    h5r_error err = {0};

    a->unresolved = false;
    H5R_TRY(h5r_drive(x, step_plan, a));
    if (a->unresolved) {
        h5r_status st = resolve(x->file, a, nesting, &err);
        if (st != H5R_OK)
            return st < 0 ? h5r_fail_again(x, &err) : st;
        H5R_TRY(h5r_drive(x, step_plan, a));
    }
    return execute(x, a, nesting);
}

h5r_status h5r_read_nested(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n, unsigned nesting, h5r_error *err)
{
    h5r_ctx x;
    read_args a = {.ds = ds, .sel = sel, .n = n, .failed = n == 1 ? ds[0]->addr : H5R_UNDEFINED};

    h5r_ctx_begin(&x, f, "h5r_read_many");
    h5r_status st = read_planned(&x, &a, nesting);
    if (f->source.read_ranges == NULL && st != H5R_NEED)
        h5r_drop_data(f);
    st = h5r_ctx_end(&x, st, err);
    const char *path = st < 0 && err != NULL && err->path[0] == '\0' ? h5r_known_path(f, a.failed) : NULL;
    if (path != NULL)
        h5r_error_set_path(err, path);
    return st;
}

h5r_status h5r_read_many(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n, h5r_error *err)
{
    if (f == NULL || (n > 0 && (ds == NULL || sel == NULL)))
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_read_many: NULL argument");
    for (size_t i = 0; i < n; i++)
        if (ds[i] == NULL)
            return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_read_many: NULL argument");
    /* Datasets behind external links are read with the others of their file. */
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && ds[k]->file == ds[i]->file; k++)
            ;
        h5r_status st = h5r_read_nested(ds[i]->file, ds + i, sel + i, k - i, 0, err);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

h5r_status h5r_read_dataset(h5r_file *f, const h5r_object *ds, const h5r_selection *sel, h5r_error *err)
{
    return h5r_read_many(f, &ds, sel, 1, err);
}

h5r_status h5r_decode_chunk(h5r_file *f, const h5r_object *ds, const void *src, size_t n, uint32_t skipped, void *dst,
                            size_t dst_len, h5r_error *err)
{
    const h5r_dataset *d;
    h5r_pipeline_scratch scratch = {0};

    if (f == NULL || ds == NULL || src == NULL || dst == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_decode_chunk: NULL argument");
    h5r_status st = h5r_dataset_describe(f, ds, &d, err);
    if (st != H5R_OK)
        return st;
    if (d->layout != H5R_LAYOUT_CHUNKED || dst_len < d->chunk_bytes)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_decode_chunk: not a chunked dataset, or a buffer smaller than a chunk of %" PRIu64 " bytes",
                             d->chunk_bytes);
    st = h5r_pipeline_decode(&f->options, d->filters, d->n_filters, skipped, src, n, dst, (size_t)d->chunk_bytes, &scratch, err);
    h5r_pipeline_scratch_free(&scratch);
    return st;
}
