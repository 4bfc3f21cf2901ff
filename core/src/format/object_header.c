#include "format/object_header.h"

h5r_status h5r_decode_header_prefix(h5r_cursor *c, h5r_header_prefix *out)
{
    h5r_header_prefix h = {.refcount = 1};

    if (h5r_left(c) < 4)
        return H5R_ERR_FORMAT;
    if (memcmp(c->p + c->pos, "OHDR", 4) != 0) {
        h.version = h5r_get_u8(c);
        if (h.version != 1)
            return H5R_ERR_FORMAT;
        h5r_skip(c, 1 + 2); /* reserved, number of messages: the bytes decide */
        h.refcount = h5r_get_u32(c);
        h.chunk0 = h5r_get_u32(c);
        h5r_skip(c, 4); /* padding to 8 */
    } else {
        h5r_skip(c, 4);
        h.version = h5r_get_u8(c);
        unsigned flags = h5r_get_u8(c);
        if (h.version != 2)
            return H5R_ERR_UNSUPPORTED;
        h.attr_tracked = (flags & 4) != 0;
        h.attr_indexed = (flags & 8) != 0;
        if (flags & 0x20) {
            h5r_skip(c, 4);
            h.modified = h5r_get_u32(c);
            h5r_skip(c, 8);
        }
        if (flags & 0x10)
            h5r_skip(c, 4); /* phase change */
        h.chunk0 = h5r_get_uint(c, 1U << (flags & 3));
    }
    if (c->overrun)
        return H5R_ERR_FORMAT;
    h.prefix = c->pos;
    *out = h;
    return H5R_OK;
}

bool h5r_next_message(h5r_cursor *c, unsigned version, bool with_order, h5r_message *out, h5r_status *st)
{
    size_t header = version == 1 ? 8 : with_order ? 6 : 4;
    h5r_message m = {0};

    *st = H5R_OK;
    if (h5r_left(c) < header)
        return false;
    m.type = version == 1 ? h5r_get_u16(c) : h5r_get_u8(c);
    m.len = h5r_get_u16(c);
    m.flags = h5r_get_u8(c);
    if (version == 1)
        h5r_skip(c, 3);
    else if (with_order)
        m.order = h5r_get_u16(c);
    m.body = h5r_take(c, m.len);
    *out = m;
    if (m.body == NULL)
        *st = H5R_ERR_FORMAT;
    return m.body != NULL;
}
