/* What the reads of a file and of its parts share: threads, decode buffers, decoded chunks. */
#ifndef H5R_READ_ENGINE_H
#define H5R_READ_ENGINE_H

#include <h5range/h5range.h>

#include "filter/pipeline.h"
#include "read/chunk_cache.h"
#include "util/pool.h"

/* Buffers of one thread, reused from chunk to chunk and from call to call. */
typedef struct h5r_decode_scratch {
    struct h5r_decode_scratch *next;
    h5r_pipeline_scratch pipeline;
    h5r_buf stored; /* bytes as they were read */
    h5r_buf chunk;  /* decoded */
} h5r_decode_scratch;

typedef struct h5r_engine h5r_engine;

/* NULL when memory is out. */
h5r_engine *h5r_engine_new(const h5r_options *o);
void h5r_engine_free(h5r_engine *e);

/* Threads that help the calling one; NULL when there are none. */
h5r_pool *h5r_engine_pool(h5r_engine *e);
unsigned h5r_engine_helpers(const h5r_engine *e);

/* Threads that wait for answers of several files at once. */
h5r_pool *h5r_engine_waiting_pool(h5r_engine *e);
unsigned h5r_engine_waiting_helpers(const h5r_engine *e);

/* NULL when chunks are not kept. */
h5r_chunk_cache *h5r_engine_cache(h5r_engine *e);

/* Buffers, to be given back; NULL when memory is out. */
h5r_decode_scratch *h5r_engine_take(h5r_engine *e);
void h5r_engine_give(h5r_engine *e, h5r_decode_scratch *s);

#endif
