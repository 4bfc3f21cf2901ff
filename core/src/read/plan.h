/* From selections to what has to be read: chunks, or runs of contiguous storage. */
#ifndef H5R_READ_PLAN_H
#define H5R_READ_PLAN_H

#include "read/chunks.h"

/* A selection, checked against its dataset, with nothing left to default. */
typedef struct h5r_window {
    const h5r_object *object;
    const h5r_dataset *d;
    unsigned rank;
    uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK];
    int64_t step[H5R_MAX_RANK], dst_stride[H5R_MAX_RANK];
    uint8_t *dst;
    bool swap, empty, fill_never;
    const uint8_t *fill;      /* one element in the caller's byte order */
    h5r_chunk_list chunks;    /* chunked: those of the box around the selection */
    bool has_holes;           /* chunked: some of the box are absent */
} h5r_window;

/* Checks the selection; loads the chunks it touches. */
h5r_status h5r_plan_window(h5r_ctx *x, const h5r_object *o, const h5r_selection *sel, h5r_window *out);

/* Of elements start + i * step, 0 <= i < count, those with lo <= element < hi: *n from *first on. */
void h5r_select_range(uint64_t start, uint64_t count, int64_t step, uint64_t lo, uint64_t hi, uint64_t *first,
                      uint64_t *n);

#endif
