/* Chunks of a dataset through its index: those of a box, or all. */
#ifndef H5R_READ_CHUNKS_H
#define H5R_READ_CHUNKS_H

#include "object/dataset.h"
#include "object/load.h"

typedef struct h5r_chunk_list {
    const h5r_chunk *chunks; /* by number */
    size_t n;
} h5r_chunk_list;

/* The chunks in the box [lo, hi] of chunk coordinates (inclusive), by number; in x->scratch, or the memoised whole. */
h5r_status h5r_load_chunks(h5r_ctx *x, const h5r_dataset *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_list *out);

/* The whole index, memoised. */
h5r_status h5r_load_chunk_list(h5r_ctx *x, const h5r_dataset *d, const h5r_chunk_list **out);

/* The same for a prefetch; a dataset that is not chunked is fine. */
h5r_status h5r_load_all_chunks(h5r_ctx *x, const h5r_dataset *d);

#endif
