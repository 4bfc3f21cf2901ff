/* What has to be read for the windows of a call: chunks, and runs of storage that holds elements as they are. */
#ifndef H5R_READ_PIECES_H
#define H5R_READ_PIECES_H

#include "read/engine.h"
#include "read/plan.h"

/* A range of the source and what it is for. */
typedef struct h5r_piece {
    uint64_t offset, len;
    const h5r_window *w;
    const h5r_chunk *chunk;   /* NULL: contiguous storage of the whole dataset */
    uint8_t *dst;             /* where all elements of the piece lie packed in the caller's buffer, or NULL: they lie scattered */
    uint64_t first, count;    /* run: of the selected elements along `dim` */
    uint64_t outer;           /* run: number of the outer position, row-major over the counts of the dimensions before `dim` */
    uint8_t dim;
    bool run;                 /* part of the storage, else all of a chunk */
    bool raw;                 /* the bytes are elements: no filters */
    bool keep;                /* the decoded chunk is for the cache */
} h5r_piece;

typedef struct h5r_pieces {
    h5r_piece *list;
    size_t n, cap;
    uint64_t work;            /* about the bytes that decoding them has to write */
    uint64_t kept;            /* bytes of chunks for the cache, over the whole call: not more than it can hold */
    uint64_t failed;          /* address of the dataset that reading failed for */
    const h5r_dataset *external; /* the bytes lie in its external files, not in this one */
} h5r_pieces;

/* The selected part of a chunk, or of contiguous storage: as the storage has it, and as the selection counts it. */
typedef struct h5r_part {
    uint64_t shape[H5R_MAX_RANK + 1];  /* of the storage, elements */
    uint64_t stride[H5R_MAX_RANK + 1]; /* of the storage, in elements */
    uint64_t at[H5R_MAX_RANK + 1];     /* the first element selected */
    uint64_t first[H5R_MAX_RANK + 1], count[H5R_MAX_RANK + 1];
    bool whole; /* all elements that the dataset has there, forwards */
} h5r_part;

/* False when nothing of it is selected. chunk may be NULL: contiguous storage. */
bool h5r_part_of(const h5r_window *w, const h5r_chunk *chunk, h5r_part *out);

/* Filters that the chunk was stored with: 0 for chunks across the edge where the layout says so. */
unsigned h5r_filters_of(const h5r_dataset *d, uint64_t number);

/* Lists what has to be read for a window of contiguous storage that begins at an offset, or of chunks. A piece is small and may be one
 * of very many: when the list is long it is read before it gets longer. What is in the cache is put into place at once. */
h5r_status h5r_add_contiguous(h5r_ctx *x, h5r_pieces *l, const h5r_window *w, uint64_t base);
h5r_status h5r_add_chunks(h5r_ctx *x, h5r_pieces *l, const h5r_window *w);

/* Puts the fill value everywhere. */
void h5r_fill_window(const h5r_window *w);

#endif
