#include "format/messages.h"

static h5r_status nomem_or(const void *p)
{
    return p == NULL ? H5R_ERR_NOMEM : H5R_OK;
}

/* External links: version and flags, file name, object path, both NUL-terminated. */
static h5r_status decode_external(h5r_cursor *c, size_t len, h5r_arena *arena, h5r_link *l)
{
    const uint8_t *p = h5r_take(c, len);
    size_t n;

    if (p == NULL || len < 3)
        return H5R_ERR_FORMAT;
    if (p[0] >> 4 != 0)
        return H5R_ERR_UNSUPPORTED;
    h5r_cursor v = h5r_cursor_at(p + 1, len - 1);
    const char *file = h5r_get_text(&v, &n);
    if (file == NULL)
        return H5R_ERR_FORMAT;
    l->file = h5r_arena_text(arena, file, n);
    const char *path = h5r_get_text(&v, &n);
    if (path == NULL)
        return H5R_ERR_FORMAT;
    l->target = h5r_arena_text(arena, path, n);
    H5R_CHECK(nomem_or(l->file));
    return nomem_or(l->target);
}

/* Link message, version 1. Specification IV.A.2.g. */
h5r_status h5r_decode_link(h5r_cursor *c, h5r_widths w, h5r_arena *arena, h5r_link *out)
{
    h5r_link l = {.addr = H5R_UNDEFINED};
    unsigned version = h5r_get_u8(c);
    unsigned flags = h5r_get_u8(c);

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version != 1)
        return H5R_ERR_UNSUPPORTED;
    unsigned type = flags & 8 ? h5r_get_u8(c) : 0;
    l.has_order = (flags & 4) != 0;
    if (l.has_order)
        l.order = (int64_t)h5r_get_u64(c);
    l.cset = flags & 0x10 && h5r_get_u8(c) == 1 ? H5R_CSET_UTF8 : H5R_CSET_ASCII;
    uint64_t name_len = h5r_get_uint(c, 1U << (flags & 3));
    const uint8_t *name = h5r_take(c, name_len);
    if (name == NULL || name_len == 0)
        return H5R_ERR_FORMAT;
    l.name = h5r_arena_text(arena, name, (size_t)name_len);
    H5R_CHECK(nomem_or(l.name));

    if (type == H5R_LINK_HARD) {
        l.addr = h5r_get_addr(c, w);
    } else {
        size_t len = h5r_get_u16(c);
        if (type == H5R_LINK_SOFT) {
            const uint8_t *target = h5r_take(c, len);
            if (target == NULL)
                return H5R_ERR_FORMAT;
            l.kind = H5R_LINK_SOFT;
            l.target = h5r_arena_text(arena, target, len);
            H5R_CHECK(nomem_or(l.target));
        } else if (type == H5R_LINK_EXTERNAL) {
            l.kind = H5R_LINK_EXTERNAL;
            H5R_CHECK(decode_external(c, len, arena, &l));
        } else if (type > H5R_LINK_EXTERNAL) {
            l.kind = H5R_LINK_USER;
            h5r_skip(c, len);
        } else {
            return H5R_ERR_FORMAT;
        }
        l.user_class = type >= H5R_LINK_EXTERNAL ? type : 0;
    }
    if (c->overrun)
        return H5R_ERR_FORMAT;
    *out = l;
    return H5R_OK;
}
