#include "format/messages.h"

/* One filter description of the pipeline message. */
static h5r_status decode_filter(h5r_cursor *c, unsigned version, h5r_arena *arena, h5r_filter *f)
{
    size_t name_len = 0;

    f->id = h5r_get_u16(c);
    if (version == 1 || f->id >= 256)
        name_len = h5r_get_u16(c);
    f->flags = h5r_get_u16(c);
    f->n_values = h5r_get_u16(c);
    if (version == 1)
        name_len = (name_len + 7) / 8 * 8; /* the stored length is the padded one; old writers differ */
    const uint8_t *name = h5r_take(c, name_len);
    const uint8_t *values = h5r_take(c, 4 * (uint64_t)f->n_values);
    if (version == 1 && f->n_values % 2 == 1)
        h5r_skip(c, 4);
    if (name == NULL || values == NULL || c->overrun)
        return H5R_ERR_FORMAT;

    const uint8_t *end = name_len > 0 ? memchr(name, 0, name_len) : NULL;
    f->name = h5r_arena_text(arena, name, end != NULL ? (size_t)(end - name) : name_len);
    uint32_t *v = h5r_arena_array(arena, f->n_values, sizeof *v);
    if (f->name == NULL || v == NULL)
        return H5R_ERR_NOMEM;
    h5r_cursor vc = h5r_cursor_at(values, 4 * (size_t)f->n_values);
    for (unsigned i = 0; i < f->n_values; i++)
        v[i] = h5r_get_u32(&vc);
    f->values = v;
    return H5R_OK;
}

/* Filter pipeline message, versions 1 and 2. */
h5r_status h5r_decode_filters(h5r_cursor *c, h5r_arena *arena, const h5r_filter **out, unsigned *n)
{
    unsigned version = h5r_get_u8(c);
    unsigned count = h5r_get_u8(c);

    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version < 1 || version > 2)
        return H5R_ERR_UNSUPPORTED;
    if (count > H5R_MAX_FILTERS)
        return H5R_ERR_FORMAT;
    if (version == 1)
        h5r_skip(c, 6);
    h5r_filter *filters = h5r_arena_array(arena, count, sizeof *filters);
    if (filters == NULL)
        return H5R_ERR_NOMEM;
    for (unsigned i = 0; i < count; i++)
        H5R_CHECK(decode_filter(c, version, arena, &filters[i]));
    *out = filters;
    *n = count;
    return H5R_OK;
}
