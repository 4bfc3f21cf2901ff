/* Selections as they are stored: in region references and in the mappings of virtual datasets. Specification III.J (dataspace
 * selections), versions 1 to 3. A list of blocks or points stays where it lies and is read item by item. */
#include <h5range/h5range.h>

#include "format/cursor.h"
#include "format/region.h"
#include "util/checked.h"

static h5r_status decode_points(h5r_cursor *c, unsigned version, h5r_region *r)
{
    r->width = 4;
    if (version == 1)
        h5r_skip(c, 8); /* reserved, length */
    else
        r->width = h5r_get_u8(c);
    r->rank = h5r_get_u32(c);
    r->n = h5r_get_uint(c, r->width);
    if (c->overrun || r->width == 0 || r->width > 8 || r->rank < 1 || r->rank > H5R_MAX_RANK ||
        r->n > h5r_left(c) / r->width / r->rank)
        return H5R_ERR_FORMAT;
    r->list = h5r_take(c, r->n * r->rank * r->width);
    return H5R_OK;
}

static h5r_status decode_regular(h5r_cursor *c, h5r_region *r)
{
    for (unsigned i = 0; i < r->rank; i++) {
        r->start[i] = h5r_get_uint(c, r->width);
        r->stride[i] = h5r_get_uint(c, r->width);
        r->count[i] = h5r_get_widened(c, r->width);
        r->block[i] = h5r_get_widened(c, r->width);
        bool endless = r->count[i] == H5R_UNDEFINED || r->block[i] == H5R_UNDEFINED;
        if (endless && r->unlimited_dim >= 0)
            return H5R_ERR_FORMAT; /* at most one dimension is unlimited */
        if (endless)
            r->unlimited_dim = (int)i;
        if (r->count[i] > 1 && (r->stride[i] == 0 || r->stride[i] < r->block[i]))
            return H5R_ERR_FORMAT; /* blocks overlap */
        if (r->count[i] <= 1)
            r->stride[i] = 1;
        uint64_t way, last;
        if (!endless && r->count[i] > 0 && r->block[i] > 0 &&
            (!h5r_mul(r->count[i] - 1, r->stride[i], &way) || !h5r_add(way, r->block[i] - 1, &way) || !h5r_add(way, r->start[i], &last)))
            return H5R_ERR_FORMAT;
    }
    return c->overrun ? H5R_ERR_FORMAT : H5R_OK;
}

static h5r_status decode_blocks(h5r_cursor *c, h5r_region *r)
{
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK];

    r->n = h5r_get_uint(c, r->width);
    if (c->overrun || r->n > h5r_left(c) / r->width / (2 * r->rank))
        return H5R_ERR_FORMAT;
    r->list = h5r_take(c, r->n * 2 * r->rank * r->width);
    for (uint64_t k = 0; k < r->n; k++) {
        h5r_region_item(r, k, first, last);
        for (unsigned i = 0; i < r->rank; i++)
            if (first[i] > last[i] || last[i] == UINT64_MAX)
                return H5R_ERR_FORMAT;
    }
    return H5R_OK;
}

static h5r_status decode_hyperslab(h5r_cursor *c, unsigned version, h5r_region *r)
{
    unsigned flags = 0;

    r->width = 4;
    if (version == 1) {
        h5r_skip(c, 8); /* reserved, length */
    } else {
        flags = h5r_get_u8(c);
        r->width = version == 2 ? 8 : h5r_get_u8(c);
        if (version == 2)
            h5r_skip(c, 4); /* length */
    }
    r->rank = h5r_get_u32(c);
    if (c->overrun || r->width == 0 || r->width > 8 || r->rank < 1 || r->rank > H5R_MAX_RANK)
        return H5R_ERR_FORMAT;
    r->regular = (flags & 1) != 0;
    return r->regular ? decode_regular(c, r) : decode_blocks(c, r);
}

h5r_status h5r_decode_region(h5r_cursor *c, h5r_region *out)
{
    h5r_region r = {.unlimited_dim = -1};
    h5r_status st = H5R_OK;

    unsigned kind = h5r_get_u32(c), version = h5r_get_u32(c);
    if (c->overrun || kind > H5R_REGION_ALL)
        return H5R_ERR_FORMAT;
    r.kind = (h5r_region_kind)kind;
    if (version < 1 || version > (r.kind == H5R_REGION_HYPERSLAB ? 3U : r.kind == H5R_REGION_POINTS ? 2U : 1U))
        return H5R_ERR_UNSUPPORTED;
    if (r.kind == H5R_REGION_POINTS)
        st = decode_points(c, version, &r);
    else if (r.kind == H5R_REGION_HYPERSLAB)
        st = decode_hyperslab(c, version, &r);
    else
        h5r_skip(c, 8); /* reserved, length */
    if (st == H5R_OK && c->overrun)
        st = H5R_ERR_FORMAT;
    if (st == H5R_OK)
        *out = r;
    return st;
}

h5r_status h5r_region_decode(const void *src, size_t n, h5r_region *out)
{
    if (src == NULL || out == NULL)
        return H5R_ERR_ARG;
    h5r_cursor c = h5r_cursor_at(src, n);
    return h5r_decode_region(&c, out);
}

void h5r_region_item(const h5r_region *r, uint64_t i, uint64_t *first, uint64_t *last)
{
    bool points = r->kind == H5R_REGION_POINTS;
    size_t bytes = (size_t)r->rank * r->width;
    h5r_cursor c = h5r_cursor_at(r->list + (size_t)i * bytes * (points ? 1 : 2), bytes * (points ? 1 : 2));

    for (unsigned k = 0; k < r->rank; k++)
        first[k] = h5r_get_uint(&c, r->width);
    for (unsigned k = 0; k < r->rank; k++)
        last[k] = points ? first[k] : h5r_get_uint(&c, r->width);
}

uint64_t h5r_region_count(const h5r_region *r)
{
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK], total = 0;

    if (r->kind == H5R_REGION_NONE)
        return 0;
    if (r->kind == H5R_REGION_ALL || r->unlimited_dim >= 0)
        return H5R_UNDEFINED;
    if (r->kind == H5R_REGION_POINTS)
        return r->n;
    for (uint64_t k = 0; k < (r->regular ? 1 : r->n); k++) {
        uint64_t volume = 1;
        if (!r->regular)
            h5r_region_item(r, k, first, last);
        for (unsigned i = 0; i < r->rank; i++) {
            uint64_t n = r->regular ? r->block[i] : last[i] - first[i] + 1;
            if (r->regular && !h5r_mul(n, r->count[i], &n))
                return H5R_UNDEFINED;
            if (!h5r_mul(volume, n, &volume))
                return H5R_UNDEFINED;
        }
        if (!h5r_add(total, volume, &total))
            return H5R_UNDEFINED;
    }
    return total;
}
