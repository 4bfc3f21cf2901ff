#include "read/deliver.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "format/swap.h"
#include "io/direct.h"
#include "read/external.h"
#include "read/scatter.h"
#include "util/checked.h"

/* GROUP: pieces that a thread takes at once. GROUP_BYTES: work that is worth taking. SHARED: work that is worth waking a thread. MIN_ROW:
 * elements of a row that unshuffling straight into place is worth it. */
enum { GROUP = 64, GROUP_BYTES = 128 * 1024, SHARED = 512 * 1024, MIN_ROW = 16 };

/* ---------------------------------------------------------------- into place */

void h5r_scatter_part(const h5r_window *w, const h5r_part *part, const uint8_t *bytes, size_t plane)
{
    uint64_t unit = plane > 0 ? 1 : w->d->type->size;
    int64_t src_stride[H5R_MAX_RANK + 1];
    uint8_t *dst = w->dst;

    for (unsigned i = 0; i < w->rank; i++) {
        bytes += part->at[i] * part->stride[i] * unit;
        src_stride[i] = w->step[i] * (int64_t)(part->stride[i] * unit);
        dst += (int64_t)part->first[i] * w->dst_stride[i];
    }
    h5r_scatter s = {.type = w->d->type, .rank = w->rank, .count = part->count, .src_stride = src_stride, .dst_stride = w->dst_stride,
                     .swap = w->swap, .plane = plane};
    h5r_scatter_copy(&s, bytes, dst);
}

static void scatter_run(const h5r_piece *p, const uint8_t *bytes)
{
    const h5r_window *w = p->w;
    uint64_t count[H5R_MAX_RANK + 1] = {1}, rest = p->outer;
    int64_t src_stride[H5R_MAX_RANK + 1];
    uint8_t *dst = w->dst;
    h5r_part part;

    (void)h5r_part_of(w, p->chunk, &part);
    for (unsigned i = p->dim; i-- > 0;) {
        dst += (int64_t)(part.first[i] + rest % part.count[i]) * w->dst_stride[i];
        rest /= part.count[i];
    }
    for (unsigned i = p->dim; i < w->rank; i++) {
        count[i - p->dim] = i == p->dim ? p->count : part.count[i];
        src_stride[i - p->dim] = w->step[i] * (int64_t)(part.stride[i] * w->d->type->size);
        dst += (int64_t)(part.first[i] + (i == p->dim ? p->first : 0)) * w->dst_stride[i];
    }
    if (w->rank > 0 && w->step[p->dim] < 0) /* the first element selected is the last one of the run */
        bytes += (int64_t)(p->count - 1) * -src_stride[0];
    h5r_scatter s = {.type = w->d->type, .rank = w->rank - p->dim, .count = count, .src_stride = src_stride,
                     .dst_stride = w->dst_stride + p->dim, .swap = w->swap};
    h5r_scatter_copy(&s, bytes, dst);
}

/* ---------------------------------------------------------------- decoding */

/* Whether the shuffle can be undone on the way into place. */
static bool goes_by_planes(const h5r_file *f, const h5r_window *w, const h5r_part *part, unsigned n_filters, uint32_t skipped)
{
    const h5r_dataset *d = w->d;
    uint32_t size = d->type->size;
    unsigned in = w->rank - 1;

    return w->rank > 0 && size > 1 && part->count[in] >= MIN_ROW && w->step[in] == 1 && w->dst_stride[in] == (int64_t)size &&
           (!w->swap || h5r_is_atomic(d->type)) && h5r_pipeline_ends_shuffled(&f->options, d->filters, n_filters, skipped, size);
}

static h5r_status decode_into(const h5r_file *f, const h5r_piece *p, unsigned n_filters, const uint8_t *bytes, uint8_t *dst,
                              h5r_decode_scratch *s, h5r_error *err)
{
    const h5r_dataset *d = p->w->d;
    return h5r_pipeline_decode(&f->options, d->filters, n_filters, p->chunk->skipped, bytes, (size_t)p->len, dst, (size_t)d->chunk_bytes,
                               &s->pipeline, err);
}

/* Decodes to a buffer of its own, which the cache keeps when that is wanted, and copies from there. */
static h5r_status decode_and_scatter(const h5r_file *f, const h5r_piece *p, const h5r_part *part, unsigned n_filters, const uint8_t *bytes,
                                     h5r_decode_scratch *s, h5r_error *err)
{
    const h5r_dataset *d = p->w->d;
    h5r_chunk_cache *cache = h5r_engine_cache(f->root->engine);
    h5r_cached_chunk *kept = p->keep ? h5r_chunk_cache_room(cache, d, p->chunk->number, (size_t)d->chunk_bytes) : NULL;

    if (kept == NULL && !h5r_buf_reserve(&s->chunk, (size_t)d->chunk_bytes))
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    uint8_t *chunk = kept != NULL ? kept->bytes : s->chunk.bytes;
    h5r_status st = decode_into(f, p, n_filters, bytes, chunk, s, err);
    if (st == H5R_OK)
        h5r_scatter_part(p->w, part, chunk, 0);
    if (kept != NULL) {
        if (st == H5R_OK)
            h5r_chunk_cache_put(cache, kept);
        h5r_chunk_cache_release(cache, kept);
    }
    return st;
}

static h5r_status deliver_chunk(const h5r_file *f, const h5r_piece *p, const uint8_t *bytes, h5r_decode_scratch *s, h5r_error *err)
{
    const h5r_window *w = p->w;
    const h5r_dataset *d = w->d;
    unsigned n_filters = h5r_filters_of(d, p->chunk->number);
    h5r_part part;
    h5r_status st = H5R_OK;

    (void)h5r_part_of(w, p->chunk, &part);
    if (!p->keep && goes_by_planes(f, w, &part, n_filters, p->chunk->skipped)) {
        const uint8_t *planes = NULL;
        st = h5r_pipeline_decode_planes(&f->options, d->filters, n_filters, p->chunk->skipped, bytes, (size_t)p->len, (size_t)d->chunk_bytes,
                                        &planes, &s->pipeline, err);
        if (st != H5R_OK)
            return st;
        if (planes != NULL) {
            h5r_scatter_part(w, &part, planes, (size_t)(d->chunk_bytes / d->type->size));
            return H5R_OK;
        }
    }
    if (p->dst == NULL)
        return decode_and_scatter(f, p, &part, n_filters, bytes, s, err);
    st = decode_into(f, p, n_filters, bytes, p->dst, s, err);
    if (st == H5R_OK && w->swap)
        h5r_swap(d->type, p->dst, (size_t)(d->chunk_bytes / d->type->size));
    return st;
}

/* Brings a piece from its bytes, which may have been read into their place already, to where it belongs. */
static h5r_status deliver(const h5r_file *f, const h5r_piece *p, const uint8_t *bytes, h5r_decode_scratch *s, h5r_error *err)
{
    const h5r_window *w = p->w;
    h5r_part part;

    if (p->raw && bytes == p->dst) {
        if (w->swap)
            h5r_swap(w->d->type, p->dst, (size_t)(p->len / w->d->type->size));
        return H5R_OK;
    }
    if (p->run) {
        scatter_run(p, bytes);
        return H5R_OK;
    }
    if (p->raw) {
        (void)h5r_part_of(w, p->chunk, &part);
        h5r_scatter_part(w, &part, bytes, 0);
        return H5R_OK;
    }
    h5r_error why = {0};
    h5r_status st = deliver_chunk(f, p, bytes, s, &why);
    return st == H5R_OK ? H5R_OK : h5r_error_set(err, st, p->offset, "chunk %" PRIu64 " of %" PRIu64 " bytes: %s", p->chunk->number, p->len, why.message);
}

/* ---------------------------------------------------------------- requests */

/* Whether a piece is read straight into the caller's buffer. Small ones are not where a request costs something: they are joined with
 * their neighbours instead. */
static bool goes_straight(const h5r_file *f, const h5r_piece *p)
{
    return p->raw && p->dst != NULL && p->len >= f->source.gap;
}

/* Requests for pieces [0, n), neighbours joined across the source's gap; where[i] is the request of piece i. Those that go through a
 * buffer have no dst yet. */
static size_t make_reads(const h5r_file *f, const h5r_piece *p, size_t n, h5r_read *reads, size_t *where)
{
    uint64_t gap = f->options.exact_reads ? 0 : f->source.gap, split = f->source.max_request;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t end = p[i].offset + p[i].len;
        uint8_t *straight = goes_straight(f, &p[i]) ? p[i].dst : NULL;
        if (k > 0) {
            h5r_read *r = &reads[k - 1];
            uint64_t r_end = r->offset + r->len;
            bool overlaps = p[i].offset < r_end;
            bool near = p[i].offset <= r_end || p[i].offset - r_end <= gap;
            if (straight != NULL || r->dst != NULL) /* one request when they follow each other on both sides */
                near = straight != NULL && r->dst != NULL && p[i].offset == r_end && straight == (uint8_t *)r->dst + r->len;
            if (overlaps || (near && (split == 0 || end - r->offset <= split))) {
                if (end > r_end)
                    r->len = (size_t)(end - r->offset);
                where[i] = k - 1;
                continue;
            }
        }
        reads[k] = (h5r_read){.offset = p[i].offset, .len = (size_t)p[i].len, .dst = straight};
        where[i] = k++;
    }
    return k;
}

/* Places in a buffer for the requests that go through one. */
static h5r_status place_reads(h5r_read *reads, size_t k, h5r_buf *buf)
{
    size_t total = 0;

    for (size_t i = 0; i < k; i++)
        total += reads[i].dst == NULL ? reads[i].len : 0;
    if (!h5r_buf_reserve(buf, total > 0 ? total : 1))
        return H5R_ERR_NOMEM;
    for (size_t i = 0, at = 0; i < k; i++)
        if (reads[i].dst == NULL) {
            reads[i].dst = buf->bytes + at;
            at += reads[i].len;
        }
    return H5R_OK;
}

static const uint8_t *bytes_of(const h5r_piece *p, const h5r_read *r)
{
    return (const uint8_t *)r->dst + (p->offset - r->offset);
}

/* The first piece whose bytes did not come. */
static size_t first_missing(const h5r_piece *p, size_t n, const h5r_read *reads, const size_t *where)
{
    for (size_t i = 0; i < n; i++) {
        const h5r_read *r = &reads[where[i]];
        if (r->got < p[i].offset - r->offset + p[i].len)
            return i;
    }
    return 0;
}

/* ---------------------------------------------------------------- work of several threads */

/* A batch whose bytes have come, or all pieces of a call, to be read by who takes them. */
typedef struct work {
    h5r_job job;
    h5r_file *f;
    const h5r_piece *p;
    size_t n, step;           /* step: pieces taken at once, at most GROUP */
    const h5r_read *reads;    /* of a batch, else NULL */
    const size_t *where;
    atomic_size_t next;       /* the first piece that nobody has taken */
    atomic_size_t failed;     /* the first piece that failed; later ones do not matter any more */
    atomic_uint_fast64_t chunks, requests, bytes;
    h5r_mutex lock;           /* guards error */
    h5r_error error;
} work;

static void fail(work *k, size_t i, const h5r_error *err)
{
    pthread_mutex_lock(&k->lock);
    if (i < atomic_load(&k->failed)) {
        k->error = *err;
        atomic_store(&k->failed, i);
    }
    pthread_mutex_unlock(&k->lock);
}

static bool deliver_one(work *k, size_t i, const uint8_t *bytes, h5r_decode_scratch *s)
{
    h5r_error err = {.offset = H5R_UNDEFINED};

    if (deliver(k->f, &k->p[i], bytes, s, &err) != H5R_OK) {
        fail(k, i, &err);
        return false;
    }
    if (k->p[i].chunk != NULL && !k->p[i].run)
        atomic_fetch_add_explicit(&k->chunks, 1, memory_order_relaxed);
    return true;
}

/* Reads pieces [i, end) and delivers them. When the read fails, the piece that is to blame is found by reading one after the other: one
 * before it may be damaged. */
static void read_group(work *k, size_t i, size_t end, h5r_decode_scratch *s)
{
    h5r_read reads[GROUP];
    size_t where[GROUP];
    h5r_error err = {.offset = H5R_UNDEFINED};

    size_t n = make_reads(k->f, k->p + i, end - i, reads, where);
    h5r_status st = place_reads(reads, n, &s->stored);
    if (st != H5R_OK)
        h5r_error_set(&err, st, H5R_UNDEFINED, "out of memory");
    else
        st = h5r_fetch_direct(k->f, reads, n, &err);
    if (st != H5R_OK && end - i > 1) {
        for (; i < end; i++)
            read_group(k, i, i + 1, s);
        return;
    }
    if (st != H5R_OK) {
        fail(k, i, &err);
        return;
    }
    atomic_fetch_add_explicit(&k->requests, n, memory_order_relaxed);
    for (size_t r = 0; r < n; r++)
        atomic_fetch_add_explicit(&k->bytes, reads[r].got, memory_order_relaxed);
    for (size_t r = i; r < end; r++)
        if (!deliver_one(k, r, bytes_of(&k->p[r], &reads[where[r - i]]), s))
            return;
}

static void take_work(void *arg)
{
    work *k = arg;
    h5r_engine *e = k->f->root->engine;
    h5r_decode_scratch *s = h5r_engine_take(e);
    size_t i;

    if (s == NULL) {
        h5r_error err = {.offset = H5R_UNDEFINED};
        h5r_error_set(&err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
        fail(k, 0, &err);
        return;
    }
    while ((i = atomic_fetch_add(&k->next, k->step)) < k->n && i < atomic_load(&k->failed)) {
        size_t end = h5r_min(i + k->step, k->n);
        if (k->reads == NULL) {
            read_group(k, i, end, s);
            continue;
        }
        for (; i < end && deliver_one(k, i, bytes_of(&k->p[i], &k->reads[k->where[i]]), s); i++)
            ;
    }
    h5r_engine_give(e, s);
}

static void begin_work(work *k, const h5r_pieces *l)
{
    h5r_engine *e = k->f->root->engine;
    uint64_t mean = l->work / (l->n > 0 ? l->n : 1), amount = mean * k->n;
    unsigned helpers = h5r_engine_helpers(e);

    k->step = mean >= GROUP_BYTES ? 1 : (size_t)h5r_min(GROUP_BYTES / h5r_max(mean, 1), GROUP);
    k->step = (size_t)h5r_max(1, h5r_min(k->step, k->n / (2 * ((size_t)helpers + 1))));
    k->job = (h5r_job){.run = take_work, .arg = k, .helpers = amount >= SHARED ? (unsigned)h5r_min(helpers, (k->n - 1) / k->step) : 0};
    atomic_init(&k->next, 0);
    atomic_init(&k->failed, SIZE_MAX);
    atomic_init(&k->chunks, 0);
    atomic_init(&k->requests, 0);
    atomic_init(&k->bytes, 0);
    pthread_mutex_init(&k->lock, NULL);
    h5r_pool_begin(h5r_engine_pool(e), &k->job);
}

static h5r_status end_work(h5r_ctx *x, work *k, h5r_pieces *l)
{
    take_work(k);
    h5r_pool_end(h5r_engine_pool(k->f->root->engine), &k->job);
    pthread_mutex_destroy(&k->lock);
    h5r_count_direct(k->f, atomic_load(&k->requests), atomic_load(&k->bytes), atomic_load(&k->chunks));
    size_t failed = atomic_load(&k->failed);
    if (failed == SIZE_MAX)
        return H5R_OK;
    l->failed = k->p[failed].w->object->addr;
    x->error = k->error; /* also in place of what a later batch ran into */
    return k->error.status;
}

/* ---------------------------------------------------------------- batches */

typedef struct batch {
    h5r_read *reads;
    size_t *where;
    size_t cap;
    h5r_buf buf;
    work work;
    bool begun;
} batch;

static void free_batch(batch *b)
{
    free(b->reads);
    free(b->where);
    h5r_buf_free(&b->buf);
}

static h5r_status fetch_batch(h5r_ctx *x, h5r_pieces *l, const h5r_piece *p, size_t n, batch *b)
{
    if (n > b->cap) {
        free(b->reads);
        free(b->where);
        b->reads = malloc(n * sizeof *b->reads);
        b->where = malloc(n * sizeof *b->where);
        b->cap = b->reads != NULL && b->where != NULL ? n : 0;
        if (b->cap == 0)
            return h5r_nomem(x);
    }
    size_t k = make_reads(x->file, p, n, b->reads, b->where);
    h5r_status st = place_reads(b->reads, k, &b->buf) == H5R_OK ? H5R_OK : h5r_nomem(x);
    if (st == H5R_OK)
        st = l->external != NULL ? h5r_fetch_external(x, l->external, b->reads, k) : h5r_fetch(x, b->reads, k);
    if (st < 0)
        l->failed = p[first_missing(p, n, b->reads, b->where)].w->object->addr;
    b->work = (work){.f = x->file, .p = p, .n = n, .reads = b->reads, .where = b->where};
    return st;
}

/* How many of the pieces make a batch of at most budget bytes, those read along between them included. */
static size_t batch_size(const h5r_file *f, const h5r_piece *p, size_t n, uint64_t budget)
{
    uint64_t bytes = 0, last = 0;
    size_t k = 0;

    for (; k < n; k++) {
        uint64_t end = p[k].offset + p[k].len, more = p[k].len;
        if (k > 0 && p[k].offset <= last + f->source.gap)
            more = end > last ? end - last : 0;
        if (k > 0 && more > budget - h5r_min(bytes, budget))
            break;
        bytes += more;
        last = h5r_max(last, end);
    }
    return k;
}

/* One batch is fetched while the one before it is decoded; together they keep within limits.inflight_bytes. */
static h5r_status read_batches(h5r_ctx *x, h5r_pieces *l)
{
    /* In push mode everything is asked for at once: a batch that was decoded would be asked for again by the next call. */
    uint64_t budget = x->file->source.read_ranges == NULL ? UINT64_MAX : x->file->limits.inflight_bytes / x->sharers;
    batch batches[2] = {0}, *before = NULL;
    h5r_status st = H5R_OK;

    if (batch_size(x->file, l->list, l->n, budget) < l->n)
        budget /= 2;
    for (size_t i = 0, turn = 0; i < l->n && st == H5R_OK; turn ^= 1) {
        batch *b = &batches[turn];
        size_t n = batch_size(x->file, l->list + i, l->n - i, budget);
        st = fetch_batch(x, l, l->list + i, n, b);
        if (before != NULL) {
            h5r_status earlier = end_work(x, &before->work, l);
            st = earlier < 0 ? earlier : st;
            before = NULL;
        }
        if (st == H5R_OK) {
            begin_work(&b->work, l);
            before = b;
        }
        i += n;
    }
    if (before != NULL)
        st = end_work(x, &before->work, l);
    free_batch(&batches[0]);
    free_batch(&batches[1]);
    return st;
}

static h5r_status read_directly(h5r_ctx *x, h5r_pieces *l)
{
    work k = {.f = x->file, .p = l->list, .n = l->n};

    begin_work(&k, l);
    return end_work(x, &k, l);
}

bool h5r_reads_directly(const h5r_file *f, const h5r_pieces *l)
{
    return f->source.direct && !f->source.one_at_a_time && f->source.read_ranges != NULL && f->options.trace == NULL && l->external == NULL;
}

static int by_offset(const void *a, const void *b)
{
    const h5r_piece *p = a, *q = b;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* Pieces in the order of the file. Where two overlap, neither can be read straight into its place: one request serves both. */
static void sort(h5r_pieces *l)
{
    uint64_t end = 0;
    size_t last = 0;
    bool sorted = true;

    for (size_t i = 1; i < l->n && sorted; i++)
        sorted = l->list[i - 1].offset <= l->list[i].offset;
    if (!sorted)
        qsort(l->list, l->n, sizeof *l->list, by_offset);
    for (size_t i = 0; i < l->n; i++) {
        h5r_piece *p = &l->list[i];
        if (p->offset < end) {
            p->dst = p->raw ? NULL : p->dst;
            l->list[last].dst = l->list[last].raw ? NULL : l->list[last].dst;
        }
        if (p->offset + p->len > end) {
            end = p->offset + p->len;
            last = i;
        }
    }
}

h5r_status h5r_read_pieces(h5r_ctx *x, h5r_pieces *l)
{
    if (l->n == 0)
        return H5R_OK;
    sort(l);
    h5r_status st = h5r_reads_directly(x->file, l) ? read_directly(x, l) : read_batches(x, l);
    l->n = 0;
    l->work = 0;
    return st;
}
