#include "read/pieces.h"

#include <inttypes.h>
#include <stdlib.h>

#include "read/deliver.h"
#include "read/scatter.h"
#include "util/checked.h"
#include "util/grow.h"

/* RUN: longest run of a source whose reads cost nothing, so that threads share the work and values are still in the processor's
 * cache when they are swapped. SMALL: chunks are not worth being read in part. */
enum { LONGEST_LIST = 256 * 1024, RUN = 1024 * 1024, SMALL = 16 * 1024 };

/* In push mode all is listed, since what is read must be asked for at once. */
static h5r_status add_piece(h5r_ctx *x, h5r_pieces *l, h5r_piece p)
{
    if (l->n >= LONGEST_LIST && x->file->source.read_ranges != NULL)
        H5R_TRY(h5r_read_pieces(x, l));
    if (!h5r_grow(&l->list, &l->cap, l->n, sizeof *l->list))
        return h5r_nomem(x);
    l->list[l->n++] = p;
    l->work += p.raw ? p.len / 8 : p.w->d->chunk_bytes;
    return H5R_OK;
}

void h5r_fill_window(const h5r_window *w)
{
    h5r_scatter s = {.type = w->d->type, .rank = w->rank, .count = w->count, .dst_stride = w->dst_stride};
    h5r_scatter_fill(&s, w->fill, w->dst);
}

/* ---------------------------------------------------------------- geometry */

bool h5r_part_of(const h5r_window *w, const h5r_chunk *chunk, h5r_part *out)
{
    const h5r_dataset *d = w->d;
    uint64_t coords[H5R_MAX_RANK] = {0}, stride = 1;

    if (chunk != NULL)
        h5r_chunk_coords(d, chunk->number, coords);
    out->whole = true;
    out->count[0] = 1; /* of a scalar */
    for (unsigned i = w->rank; i-- > 0;) {
        uint64_t lo = chunk != NULL ? coords[i] * d->chunk[i] : 0, size = chunk != NULL ? d->chunk[i] : d->space->shape[i], hi;
        if (!h5r_add(lo, size, &hi))
            hi = UINT64_MAX;
        h5r_select_range(w->start[i], w->count[i], w->step[i], lo, hi, &out->first[i], &out->count[i]);
        if (out->count[i] == 0)
            return false;
        out->at[i] = w->start[i] + out->first[i] * (uint64_t)w->step[i] - lo;
        out->shape[i] = size;
        out->stride[i] = stride;
        out->whole &= out->count[i] == h5r_min(size, d->space->shape[i] - lo) && (w->step[i] == 1 || out->count[i] == 1);
        stride *= size; /* the product was checked when the dataset was described */
    }
    return true;
}

/* The place of the part in the caller's buffer when the elements of dimensions dim on, `count` of them in dimension dim, are packed
 * there in the order of the storage; else NULL. */
static uint8_t *packed(const h5r_window *w, const h5r_part *p, unsigned dim, uint64_t outer, uint64_t first, uint64_t count)
{
    uint64_t bytes = w->d->type->size;
    uint8_t *dst = w->dst;

    for (unsigned i = w->rank; i-- > dim;) {
        uint64_t n = i == dim ? count : p->count[i];
        if (n > 1 && (w->step[i] != 1 || w->dst_stride[i] < 0 || (uint64_t)w->dst_stride[i] != bytes))
            return NULL;
        dst += (int64_t)(p->first[i] + (i == dim ? first : 0)) * w->dst_stride[i];
        bytes *= n;
    }
    for (unsigned i = dim; i-- > 0;) {
        dst += (int64_t)(p->first[i] + outer % p->count[i]) * w->dst_stride[i];
        outer /= p->count[i];
    }
    return dst;
}

/* ---------------------------------------------------------------- runs */

/* The dimension along which runs lie: all inner ones are selected whole, or a run would be too long without them. */
static unsigned run_dimension(const h5r_window *w, const h5r_part *p, uint64_t limit)
{
    unsigned dim = w->rank - 1;

    while (dim > 0 && w->step[dim] == 1 && p->at[dim] == 0 && p->count[dim] == p->shape[dim] &&
           p->stride[dim - 1] * w->d->type->size <= limit)
        dim--;
    return dim;
}

/* Runs along dim for one outer position, each at most limit bytes long where an element is no longer than that. */
static h5r_status add_runs(h5r_ctx *x, h5r_pieces *l, const h5r_piece *like, const h5r_part *p, uint64_t base, uint64_t limit)
{
    const h5r_window *w = like->w;
    unsigned dim = like->dim;
    uint64_t step = w->step[dim] > 0 ? (uint64_t)w->step[dim] : 0 - (uint64_t)w->step[dim], way, size = p->stride[dim] * w->d->type->size;
    uint64_t per_run = h5r_mul(step, size, &way) && way <= limit ? limit / way : 1;

    /* A step over more than the gap is worth a request of its own. */
    const h5r_source *source = &x->file->source;
    uint64_t gap = x->file->options.exact_reads ? 0 : h5r_max(source->gap, source->block);
    if (step > 1 && way > size && way - size > gap)
        per_run = 1;
    for (uint64_t i = 0; i < p->count[dim]; i += per_run) {
        uint64_t n = h5r_min(per_run, p->count[dim] - i);
        uint64_t a = p->at[dim] + i * (uint64_t)w->step[dim], z = a + (n - 1) * (uint64_t)w->step[dim];
        uint64_t lo = h5r_min(a, z), hi = h5r_max(a, z);
        h5r_piece piece = *like;
        piece.offset = base + lo * size;
        piece.len = (hi - lo + 1) * size;
        piece.first = i;
        piece.count = n;
        piece.dst = packed(w, p, dim, piece.outer, i, n);
        H5R_TRY(add_piece(x, l, piece));
    }
    return H5R_OK;
}

/* The selected part of storage that holds elements as they are. */
static h5r_status add_storage(h5r_ctx *x, h5r_pieces *l, const h5r_window *w, const h5r_chunk *chunk, const h5r_part *p, uint64_t base)
{
    uint64_t outer = 1, size = w->d->type->size;
    h5r_piece like = {.w = w, .chunk = chunk, .raw = true, .run = true};

    if (w->rank == 0) {
        like.offset = base;
        like.len = size;
        like.count = 1;
        like.dst = w->dst;
        return add_piece(x, l, like);
    }
    uint64_t limit = h5r_max(x->file->limits.inflight_bytes / 4, 1);
    if (h5r_reads_directly(x->file, l))
        limit = h5r_min(limit, RUN);
    unsigned dim = run_dimension(w, p, limit);
    like.dim = (uint8_t)dim;
    for (unsigned i = 0; i < dim; i++)
        if (!h5r_mul(outer, p->count[i], &outer))
            return h5r_fail(x, H5R_ERR_LIMIT, H5R_UNDEFINED, "selection of more than 2^64 runs");
    for (uint64_t o = 0; o < outer; o++) {
        uint64_t at = base, rest = o;
        for (unsigned i = dim; i-- > 0;) {
            at += (p->at[i] + rest % p->count[i] * (uint64_t)w->step[i]) * p->stride[i] * size;
            rest /= p->count[i];
        }
        like.outer = o;
        H5R_TRY(add_runs(x, l, &like, p, at, limit));
    }
    return H5R_OK;
}

h5r_status h5r_add_contiguous(h5r_ctx *x, h5r_pieces *l, const h5r_window *w, uint64_t base)
{
    h5r_part p;

    return h5r_part_of(w, NULL, &p) ? add_storage(x, l, w, NULL, &p, base) : H5R_OK;
}

/* ---------------------------------------------------------------- chunks */

unsigned h5r_filters_of(const h5r_dataset *d, uint64_t number)
{
    uint64_t coords[H5R_MAX_RANK];

    if (!d->raw_edges)
        return d->n_filters;
    h5r_chunk_coords(d, number, coords);
    for (unsigned i = 0; i < d->space->rank; i++)
        if ((coords[i] + 1) * d->chunk[i] > d->space->shape[i])
            return 0;
    return d->n_filters;
}

static bool is_raw(const h5r_dataset *d, const h5r_chunk *c)
{
    unsigned n = h5r_filters_of(d, c->number);
    uint32_t all = n < 32 ? (UINT32_C(1) << n) - 1 : UINT32_MAX;
    return (c->skipped & all) == all;
}

static uint64_t bytes_selected(const h5r_window *w, const h5r_part *p)
{
    uint64_t n = w->d->type->size;
    for (unsigned i = 0; i < w->rank; i++)
        n *= p->count[i];
    return n;
}

/* Whether only the selected rows of an unfiltered chunk are read: not when the gaps between them are not worth it. */
static bool in_rows(const h5r_file *f, const h5r_window *w, const h5r_part *p)
{
    uint64_t chunk = w->d->chunk_bytes, selected = bytes_selected(w, p);

    if (f->options.exact_reads)
        return selected < chunk;
    return selected <= chunk / 2 && chunk > h5r_max(f->source.gap, SMALL);
}

/* Puts a chunk of the cache into place; false when it is not there. */
static bool from_cache(h5r_chunk_cache *cache, const h5r_window *w, const h5r_chunk *c, const h5r_part *part)
{
    h5r_cached_chunk *e = cache != NULL ? h5r_chunk_cache_get(cache, w->d, c->number) : NULL;

    if (e == NULL)
        return false;
    h5r_scatter_part(w, part, e->bytes, 0);
    h5r_chunk_cache_release(cache, e);
    return true;
}

h5r_status h5r_add_chunks(h5r_ctx *x, h5r_pieces *l, const h5r_window *w)
{
    const h5r_dataset *d = w->d;
    h5r_file *f = x->file;
    h5r_chunk_cache *cache = h5r_engine_cache(f->root->engine);
    h5r_part part;

    if (w->has_holes)
        h5r_fill_window(w);
    for (size_t i = 0; i < w->chunks.n; i++) {
        const h5r_chunk *c = &w->chunks.chunks[i];
        if (!h5r_part_of(w, c, &part))
            continue;
        if (c->size > h5r_stage_limit(d->chunk_bytes))
            return h5r_error_set(&x->error, H5R_ERR_FORMAT, c->offset,
                                 "chunk %" PRIu64 ": its index says that it takes %" PRIu64 " bytes, far above the %" PRIu64 " of a decoded one",
                                 c->number, c->size, d->chunk_bytes);
        h5r_piece p = {.offset = c->offset, .len = c->size, .w = w, .chunk = c, .raw = is_raw(d, c) && c->size >= d->chunk_bytes};
        bool too_large = d->chunk_bytes > f->limits.chunk_bytes; /* to be held in memory */
        if (too_large && !p.raw)
            return h5r_fail(x, H5R_ERR_LIMIT, w->object->addr, "chunks of %" PRIu64 " bytes (limits.chunk_bytes)", d->chunk_bytes);
        if (p.raw) {
            p.len = d->chunk_bytes;
            if (too_large || in_rows(f, w, &part)) {
                H5R_TRY(add_storage(x, l, w, c, &part, c->offset));
                continue;
            }
        } else if (from_cache(cache, w, c, &part)) {
            continue;
        }
        if (bytes_selected(w, &part) == d->chunk_bytes)
            p.dst = w->rank > 0 ? packed(w, &part, 0, 0, 0, part.count[0]) : w->dst;
        if (!p.raw && !part.whole && h5r_chunk_cache_fits(cache, l->kept, (size_t)d->chunk_bytes)) {
            p.keep = true;
            l->kept += d->chunk_bytes;
        }
        H5R_TRY(add_piece(x, l, p));
    }
    return H5R_OK;
}
