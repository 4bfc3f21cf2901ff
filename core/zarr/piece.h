/* Chunks of a Zarr array: where they are, and what they are when we decode them. */
#ifndef H5R_ZARR_PIECE_H
#define H5R_ZARR_PIECE_H

#include "view.h"

typedef enum zarr_cut {
    ZARR_CUT_STORED, /* HDF5's chunks; contiguous data are one */
    ZARR_CUT_PIECES, /* HDF5's chunks; other layouts are cut into pieces of some MiB along the first dimensions */
    ZARR_CUT_GROUPS, /* several of HDF5's chunks, or a part of other layouts: some MiB along the last two dimensions, little along the others */
    ZARR_CUT_WHOLE   /* one chunk */
} zarr_cut;

/* Elements of a chunk along each dimension: a->rank values, none 0. */
void zarr_chunk_shape(const zarr_array *a, zarr_cut cut, uint64_t *chunk);

/* Chunks along each dimension; returns how many there are in all, UINT64_MAX when that is too many for a number. */
uint64_t zarr_grid(const zarr_array *a, const uint64_t *chunk, uint64_t *grid);

/* "0.1.2", "0" for a scalar. cap: ZARR_KEY_BYTES is enough. */
enum { ZARR_KEY_BYTES = 21 * ZARR_MAX_RANK + 1 };
void zarr_chunk_key(const uint64_t *at, unsigned rank, char *key, size_t cap);

/* What an element is shown as. */
zarr_type zarr_shown_type(const zarr_array *a);

/* The fill value in Zarr's form: zarr_shown_type() says how many bytes, for each of type.per_item; the caller frees it. NULL: out of memory. */
uint8_t *zarr_fill_item(const zarr_array *a);

/* Bytes of a decoded chunk; UINT64_MAX when that is too many for a number. Not for TEXT. */
uint64_t zarr_piece_bytes(const zarr_array *a, const uint64_t *chunk);

/* The chunk at those coordinates of the grid, decoded: little-endian and in C order; beyond the array's edge it is fill value. Text is in the
 * form of the codec vlen-utf8. The caller frees *bytes. */
h5r_status zarr_read_piece(const zarr_view *v, const zarr_array *a, const uint64_t *chunk, const uint64_t *at, uint8_t **bytes, size_t *n,
                           h5r_error *err);

#endif
