/* From wants to requests: widened to blocks, joined across gaps, without what is there or on its way. */
#include <stdlib.h>

#include "io/rounds.h"
#include "util/checked.h"
#include "util/grow.h"

static int by_offset(const void *a, const void *b)
{
    const h5r_want *p = a, *q = b;
    if (p->off != q->off)
        return p->off < q->off ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

size_t h5r_join_wants(h5r_want *w, size_t n, uint64_t gap, bool touching)
{
    size_t kept = 0;

    if (n > 1)
        qsort(w, n, sizeof *w, by_offset);
    for (size_t i = 0; i < n; i++) {
        h5r_want *last = kept > 0 ? &w[kept - 1] : NULL;
        bool joins = last != NULL && (w[i].off < last->end || (touching && w[i].off - last->end <= gap));
        if (!joins) {
            w[kept++] = w[i];
            continue;
        }
        last->end = h5r_max(last->end, w[i].end);
        last->kinds |= w[i].kinds;
    }
    return kept;
}

uint64_t h5r_smallest_block(const h5r_file *f)
{
    enum { SMALL = 64 * 1024 };
    return f->source.remote && f->source.block > SMALL ? SMALL : f->source.block;
}

/* Blocks of a size that wants in order lie in, guesses left out. */
static uint64_t count_blocks(const h5r_want *w, size_t n, uint64_t block)
{
    uint64_t count = 0, next = 0; /* the first block that was not counted */

    for (size_t i = 0; i < n; i++) {
        uint64_t first = h5r_max(w[i].off / block, next), last = (w[i].end - 1) / block;
        if (!(w[i].kinds & H5R_WANT_SURE))
            continue;
        if (last >= first) {
            count += last - first + 1;
            next = last + 1;
        }
    }
    return count;
}

/* The largest block that keeps a round within what it may read: a path leads to a few places, whose neighbours are probably asked for
 * next; the members of a group lie in many, and may be all that is asked for; a walk asks for everything sooner or later. */
static uint64_t choose_block(const h5r_ctx *x, const h5r_want *w, size_t n)
{
    enum { PAGE = 4096 };
    const h5r_file *f = x->file;
    uint64_t block = f->options.exact_reads ? 0 : f->source.block, smallest = h5r_smallest_block(f);
    uint64_t most = f->limits.inflight_bytes;

    if (block <= 1 || !f->source.remote)
        return block;
    uint64_t budget = x->reach == H5R_REACH_OBJECT ? 4 * block : x->reach == H5R_REACH_GROUP ? 2 * block : most;
    while (block > smallest && count_blocks(w, n, block) > budget / block)
        block /= 2;
    while (block > PAGE && count_blocks(w, n, block) > most / block)
        block /= 2;
    /* A walk that leads nowhere but to the front of the file: that is where all of it is, in most files. One that fits into a block is read
     * whole. */
    if (x->reach == H5R_REACH_BELOW && block / 4 >= smallest && n > 0 && w[n - 1].end <= block / 4 && h5r_known_end(x->file) > block)
        block /= 4;
    return block;
}

/* Pages of paged file space hold either metadata or data, and are filled from their beginning: what lies between what was read of a
 * page and what is wanted of it will be wanted, too. */
static uint64_t page_begin(const h5r_file *f, uint64_t off, uint64_t block)
{
    uint64_t page = f->info.page_size, hole, hole_end;

    if (!f->source.remote || page <= block || off < f->info.base)
        return off;
    uint64_t begin = off - (off - f->info.base) % page;
    if (!h5r_cache_hole(&f->meta, begin, off, &hole, &hole_end) || hole == begin || hole_end != off)
        return off;
    return off - hole <= 3 * f->source.block ? hole : off;
}

/* Wants in order, widened to blocks. */
static void widen(const h5r_ctx *x, h5r_want *w, size_t n)
{
    const h5r_file *f = x->file;
    uint64_t stop = h5r_min(h5r_known_end(f), f->info.end);

    if (n > 1)
        qsort(w, n, sizeof *w, by_offset);
    uint64_t sure = choose_block(x, w, n), unlikely = h5r_min(sure, h5r_smallest_block(f)), likely = h5r_min(sure, h5r_max(f->source.block / 4, unlikely));
    for (size_t i = 0; sure > 1 && i < n; i++) {
        uint64_t end = w[i].end, block = w[i].kinds & H5R_WANT_SURE ? sure : w[i].kinds & H5R_WANT_LIKELY ? likely : unlikely;
        if (!(w[i].kinds & H5R_WANT_META)) /* data are joined by who asks; heap collections come whole */
            continue;
        w[i].off -= w[i].off % block;
        w[i].off = page_begin(f, w[i].off, block);
        if (h5r_add(end, block - 1, &end))
            end -= end % block;
        w[i].end = h5r_max(w[i].end, h5r_min(end, stop));
    }
}

h5r_cache *h5r_cache_of(h5r_file *f, unsigned kinds)
{
    return kinds & H5R_WANT_META ? &f->meta : kinds & H5R_WANT_HEAP ? &f->heap : &f->data;
}

static bool add_request(h5r_requests *r, uint64_t off, uint64_t len, unsigned kinds)
{
    if (!h5r_grow(&r->reads, &r->cap, r->n, sizeof *r->reads) || !h5r_grow(&r->kinds, &r->cap_kinds, r->n, sizeof *r->kinds))
        return false;
    r->kinds[r->n] = kinds;
    r->reads[r->n++] = (h5r_read){.offset = off, .len = (size_t)len};
    return true;
}

/* Whether another thread is reading part of [off, end). A flight's reads are sorted. */
static bool in_flight(const h5r_file *f, uint64_t off, uint64_t end)
{
    for (const struct h5r_flight *l = f->flights; l != NULL; l = l->next) {
        size_t lo = 0, hi = l->n; /* the first read that ends after off */
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (l->reads[mid].offset + l->reads[mid].len > off)
                hi = mid;
            else
                lo = mid + 1;
        }
        if (lo < l->n && l->reads[lo].offset < end)
            return true;
    }
    return false;
}

/* Requests for all wants that no other thread is already reading, those within gap bytes of each other as one. *others: some are. */
static bool add_requests(h5r_ctx *x, uint64_t gap, h5r_requests *r, bool *others)
{
    h5r_file *f = x->file;
    uint64_t split = f->options.exact_reads ? 0 : f->source.max_request;

    r->n = 0;
    *others = false;
    x->wants.n = h5r_join_wants(x->wants.list, x->wants.n, gap, !f->options.exact_reads);
    for (size_t i = 0; i < x->wants.n; i++) {
        h5r_want w = x->wants.list[i];
        const h5r_cache *cache = h5r_cache_of(f, w.kinds);
        uint64_t hole, hole_end;
        /* From the first to the last absent byte: what lies between is read again rather than asked for in pieces. */
        if (!h5r_cache_hole(cache, w.off, w.end, &hole, &hole_end))
            continue;
        uint64_t from = hole, to = hole_end;
        while (h5r_cache_hole(cache, to, w.end, &hole, &hole_end)) {
            if (f->options.exact_reads || hole - to > gap) {
                if (in_flight(f, from, to))
                    *others = true;
                else if (!add_request(r, from, to - from, w.kinds))
                    return false;
                from = hole;
            }
            to = hole_end;
        }
        if (in_flight(f, from, to)) {
            *others = true;
            continue;
        }
        for (uint64_t at = from; at < to;) {
            uint64_t n = split > 0 && to - at > split + split / 2 ? split : to - at;
            if (!add_request(r, at, n, w.kinds))
                return false;
            at += n;
        }
    }
    return true;
}

/* Requests of a round. While they are few, bytes that nobody asked for save nothing: the gap grows with their number. */
bool h5r_make_requests(h5r_ctx *x, h5r_requests *r, bool *others)
{
    h5r_file *f = x->file;
    uint64_t most = f->options.exact_reads ? 0 : f->source.gap, gap = f->source.remote ? most / 16 : most;

    widen(x, x->wants.list, x->wants.n);
    for (;; gap = h5r_min(gap > 0 ? gap * 4 : 4096, most)) {
        if (!add_requests(x, gap, r, others))
            return false;
        if (gap >= most || r->n <= f->limits.inflight_requests)
            break;
    }
    /* What is beyond the budget of a round is wanted again by the next pass. */
    uint64_t bytes = 0;
    size_t n = 0;
    while (n < r->n && f->source.read_ranges != NULL && (n == 0 || bytes + r->reads[n].len <= f->limits.inflight_bytes))
        bytes += r->reads[n++].len;
    if (f->source.read_ranges != NULL)
        r->n = n;
    return true;
}
