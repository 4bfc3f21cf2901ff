#include "format/messages.h"
#include "util/checked.h"

/* Dataspace message, versions 1 and 2. Specification IV.A.2.b. */
h5r_status h5r_decode_dataspace(h5r_cursor *c, h5r_widths w, h5r_space *out)
{
    h5r_space s = {.count = 1};

    if (h5r_left(c) < 4)
        return H5R_ERR_FORMAT;
    unsigned version = h5r_get_u8(c);
    s.rank = h5r_get_u8(c);
    unsigned flags = h5r_get_u8(c);
    unsigned kind = h5r_get_u8(c); /* reserved in version 1 */

    if (version < 1 || version > 2)
        return H5R_ERR_UNSUPPORTED;
    if (s.rank > H5R_MAX_RANK || (version == 2 && kind > H5R_SPACE_NULL))
        return H5R_ERR_FORMAT;
    if (version == 1)
        h5r_skip(c, 4); /* reserved */
    s.cls = version == 2 ? (h5r_space_class)kind : s.rank > 0 ? H5R_SPACE_SIMPLE : H5R_SPACE_SCALAR;
    if (s.cls != H5R_SPACE_SIMPLE && s.rank != 0)
        return H5R_ERR_FORMAT;
    for (unsigned i = 0; i < s.rank; i++) {
        s.shape[i] = h5r_get_length(c, w);
        s.max_shape[i] = s.shape[i];
    }
    for (unsigned i = 0; (flags & 1) && i < s.rank; i++) {
        s.max_shape[i] = h5r_get_widened(c, w.length);
        if (s.max_shape[i] < s.shape[i])
            return H5R_ERR_FORMAT;
    }
    bool empty = s.cls == H5R_SPACE_NULL;
    for (unsigned i = 0; i < s.rank; i++)
        empty |= s.shape[i] == 0;
    for (unsigned i = 0; !empty && i < s.rank; i++)
        if (!h5r_mul(s.count, s.shape[i], &s.count))
            return H5R_ERR_FORMAT;
    if (empty)
        s.count = 0;
    if (c->overrun)
        return H5R_ERR_FORMAT;
    *out = s;
    return H5R_OK;
}
