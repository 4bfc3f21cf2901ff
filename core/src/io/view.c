/* Looking at the file's bytes: those that are in memory are lent, the others are noted as wanted. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/index_cache.h"
#include "io/nodes.h"
#include "io/rounds.h"
#include "util/checked.h"
#include "util/lookup3.h"

/* A column of strings wants one collection thousands of times: the list holds each range about once. */
static void compact(h5r_wants *w)
{
    if (w->n > 1)
        w->n = h5r_join_wants(w->list, w->n, 0, false);
    w->bytes = 0;
    for (size_t i = 0; i < w->n; i++)
        w->bytes += w->list[i].end - w->list[i].off;
}

h5r_status h5r_want_bytes(h5r_ctx *x, uint64_t off, uint64_t end, unsigned kind)
{
    h5r_wants *w = &x->wants;
    h5r_want *last = w->n > 0 ? &w->list[w->n - 1] : NULL;

    if (last != NULL && last->off == off && last->end >= end) {
        last->kinds |= kind;
        return H5R_NEED;
    }
    bool full = w->n == w->cap;
    if (full)
        compact(w);
    if (full && w->n >= w->cap / 2) {
        size_t cap = w->cap * 2 + 16;
        h5r_want *list = realloc(w->list, cap * sizeof *list);
        if (list == NULL)
            return h5r_nomem(x);
        w->list = list;
        w->cap = cap;
    }
    w->list[w->n++] = (h5r_want){off, end, kind};
    w->bytes += end - off;
    return H5R_NEED;
}

uint64_t h5r_known_end(const h5r_file *f)
{
    return h5r_min(f->source.size, f->source_end);
}

const char *h5r_set_advice(const h5r_file *f)
{
    return strcmp(f->info.driver, "subfiling") == 0 ? "is not read: make one file of the subfiles with h5fuse" : "this source cannot open";
}

/* The bytes of [off, off + len) where they are in memory, without looking at the file. */
static const uint8_t *find_bytes(h5r_ctx *x, unsigned kind, uint64_t off, size_t len, h5r_status *why)
{
    h5r_file *f = x->file;
    const h5r_limits *limits = &f->limits;
    const uint8_t *p;

    if (f->image.n > 0 && (p = h5r_cache_find(&f->image, off, len, UINT64_MAX, why)) != NULL)
        return p;
    if (kind == H5R_WANT_META && x->borrowing && (f->index_cache == NULL || x->unkept || !f->source.remote)) /* else it is kept for the next process */
        return h5r_cache_borrow(&f->meta, off, len, limits->metadata_bytes, x->turn, why);
    if (kind == H5R_WANT_META)
        return h5r_cache_find(&f->meta, off, len, limits->metadata_bytes, why);
    p = h5r_cache_find(&f->heap, off, len, limits->heap_bytes, why);
    if (p != NULL || *why != H5R_NEED)
        return p;
    return h5r_cache_find(&f->meta, off, len, limits->metadata_bytes, why);
}

static h5r_status beyond_limit(h5r_ctx *x, unsigned kind, uint64_t addr)
{
    const h5r_limits *limits = &x->file->limits;
    bool heap = kind == H5R_WANT_HEAP;
    return h5r_fail(x, H5R_ERR_LIMIT, addr, "more than %" PRIu64 " bytes of %s (limits.%s)",
                    heap ? limits->heap_bytes : limits->metadata_bytes, heap ? "variable-length data" : "metadata",
                    heap ? "heap_bytes" : "metadata_bytes");
}

static h5r_status view(h5r_ctx *x, unsigned kind, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out)
{
    h5r_file *f = x->file;
    bool heap = kind == H5R_WANT_HEAP;
    uint64_t off, end, limit = heap ? f->limits.heap_bytes : f->limits.metadata_bytes;
    uint64_t used = heap ? f->heap.bytes : f->meta.bytes;
    h5r_status why;
    static const uint8_t nothing[1] = {0};

    if (len == 0) {
        *out = nothing;
        return H5R_OK;
    }
    if (addr == H5R_UNDEFINED || !h5r_add(addr, f->info.base, &off) || !h5r_add(off, len, &end))
        return h5r_fail(x, H5R_ERR_FORMAT, H5R_UNDEFINED, "%" PRIu64 " bytes at address %" PRIu64 ", which is no valid address",
                        len, addr);
    if (end > h5r_known_end(f) && f->info.driver[0] != '\0' && !f->is_set)
        return h5r_fail(x, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED,
                        "address %" PRIu64 " lies in another file of a %s set, which %s", addr, f->info.driver, h5r_set_advice(f));
    if (end > h5r_known_end(f))
        return h5r_fail(x, H5R_ERR_FORMAT, addr,
                        "%" PRIu64 " bytes at byte %" PRIu64 " reach beyond the end of the file at byte %" PRIu64
                        ": the file is truncated or damaged",
                        len, off, h5r_known_end(f));
    *out = find_bytes(x, kind, off, (size_t)len, &why);
    if (*out != NULL) {
        if (f->options.viewed != NULL)
            f->options.viewed(f->options.viewed_ctx, off, *out, (size_t)len);
        if (f->index_cache != NULL && !x->unkept)
            h5r_index_cache_mark(f, off, end, heap);
        return H5R_OK;
    }
    if (why == H5R_ERR_NOMEM)
        return h5r_nomem(x);
    if (why == H5R_ERR_LIMIT || len > limit || used > limit - len)
        return beyond_limit(x, kind, addr);
    /* What a pass wants in all may be too much even where each part is not: the rest is wanted by the next pass, which then
     * meets the limit or not. */
    if (x->wants.bytes > limit - used - len) {
        compact(&x->wants);
        if (x->wants.n > 0 && x->wants.bytes > limit - used - len)
            return H5R_NEED;
    }
    if (!f->options.exact_reads && hint > len && h5r_add(off, hint, &hint)) {
        uint64_t stop = h5r_min(h5r_known_end(f), f->info.end), page = f->source.remote ? h5r_smallest_block(f) : 0;
        if (page > 1 && stop - (end - 1) % page > end) /* a guess is not worth another block */
            stop = h5r_min(stop, end - 1 - (end - 1) % page + page);
        end = h5r_max(end, h5r_min(hint, stop));
    }
    if (kind == H5R_WANT_META && x->guess != H5R_UNLIKELY)
        kind |= x->guess == H5R_LIKELY ? H5R_WANT_LIKELY : H5R_WANT_SURE;
    return h5r_want_bytes(x, off, end, kind);
}

h5r_status h5r_view(h5r_ctx *x, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out)
{
    return view(x, H5R_WANT_META, addr, len, hint, out);
}

h5r_status h5r_view_on(h5r_ctx *x, uint64_t addr, uint64_t len, bool on, const uint8_t **out)
{
    const h5r_file *f = x->file;
    h5r_status st = view(x, H5R_WANT_META, addr, len, 0, out);
    uint64_t off, end, stop = h5r_min(h5r_known_end(f), f->info.end), block = f->source.block;

    if (st != H5R_NEED || !on || !f->source.remote || f->options.exact_reads || x->guess != H5R_NO_GUESS || x->reach == H5R_REACH_BELOW ||
        block <= 1 || stop == H5R_UNDEFINED)
        return st;
    if (!h5r_add(addr, f->info.base, &off) || !h5r_add(off - off % block, block, &off) || !h5r_add(off, block, &end) || off >= stop)
        return st;
    end = h5r_min(end, stop);
    if (f->meta.bytes + x->wants.bytes + block < f->limits.metadata_bytes && h5r_want_bytes(x, off, end, H5R_WANT_META) < 0)
        return x->error.status;
    return st;
}

const uint8_t *h5r_peek(h5r_ctx *x, uint64_t addr, uint64_t len)
{
    uint64_t off, end;
    h5r_status why;

    if (addr == H5R_UNDEFINED || len == 0 || !h5r_add(addr, x->file->info.base, &off) || !h5r_add(off, len, &end) ||
        end > h5r_known_end(x->file))
        return NULL;
    return find_bytes(x, H5R_WANT_META, off, (size_t)len, &why);
}

h5r_status h5r_heap_view(h5r_ctx *x, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out)
{
    /* Values of attributes are metadata: they lie beside it, are few, and will be asked for again. */
    return view(x, x->prefetching ? H5R_WANT_META : H5R_WANT_HEAP, addr, len, hint, out);
}

h5r_status h5r_verify_sum(h5r_ctx *x, uint64_t addr, uint32_t found, uint32_t computed, const char *what)
{
    if (found == computed || x->file->options.skip_checksums)
        return H5R_OK;
    return h5r_fail(x, H5R_ERR_FORMAT, addr, "%s: checksum %08" PRIx32 " stored, %08" PRIx32 " computed: damaged bytes",
                    what, found, computed);
}

h5r_status h5r_verify(h5r_ctx *x, uint64_t addr, const uint8_t *p, uint64_t n, const char *what)
{
    h5r_cursor c = h5r_cursor_at(p + n, 4);
    return h5r_verify_sum(x, addr, h5r_get_u32(&c), h5r_lookup3(p, (size_t)n, 0), what);
}

void h5r_want_later(h5r_ctx *x)
{
    h5r_wants *later = &x->file->later;
    uint64_t block = h5r_smallest_block(x->file), stop = h5r_min(h5r_known_end(x->file), x->file->info.end), end;

    free(later->list);
    *later = x->wants;
    x->wants = (h5r_wants){0};
    for (size_t i = 0; block > 1 && i < later->n; i++) {
        h5r_want *w = &later->list[i];
        w->kinds = H5R_WANT_META;
        w->off -= w->off % block;
        if (h5r_add(w->end, block - 1, &end))
            w->end = h5r_max(w->end, h5r_min(end - end % block, stop));
    }
    if (later->n > 0)
        later->n = h5r_join_wants(later->list, later->n, 0, true);
    later->n = later->n < H5R_MOST_LATER ? later->n : H5R_MOST_LATER;
}
