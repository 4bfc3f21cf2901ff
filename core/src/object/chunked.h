/* Chunked storage as its index sees it. */
#ifndef H5R_OBJECT_CHUNKED_H
#define H5R_OBJECT_CHUNKED_H

#include <h5range/h5range.h>

/* What an index needs to know of its dataset; fields of one index kind are 0 for the others. */
typedef struct h5r_chunked {
    unsigned layout_version;     /* 1 to 5 */
    h5r_index_kind kind;
    uint64_t addr;               /* of the index; of the chunk for SINGLE, of the first chunk for IMPLICIT */
    unsigned rank;
    uint64_t shape[H5R_MAX_RANK];
    uint64_t max_shape[H5R_MAX_RANK];
    uint64_t chunk[H5R_MAX_RANK]; /* elements, not 0 */
    uint64_t grid[H5R_MAX_RANK];  /* chunks of the current shape */
    uint64_t chunk_bytes;        /* decoded */
    bool filtered;               /* the dataset has a filter pipeline */
    uint64_t single_size;        /* SINGLE with filter: stored bytes */
    uint32_t single_mask;
    unsigned page_bits;          /* FIXED_ARRAY, EXTENSIBLE_ARRAY (as in the layout message; the index header has it too) */
} h5r_chunked;

#endif
