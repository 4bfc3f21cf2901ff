/* How a long read is cut along one dimension. */
#include "slab.h"

static uint64_t at_least_one(uint64_t n)
{
    return n > 0 ? n : 1;
}

/* Rows until one lies in another chunk. */
static uint64_t rows_in_chunk(uint64_t row, int64_t step, uint64_t chunk)
{
    if (step < 0)
        return row % chunk / (0 - (uint64_t)step) + 1;
    return (chunk - row % chunk - 1) / (uint64_t)step + 1;
}

uint64_t slab_rows(const h5r_dataset *d, unsigned dim, uint64_t row, int64_t step, uint64_t left, uint64_t bytes)
{
    uint64_t rows = at_least_one(SLAB / bytes), most = at_least_one(LARGE_SLAB / bytes);

    if (left <= rows)
        return left;
    if (d->layout != H5R_LAYOUT_CHUNKED)
        return rows;
    uint64_t n = rows_in_chunk(row, step, d->chunk[dim]);
    if (n >= rows) {
        n = n < most ? n : most;
        return n < left ? n : left;
    }
    for (;;) { /* at most as many chunks as rows */
        uint64_t more = rows_in_chunk(row + n * (uint64_t)step, step, d->chunk[dim]);
        if (more > rows - n)
            return n;
        n += more;
    }
}
