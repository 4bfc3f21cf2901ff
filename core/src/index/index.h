/* Chunk indexes: from a box of chunk coordinates to the chunks stored in it.
 *
 * Chunk coordinates ("scaled offsets") count chunks, not elements. An index is read lazily: range() touches only the nodes
 * whose chunks can lie in the box, and asks for all that are independent of each other in the same round. Bytes of nodes are borrowed until the
 * pass ends (io/nodes.h): nothing that outlives it may point into them. */
#ifndef H5R_INDEX_INDEX_H
#define H5R_INDEX_INDEX_H

#include "io/ctx.h"
#include "object/chunked.h"

/* Called for each chunk found. addr is defined; size is what is stored. In a pass that ends in NEED the calls so far mean
 * nothing: the caller starts again. Non-OK ends the walk. */
typedef h5r_status (*h5r_chunk_visit)(void *arg, const uint64_t *scaled, uint64_t addr, uint64_t size, uint32_t mask);

/* Visits the chunks that have an address and lie in [lo, hi] (inclusive; inside the current grid), each once, in no
 * particular order. Work is bounded by the smaller of the box and the entries stored. */
typedef h5r_status (*h5r_index_range)(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                                      h5r_chunk_visit visit, void *arg);

h5r_status h5r_index_single(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);
h5r_status h5r_index_implicit(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);
h5r_status h5r_index_fixed_array(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);
h5r_status h5r_index_extensible_array(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);
h5r_status h5r_index_btree1(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);
h5r_status h5r_index_btree2(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);

/* Dispatches by d->kind; an undefined address is an index without chunks. */
h5r_status h5r_index_visit(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_visit visit, void *arg);

#endif
