#include "format/heaps.h"

h5r_status h5r_decode_local_heap(h5r_cursor *c, h5r_widths w, h5r_local_heap *out)
{
    h5r_local_heap h = {0};

    if (!h5r_get_signature(c, "HEAP") || h5r_get_u8(c) != 0)
        return H5R_ERR_FORMAT;
    h5r_skip(c, 3);
    h.size = h5r_get_length(c, w);
    h5r_skip(c, w.length); /* free list */
    h.addr = h5r_get_addr(c, w);
    if (c->overrun)
        return H5R_ERR_FORMAT;
    *out = h;
    return H5R_OK;
}
