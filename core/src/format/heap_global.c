/* Headers of the collection and of its objects are padded to 8 bytes, which matters when lengths have other than 8. */
#include "format/heaps.h"

h5r_status h5r_decode_collection_size(h5r_cursor *c, h5r_widths w, uint64_t *size)
{
    size_t start = c->pos;

    if (!h5r_get_signature(c, "GCOL") || h5r_get_u8(c) != 1)
        return H5R_ERR_FORMAT;
    h5r_skip(c, 3);
    *size = h5r_get_length(c, w);
    h5r_skip(c, (8 - (c->pos - start) % 8) % 8);
    return c->overrun || *size < c->pos - start ? H5R_ERR_FORMAT : H5R_OK;
}

bool h5r_next_collection_object(h5r_cursor *c, h5r_widths w, h5r_collection_object *out)
{
    size_t header = (8U + w.length + 7U) / 8 * 8;
    h5r_collection_object o = {0};

    if (h5r_left(c) < header)
        return false; /* too little for an object: free space without a header */
    size_t start = c->pos;
    o.index = h5r_get_u16(c);
    h5r_skip(c, 2 + 4); /* reference count, reserved */
    o.size = h5r_get_length(c, w);
    if (o.index == 0)
        return false; /* the free space, always last */
    c->pos = start + header;
    o.data = h5r_take(c, o.size);
    if (o.data == NULL)
        return false;
    size_t pad = (8 - o.size % 8) % 8;
    h5r_skip(c, pad < h5r_left(c) ? pad : h5r_left(c));
    *out = o;
    return true;
}
