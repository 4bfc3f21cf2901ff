/* What has been read so far: byte ranges of the source, immutable once inserted. A view never moves or dies while the cache
 * lives. */
#ifndef H5R_IO_CACHE_H
#define H5R_IO_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct h5r_cache {
    struct h5r_extent *extents; /* sorted by offset, not overlapping */
    size_t n, cap;
    struct h5r_buffer *buffers; /* what the extents point into */
    uint64_t bytes;             /* of all buffers */
} h5r_cache;

/* The bytes [off, off + len) or NULL when part of them is absent. *nomem is set when joining extents fails for lack of
 * memory. */
const uint8_t *h5r_cache_find(h5r_cache *c, uint64_t off, size_t len, bool *nomem);

/* First byte at or after off that is absent, and the end of the hole that begins there, both at most end. False when
 * [off, end) is present. */
bool h5r_cache_hole(const h5r_cache *c, uint64_t off, uint64_t end, uint64_t *hole, uint64_t *hole_end);

/* Room for n bytes read at off, to be filled and then given to h5r_cache_insert() or h5r_cache_discard(). */
struct h5r_buffer *h5r_cache_buffer(size_t n);
uint8_t *h5r_cache_bytes(struct h5r_buffer *b);

/* Takes the buffer over; len of its bytes are valid. What was present stays. False when memory is out (buffer freed). */
bool h5r_cache_insert(h5r_cache *c, uint64_t off, struct h5r_buffer *b, size_t len);
void h5r_cache_discard(struct h5r_buffer *b);

void h5r_cache_free(h5r_cache *c);

#endif
