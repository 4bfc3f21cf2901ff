/* Extensible array index. Specification VII.D: the first elements lie in the index block; data blocks follow, whose sizes double
 * every other "super block"; the addresses of the first data blocks are in the index block too, those of later ones in super
 * blocks. Data blocks of more than 2^page_bits elements are paged, and the bitmaps of their pages lie in the super block. */
#include "index/array_block.h"

#include <inttypes.h>

#include "util/checked.h"

typedef struct extensible_array {
    const h5r_chunked *d;
    unsigned elem_size, max_bits, page_bits;
    unsigned in_index;       /* elements in the index block */
    unsigned block_min;      /* elements of the smallest data block */
    unsigned pointers_min;   /* data block addresses of the smallest super block */
    uint64_t index_block;
    unsigned super_blocks;   /* in all */
    unsigned direct;         /* super blocks whose data blocks the index block lists */
} extensible_array;

static bool power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static h5r_status impossible(h5r_ctx *x, const extensible_array *a)
{
    return h5r_fail(x, H5R_ERR_FORMAT, a->d->addr,
                    "extensible array with impossible parameters: at most 2^%u elements, data blocks of %u, super blocks of %u, pages of 2^%u",
                    a->max_bits, a->block_min, a->pointers_min, a->page_bits);
}

static h5r_status load_header(h5r_ctx *x, const h5r_chunked *d, extensible_array *a)
{
    h5r_widths w = x->file->widths;
    size_t n = 4U + 2 + 6 + 6U * w.length + w.offset;
    const uint8_t *p;

    H5R_TRY(h5r_view_block(x, d->addr, n, "EAHD", "extensible array header", &p));
    h5r_cursor c = h5r_cursor_at(p + 5, n - 5);
    unsigned client = h5r_get_u8(&c);
    *a = (extensible_array){.d = d};
    a->elem_size = h5r_get_u8(&c);
    a->max_bits = h5r_get_u8(&c);
    a->in_index = h5r_get_u8(&c);
    a->block_min = h5r_get_u8(&c);
    a->pointers_min = h5r_get_u8(&c);
    a->page_bits = h5r_get_u8(&c);
    h5r_skip(&c, 6U * w.length); /* statistics */
    a->index_block = h5r_get_addr(&c, w);
    if (!power_of_two(a->block_min) || !power_of_two(a->pointers_min) || a->max_bits > 64 || a->page_bits > 32 ||
        a->max_bits <= h5r_log2(a->block_min))
        return impossible(x, a);
    a->super_blocks = 1 + a->max_bits - h5r_log2(a->block_min);
    a->direct = 2 * h5r_log2(a->pointers_min);
    if (a->direct > a->super_blocks)
        return impossible(x, a);
    return h5r_check_elements(x, d, client, a->elem_size);
}

/* Data blocks of a super block, and elements of each. */
static uint64_t blocks_of(unsigned u)
{
    return UINT64_C(1) << (u / 2);
}

static uint64_t elements_of(const extensible_array *a, unsigned u)
{
    return (uint64_t)a->block_min << ((u + 1) / 2);
}

static size_t block_head(h5r_ctx *x, const extensible_array *a)
{
    return 4U + 2 + x->file->widths.offset + (a->max_bits + 7) / 8;
}

/* Where the data block is that holds element j (not counting those in the index block). */
typedef struct place {
    unsigned u;
    uint64_t block, elem; /* block within the super block, element within the block */
    uint64_t addr;        /* of the data block */
    uint64_t pages;       /* 0: not paged */
    const uint8_t *bitmap;
} place;

static h5r_status find_in_super_block(h5r_ctx *x, const extensible_array *a, uint64_t super, place *at)
{
    h5r_widths w = x->file->widths;
    size_t head = block_head(x, a);
    uint64_t blocks = blocks_of(at->u), bitmap = blocks * h5r_ceil_div(at->pages, 8); /* at most 2^61 */
    const uint8_t *p;

    H5R_TRY(h5r_view_block(x, super, head + bitmap + blocks * w.offset, "EASB", "extensible array super block", &p));
    at->bitmap = p + head;
    h5r_cursor c = h5r_cursor_at(p + head + bitmap + at->block * w.offset, w.offset);
    at->addr = h5r_get_addr(&c, w);
    return H5R_OK;
}

/* The element in a data block, or in the page of it; NULL when the page was never written. */
static h5r_status view_elements(h5r_ctx *x, const extensible_array *a, const place *at, const uint8_t **out)
{
    size_t head = block_head(x, a);
    uint64_t page_size = UINT64_C(1) << a->page_bits;

    *out = NULL;
    if (at->pages == 0) {
        H5R_TRY(h5r_view_block(x, at->addr, head + elements_of(a, at->u) * a->elem_size, "EADB", "extensible array data block", out));
        *out += head + at->elem * a->elem_size;
        return H5R_OK;
    }
    uint64_t page = at->elem / page_size;
    if (!h5r_bit(at->bitmap, at->block * at->pages + page)) /* packed over all blocks: not byte-aligned by block */
        return H5R_OK;
    uint64_t addr = at->addr + head + 4 + page * (page_size * a->elem_size + 4);
    H5R_TRY(h5r_view_block(x, addr, page_size * a->elem_size, NULL, "extensible array page", out));
    *out += at->elem % page_size * a->elem_size;
    return H5R_OK;
}

static h5r_status find(h5r_ctx *x, const void *array, uint64_t number, h5r_element *out)
{
    const extensible_array *a = array;
    h5r_widths w = x->file->widths;
    size_t head = 4U + 2 + w.offset;
    uint64_t pointers = 2 * ((uint64_t)a->pointers_min - 1), supers = a->super_blocks - a->direct;
    uint64_t inline_bytes = (uint64_t)a->in_index * a->elem_size;
    const uint8_t *p;

    out->skip_to = H5R_UNDEFINED;
    H5R_TRY(h5r_view_block(x, a->index_block, head + inline_bytes + (pointers + supers) * w.offset, "EAIB",
                           "extensible array index block", &p));
    uint64_t next = number + 1;
    const uint8_t *element;
    if (number < a->in_index) {
        element = p + head + number * a->elem_size;
    } else {
        uint64_t j = number - a->in_index;
        place at = {.u = h5r_log2(j / a->block_min + 1)};
        if (at.u >= a->super_blocks)
            return h5r_fail(x, H5R_ERR_FORMAT, a->d->addr, "extensible array has no element %" PRIu64, number);
        uint64_t start = a->block_min * ((UINT64_C(1) << at.u) - 1), size = elements_of(a, at.u);
        uint64_t page_size = UINT64_C(1) << a->page_bits;
        at.block = (j - start) / size;
        at.elem = (j - start) % size;
        at.pages = size > page_size ? size / page_size : 0;
        const uint8_t *addresses = p + head + inline_bytes;
        if (at.u < a->direct) {
            uint64_t flat = at.block;
            for (unsigned v = 0; v < at.u; v++)
                flat += blocks_of(v);
            h5r_cursor c = h5r_cursor_at(addresses + flat * w.offset, w.offset);
            at.addr = h5r_get_addr(&c, w);
            if (at.pages > 0) /* no writer does: the bitmaps of pages lie in super blocks */
                return h5r_fail(x, H5R_ERR_FORMAT, a->d->addr, "extensible array with pages where there are no bitmaps for them");
        } else {
            h5r_cursor c = h5r_cursor_at(addresses + (pointers + at.u - a->direct) * w.offset, w.offset);
            uint64_t super = h5r_get_addr(&c, w);
            out->skip_to = a->in_index + start + ((uint64_t)a->block_min << at.u); /* the whole super block */
            if (super == H5R_UNDEFINED)
                return H5R_OK;
            H5R_TRY(find_in_super_block(x, a, super, &at));
        }
        out->skip_to = number - at.elem + size; /* the whole data block */
        if (at.addr == H5R_UNDEFINED)
            return H5R_OK;
        if (at.pages > 0)
            out->skip_to = number - at.elem % page_size + page_size; /* the page */
        H5R_TRY(view_elements(x, a, &at, &element));
        if (element == NULL)
            return H5R_OK;
    }
    h5r_cursor c = h5r_cursor_at(element, a->elem_size);
    *out = h5r_decode_element(x, a->d, &c);
    out->skip_to = next;
    return H5R_OK;
}

h5r_status h5r_index_extensible_array(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                                      h5r_chunk_visit visit, void *arg)
{
    extensible_array a;

    H5R_TRY(load_header(x, d, &a));
    if (a.index_block == H5R_UNDEFINED)
        return H5R_OK;
    return h5r_array_walk(x, d, true, lo, hi, find, &a, visit, arg);
}
