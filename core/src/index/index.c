#include "index/index.h"

/* One chunk that covers the maximal shape: its address is in the layout message. */
h5r_status h5r_index_single(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                            h5r_chunk_visit visit, void *arg)
{
    static const uint64_t origin[H5R_MAX_RANK] = {0};
    (void)x;
    (void)hi;

    for (unsigned i = 0; i < d->rank; i++)
        if (lo[i] != 0)
            return H5R_OK;
    return visit(arg, origin, d->addr, d->filtered && d->single_size > 0 ? d->single_size : d->chunk_bytes,
                 d->filtered ? d->single_mask : 0);
}

h5r_status h5r_index_visit(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                           h5r_chunk_visit visit, void *arg)
{
    static const h5r_index_range kinds[] = {
        [H5R_INDEX_BTREE1] = h5r_index_btree1,
        [H5R_INDEX_SINGLE] = h5r_index_single,
        [H5R_INDEX_IMPLICIT] = h5r_index_implicit,
        [H5R_INDEX_FIXED_ARRAY] = h5r_index_fixed_array,
        [H5R_INDEX_EXTENSIBLE_ARRAY] = h5r_index_extensible_array,
        [H5R_INDEX_BTREE2] = h5r_index_btree2,
    };

    if (d->addr == H5R_UNDEFINED)
        return H5R_OK;
    bool before = x->borrowing;
    x->borrowing = true;
    h5r_status st = kinds[d->kind](x, d, lo, hi, visit, arg);
    x->borrowing = before;
    return st;
}
