/* Passes and rounds: what a pass wants is read in one batch, the only place where the library waits. */
#include "io/rounds.h"

#include <inttypes.h>
#include <stdlib.h>

#include "io/nodes.h"
#include "util/checked.h"

static void note_round(h5r_file *f, const h5r_read *reads, size_t n)
{
    f->stats.rounds++;
    f->stats.requests += n;
    for (size_t i = 0; i < n; i++)
        f->stats.bytes += reads[i].got;
}

h5r_status h5r_read_source(const h5r_source *s, h5r_mutex *turn, h5r_read *reads, size_t n, h5r_error *err)
{
    *err = (h5r_error){.offset = H5R_UNDEFINED};
    if (n == 0)
        return H5R_OK;
    if (s->one_at_a_time)
        pthread_mutex_lock(turn);
    h5r_status st = s->read_ranges(s->ctx, reads, n, err);
    if (s->one_at_a_time)
        pthread_mutex_unlock(turn);
    for (size_t i = 0; i < n; i++)
        reads[i].got = h5r_min(reads[i].got, reads[i].len);
    return st == H5R_OK ? H5R_OK : h5r_error_of_source(err, st, reads[0].offset);
}

h5r_status h5r_perform(h5r_ctx *x, h5r_read *reads, size_t n, h5r_error *err)
{
    h5r_file *f = x->file;
    double start = h5r_now();
    h5r_status st = h5r_read_source(&f->source, &f->io_lock, reads, n, err);

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
static h5r_status publish(h5r_ctx *x, const h5r_requests *r, h5r_cache_item *items)
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
            if (h5r_cache_of(f, r->kinds[i]) == caches[k]) {
                part[n++] = items[i];
                items[i].buffer = NULL;
            }
        if (n > 0 && !h5r_cache_insert_all(caches[k], part, n))
            st = h5r_nomem(x);
    }
    free(part);
    return st;
}

static h5r_status push_wants(h5r_ctx *x, const h5r_requests *r)
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

static h5r_status read_and_publish(h5r_ctx *x, h5r_requests *r)
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
        st = h5r_perform(x, r->reads, r->n, &err);
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

/* A round of metadata takes along what was put off. */
static void add_later(h5r_ctx *x)
{
    h5r_wants *later = &x->file->later;

    for (size_t i = 0; i < later->n; i++)
        if (h5r_want_bytes(x, later->list[i].off, later->list[i].end, H5R_WANT_META) != H5R_NEED)
            x->error.status = H5R_OK; /* without memory it is not read ahead */
    later->n = 0;
}

h5r_status h5r_fetch_wants(h5r_ctx *x)
{
    h5r_file *f = x->file;
    h5r_requests r = {0};
    bool others = false;
    h5r_status st = H5R_OK;

    if (x->wants.n == 0)
        return h5r_fail(x, H5R_ERR_INTERNAL, H5R_UNDEFINED, "%s: a pass needs bytes but wants none", x->call);
    add_later(x);
    if (!h5r_make_requests(x, &r, &others))
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
        st = h5r_fetch_wants(x);
        if (st != H5R_OK)
            break;
    }
    h5r_turn_end(x, &turn, st);
    pthread_mutex_unlock(&f->lock);
    return st;
}

h5r_status h5r_run(h5r_file *f, const char *call, h5r_step step, void *arg, h5r_error *err)
{
    h5r_ctx x;
    h5r_ctx_begin(&x, f, call);
    return h5r_ctx_end(&x, h5r_drive(&x, step, arg), err);
}
