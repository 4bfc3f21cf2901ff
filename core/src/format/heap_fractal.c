/* A fractal heap's address space is a "doubling table": rows of width blocks each, rows 0 and 1 of the starting size, every
 * further row of twice the size of the one before; from some row on the blocks are tables themselves. */
#include "format/heaps.h"

#include "util/checked.h"

size_t h5r_fractal_heap_size(h5r_widths w, unsigned filter_len)
{
    size_t n = 4 + 1 + 2 + 2 + 1 + 4 + 12U * w.length + 3U * w.offset + 2 + 2 + 2 + 2 + 4;
    return filter_len == 0 ? n : n + w.length + 4 + filter_len;
}

static bool power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static h5r_status derive(h5r_fractal_heap *h)
{
    if (!power_of_two(h->start_size) || !power_of_two(h->max_direct) || !power_of_two(h->width) ||
        h->start_size > h->max_direct || h->heap_bits > 64 || h->heap_bits == 0 || h->id_len < 1)
        return H5R_ERR_FORMAT;
    h->start_bits = h5r_log2(h->start_size) + h5r_log2(h->width);
    if (h->start_bits > h->heap_bits || h5r_log2(h->max_direct) > h->heap_bits || h->max_direct > UINT32_MAX)
        return H5R_ERR_FORMAT;
    h->offset_width = (h->heap_bits + 7) / 8;
    unsigned by_block = (h5r_log2(h->max_direct) + 7) / 8, by_object = h5r_enc_size(h->max_managed);
    h->length_width = by_block < by_object ? by_block : by_object;
    h->max_direct_rows = h5r_log2(h->max_direct) - h5r_log2(h->start_size) + 2;
    return h->root_rows > h->heap_bits - h->start_bits + 1 ? H5R_ERR_FORMAT : H5R_OK;
}

h5r_status h5r_decode_fractal_heap(h5r_cursor *c, h5r_widths w, h5r_fractal_heap *out)
{
    h5r_fractal_heap h = {0};

    if (!h5r_get_signature(c, "FRHP"))
        return H5R_ERR_FORMAT;
    if (h5r_get_u8(c) != 0)
        return H5R_ERR_UNSUPPORTED;
    h.id_len = h5r_get_u16(c);
    h.filter_len = h5r_get_u16(c);
    h.checksummed = (h5r_get_u8(c) & 2) != 0;
    h.max_managed = h5r_get_u32(c);
    h5r_skip(c, w.length); /* next huge identifier */
    h.huge_btree = h5r_get_addr(c, w);
    h5r_skip(c, w.length);      /* free space in managed blocks */
    h5r_skip(c, w.offset);      /* free-space manager */
    h5r_skip(c, 8U * w.length); /* statistics */
    h.width = h5r_get_u16(c);
    h.start_size = h5r_get_length(c, w);
    h.max_direct = h5r_get_length(c, w);
    h.heap_bits = h5r_get_u16(c);
    h5r_skip(c, 2); /* starting rows */
    h.root = h5r_get_addr(c, w);
    h.root_rows = h5r_get_u16(c);
    if (h.filter_len > 0) {
        h.root_filtered_size = h5r_get_length(c, w);
        h.root_mask = h5r_get_u32(c);
        h.filters = h5r_take(c, h.filter_len);
    }
    if (c->overrun)
        return H5R_ERR_FORMAT;
    h.checksummed_len = c->pos;
    H5R_CHECK(derive(&h));
    *out = h;
    return H5R_OK;
}

uint64_t h5r_fractal_heap_row_size(const h5r_fractal_heap *h, unsigned row)
{
    return row == 0 ? h->start_size : h->start_size << (row - 1);
}

uint64_t h5r_fractal_heap_row_offset(const h5r_fractal_heap *h, unsigned row)
{
    return row == 0 ? 0 : UINT64_C(1) << (h->start_bits + row - 1);
}

void h5r_fractal_heap_locate(const h5r_fractal_heap *h, uint64_t offset_in_block, unsigned *row, unsigned *col)
{
    unsigned bits = h5r_log2(offset_in_block);

    *row = offset_in_block >> h->start_bits == 0 ? 0 : bits - h->start_bits + 1;
    *col = (unsigned)((offset_in_block - h5r_fractal_heap_row_offset(h, *row)) / h5r_fractal_heap_row_size(h, *row));
}

unsigned h5r_fractal_heap_rows_of(const h5r_fractal_heap *h, uint64_t size)
{
    unsigned bits = h5r_log2(size);
    return bits < h->start_bits ? 0 : bits - h->start_bits + 1;
}
