#include "format/btree2.h"

#include "util/checked.h"

size_t h5r_btree2_header_size(h5r_widths w)
{
    return 4U + 1 + 1 + 4 + 2 + 2 + 1 + 1 + w.offset + 2 + w.length + 4;
}

size_t h5r_btree2_pointer_size(const h5r_btree2 *t, h5r_widths w, unsigned depth)
{
    return (size_t)w.offset + t->count_width + t->total_width[depth - 1];
}

/* How many records fit a node of each depth, and how wide the counts are that say so. */
static h5r_status derive(h5r_btree2 *t, h5r_widths w)
{
    enum { NODE_OVERHEAD = 4 + 1 + 1 + 4 };
    uint64_t below;

    if (t->record_size == 0 || t->node_size < NODE_OVERHEAD + t->record_size || t->depth > H5R_BTREE2_MAX_DEPTH)
        return H5R_ERR_FORMAT;
    t->max_records[0] = (t->node_size - NODE_OVERHEAD) / t->record_size;
    t->count_width = h5r_enc_size(t->max_records[0]);
    below = t->max_records[0];
    for (unsigned d = 1; d <= t->depth; d++) {
        size_t pointer = h5r_btree2_pointer_size(t, w, d);
        if (t->node_size < NODE_OVERHEAD + pointer + t->record_size)
            return H5R_ERR_FORMAT;
        t->max_records[d] = (t->node_size - NODE_OVERHEAD - pointer) / (t->record_size + pointer);
        uint64_t total;
        if (!h5r_mul(t->max_records[d] + 1, below, &total) || !h5r_add(total, t->max_records[d], &total))
            return H5R_ERR_FORMAT;
        below = total;
        t->total_width[d] = h5r_enc_size(below);
    }
    return t->root_records > t->max_records[t->depth] ? H5R_ERR_FORMAT : H5R_OK;
}

h5r_status h5r_decode_btree2(h5r_cursor *c, h5r_widths w, h5r_btree2 *out)
{
    h5r_btree2 t = {0};

    if (!h5r_get_signature(c, "BTHD"))
        return H5R_ERR_FORMAT;
    if (h5r_get_u8(c) != 0)
        return H5R_ERR_UNSUPPORTED;
    t.type = h5r_get_u8(c);
    t.node_size = h5r_get_u32(c);
    t.record_size = h5r_get_u16(c);
    t.depth = h5r_get_u16(c);
    h5r_skip(c, 2); /* split and merge percent */
    t.root = h5r_get_addr(c, w);
    t.root_records = h5r_get_u16(c);
    t.total = h5r_get_length(c, w);
    if (c->overrun)
        return H5R_ERR_FORMAT;
    t.checksummed = c->pos;
    H5R_CHECK(derive(&t, w));
    *out = t;
    return H5R_OK;
}
