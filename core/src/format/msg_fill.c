#include "format/messages.h"

/* Sizes are signed 32-bit: 0 and -1 both mean that there is no value. */
static h5r_status take_value(h5r_cursor *c, h5r_fill *f)
{
    uint32_t size = h5r_get_u32(c);

    if (size == 0 || size == UINT32_MAX)
        return H5R_OK;
    f->value = h5r_take(c, size);
    f->len = size;
    f->status = H5R_FILL_USER;
    return f->value == NULL ? H5R_ERR_FORMAT : H5R_OK;
}

/* Fill value message, versions 1 to 3. Specification IV.A.2.f. */
h5r_status h5r_decode_fill(h5r_cursor *c, h5r_fill *out)
{
    h5r_fill f = {.status = H5R_FILL_DEFAULT};
    unsigned version = h5r_get_u8(c), time;

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version < 1 || version > 3)
        return H5R_ERR_UNSUPPORTED;
    if (version < 3) {
        h5r_skip(c, 1); /* allocation time */
        time = h5r_get_u8(c);
        bool defined = h5r_get_u8(c) != 0;
        if (!defined && version == 2)
            f.status = H5R_FILL_UNDEFINED;
        /* Version 1 stores the size always; a size of -1 means undefined there. */
        if (defined || version == 1) {
            h5r_cursor peek = *c;
            uint32_t size = h5r_get_u32(&peek);
            H5R_CHECK(take_value(c, &f));
            if (size == UINT32_MAX || (!defined && f.status == H5R_FILL_USER))
                f.status = H5R_FILL_UNDEFINED;
        }
    } else {
        unsigned flags = h5r_get_u8(c);
        time = flags >> 2 & 3;
        if ((flags & 0x30) == 0x30)
            return H5R_ERR_FORMAT;
        if (flags & 0x10)
            f.status = H5R_FILL_UNDEFINED;
        if (flags & 0x20)
            H5R_CHECK(take_value(c, &f));
    }
    if (time > H5R_FILL_IFSET || c->overrun)
        return H5R_ERR_FORMAT;
    f.time = (h5r_fill_time)time;
    *out = f;
    return H5R_OK;
}

/* Fill value (old) message. Specification IV.A.2.e. */
h5r_status h5r_decode_old_fill(h5r_cursor *c, h5r_fill *out)
{
    h5r_fill f = {.status = H5R_FILL_DEFAULT, .time = H5R_FILL_IFSET};

    H5R_CHECK(take_value(c, &f));
    if (c->overrun)
        return H5R_ERR_FORMAT;
    *out = f;
    return H5R_OK;
}
