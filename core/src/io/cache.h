/* What has been read so far: byte ranges of the source, immutable once inserted. What was found there never moves or dies while the
 * cache lives; what was only lent, like the nodes of a chunk index, can be dropped. */
#ifndef H5R_IO_CACHE_H
#define H5R_IO_CACHE_H

#include <h5range/h5range.h>

typedef struct h5r_cache {
    struct h5r_extent *extents; /* sorted by offset, not overlapping */
    size_t n, cap;
    size_t dead;                /* extents that are empty */
    struct h5r_buffer *buffers; /* what the extents point into */
    uint64_t bytes;             /* of all buffers */
    uint64_t lent;              /* of those in which nothing was found, only borrowed */
    uint64_t owned;             /* buffers so far */
    uint64_t drops;             /* times that some were dropped */
} h5r_cache;

/* The bytes [off, off + len). NULL with *why: H5R_NEED when part of them is absent, LIMIT when they straddle extents and a joined
 * copy would take the cache beyond limit bytes, NOMEM. */
const uint8_t *h5r_cache_find(h5r_cache *c, uint64_t off, size_t len, uint64_t limit, h5r_status *why);

/* The same, lent to call number turn (from 1 on): good until a drop that is allowed to take it. */
const uint8_t *h5r_cache_borrow(h5r_cache *c, uint64_t off, size_t len, uint64_t limit, uint64_t turn, h5r_status *why);

/* Frees buffers in which bytes were only lent, last to calls from turn `from` on and before turn `to`: those lent longest ago first, until at
 * most keep bytes of them are left. Without memory to sort them it drops nothing. */
void h5r_cache_drop(h5r_cache *c, uint64_t from, uint64_t to, uint64_t keep);

/* Copies [off, off + len) to dst; false when part of it is absent. Joins nothing: the cache does not grow. */
bool h5r_cache_copy(const h5r_cache *c, uint64_t off, size_t len, void *dst);

/* First byte at or after off that is absent, and the end of the hole that begins there, both at most end. False when
 * [off, end) is present. */
bool h5r_cache_hole(const h5r_cache *c, uint64_t off, uint64_t end, uint64_t *hole, uint64_t *hole_end);

/* Room for n bytes read at off, to be filled and then given to h5r_cache_insert() or h5r_cache_discard(). */
struct h5r_buffer *h5r_cache_buffer(size_t n);
uint8_t *h5r_cache_bytes(struct h5r_buffer *b);

/* Takes the buffer over; len of its bytes are valid. What was present stays. False when memory is out (buffer freed). */
bool h5r_cache_insert(h5r_cache *c, uint64_t off, struct h5r_buffer *b, size_t len);
void h5r_cache_discard(struct h5r_buffer *b);

/* A batch of insertions, sorted by offset and not overlapping: one pass over the cache however many they are. On failure the
 * buffers that were not taken are freed. Items without a buffer or with len 0 are skipped (their buffers freed). */
typedef struct h5r_cache_item {
    uint64_t off;
    struct h5r_buffer *buffer;
    size_t len;
} h5r_cache_item;

bool h5r_cache_insert_all(h5r_cache *c, h5r_cache_item *items, size_t n);

/* Fills an empty cache with pieces, in order and apart from each other, whose bytes follow each other in the buffer; they are never dropped. False when memory is
 * out: the buffer stays the caller's. */
typedef struct h5r_cache_piece {
    uint64_t off;
    size_t len;
} h5r_cache_piece;

bool h5r_cache_fill(h5r_cache *c, struct h5r_buffer *b, const h5r_cache_piece *pieces, size_t n);

/* The first bytes of [off, end) that are present: *at and *len say which. NULL when there are none. */
const uint8_t *h5r_cache_part(const h5r_cache *c, uint64_t off, uint64_t end, uint64_t *at, size_t *len);

void h5r_cache_free(h5r_cache *c);

#endif
