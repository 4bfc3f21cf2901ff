#include "read/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/thread.h"

/* MAX_KEPT: buffers of idle calls, all together. */
enum { MAX_THREADS = 64, MAX_DEFAULT = 16, WAITING = 15, MAX_KEPT = 16 * 1024 * 1024 };

struct h5r_engine {
    unsigned helpers;
    h5r_pool *pool, *waiting; /* NULL when the caller works alone */
    h5r_chunk_cache *cache;
    h5r_mutex lock; /* guards what follows */
    h5r_decode_scratch *idle;
    size_t idle_bytes;
};

/* One thread more than a single processor has: it decodes while another one waits for bytes. */
static unsigned threads_of(const h5r_options *o)
{
    if (o->threads > 0)
        return o->threads < MAX_THREADS ? o->threads : MAX_THREADS;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 2 ? 2 : n < MAX_DEFAULT ? (unsigned)n : MAX_DEFAULT;
}

h5r_engine *h5r_engine_new(const h5r_options *o)
{
    h5r_engine *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    pthread_mutex_init(&e->lock, NULL);
    e->helpers = threads_of(o) - 1;
    if (e->helpers > 0)
        e->pool = h5r_pool_new(e->helpers);
    if (e->helpers > 0)
        e->waiting = h5r_pool_new(WAITING);
    if (o->chunk_cache_bytes > 0)
        e->cache = h5r_chunk_cache_new(o->chunk_cache_bytes);
    if ((e->helpers > 0 && (e->pool == NULL || e->waiting == NULL)) || (o->chunk_cache_bytes > 0 && e->cache == NULL)) {
        h5r_engine_free(e);
        return NULL;
    }
    return e;
}

static void free_scratch(h5r_decode_scratch *s)
{
    h5r_pipeline_scratch_free(&s->pipeline);
    h5r_buf_free(&s->stored);
    h5r_buf_free(&s->chunk);
    free(s);
}

void h5r_engine_free(h5r_engine *e)
{
    if (e == NULL)
        return;
    h5r_pool_free(e->waiting);
    h5r_pool_free(e->pool);
    h5r_chunk_cache_free(e->cache);
    while (e->idle != NULL) {
        h5r_decode_scratch *next = e->idle->next;
        free_scratch(e->idle);
        e->idle = next;
    }
    pthread_mutex_destroy(&e->lock);
    free(e);
}

h5r_pool *h5r_engine_pool(h5r_engine *e)
{
    return e->pool;
}

unsigned h5r_engine_helpers(const h5r_engine *e)
{
    return e->helpers;
}

h5r_pool *h5r_engine_waiting_pool(h5r_engine *e)
{
    return e->waiting;
}

unsigned h5r_engine_waiting_helpers(const h5r_engine *e)
{
    return e->waiting != NULL ? WAITING : 0;
}

h5r_chunk_cache *h5r_engine_cache(h5r_engine *e)
{
    return e->cache;
}

static size_t bytes_of(const h5r_decode_scratch *s)
{
    return s->pipeline.a.cap + s->pipeline.b.cap + s->pipeline.work.cap + s->stored.cap + s->chunk.cap;
}

h5r_decode_scratch *h5r_engine_take(h5r_engine *e)
{
    pthread_mutex_lock(&e->lock);
    h5r_decode_scratch *s = e->idle;
    if (s != NULL) {
        e->idle = s->next;
        e->idle_bytes -= bytes_of(s);
    }
    pthread_mutex_unlock(&e->lock);
    return s != NULL ? s : calloc(1, sizeof *s);
}

void h5r_engine_give(h5r_engine *e, h5r_decode_scratch *s)
{
    pthread_mutex_lock(&e->lock);
    bool keep = bytes_of(s) <= MAX_KEPT - e->idle_bytes;
    if (keep) {
        s->next = e->idle;
        e->idle = s;
        e->idle_bytes += bytes_of(s);
    }
    pthread_mutex_unlock(&e->lock);
    if (!keep)
        free_scratch(s);
}
