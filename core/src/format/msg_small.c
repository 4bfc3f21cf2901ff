/* Messages of a few fields: link info, attribute info, symbol table, shared references, external file list, old
 * modification time. */
#include "format/messages.h"

/* The two info messages differ in the width of the highest creation index only. */
static h5r_status decode_dense(h5r_cursor *c, h5r_widths w, unsigned max_order_width, h5r_dense_info *out)
{
    h5r_dense_info d = {.by_order = H5R_UNDEFINED};
    unsigned version = h5r_get_u8(c);
    unsigned flags = h5r_get_u8(c);

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version != 0)
        return H5R_ERR_UNSUPPORTED;
    d.tracked = (flags & 1) != 0;
    d.indexed = (flags & 2) != 0;
    if (d.tracked)
        h5r_skip(c, max_order_width);
    d.heap = h5r_get_addr(c, w);
    d.by_name = h5r_get_addr(c, w);
    if (d.indexed)
        d.by_order = h5r_get_addr(c, w);
    if (c->overrun)
        return H5R_ERR_FORMAT;
    *out = d;
    return H5R_OK;
}

h5r_status h5r_decode_link_info(h5r_cursor *c, h5r_widths w, h5r_dense_info *out)
{
    return decode_dense(c, w, 8, out);
}

h5r_status h5r_decode_attribute_info(h5r_cursor *c, h5r_widths w, h5r_dense_info *out)
{
    return decode_dense(c, w, 2, out);
}

h5r_status h5r_decode_symbol_table(h5r_cursor *c, h5r_widths w, h5r_symbol_table *out)
{
    h5r_symbol_table t = {.btree = h5r_get_addr(c, w)};
    t.heap = h5r_get_addr(c, w);
    if (c->overrun)
        return H5R_ERR_FORMAT;
    *out = t;
    return H5R_OK;
}

h5r_status h5r_decode_shared(h5r_cursor *c, h5r_widths w, h5r_shared *out)
{
    h5r_shared s = {.addr = H5R_UNDEFINED};
    unsigned version = h5r_get_u8(c);
    unsigned type = h5r_get_u8(c);

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version < 1 || version > 3)
        return H5R_ERR_UNSUPPORTED;
    if (version == 1)
        h5r_skip(c, 6U + w.length); /* reserved, and the index in a global heap that was never used */
    s.in_heap = version == 3 && type == 1;
    if (s.in_heap)
        s.heap_id = h5r_take(c, 8);
    else
        s.addr = h5r_get_addr(c, w);
    if (c->overrun || (version == 3 && type != 1 && type != 2))
        return H5R_ERR_FORMAT;
    *out = s;
    return H5R_OK;
}

h5r_status h5r_decode_external_list(h5r_cursor *c, h5r_widths w, h5r_arena *arena, h5r_external_list *out)
{
    h5r_external_list l = {0};
    unsigned version = h5r_get_u8(c);

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version != 1)
        return H5R_ERR_UNSUPPORTED;
    h5r_skip(c, 3 + 2); /* reserved, allocated slots */
    l.n = h5r_get_u16(c);
    l.heap = h5r_get_addr(c, w);
    if (c->overrun || l.n > h5r_left(c) / (3U * w.length))
        return H5R_ERR_FORMAT;
    l.slots = h5r_arena_array(arena, l.n, sizeof *l.slots);
    if (l.slots == NULL)
        return H5R_ERR_NOMEM;
    for (unsigned i = 0; i < l.n; i++) {
        l.slots[i].name = h5r_get_length(c, w);
        l.slots[i].offset = h5r_get_length(c, w);
        l.slots[i].size = h5r_get_widened(c, w.length);
    }
    *out = l;
    return H5R_OK;
}

static unsigned digits(const uint8_t *p, unsigned n, bool *ok)
{
    unsigned v = 0;
    for (unsigned i = 0; i < n; i++) {
        *ok = *ok && p[i] >= '0' && p[i] <= '9';
        v = v * 10 + (unsigned)(p[i] - '0');
    }
    return v;
}

uint64_t h5r_decode_old_mtime(h5r_cursor *c)
{
    const uint8_t *p = h5r_take(c, 14);
    bool ok = p != NULL;

    if (!ok)
        return 0;
    unsigned year = digits(p, 4, &ok), month = digits(p + 4, 2, &ok), day = digits(p + 6, 2, &ok);
    unsigned hour = digits(p + 8, 2, &ok), minute = digits(p + 10, 2, &ok), second = digits(p + 12, 2, &ok);
    if (!ok || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    /* Days of the civil calendar, counted from 1 March so that leap days come last. */
    uint64_t y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;
    uint64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return days * 86400 + hour * 3600U + minute * 60U + second;
}
