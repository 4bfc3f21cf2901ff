/* Passes and rounds: wants are sorted, coalesced and read in one batch, the only place where the library waits. */
#include "io/direct.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/index_cache.h"
#include "io/nodes.h"
#include "util/checked.h"
#include "util/lookup3.h"

/* Ranges that some thread is reading now; lives on that thread's stack. */
struct h5r_flight {
    struct h5r_flight *next;
    const h5r_read *reads;
    size_t n;
};

/* ---------------------------------------------------------------- errors */

static uint64_t offset_of(const h5r_ctx *x, uint64_t addr)
{
    uint64_t off;
    return addr == H5R_UNDEFINED || !h5r_add(addr, x->file->info.base, &off) ? H5R_UNDEFINED : off;
}

h5r_status h5r_fail(h5r_ctx *x, h5r_status st, uint64_t addr, const char *format, ...)
{
    char text[sizeof x->error.message];

    if (x->error.status != H5R_OK)
        return st;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return h5r_error_set(&x->error, st, offset_of(x, addr), "%s", text);
}

h5r_status h5r_fail_structure(h5r_ctx *x, h5r_status st, uint64_t addr, const char *what, const char *signature, const uint8_t *p)
{
    if (st == H5R_ERR_NOMEM)
        return h5r_nomem(x);
    if (signature != NULL && memcmp(p, signature, 4) != 0)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "%s should be here: bytes \"%s\" expected, %02x %02x %02x %02x found", what, signature,
                        p[0], p[1], p[2], p[3]);
    if (st == H5R_ERR_UNSUPPORTED)
        return h5r_fail(x, st, addr, "%s of version %u, which is not known", what, p[4]);
    return h5r_fail(x, st, addr, "%s (version %u) whose fields contradict each other", what, p[4]);
}

h5r_status h5r_fail_message(h5r_ctx *x, h5r_status st, uint64_t at, const char *what, const uint8_t *body, size_t len)
{
    if (st == H5R_ERR_NOMEM)
        return h5r_nomem(x);
    if (len == 0)
        return h5r_fail(x, st, at, "%s without content", what);
    if (st == H5R_ERR_UNSUPPORTED)
        return h5r_fail(x, st, at, "%s of version %u, which is not known", what, body[0]);
    return h5r_fail(x, st, at, "%s of version %u and %zu bytes that is cut short or contradicts itself", what, body[0], len);
}

h5r_status h5r_fail_again(h5r_ctx *x, const h5r_error *e)
{
    if (x->error.status == H5R_OK)
        x->error = *e;
    return e->status;
}

const h5r_error *h5r_take_error(h5r_ctx *x, const char *path)
{
    h5r_error e = x->error;
    if (path != NULL)
        h5r_error_set_path(&e, path);
    x->error.status = H5R_OK;
    h5r_error *copy = h5r_alloc(x, 1, sizeof *copy);
    if (copy != NULL)
        *copy = e;
    return copy;
}

h5r_status h5r_nomem(h5r_ctx *x)
{
    return h5r_fail(x, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
}

/* ---------------------------------------------------------------- memory */

void *h5r_alloc(h5r_ctx *x, uint64_t n, size_t size)
{
    h5r_file *f = x->file;
    uint64_t bytes, total;

    if (!h5r_mul(n, size, &bytes) || !h5r_add(bytes, f->arena.used + f->meta.bytes, &total) ||
        total > f->limits.metadata_bytes) {
        h5r_fail(x, H5R_ERR_LIMIT, H5R_UNDEFINED, "more than %" PRIu64 " bytes of metadata (limits.metadata_bytes)",
                 f->limits.metadata_bytes);
        return NULL;
    }
    void *p = h5r_arena_array(&f->arena, n, size);
    if (p == NULL)
        h5r_nomem(x);
    return p;
}

void *h5r_scratch(h5r_ctx *x, uint64_t n, size_t size)
{
    void *p = h5r_arena_array(&x->scratch, n, size);
    if (p == NULL)
        h5r_nomem(x);
    return p;
}

const void *h5r_memo_get(const h5r_ctx *x, uint32_t kind, uint64_t addr)
{
    return h5r_map_get(&x->file->memo, kind, addr);
}

h5r_status h5r_memo_put(h5r_ctx *x, uint32_t kind, uint64_t addr, const void *src, size_t size, const void **out)
{
    void *p = h5r_alloc(x, 1, size);
    if (p == NULL)
        return x->error.status;
    memcpy(p, src, size);
    if (!h5r_map_put(&x->file->memo, kind, addr, p))
        return h5r_nomem(x);
    if (out != NULL)
        *out = p;
    return H5R_OK;
}

/* ---------------------------------------------------------------- views and wants */

static int by_offset(const void *a, const void *b)
{
    const h5r_want *p = a, *q = b;
    if (p->off != q->off)
        return p->off < q->off ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

/* Sorts wants and joins those that overlap, or lie within gap bytes of each other. */
static size_t join_wants(h5r_want *w, size_t n, uint64_t gap, bool touching)
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

/* A column of strings wants one collection thousands of times: the list holds each range about once. */
static void compact(h5r_wants *w)
{
    if (w->n > 1)
        w->n = join_wants(w->list, w->n, 0, false);
    w->bytes = 0;
    for (size_t i = 0; i < w->n; i++)
        w->bytes += w->list[i].end - w->list[i].off;
}

static h5r_status want(h5r_ctx *x, uint64_t off, uint64_t end, unsigned kind)
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

/* What metadata is read in where a round needs many places. */
static uint64_t smallest_block(const h5r_file *f)
{
    enum { SMALL = 64 * 1024 };
    return f->source.remote && f->source.block > SMALL ? SMALL : f->source.block;
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
        uint64_t stop = h5r_min(h5r_known_end(f), f->info.end), page = f->source.remote ? smallest_block(f) : 0;
        if (page > 1 && stop - (end - 1) % page > end) /* a guess is not worth another block */
            stop = h5r_min(stop, end - 1 - (end - 1) % page + page);
        end = h5r_max(end, h5r_min(hint, stop));
    }
    if (kind == H5R_WANT_META && x->guess != H5R_UNLIKELY)
        kind |= x->guess == H5R_LIKELY ? H5R_WANT_LIKELY : H5R_WANT_SURE;
    return want(x, off, end, kind);
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
    if (f->meta.bytes + x->wants.bytes + block < f->limits.metadata_bytes && want(x, off, end, H5R_WANT_META) < 0)
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

/* ---------------------------------------------------------------- rounds */

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
    uint64_t block = f->options.exact_reads ? 0 : f->source.block, smallest = smallest_block(f);
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
    uint64_t sure = choose_block(x, w, n), unlikely = h5r_min(sure, smallest_block(f)), likely = h5r_min(sure, h5r_max(f->source.block / 4, unlikely));
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

/* The cache that keeps a want. One that serves several is metadata first: heap and data look there too. */
static h5r_cache *cache_of(h5r_file *f, unsigned kinds)
{
    return kinds & H5R_WANT_META ? &f->meta : kinds & H5R_WANT_HEAP ? &f->heap : &f->data;
}

/* A request of a round: what is absent of a want, split to the source's taste. */
typedef struct requests {
    h5r_read *reads;  /* sorted, not overlapping */
    unsigned *kinds;
    size_t n, cap;
} requests;

static bool add_request(requests *r, uint64_t off, uint64_t len, unsigned kinds)
{
    if (r->n == r->cap) {
        size_t cap = r->cap * 2 + 16;
        h5r_read *reads = realloc(r->reads, cap * sizeof *reads);
        if (reads != NULL)
            r->reads = reads;
        unsigned *more = realloc(r->kinds, cap * sizeof *more);
        if (more != NULL)
            r->kinds = more;
        if (reads == NULL || more == NULL)
            return false;
        r->cap = cap;
    }
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
static bool add_requests(h5r_ctx *x, uint64_t gap, requests *r, bool *others)
{
    h5r_file *f = x->file;
    uint64_t split = f->options.exact_reads ? 0 : f->source.max_request;

    r->n = 0;
    *others = false;
    x->wants.n = join_wants(x->wants.list, x->wants.n, gap, !f->options.exact_reads);
    for (size_t i = 0; i < x->wants.n; i++) {
        h5r_want w = x->wants.list[i];
        const h5r_cache *cache = cache_of(f, w.kinds);
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
static bool make_requests(h5r_ctx *x, requests *r, bool *others)
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

static void note_round(h5r_file *f, const h5r_read *reads, size_t n)
{
    f->stats.rounds++;
    f->stats.requests += n;
    for (size_t i = 0; i < n; i++)
        f->stats.bytes += reads[i].got;
}

/* Performs a batch, file unlocked on entry and exit. */
static h5r_status perform(h5r_ctx *x, h5r_read *reads, size_t n, h5r_error *err)
{
    h5r_file *f = x->file;
    double start = h5r_now();

    *err = (h5r_error){.offset = H5R_UNDEFINED};
    if (f->source.one_at_a_time)
        pthread_mutex_lock(&f->io_lock);
    h5r_status st = f->source.read_ranges(f->source.ctx, reads, n, err);
    if (f->source.one_at_a_time)
        pthread_mutex_unlock(&f->io_lock);
    if (st > H5R_OK)
        st = H5R_ERR_INTERNAL;
    for (size_t i = 0; i < n; i++)
        if (reads[i].got > reads[i].len)
            reads[i].got = reads[i].len; /* a source that claims more than it could store */
    if (st != H5R_OK && err->status == H5R_OK)
        h5r_error_set(err, st, reads[0].offset, "the source failed without saying why");

    pthread_mutex_lock(&f->lock);
    note_round(f, reads, n);
    uint64_t number = f->stats.rounds;
    pthread_mutex_unlock(&f->lock);
    if (f->options.trace != NULL) {
        h5r_round round = {.number = number, .call = x->call, .reads = reads, .n = n, .seconds = h5r_now() - start};
        f->options.trace(f->options.trace_ctx, &round);
    }
    return st;
}

void h5r_count_round(h5r_file *f, const h5r_read *reads, size_t n)
{
    pthread_mutex_lock(&f->lock);
    note_round(f, reads, n);
    pthread_mutex_unlock(&f->lock);
}

static void note_end(h5r_file *f, const h5r_read *r)
{
    if (r->got < r->len)
        f->source_end = h5r_min(f->source_end, r->offset + r->got);
}

/* A read beyond the end tells only that the end lies before it: the earliest short read says where. */
static h5r_status publish(h5r_ctx *x, const requests *r, h5r_cache_item *items)
{
    h5r_file *f = x->file;
    h5r_status st = H5R_OK;
    h5r_cache *caches[] = {&f->meta, &f->heap, &f->data};
    h5r_cache_item *part = malloc(r->n * sizeof *part);

    if (part == NULL)
        return h5r_nomem(x);
    for (size_t i = 0; i < r->n; i++) {
        if (r->reads[i].got > 0 || r->reads[i].offset == 0)
            note_end(f, &r->reads[i]);
        else if (r->reads[i].got < r->reads[i].len)
            f->source_end = h5r_min(f->source_end, r->reads[i].offset);
        items[i].len = r->reads[i].got;
    }
    for (size_t k = 0; k < sizeof caches / sizeof *caches; k++) {
        size_t n = 0;
        for (size_t i = 0; i < r->n; i++)
            if (cache_of(f, r->kinds[i]) == caches[k]) {
                part[n++] = items[i];
                items[i].buffer = NULL;
            }
        if (n > 0 && !h5r_cache_insert_all(caches[k], part, n))
            st = h5r_nomem(x);
    }
    free(part);
    return st;
}

static h5r_status push_wants(h5r_ctx *x, const requests *r)
{
    h5r_file *f = x->file;
    h5r_want *wanted = malloc((r->n + 1) * sizeof *wanted);

    if (wanted == NULL)
        return h5r_nomem(x);
    for (size_t i = 0; i < r->n; i++)
        wanted[i] = (h5r_want){r->reads[i].offset, r->reads[i].offset + r->reads[i].len, r->kinds[i]};
    free(f->wanted);
    f->wanted = wanted;
    f->n_wanted = r->n;
    f->round_pending = r->n > 0;
    return H5R_NEED;
}

static h5r_status read_and_publish(h5r_ctx *x, requests *r)
{
    h5r_file *f = x->file;
    h5r_error err;
    h5r_status st = H5R_OK;
    h5r_cache_item *items = calloc(r->n, sizeof *items);

    if (items == NULL)
        return h5r_nomem(x);
    for (size_t i = 0; i < r->n && st == H5R_OK; i++) {
        items[i] = (h5r_cache_item){.off = r->reads[i].offset, .buffer = h5r_cache_buffer(r->reads[i].len)};
        if (items[i].buffer == NULL)
            st = h5r_nomem(x);
        else
            r->reads[i].dst = h5r_cache_bytes(items[i].buffer);
    }
    if (st == H5R_OK) {
        struct h5r_flight flight = {f->flights, r->reads, r->n};
        f->flights = &flight;
        pthread_mutex_unlock(&f->lock);
        st = perform(x, r->reads, r->n, &err);
        pthread_mutex_lock(&f->lock);
        struct h5r_flight **p = &f->flights;
        while (*p != &flight)
            p = &(*p)->next;
        *p = flight.next;
        st = st == H5R_OK ? publish(x, r, items) : h5r_fail_again(x, &err);
        f->batches++;
        pthread_cond_broadcast(&f->arrived);
    }
    for (size_t i = 0; i < r->n; i++)
        h5r_cache_discard(items[i].buffer);
    free(items);
    return st;
}

void h5r_want_later(h5r_ctx *x)
{
    h5r_wants *later = &x->file->later;
    uint64_t block = smallest_block(x->file), stop = h5r_min(h5r_known_end(x->file), x->file->info.end), end;

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
        later->n = join_wants(later->list, later->n, 0, true);
    later->n = later->n < H5R_MOST_LATER ? later->n : H5R_MOST_LATER;
}

/* A round of metadata takes along what was put off. */
static void add_later(h5r_ctx *x)
{
    h5r_wants *later = &x->file->later;

    for (size_t i = 0; i < later->n; i++)
        if (want(x, later->list[i].off, later->list[i].end, H5R_WANT_META) != H5R_NEED)
            x->error.status = H5R_OK; /* without memory it is not read ahead */
    later->n = 0;
}

/* One round: everything wanted, in one batch. File locked on entry and exit. */
static h5r_status fetch_wants(h5r_ctx *x)
{
    h5r_file *f = x->file;
    requests r = {0};
    bool others = false;
    h5r_status st = H5R_OK;

    if (x->wants.n == 0)
        return h5r_fail(x, H5R_ERR_INTERNAL, H5R_UNDEFINED, "%s: a pass needs bytes but wants none", x->call);
    add_later(x);
    if (!make_requests(x, &r, &others))
        st = h5r_nomem(x);
    else if (f->source.read_ranges == NULL)
        st = push_wants(x, &r);
    else if (r.n > 0)
        st = read_and_publish(x, &r);
    else if (others)
        for (uint64_t batch = f->batches; batch == f->batches;)
            pthread_cond_wait(&f->arrived, &f->lock);
    free(r.reads);
    free(r.kinds);
    return st;
}

h5r_status h5r_drive(h5r_ctx *x, h5r_step step, void *arg)
{
    h5r_file *f = x->file;
    h5r_turn turn;
    h5r_status st;

    pthread_mutex_lock(&f->lock);
    h5r_turn_begin(x, &turn);
    for (uint32_t round = 0;; round++) {
        x->error.status = H5R_OK;
        if (!f->opened && !x->opening) {
            st = h5r_fail(x, H5R_ERR_ARG, H5R_UNDEFINED, "%s: the file is not open yet: h5r_open_continue() goes on", x->call);
            break;
        }
        x->wants.n = 0;
        x->wants.bytes = 0;
        h5r_arena_free(&x->scratch);
        st = step(x, arg);
        if (st != H5R_NEED)
            break;
        x->error.status = H5R_OK; /* errors beside NEED are met again, in order, once the bytes are there */
        if (round >= f->limits.rounds) {
            st = h5r_fail(x, H5R_ERR_LIMIT, H5R_UNDEFINED, "more than %" PRIu32 " rounds in one call (limits.rounds)",
                          f->limits.rounds);
            break;
        }
        st = fetch_wants(x);
        if (st != H5R_OK)
            break;
    }
    h5r_turn_end(x, &turn, st);
    pthread_mutex_unlock(&f->lock);
    return st;
}

void h5r_ctx_begin(h5r_ctx *x, h5r_file *f, const char *call)
{
    *x = (h5r_ctx){.file = f, .call = call, .sharers = 1, .error = {.offset = H5R_UNDEFINED}};
}

h5r_status h5r_ctx_end(h5r_ctx *x, h5r_status st, h5r_error *err)
{
    if (st < 0 && err != NULL) {
        *err = x->error;
        if (err->status != st)
            h5r_error_set(err, st, H5R_UNDEFINED, "%s: %s", x->call, h5r_status_name(st));
    }
    h5r_arena_free(&x->scratch);
    free(x->wants.list);
    return st;
}

h5r_status h5r_run(h5r_file *f, const char *call, h5r_step step, void *arg, h5r_error *err)
{
    h5r_ctx x;
    h5r_ctx_begin(&x, f, call);
    return h5r_ctx_end(&x, h5r_drive(&x, step, arg), err);
}

/* ---------------------------------------------------------------- chunk data */

/* What is left to read of a batch, in order. */
typedef struct absent {
    h5r_read *reads;
    size_t *from; /* index in the caller's reads; behind them in the company */
    size_t n, cap;
} absent;

static bool add_absent(absent *a, h5r_read r, size_t from)
{
    if (a->n == a->cap) {
        size_t cap = a->cap * 2 + 16;
        h5r_read *reads = realloc(a->reads, cap * sizeof *reads);
        if (reads != NULL)
            a->reads = reads;
        size_t *more = realloc(a->from, cap * sizeof *more);
        if (more != NULL)
            a->from = more;
        if (reads == NULL || more == NULL)
            return false;
        a->cap = cap;
    }
    a->reads[a->n] = r;
    a->from[a->n++] = from;
    return true;
}

/* A read without what was read as metadata: that is copied, unless a request would come of leaving it out. */
static bool add_holes(const h5r_file *f, const h5r_read *r, size_t from, absent *a)
{
    uint64_t end = r->offset + r->len, at = r->offset, hole, stop, next, next_stop;
    uint8_t *dst = r->dst;

    for (; h5r_cache_hole(&f->meta, at, end, &hole, &stop); at = stop) {
        while (h5r_cache_hole(&f->meta, stop, end, &next, &next_stop) && next - stop <= f->source.gap)
            stop = next_stop;
        (void)h5r_cache_copy(&f->meta, at, (size_t)(hole - at), dst + (at - r->offset));
        if (!add_absent(a, (h5r_read){.offset = hole, .len = (size_t)(stop - hole), .dst = dst + (hole - r->offset)}, from))
            return false;
    }
    (void)h5r_cache_copy(&f->meta, at, (size_t)(end - at), dst + (at - r->offset));
    return true;
}

/* Copies the reads that are in the cache and lists the others, as far as they are absent. False: out of memory. */
static bool serve_from_cache(const h5r_file *f, h5r_read *reads, size_t n, absent *a)
{
    for (size_t i = 0; i < n; i++) {
        h5r_read *r = &reads[i];
        r->got = r->len;
        if (h5r_cache_copy(&f->meta, r->offset, r->len, r->dst) || h5r_cache_copy(&f->data, r->offset, r->len, r->dst) ||
            h5r_cache_copy(&f->heap, r->offset, r->len, r->dst))
            continue;
        if (!(f->source.read_ranges == NULL || f->options.exact_reads ? add_absent(a, *r, i) : add_holes(f, r, i, a)))
            return false;
    }
    return true;
}

/* Push mode: all that is missing is wanted at once. */
static h5r_status push_fetch(h5r_ctx *x, const h5r_read *missing, size_t n)
{
    uint64_t known = h5r_known_end(x->file);

    x->wants.n = 0;
    x->wants.bytes = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t end = missing[i].offset + missing[i].len;
        if (end > known) {
            h5r_read r = missing[i];
            r.got = known > r.offset ? (size_t)(known - r.offset) : 0;
            return h5r_short_read(x->file, &r, &x->error);
        }
        if (want(x, missing[i].offset, end, H5R_WANT_DATA) != H5R_NEED)
            return H5R_ERR_NOMEM;
    }
    return fetch_wants(x);
}

void h5r_drop_data(h5r_file *f)
{
    pthread_mutex_lock(&f->lock);
    h5r_cache_free(&f->data);
    pthread_mutex_unlock(&f->lock);
}

/* Metadata that are read along with data. */
typedef struct company {
    h5r_cache_item items[H5R_MOST_LATER]; /* sorted */
    size_t n;
} company;

/* What was put off and is still absent; where a read of the batch overlaps it, what is left behind the read, or before it. */
static void take_later(h5r_file *f, const h5r_read *reads, size_t n, company *c)
{
    for (size_t i = 0; i < f->later.n; i++) {
        const h5r_want *w = &f->later.list[i];
        uint64_t hole, end, next, next_end;
        if (!h5r_cache_hole(&f->meta, w->off, w->end, &hole, &end))
            continue;
        for (uint64_t at = end; h5r_cache_hole(&f->meta, at, w->end, &next, &next_end); at = next_end)
            end = next_end;
        for (size_t k = 0; k < n && hole < end; k++) {
            uint64_t stop = reads[k].offset + reads[k].len;
            if (reads[k].offset >= end || stop <= hole)
                continue;
            if (stop < end)
                hole = stop;
            else
                end = h5r_max(reads[k].offset, hole);
        }
        struct h5r_buffer *b = hole < end && f->meta.bytes + (end - hole) < f->limits.metadata_bytes ? h5r_cache_buffer((size_t)(end - hole)) : NULL;
        if (b != NULL) /* without memory it is not read ahead */
            c->items[c->n++] = (h5r_cache_item){hole, b, (size_t)(end - hole)};
    }
    f->later.n = 0;
}

typedef struct fetched {
    h5r_read read;
    size_t from;
} fetched;

static int by_read(const void *a, const void *b)
{
    const fetched *p = a, *q = b;
    return p->read.offset < q->read.offset ? -1 : p->read.offset > q->read.offset;
}

/* Puts the company's reads among those of the data, in order. */
static h5r_status add_company(h5r_ctx *x, const company *c, size_t n, absent *a)
{
    for (size_t i = 0; i < c->n; i++)
        if (!add_absent(a, (h5r_read){.offset = c->items[i].off, .len = c->items[i].len, .dst = h5r_cache_bytes(c->items[i].buffer)}, n + i))
            return h5r_nomem(x);
    fetched *list = c->n > 0 ? malloc(a->n * sizeof *list) : NULL;
    if (list == NULL)
        return c->n > 0 ? h5r_nomem(x) : H5R_OK;
    for (size_t i = 0; i < a->n; i++)
        list[i] = (fetched){a->reads[i], a->from[i]};
    qsort(list, a->n, sizeof *list, by_read);
    for (size_t i = 0; i < a->n; i++) {
        a->reads[i] = list[i].read;
        a->from[i] = list[i].from;
    }
    free(list);
    return H5R_OK;
}

/* Reads what is absent, with the company in the same batch. */
static h5r_status perform_absent(h5r_ctx *x, h5r_read *reads, size_t n, absent *a, company *c)
{
    h5r_error err;

    h5r_status st = add_company(x, c, n, a);
    if (st == H5R_OK && (st = perform(x, a->reads, a->n, &err)) != H5R_OK)
        st = h5r_fail_again(x, &err);
    for (size_t i = 0; i < a->n && st == H5R_OK; i++) {
        const h5r_read *part = &a->reads[i];
        if (a->from[i] >= n) {
            c->items[a->from[i] - n].len = part->got;
        } else if (part->got < part->len) {
            h5r_read *r = &reads[a->from[i]];
            r->got = (size_t)(part->offset - r->offset) + part->got;
            st = h5r_short_read(x->file, r, &x->error);
        }
    }
    pthread_mutex_lock(&x->file->lock);
    if (st == H5R_OK && !h5r_cache_insert_all(&x->file->meta, c->items, c->n))
        st = h5r_nomem(x);
    else if (st != H5R_OK)
        for (size_t i = 0; i < c->n; i++)
            h5r_cache_discard(c->items[i].buffer);
    pthread_mutex_unlock(&x->file->lock);
    return st;
}

/* The lists are freed at once: a call may fetch many times. */
h5r_status h5r_fetch(h5r_ctx *x, h5r_read *reads, size_t n)
{
    h5r_file *f = x->file;
    absent a = {0};
    company with = {.n = 0};
    h5r_status st = H5R_OK;

    pthread_mutex_lock(&f->lock);
    if (!serve_from_cache(f, reads, n, &a))
        st = h5r_nomem(x);
    else if (a.n > 0 && f->source.read_ranges == NULL)
        st = push_fetch(x, a.reads, a.n);
    else if (a.n > 0)
        take_later(f, a.reads, a.n, &with);
    pthread_mutex_unlock(&f->lock);
    if (st == H5R_OK && a.n > 0 && f->source.read_ranges != NULL)
        st = perform_absent(x, reads, n, &a, &with);
    if (st == H5R_OK && x->keeping) {
        pthread_mutex_lock(&f->lock);
        h5r_index_cache_keep_data(f, reads, n);
        pthread_mutex_unlock(&f->lock);
    }
    free(a.reads);
    free(a.from);
    return st;
}

/* ---------------------------------------------------------------- heap cache */

void h5r_heap_enter(h5r_file *f)
{
    pthread_mutex_lock(&f->lock);
    f->heap_users++;
    pthread_mutex_unlock(&f->lock);
}

/* Values are copied out of the heap cache, so it can be dropped whenever no call is using it. A quarter of the limit is
 * kept for the next call. */
void h5r_heap_leave(h5r_file *f)
{
    pthread_mutex_lock(&f->lock);
    bool unused = --f->heap_users == 0;
    /* Others may be between two passes: they ask again for what they had. With many threads it is never unused. */
    if (f->heap.bytes > (unused ? f->limits.heap_bytes / 4 : f->limits.heap_bytes / 2)) {
        h5r_cache_free(&f->heap);
        h5r_map_free(&f->heap_memo);
        h5r_arena_free(&f->heap_arena);
    }
    pthread_mutex_unlock(&f->lock);
}
