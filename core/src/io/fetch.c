/* Chunk data: read into the caller's memory, in one batch with metadata that were put off. */
#include "io/direct.h"

#include <stdlib.h>

#include "io/index_cache.h"
#include "io/rounds.h"
#include "util/checked.h"
#include "util/grow.h"

/* What is left to read of a batch, in order. */
typedef struct absent {
    h5r_read *reads;
    size_t *from; /* index in the caller's reads; behind them in the company */
    size_t n, cap, cap_from;
    size_t split; /* longer reads are several, side by side; 0: never */
} absent;

static bool add_request(absent *a, h5r_read r, size_t from)
{
    if (!h5r_grow(&a->reads, &a->cap, a->n, sizeof *a->reads) || !h5r_grow(&a->from, &a->cap_from, a->n, sizeof *a->from))
        return false;
    a->reads[a->n] = r;
    a->from[a->n++] = from;
    return true;
}

static bool add_absent(absent *a, h5r_read r, size_t from)
{
    while (a->split > 0 && r.len > a->split + a->split / 2) {
        if (!add_request(a, (h5r_read){.offset = r.offset, .len = a->split, .dst = r.dst}, from))
            return false;
        r.offset += a->split;
        r.len -= a->split;
        r.dst = (uint8_t *)r.dst + a->split;
    }
    return add_request(a, r, from);
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
        if (h5r_want_bytes(x, missing[i].offset, end, H5R_WANT_DATA) != H5R_NEED)
            return H5R_ERR_NOMEM;
    }
    return h5r_fetch_wants(x);
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
        if (!add_request(a, (h5r_read){.offset = c->items[i].off, .len = c->items[i].len, .dst = h5r_cache_bytes(c->items[i].buffer)}, n + i))
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
    if (st == H5R_OK && (st = h5r_perform(x, a->reads, a->n, &err)) != H5R_OK)
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
    absent a = {.split = f->source.read_ranges == NULL || f->options.exact_reads ? 0 : f->source.max_request};
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
