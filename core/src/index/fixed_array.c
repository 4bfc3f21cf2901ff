/* Fixed array index. Specification VII.C: a header and one data block, whose elements are grouped in pages, each with a
 * checksum of its own, when there are more than 2^page_bits of them. */
#include "index/array_block.h"

#include <inttypes.h>

#include "object/memo.h"
#include "util/checked.h"

typedef struct fixed_array {
    const h5r_chunked *d;
    unsigned elem_size, page_bits;
    uint64_t count, block;
} fixed_array;

static h5r_status load_header(h5r_ctx *x, const h5r_chunked *d, fixed_array *out)
{
    h5r_widths w = x->file->widths;
    size_t n = 4U + 4 + w.length + w.offset;
    const uint8_t *p;

    H5R_TRY(h5r_view_block(x, d->addr, n, "FAHD", "fixed array header", &p));
    h5r_cursor c = h5r_cursor_at(p + 5, n - 5);
    unsigned client = h5r_get_u8(&c);
    *out = (fixed_array){.d = d};
    out->elem_size = h5r_get_u8(&c);
    out->page_bits = h5r_get_u8(&c);
    out->count = h5r_get_length(&c, w);
    out->block = h5r_get_addr(&c, w);
    if (out->page_bits > 40 || out->count > UINT64_MAX / 256)
        return h5r_fail(x, H5R_ERR_FORMAT, d->addr, "fixed array of %" PRIu64 " elements in pages of 2^%u", out->count, out->page_bits);
    return h5r_check_elements(x, d, client, out->elem_size);
}

static h5r_status find(h5r_ctx *x, const void *array, uint64_t number, h5r_element *out)
{
    const fixed_array *a = array;
    uint64_t page_size = UINT64_C(1) << a->page_bits, n = a->count, first = 0;
    size_t head = 4U + 2 + x->file->widths.offset;
    const uint8_t *p;

    out->skip_to = a->count;
    if (number >= a->count)
        return h5r_fail(x, H5R_ERR_FORMAT, a->d->addr, "fixed array of %" PRIu64 " elements has none for chunk %" PRIu64, a->count, number);
    if (a->count <= page_size) {
        H5R_TRY(h5r_view_block(x, a->block, head + a->count * a->elem_size, "FADB", "fixed array data block", &p));
        p += head;
    } else {
        uint64_t pages = h5r_ceil_div(a->count, page_size), page = number / page_size;
        uint64_t prefix = head + h5r_ceil_div(pages, 8);
        H5R_TRY(h5r_view_block(x, a->block, prefix, "FADB", "fixed array data block", &p));
        first = page * page_size;
        n = h5r_min(page_size, a->count - first);
        out->skip_to = first + n;
        if (!h5r_bit(p + head, page))
            return H5R_OK;
        uint64_t at = a->block + prefix + 4 + page * (page_size * a->elem_size + 4);
        H5R_TRY(h5r_view_block(x, at, n * a->elem_size, NULL, "fixed array page", &p));
    }
    h5r_cursor c = h5r_cursor_at(p + (number - first) * a->elem_size, a->elem_size);
    uint64_t next = number + 1;
    *out = h5r_decode_element(x, a->d, &c);
    out->skip_to = next;
    return H5R_OK;
}

h5r_status h5r_index_fixed_array(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                                 h5r_chunk_visit visit, void *arg)
{
    fixed_array a;

    H5R_TRY(load_header(x, d, &a));
    if (a.block == H5R_UNDEFINED)
        return H5R_OK;
    return h5r_array_walk(x, d, false, lo, hi, find, &a, visit, arg);
}
