#include "read/chunk_cache.h"

#include <stdlib.h>

#include "util/thread.h"

struct h5r_chunk_cache {
    h5r_mutex lock;
    uint64_t budget, bytes;             /* bytes: of all chunks, those in use and no longer listed included */
    h5r_cached_chunk *newest, *oldest;  /* that are listed */
    h5r_cached_chunk **buckets;
    size_t n, n_buckets;                /* a power of two */
};

static uint64_t cost(size_t len)
{
    return (uint64_t)len + sizeof(h5r_cached_chunk) + 64; /* and what the allocator and the buckets take */
}

static size_t bucket_of(const h5r_chunk_cache *c, const void *dataset, uint64_t number)
{
    uint64_t h = ((uint64_t)(uintptr_t)dataset ^ (number * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(h >> 32) & (c->n_buckets - 1);
}

static h5r_cached_chunk **find(const h5r_chunk_cache *c, const void *dataset, uint64_t number)
{
    h5r_cached_chunk **at = &c->buckets[bucket_of(c, dataset, number)];
    while (*at != NULL && ((*at)->number != number || (*at)->dataset != dataset))
        at = &(*at)->next;
    return at;
}

static void take_from_order(h5r_chunk_cache *c, h5r_cached_chunk *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void put_newest(h5r_chunk_cache *c, h5r_cached_chunk *e)
{
    e->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void unlist(h5r_chunk_cache *c, h5r_cached_chunk *e)
{
    *find(c, e->dataset, e->number) = e->next;
    take_from_order(c, e);
    e->listed = false;
    e->next = NULL;
    c->n--;
}

/* More buckets for more chunks; without memory the chains get longer. */
static void grow(h5r_chunk_cache *c)
{
    h5r_cached_chunk **buckets = calloc(c->n_buckets * 2, sizeof(h5r_cached_chunk *));

    if (buckets == NULL)
        return;
    free(c->buckets);
    c->buckets = buckets;
    c->n_buckets *= 2;
    for (h5r_cached_chunk *e = c->newest; e != NULL; e = e->older) {
        h5r_cached_chunk **at = &buckets[bucket_of(c, e->dataset, e->number)];
        e->next = *at;
        *at = e;
    }
}

static void free_all(h5r_cached_chunk *list)
{
    while (list != NULL) {
        h5r_cached_chunk *next = list->next;
        free(list->bytes);
        free(list);
        list = next;
    }
}

h5r_chunk_cache *h5r_chunk_cache_new(uint64_t budget)
{
    h5r_chunk_cache *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->budget = budget;
    c->n_buckets = 64;
    c->buckets = calloc(c->n_buckets, sizeof *c->buckets);
    if (c->buckets == NULL) {
        free(c);
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void h5r_chunk_cache_free(h5r_chunk_cache *c)
{
    if (c == NULL)
        return;
    for (h5r_cached_chunk *e = c->newest; e != NULL; e = e->older)
        e->next = e->older;
    free_all(c->newest);
    free(c->buckets);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool h5r_chunk_cache_fits(const h5r_chunk_cache *c, uint64_t taken, size_t len)
{
    return c != NULL && taken <= c->budget && cost(len) <= c->budget - taken;
}

h5r_cached_chunk *h5r_chunk_cache_get(h5r_chunk_cache *c, const void *dataset, uint64_t number)
{
    pthread_mutex_lock(&c->lock);
    h5r_cached_chunk *e = *find(c, dataset, number);
    if (e != NULL) {
        e->users++;
        take_from_order(c, e);
        put_newest(c, e);
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

h5r_cached_chunk *h5r_chunk_cache_room(h5r_chunk_cache *c, const void *dataset, uint64_t number, size_t len)
{
    h5r_cached_chunk *e = NULL, *dropped = NULL;

    if (cost(len) > c->budget)
        return NULL;
    pthread_mutex_lock(&c->lock);
    for (h5r_cached_chunk *old = c->oldest, *newer; old != NULL && c->bytes > c->budget - cost(len); old = newer) {
        newer = old->newer;
        if (old->users > 0)
            continue;
        unlist(c, old);
        c->bytes -= cost(old->len);
        if (e == NULL && old->len == len) { /* its buffer does for this one */
            e = old;
        } else {
            old->next = dropped;
            dropped = old;
        }
    }
    bool fits = c->bytes <= c->budget - cost(len);
    if (fits)
        c->bytes += cost(len);
    pthread_mutex_unlock(&c->lock);
    free_all(dropped);
    if (!fits) {
        free_all(e);
        return NULL;
    }
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        uint8_t *bytes = malloc(len > 0 ? len : 1);
        if (e == NULL || bytes == NULL) {
            free(e);
            free(bytes);
            pthread_mutex_lock(&c->lock);
            c->bytes -= cost(len);
            pthread_mutex_unlock(&c->lock);
            return NULL;
        }
        e->bytes = bytes;
        e->len = len;
    }
    e->dataset = dataset;
    e->number = number;
    e->users = 1;
    return e;
}

void h5r_chunk_cache_put(h5r_chunk_cache *c, h5r_cached_chunk *e)
{
    pthread_mutex_lock(&c->lock);
    h5r_cached_chunk **at = find(c, e->dataset, e->number);
    if (*at == NULL) {
        *at = e;
        e->listed = true;
        put_newest(c, e);
        if (++c->n > c->n_buckets)
            grow(c);
    }
    pthread_mutex_unlock(&c->lock);
}

void h5r_chunk_cache_release(h5r_chunk_cache *c, h5r_cached_chunk *e)
{
    pthread_mutex_lock(&c->lock);
    bool unused = --e->users == 0 && !e->listed;
    if (unused)
        c->bytes -= cost(e->len);
    pthread_mutex_unlock(&c->lock);
    if (unused)
        free_all(e);
}
