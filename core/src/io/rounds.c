/* Passes and rounds: wants are sorted, coalesced and read in one batch, the only place where the library waits. */
#include "io/ctx.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

h5r_status h5r_fail_again(h5r_ctx *x, const h5r_error *e)
{
    if (x->error.status == H5R_OK)
        x->error = *e;
    return e->status;
}

const h5r_error *h5r_take_error(h5r_ctx *x)
{
    h5r_error e = x->error;
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

static h5r_status want(h5r_ctx *x, uint64_t off, uint64_t end, bool heap)
{
    h5r_wants *w = &x->wants;

    if (w->n == w->cap) {
        size_t cap = w->cap * 2 + 16;
        h5r_want *list = realloc(w->list, cap * sizeof *list);
        if (list == NULL)
            return h5r_nomem(x);
        w->list = list;
        w->cap = cap;
    }
    w->list[w->n++] = (h5r_want){off, end, heap};
    return H5R_NEED;
}

/* End of the source as far as it is known. */
static uint64_t known_end(const h5r_file *f)
{
    return h5r_min(f->source.size, f->source_end);
}

static h5r_status view(h5r_ctx *x, h5r_cache *cache, bool heap, uint64_t addr, uint64_t len, uint64_t hint,
                       const uint8_t **out)
{
    h5r_file *f = x->file;
    uint64_t off, end;
    bool nomem;
    static const uint8_t nothing[1] = {0};

    if (len == 0) {
        *out = nothing;
        return H5R_OK;
    }
    if (addr == H5R_UNDEFINED || !h5r_add(addr, f->info.base, &off) || !h5r_add(off, len, &end))
        return h5r_fail(x, H5R_ERR_FORMAT, H5R_UNDEFINED, "%" PRIu64 " bytes at address %" PRIu64 ", which is no valid address",
                        len, addr);
    if (end > known_end(f) && f->info.driver[0] != '\0')
        return h5r_fail(x, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED,
                        "address %" PRIu64 " lies in another file of a %s set, and such sets are not read", addr, f->info.driver);
    if (end > known_end(f))
        return h5r_fail(x, H5R_ERR_FORMAT, addr,
                        "%" PRIu64 " bytes at byte %" PRIu64 " reach beyond the end of the file at byte %" PRIu64
                        ": the file is truncated or damaged",
                        len, off, known_end(f));
    *out = h5r_cache_find(cache, off, (size_t)len, &nomem);
    if (*out != NULL)
        return H5R_OK;
    if (nomem)
        return h5r_nomem(x);
    uint64_t limit = heap ? f->limits.heap_bytes : f->limits.metadata_bytes;
    if (len > limit || cache->bytes > limit - len)
        return h5r_fail(x, H5R_ERR_LIMIT, addr, "more than %" PRIu64 " bytes of %s (limits.%s)", limit,
                        heap ? "variable-length data" : "metadata", heap ? "heap_bytes" : "metadata_bytes");
    if (!f->options.exact_reads && hint > len && h5r_add(off, hint, &hint)) {
        uint64_t stop = h5r_min(known_end(f), f->info.end);
        end = h5r_max(end, h5r_min(hint, stop));
    }
    return want(x, off, end, heap);
}

h5r_status h5r_view(h5r_ctx *x, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out)
{
    return view(x, &x->file->meta, false, addr, len, hint, out);
}

h5r_status h5r_heap_view(h5r_ctx *x, uint64_t addr, uint64_t len, uint64_t hint, const uint8_t **out)
{
    return view(x, &x->file->heap, true, addr, len, hint, out);
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

static int by_offset(const void *a, const void *b)
{
    const h5r_want *p = a, *q = b;
    if (p->heap != q->heap)
        return p->heap ? 1 : -1;
    if (p->off != q->off)
        return p->off < q->off ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

/* Wants in order, widened to blocks, joined across gaps. Metadata and heap stay apart. Returns how many are left. */
static size_t coalesce(const h5r_file *f, h5r_want *w, size_t n)
{
    size_t kept = 0;
    bool exact = f->options.exact_reads;
    uint64_t block = exact ? 0 : f->source.block, gap = exact ? 0 : f->source.gap;
    uint64_t stop = h5r_min(known_end(f), f->info.end);

    for (size_t i = 0; block > 1 && i < n; i++) {
        uint64_t end = w[i].end;
        w[i].off -= w[i].off % block;
        if (h5r_add(end, block - 1, &end))
            end -= end % block;
        w[i].end = h5r_max(w[i].end, h5r_min(end, stop));
    }
    qsort(w, n, sizeof *w, by_offset);
    for (size_t i = 0; i < n; i++) {
        h5r_want *last = kept > 0 ? &w[kept - 1] : NULL;
        bool joins = last != NULL && last->heap == w[i].heap &&
                     (w[i].off <= last->end || w[i].off - last->end <= gap);
        if (exact && joins)
            joins = w[i].off < last->end;
        if (joins)
            last->end = h5r_max(last->end, w[i].end);
        else
            w[kept++] = w[i];
    }
    return kept;
}

/* A request of a round: what is absent of a want, split to the source's taste. */
typedef struct requests {
    h5r_read *reads;
    bool *heap;
    size_t n, cap;
} requests;

static bool add_request(requests *r, uint64_t off, uint64_t len, bool heap)
{
    if (r->n == r->cap) {
        size_t cap = r->cap * 2 + 16;
        h5r_read *reads = realloc(r->reads, cap * sizeof *reads);
        if (reads != NULL)
            r->reads = reads;
        bool *flags = realloc(r->heap, cap * sizeof *flags);
        if (flags != NULL)
            r->heap = flags;
        if (reads == NULL || flags == NULL)
            return false;
        r->cap = cap;
    }
    r->heap[r->n] = heap;
    r->reads[r->n++] = (h5r_read){.offset = off, .len = (size_t)len};
    return true;
}

static bool in_flight(const h5r_file *f, uint64_t off, uint64_t end)
{
    for (const struct h5r_flight *l = f->flights; l != NULL; l = l->next)
        for (size_t i = 0; i < l->n; i++)
            if (off < l->reads[i].offset + l->reads[i].len && l->reads[i].offset < end)
                return true;
    return false;
}

/* Requests for all wants that no other thread is already reading. *others: some are. */
static bool make_requests(h5r_ctx *x, requests *r, bool *others)
{
    h5r_file *f = x->file;
    uint64_t split = f->options.exact_reads ? 0 : f->source.max_request;

    x->wants.n = coalesce(f, x->wants.list, x->wants.n);
    for (size_t i = 0; i < x->wants.n; i++) {
        h5r_want w = x->wants.list[i];
        const h5r_cache *cache = w.heap ? &f->heap : &f->meta;
        uint64_t hole, hole_end;
        /* From the first to the last absent byte: what lies between is read again rather than asked for in pieces. */
        if (!h5r_cache_hole(cache, w.off, w.end, &hole, &hole_end))
            continue;
        uint64_t from = hole, to = hole_end;
        while (h5r_cache_hole(cache, to, w.end, &hole, &hole_end)) {
            if (f->options.exact_reads || hole - to > f->source.gap) {
                if (in_flight(f, from, to))
                    *others = true;
                else if (!add_request(r, from, to - from, w.heap))
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
            if (!add_request(r, at, n, w.heap))
                return false;
            at += n;
        }
    }
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

static void note_end(h5r_file *f, const h5r_read *r)
{
    if (r->got < r->len)
        f->source_end = h5r_min(f->source_end, r->offset + r->got);
}

/* A reads beyond the end tells only that the end lies before it: the earliest short read says where. */
static h5r_status publish(h5r_ctx *x, requests *r, struct h5r_buffer **buffers)
{
    h5r_file *f = x->file;
    h5r_status st = H5R_OK;

    for (size_t i = 0; i < r->n; i++) {
        if (r->reads[i].got > 0 || r->reads[i].offset == 0)
            note_end(f, &r->reads[i]);
        else if (r->reads[i].got < r->reads[i].len)
            f->source_end = h5r_min(f->source_end, r->reads[i].offset);
        h5r_cache *cache = r->heap[i] ? &f->heap : &f->meta;
        if (!h5r_cache_insert(cache, r->reads[i].offset, buffers[i], r->reads[i].got))
            st = h5r_nomem(x);
        buffers[i] = NULL;
    }
    return st;
}

static h5r_status push_wants(h5r_ctx *x, requests *r)
{
    h5r_file *f = x->file;

    free(f->wanted);
    f->n_wanted = 0;
    f->wanted = malloc((r->n + 1) * sizeof *f->wanted);
    if (f->wanted == NULL)
        return h5r_nomem(x);
    for (size_t i = 0; i < r->n; i++)
        f->wanted[f->n_wanted++] =
            (h5r_want){r->reads[i].offset, r->reads[i].offset + r->reads[i].len, r->heap[i]};
    return H5R_NEED;
}

static h5r_status read_and_publish(h5r_ctx *x, requests *r)
{
    h5r_file *f = x->file;
    h5r_error err;
    h5r_status st = H5R_OK;
    struct h5r_buffer **buffers = calloc(r->n, sizeof *buffers);

    if (buffers == NULL)
        return h5r_nomem(x);
    for (size_t i = 0; i < r->n && st == H5R_OK; i++) {
        buffers[i] = h5r_cache_buffer(r->reads[i].len);
        if (buffers[i] == NULL)
            st = h5r_nomem(x);
        else
            r->reads[i].dst = h5r_cache_bytes(buffers[i]);
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
        if (st == H5R_OK)
            st = publish(x, r, buffers);
        else
            st = h5r_fail_again(x, &err);
        f->batches++;
        pthread_cond_broadcast(&f->arrived);
    }
    for (size_t i = 0; i < r->n; i++)
        h5r_cache_discard(buffers[i]);
    free(buffers);
    return st;
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
    free(r.heap);
    return st;
}

h5r_status h5r_drive(h5r_ctx *x, h5r_step step, void *arg)
{
    h5r_file *f = x->file;
    h5r_status st;

    pthread_mutex_lock(&f->lock);
    for (uint32_t round = 0;; round++) {
        x->error.status = H5R_OK;
        x->wants.n = 0;
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
    pthread_mutex_unlock(&f->lock);
    return st;
}

void h5r_ctx_begin(h5r_ctx *x, h5r_file *f, const char *call)
{
    *x = (h5r_ctx){.file = f, .call = call, .error = {.offset = H5R_UNDEFINED}};
}

h5r_status h5r_ctx_end(h5r_ctx *x, h5r_status st, h5r_error *err)
{
    if (st < 0 && err != NULL) {
        *err = x->error;
        if (err->status == H5R_OK)
            h5r_error_set(err, st, H5R_UNDEFINED, "%s failed", x->call);
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

/* Copies the reads that are in the cache and moves the others to the front. Returns how many are left. */
static size_t serve_from_cache(h5r_file *f, h5r_read *reads, size_t n, h5r_read *missing, size_t *where)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t hole, hole_end, end = reads[i].offset + reads[i].len;
        bool nomem;
        const uint8_t *p = NULL;
        if (!h5r_cache_hole(&f->meta, reads[i].offset, end, &hole, &hole_end))
            p = h5r_cache_find(&f->meta, reads[i].offset, reads[i].len, &nomem);
        if (p != NULL) {
            memcpy(reads[i].dst, p, reads[i].len);
            reads[i].got = reads[i].len;
            continue;
        }
        where[left] = i;
        missing[left++] = reads[i];
    }
    return left;
}

static h5r_status short_read(h5r_ctx *x, const h5r_read *r)
{
    return h5r_error_set(&x->error, H5R_ERR_FORMAT, r->offset,
                         "%zu bytes of data at byte %" PRIu64 ", but the file ends at byte %" PRIu64
                         ": the file is truncated",
                         r->len, r->offset, r->offset + r->got);
}

/* Push mode: all that is missing is wanted at once. */
static h5r_status push_fetch(h5r_ctx *x, const h5r_read *missing, size_t n)
{
    x->wants.n = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t end = missing[i].offset + missing[i].len;
        if (end > known_end(x->file)) {
            h5r_read r = missing[i];
            r.got = known_end(x->file) > r.offset ? (size_t)(known_end(x->file) - r.offset) : 0;
            return short_read(x, &r);
        }
        if (want(x, missing[i].offset, end, false) != H5R_NEED)
            return H5R_ERR_NOMEM;
    }
    return fetch_wants(x);
}

h5r_status h5r_fetch(h5r_ctx *x, h5r_read *reads, size_t n)
{
    h5r_file *f = x->file;
    h5r_read *missing = h5r_scratch(x, n, sizeof *missing);
    size_t *where = h5r_scratch(x, n, sizeof *where);
    h5r_error err;

    if (missing == NULL || where == NULL)
        return H5R_ERR_NOMEM;
    pthread_mutex_lock(&f->lock);
    size_t left = serve_from_cache(f, reads, n, missing, where);
    h5r_status st = H5R_OK;
    if (left > 0 && f->source.read_ranges == NULL)
        st = push_fetch(x, missing, left);
    pthread_mutex_unlock(&f->lock);
    if (left == 0 || f->source.read_ranges == NULL)
        return st;

    st = perform(x, missing, left, &err);
    if (st != H5R_OK)
        return h5r_fail_again(x, &err);
    for (size_t i = 0; i < left; i++) {
        reads[where[i]].got = missing[i].got;
        if (missing[i].got < missing[i].len)
            return short_read(x, &missing[i]);
    }
    return H5R_OK;
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
    if (--f->heap_users == 0 && f->heap.bytes > f->limits.heap_bytes / 4) {
        h5r_cache_free(&f->heap);
        h5r_map_free(&f->heap_memo);
        h5r_arena_free(&f->heap_arena);
    }
    pthread_mutex_unlock(&f->lock);
}
