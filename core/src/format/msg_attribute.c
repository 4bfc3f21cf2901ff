#include "format/messages.h"

/* Attribute message, versions 1 to 3. Specification IV.A.2.m. */
h5r_status h5r_decode_attribute(h5r_cursor *c, h5r_attribute_frame *out)
{
    h5r_attribute_frame a = {0};
    unsigned version = h5r_get_u8(c);
    unsigned flags = h5r_get_u8(c); /* reserved in version 1 */

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version < 1 || version > 3)
        return H5R_ERR_UNSUPPORTED;
    size_t name_size = h5r_get_u16(c);
    a.type_len = h5r_get_u16(c);
    a.space_len = h5r_get_u16(c);
    if (version == 3)
        a.cset = h5r_get_u8(c) == 1 ? H5R_CSET_UTF8 : H5R_CSET_ASCII;
    a.type_shared = version > 1 && (flags & 1) != 0;
    a.space_shared = version > 1 && (flags & 2) != 0;

    size_t pad = version == 1 ? 7 : 0; /* version 1 pads each part to a multiple of 8 */
    const uint8_t *name = h5r_take(c, (name_size + pad) & ~pad);
    a.type = h5r_take(c, (a.type_len + pad) & ~pad);
    a.space = h5r_take(c, (a.space_len + pad) & ~pad);
    if (c->overrun || name_size < 2 || name[name_size - 1] != '\0')
        return H5R_ERR_FORMAT;
    a.name = (const char *)name;
    a.name_len = strlen(a.name);
    a.data_len = h5r_left(c);
    a.data = h5r_take(c, a.data_len);
    *out = a;
    return H5R_OK;
}
