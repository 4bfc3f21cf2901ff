/* Decoded chunks that were selected in part: the next window often needs another part of them. Least recently used ones go first. All
 * functions may be called from several threads. */
#ifndef H5R_READ_CHUNK_CACHE_H
#define H5R_READ_CHUNK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct h5r_chunk_cache h5r_chunk_cache;

typedef struct h5r_cached_chunk {
    const void *dataset; /* description, of which there is one for each dataset */
    uint64_t number;
    size_t len;
    uint8_t *bytes;      /* in the file's byte order */

    unsigned users; /* the cache's own */
    bool listed;
    struct h5r_cached_chunk *newer, *older, *next;
} h5r_cached_chunk;

/* NULL when memory is out. */
h5r_chunk_cache *h5r_chunk_cache_new(uint64_t budget);
void h5r_chunk_cache_free(h5r_chunk_cache *c);

/* Whether a chunk of len bytes fits beside `taken` others. c may be NULL. */
bool h5r_chunk_cache_fits(const h5r_chunk_cache *c, uint64_t taken, size_t len);

/* A chunk, to be released; NULL when it is not there. */
h5r_cached_chunk *h5r_chunk_cache_get(h5r_chunk_cache *c, const void *dataset, uint64_t number);

/* Room for a chunk of len bytes, to be filled, then put or not, and released. NULL when the budget is taken by chunks in use, or when
 * memory is out. */
h5r_cached_chunk *h5r_chunk_cache_room(h5r_chunk_cache *c, const void *dataset, uint64_t number, size_t len);

/* Lets others find the chunk, unless it has come in the meantime. */
void h5r_chunk_cache_put(h5r_chunk_cache *c, h5r_cached_chunk *e);

void h5r_chunk_cache_release(h5r_chunk_cache *c, h5r_cached_chunk *e);

#endif
