/* Data layout message. Versions 1 and 2 share one form; 3 added sizes; 4 the chunk indexes of HDF5 1.10 and virtual
 * datasets; 5 (HDF5 2.0) is 4 with chunks above 4 GiB and full-width sizes of filtered chunks. */
#include "format/messages.h"

static h5r_status bad(const char **what, const char *text)
{
    *what = text;
    return H5R_ERR_FORMAT;
}

/* dimensionality counts the element size as the last dimension. */
static h5r_status get_chunk(h5r_cursor *c, unsigned dimensionality, unsigned width, h5r_layout *l, const char **what)
{
    if (dimensionality < 2 || dimensionality > H5R_MAX_RANK + 1)
        return bad(what, "chunked layout of impossible rank");
    l->rank = dimensionality - 1;
    for (unsigned i = 0; i < l->rank; i++) {
        l->chunk[i] = h5r_get_uint(c, width);
        if (l->chunk[i] == 0)
            return bad(what, "chunked layout with a chunk dimension of 0");
    }
    l->elem_size = h5r_get_uint(c, width);
    return H5R_OK;
}

/* Versions 1 and 2. Contiguous dimensions repeat the dataspace's and may be cut to 32 bits: they are not used. */
static h5r_status decode_old(h5r_cursor *c, h5r_widths w, h5r_layout *l, const char **what)
{
    unsigned dimensionality = h5r_get_u8(c);
    unsigned cls = h5r_get_u8(c);

    h5r_skip(c, 5);
    if (cls > H5R_LAYOUT_CHUNKED)
        return bad(what, "layout of unknown class");
    l->cls = (h5r_layout_class)cls;
    if (l->cls != H5R_LAYOUT_COMPACT)
        l->addr = h5r_get_addr(c, w);
    if (l->cls == H5R_LAYOUT_CHUNKED)
        return get_chunk(c, dimensionality, 4, l, what);
    if (dimensionality > H5R_MAX_RANK + 1)
        return bad(what, "layout of impossible rank");
    h5r_skip(c, 4 * dimensionality);
    if (l->cls == H5R_LAYOUT_COMPACT) {
        l->size = h5r_get_u32(c);
        l->compact = h5r_take(c, l->size);
    }
    return H5R_OK;
}

/* Version 4 on. */
static h5r_status decode_index(h5r_cursor *c, h5r_widths w, h5r_layout *l, const char **what)
{
    unsigned flags = h5r_get_u8(c);
    unsigned dimensionality = h5r_get_u8(c);
    unsigned width = h5r_get_u8(c);

    if (width < 1 || width > 8 || (flags & ~3U) != 0)
        return bad(what, "chunked layout with unknown flags or an impossible size of dimensions");
    l->raw_edges = (flags & 1) != 0;
    H5R_CHECK(get_chunk(c, dimensionality, width, l, what));
    unsigned kind = h5r_get_u8(c);
    switch (kind) {
    case H5R_INDEX_SINGLE:
        if (flags & 2) {
            l->single_size = h5r_get_length(c, w);
            l->single_mask = h5r_get_u32(c);
        }
        break;
    case H5R_INDEX_IMPLICIT:
        break;
    case H5R_INDEX_FIXED_ARRAY:
        l->page_bits = h5r_get_u8(c);
        break;
    case H5R_INDEX_EXTENSIBLE_ARRAY:
        h5r_skip(c, 4); /* the index header repeats them */
        l->page_bits = h5r_get_u8(c);
        break;
    case H5R_INDEX_BTREE2:
        h5r_skip(c, 4 + 1 + 1); /* node size, split and merge percent: in the tree's header */
        break;
    default:
        return bad(what, "chunked layout with an unknown chunk index");
    }
    l->index = (h5r_index_kind)kind;
    l->addr = h5r_get_addr(c, w);
    return H5R_OK;
}

static h5r_status decode_new(h5r_cursor *c, h5r_widths w, h5r_layout *l, const char **what)
{
    unsigned cls = h5r_get_u8(c);

    switch (cls) {
    case H5R_LAYOUT_COMPACT:
        l->size = h5r_get_u16(c);
        l->compact = h5r_take(c, l->size);
        break;
    case H5R_LAYOUT_CONTIGUOUS:
        l->addr = h5r_get_addr(c, w);
        l->size = h5r_get_length(c, w);
        break;
    case H5R_LAYOUT_CHUNKED:
        l->cls = H5R_LAYOUT_CHUNKED;
        if (l->version >= 4)
            return decode_index(c, w, l, what);
        unsigned dimensionality = h5r_get_u8(c);
        l->addr = h5r_get_addr(c, w);
        return get_chunk(c, dimensionality, 4, l, what);
    case H5R_LAYOUT_VIRTUAL:
        if (l->version < 4)
            return bad(what, "virtual layout in a message below version 4");
        l->addr = h5r_get_addr(c, w);
        l->heap_index = h5r_get_u32(c);
        break;
    default:
        *what = "layout class unknown to the specification";
        return H5R_ERR_UNSUPPORTED;
    }
    l->cls = (h5r_layout_class)cls;
    return H5R_OK;
}

h5r_status h5r_decode_layout(h5r_cursor *c, h5r_widths w, h5r_layout *out, const char **what)
{
    h5r_layout l = {.addr = H5R_UNDEFINED, .size = H5R_UNDEFINED};

    l.version = h5r_get_u8(c);
    if (c->overrun)
        return bad(what, "layout cut short");
    if (l.version < 1 || l.version > 5) {
        *what = "layout message of a version other than 1 to 5";
        return H5R_ERR_UNSUPPORTED;
    }
    H5R_CHECK(l.version < 3 ? decode_old(c, w, &l, what) : decode_new(c, w, &l, what));
    if (c->overrun)
        return bad(what, "layout cut short");
    *out = l;
    return H5R_OK;
}
