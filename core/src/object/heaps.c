/* Local heaps, fractal heaps and the shared message table. Global heap collections are in global_heap.c. */
#include "object/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "filter/pipeline.h"
#include "object/btree2.h"
#include "util/checked.h"
#include "util/lookup3.h"

/* ---------------------------------------------------------------- local heaps */

h5r_status h5r_load_local_heap(h5r_ctx *x, uint64_t addr, const h5r_local_heap **out)
{
    h5r_widths w = x->file->widths;
    size_t prefix = 8U + 2U * w.length + w.offset;
    h5r_local_heap h;
    const uint8_t *p;

    *out = h5r_memo_get(x, H5R_MEMO_LOCAL_HEAP, addr);
    if (*out != NULL)
        return H5R_OK;
    H5R_TRY(h5r_view(x, addr, prefix, 512, &p));
    h5r_cursor c = h5r_cursor_at(p, prefix);
    if (h5r_decode_local_heap(&c, w, &h) != H5R_OK)
        return h5r_fail_structure(x, H5R_ERR_UNSUPPORTED, addr, "a local heap", "HEAP", p);
    H5R_TRY(h5r_view(x, h.addr, h.size, 0, &h.data));
    return h5r_memo_put(x, H5R_MEMO_LOCAL_HEAP, addr, &h, sizeof h, (const void **)out);
}

h5r_status h5r_local_heap_text(h5r_ctx *x, const h5r_local_heap *h, uint64_t offset, const char **out)
{
    if (offset >= h->size || memchr(h->data + offset, 0, (size_t)(h->size - offset)) == NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, h->addr, "text at %" PRIu64 " of a local heap of %" PRIu64 " bytes has no end in it",
                        offset, h->size);
    *out = (const char *)h->data + offset;
    return H5R_OK;
}

/* ---------------------------------------------------------------- fractal heaps */

h5r_status h5r_load_fractal_heap(h5r_ctx *x, uint64_t addr, const h5r_fractal_heap **out)
{
    h5r_widths w = x->file->widths;
    size_t size = h5r_fractal_heap_size(w, 0);
    h5r_fractal_heap h;
    const uint8_t *p;

    *out = h5r_memo_get(x, H5R_MEMO_FRACTAL_HEAP, addr);
    if (*out != NULL)
        return H5R_OK;
    H5R_TRY(h5r_view(x, addr, size, 256, &p));
    if (memcmp(p, "FRHP", 4) == 0) {
        size = h5r_fractal_heap_size(w, (unsigned)p[7] | (unsigned)p[8] << 8);
        H5R_TRY(h5r_view(x, addr, size, 0, &p));
    }
    h5r_cursor c = h5r_cursor_at(p, size);
    h5r_status st = h5r_decode_fractal_heap(&c, w, &h);
    if (st != H5R_OK)
        return h5r_fail_structure(x, st, addr, "a fractal heap header", "FRHP", p);
    H5R_TRY(h5r_verify(x, addr, p, h.checksummed_len, "fractal heap header"));
    h.addr = addr;
    if (h.filter_len > 0) {
        c = h5r_cursor_at(h.filters, h.filter_len);
        st = h5r_decode_filters(&c, &x->file->arena, &h.pipeline, &h.n_filters);
        if (st != H5R_OK)
            return h5r_fail_message(x, st, addr, "a filter pipeline of a fractal heap", h.filters, h.filter_len);
    }
    return h5r_memo_put(x, H5R_MEMO_FRACTAL_HEAP, addr, &h, sizeof h, (const void **)out);
}

/* A block or huge object, decoded and verified. Its size belongs to it: a damaged file may have another one for the same
 * address. */
typedef struct heap_block {
    uint64_t size;
    const uint8_t *bytes;
} heap_block;

static bool kept_block(const h5r_ctx *x, uint32_t kind, uint64_t addr, uint64_t size, const uint8_t **out)
{
    const heap_block *b = h5r_memo_get(x, kind, addr);
    *out = b != NULL && b->size == size ? b->bytes : NULL;
    return *out != NULL;
}

static h5r_status keep_block(h5r_ctx *x, uint32_t kind, uint64_t addr, uint64_t size, const uint8_t *bytes)
{
    heap_block b = {size, bytes};
    return h5r_memo_put(x, kind, addr, &b, sizeof b, NULL);
}

/* Undoes the filters of a stored block or huge object. Memory that lasts is taken only for what could be decoded. */
static h5r_status decode_filtered(h5r_ctx *x, const h5r_fractal_heap *h, uint64_t addr, uint64_t stored, uint32_t mask,
                                  uint64_t size, const uint8_t **out)
{
    const uint8_t *p;
    h5r_pipeline_scratch scratch = {0};
    h5r_error err;

    if (size > x->file->limits.chunk_bytes)
        return h5r_fail(x, H5R_ERR_LIMIT, addr, "filtered heap object of %" PRIu64 " bytes (limits.chunk_bytes)", size);
    H5R_TRY(h5r_view(x, addr, stored, 0, &p));
    uint8_t *decoded = malloc(size > 0 ? (size_t)size : 1);
    if (decoded == NULL)
        return h5r_nomem(x);
    h5r_status st = h5r_pipeline_decode(&x->file->options, h->pipeline, h->n_filters, mask, p, (size_t)stored, decoded, (size_t)size,
                                        &scratch, &err);
    h5r_pipeline_scratch_free(&scratch);
    if (st == H5R_OK) {
        uint8_t *bytes = h5r_alloc(x, size, 1);
        if (bytes != NULL)
            memcpy(bytes, decoded, (size_t)size);
        *out = bytes;
        st = bytes != NULL ? H5R_OK : x->error.status;
    } else {
        st = h5r_fail(x, st, addr, "fractal heap at %" PRIu64 ": %s", h->addr, err.message);
    }
    free(decoded);
    return st;
}

/* The checksum in the middle of a direct block covers the block with the checksum itself taken as zero. */
static h5r_status verify_direct(h5r_ctx *x, const h5r_fractal_heap *h, uint64_t addr, const uint8_t *p, uint64_t size)
{
    size_t at = 5U + x->file->widths.offset + h->offset_width;

    if (size < at + 4)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "a direct block of a fractal heap of %" PRIu64 " bytes, at least %zu are needed", size, at + 4);
    if (memcmp(p, "FHDB", 4) != 0)
        return h5r_fail_structure(x, H5R_ERR_FORMAT, addr, "a direct block of a fractal heap", "FHDB", p);
    if (!h->checksummed)
        return H5R_OK;
    uint8_t *copy = h5r_scratch(x, size, 1);
    if (copy == NULL)
        return H5R_ERR_NOMEM;
    memcpy(copy, p, (size_t)size);
    memset(copy + at, 0, 4);
    h5r_cursor c = h5r_cursor_at(p + at, 4);
    return h5r_verify_sum(x, addr, h5r_get_u32(&c), h5r_lookup3(copy, (size_t)size, 0), "fractal heap direct block");
}

typedef struct block_ref {
    uint64_t addr, size;   /* of the block, decoded */
    uint64_t stored;       /* filtered heaps */
    uint32_t mask;
    uint64_t base;         /* heap offset where it begins */
} block_ref;

static h5r_status load_direct(h5r_ctx *x, const h5r_fractal_heap *h, const block_ref *b, const uint8_t **out)
{
    if (kept_block(x, H5R_MEMO_HEAP_DIRECT, b->addr, b->size, out))
        return H5R_OK;
    if (h->filter_len > 0)
        H5R_TRY(decode_filtered(x, h, b->addr, b->stored, b->mask, b->size, out));
    else
        H5R_TRY(h5r_view(x, b->addr, b->size, 0, out));
    H5R_TRY(verify_direct(x, h, b->addr, *out, b->size));
    return keep_block(x, H5R_MEMO_HEAP_DIRECT, b->addr, b->size, *out);
}

/* Bytes of an entry of an indirect block. */
static size_t entry_size(const h5r_ctx *x, const h5r_fractal_heap *h, unsigned row)
{
    h5r_widths w = x->file->widths;
    return w.offset + (h->filter_len > 0 && row < h->max_direct_rows ? w.length + 4U : 0U);
}

static h5r_status load_indirect(h5r_ctx *x, const h5r_fractal_heap *h, uint64_t addr, unsigned rows, h5r_cursor *out)
{
    unsigned direct = rows < h->max_direct_rows ? rows : h->max_direct_rows;
    size_t head = 5U + x->file->widths.offset + h->offset_width;
    uint64_t size = head + (uint64_t)h->width * direct * entry_size(x, h, 0) +
                    (uint64_t)h->width * (rows - direct) * entry_size(x, h, h->max_direct_rows) + 4;
    const uint8_t *p = NULL;

    if (!kept_block(x, H5R_MEMO_HEAP_INDIRECT, addr, size, &p)) {
        H5R_TRY(h5r_view(x, addr, size, 0, &p));
        if (memcmp(p, "FHIB", 4) != 0)
            return h5r_fail_structure(x, H5R_ERR_FORMAT, addr, "an indirect block of a fractal heap", "FHIB", p);
        H5R_TRY(h5r_verify(x, addr, p, size - 4, "fractal heap indirect block"));
        H5R_TRY(keep_block(x, H5R_MEMO_HEAP_INDIRECT, addr, size, p));
    }
    *out = h5r_cursor_at(p + head, (size_t)(size - head - 4));
    return H5R_OK;
}

/* The direct block that holds a heap offset. */
static h5r_status find_block(h5r_ctx *x, const h5r_fractal_heap *h, uint64_t offset, block_ref *out)
{
    uint64_t addr = h->root, base = 0;
    unsigned rows = h->root_rows;

    if (rows == 0) {
        *out = (block_ref){h->root, h->start_size, h->root_filtered_size, h->root_mask, 0};
        return H5R_OK;
    }
    for (unsigned depth = 0; depth < 64; depth++) {
        h5r_cursor c = {0};
        unsigned row, col;
        H5R_TRY(load_indirect(x, h, addr, rows, &c));
        h5r_fractal_heap_locate(h, offset - base, &row, &col);
        if (row >= rows)
            break;
        unsigned direct = row < h->max_direct_rows ? row : h->max_direct_rows;
        h5r_skip(&c, (uint64_t)h->width * direct * entry_size(x, h, 0) +
                         (uint64_t)h->width * (row - direct) * x->file->widths.offset);
        h5r_skip(&c, col * entry_size(x, h, row));
        addr = h5r_get_addr(&c, x->file->widths);
        base += h5r_fractal_heap_row_offset(h, row) + col * h5r_fractal_heap_row_size(h, row);
        uint64_t size = h5r_fractal_heap_row_size(h, row);
        if (addr == H5R_UNDEFINED || c.overrun)
            break;
        if (row < h->max_direct_rows) {
            *out = (block_ref){.addr = addr, .size = size, .base = base};
            if (h->filter_len > 0) {
                out->stored = h5r_get_length(&c, x->file->widths);
                out->mask = h5r_get_u32(&c);
            }
            return H5R_OK;
        }
        unsigned child = h5r_fractal_heap_rows_of(h, size);
        if (child == 0 || child >= rows + h->max_direct_rows)
            break;
        rows = child;
    }
    return h5r_fail(x, H5R_ERR_FORMAT, h->addr, "fractal heap: offset %" PRIu64 " lies in no block", offset);
}

static h5r_status load_managed(h5r_ctx *x, const h5r_fractal_heap *h, h5r_cursor *id, const uint8_t **out, uint64_t *len)
{
    uint64_t offset = h5r_get_uint(id, h->offset_width);
    block_ref b = {0};
    const uint8_t *p;

    *len = h5r_get_uint(id, h->length_width);
    if (id->overrun || (h->heap_bits < 64 && offset >> h->heap_bits != 0))
        return h5r_fail(x, H5R_ERR_FORMAT, h->addr, "fractal heap: identifier with offset %" PRIu64 " in a heap of 2^%u bytes", offset, h->heap_bits);
    H5R_TRY(find_block(x, h, offset, &b));
    size_t head = 5U + x->file->widths.offset + h->offset_width + (h->checksummed ? 4 : 0);
    uint64_t at = offset - b.base;
    if (at < head || at > b.size || *len > b.size - at)
        return h5r_fail(x, H5R_ERR_FORMAT, b.addr, "fractal heap: object of %" PRIu64 " bytes leaves its block", *len);
    H5R_TRY(load_direct(x, h, &b, &p));
    *out = p + at;
    return H5R_OK;
}

static h5r_status want_blocks(h5r_ctx *x, const h5r_fractal_heap *h, bool all)
{
    unsigned direct = h->root_rows < h->max_direct_rows ? h->root_rows : h->max_direct_rows;
    h5r_cursor c = {0};
    h5r_status acc = H5R_OK;
    const uint8_t *p;

    if (h->root == H5R_UNDEFINED)
        return H5R_OK;
    if (h->root_rows == 0) {
        const block_ref root = {h->root, h->start_size, h->root_filtered_size, h->root_mask, 0};
        return load_direct(x, h, &root, &p);
    }
    H5R_TRY(load_indirect(x, h, h->root, h->root_rows, &c));
    for (unsigned row = 0; all && row < direct; row++)
        for (unsigned col = 0; col < h->width; col++) {
            block_ref b = {.addr = h5r_get_addr(&c, x->file->widths), .size = h5r_fractal_heap_row_size(h, row)};
            if (h->filter_len > 0) {
                b.stored = h5r_get_length(&c, x->file->widths);
                b.mask = h5r_get_u32(&c);
            }
            if (b.addr != H5R_UNDEFINED && !c.overrun)
                H5R_ALSO(acc, load_direct(x, h, &b, &p));
        }
    return acc;
}

h5r_status h5r_want_heap(h5r_ctx *x, const h5r_fractal_heap *h, bool all)
{
    const h5r_error before = x->error;
    h5r_status st = want_blocks(x, h, all);

    x->error = before;
    return st == H5R_NEED ? st : H5R_OK;
}

/* Record of a huge object found by key. */
typedef struct huge_search {
    h5r_ctx *x;
    const h5r_fractal_heap *h;
    uint64_t key;
    bool found;
    uint64_t addr, stored, size;
    uint32_t mask;
} huge_search;

static void decode_huge(huge_search *s, const uint8_t *record, size_t len, uint64_t *key, huge_search *out)
{
    h5r_widths w = s->x->file->widths;
    h5r_cursor c = h5r_cursor_at(record, len);

    out->addr = h5r_get_addr(&c, w);
    out->stored = out->size = h5r_get_length(&c, w);
    if (s->h->filter_len > 0) {
        out->mask = h5r_get_u32(&c);
        out->size = h5r_get_length(&c, w);
    }
    *key = h5r_get_length(&c, w);
}

static int compare_huge(void *arg, const uint8_t *record, size_t len)
{
    huge_search *s = arg, r = *s;
    uint64_t key;
    decode_huge(s, record, len, &key, &r);
    return key < s->key ? -1 : key > s->key;
}

static h5r_status visit_huge(void *arg, const uint8_t *record, size_t len)
{
    huge_search *s = arg;
    uint64_t key;
    decode_huge(s, record, len, &key, s);
    s->found = true;
    return H5R_OK;
}

static h5r_status load_huge(h5r_ctx *x, const h5r_fractal_heap *h, h5r_cursor *id, const uint8_t **out, uint64_t *len)
{
    h5r_widths w = x->file->widths;
    unsigned direct = w.offset + w.length + (h->filter_len > 0 ? 4U + w.length : 0U);
    huge_search s = {.x = x, .h = h};

    if (h->id_len - 1 >= direct) {
        s.addr = h5r_get_addr(id, w);
        s.stored = s.size = h5r_get_length(id, w);
        if (h->filter_len > 0) {
            s.mask = h5r_get_u32(id);
            s.size = h5r_get_length(id, w);
        }
    } else {
        s.key = h5r_get_uint(id, h->id_len - 1 < w.length ? h->id_len - 1 : w.length);
        H5R_TRY(h5r_btree2_visit(x, h->huge_btree, h->filter_len > 0 ? 2 : 1, compare_huge, visit_huge, &s));
        if (!s.found)
            return h5r_fail(x, H5R_ERR_FORMAT, h->addr, "fractal heap: huge object %" PRIu64 " is not in its B-tree", s.key);
    }
    *len = s.size;
    if (h->filter_len == 0)
        return h5r_view(x, s.addr, s.size, 0, out);
    if (kept_block(x, H5R_MEMO_HEAP_HUGE, s.addr, s.size, out))
        return H5R_OK;
    H5R_TRY(decode_filtered(x, h, s.addr, s.stored, s.mask, s.size, out));
    return keep_block(x, H5R_MEMO_HEAP_HUGE, s.addr, s.size, *out);
}

h5r_status h5r_load_heap_object(h5r_ctx *x, const h5r_fractal_heap *h, const uint8_t *id, const uint8_t **out,
                                uint64_t *len)
{
    h5r_cursor c = h5r_cursor_at(id, h->id_len);
    unsigned first = h5r_get_u8(&c);

    if (first >> 6 != 0)
        return h5r_fail(x, H5R_ERR_UNSUPPORTED, h->addr, "fractal heap identifier of version %u", first >> 6);
    switch (first >> 4 & 3) {
    case 0:
        return load_managed(x, h, &c, out, len);
    case 1:
        return load_huge(x, h, &c, out, len);
    case 2: /* tiny: in the identifier itself */
        *len = (first & 0xfU) + 1;
        if (h->id_len - 1 > 17)
            *len = ((first & 0xfU) << 8 | h5r_get_u8(&c)) + 1U;
        *out = h5r_take(&c, *len);
        if (*out != NULL)
            return H5R_OK;
    }
    return h5r_fail(x, H5R_ERR_FORMAT, h->addr, "fractal heap: identifier of %u bytes that begins with %02x: of unknown kind, or too short for it", h->id_len, first);
}

/* ---------------------------------------------------------------- shared message table (III.I) */


h5r_status h5r_load_sohm_heap(h5r_ctx *x, unsigned type, const h5r_fractal_heap **out)
{
    h5r_widths w = x->file->widths;
    uint64_t addr = x->file->params.sohm_table;
    unsigned n = x->file->params.sohm_indexes;
    size_t entry = 2U + 2 + 4 + 2 + 2 + 2 + 2U * w.offset;
    uint64_t size = 4 + (uint64_t)n * entry + 4;
    const uint8_t *p;

    if (addr == H5R_UNDEFINED)
        return h5r_fail(x, H5R_ERR_FORMAT, H5R_UNDEFINED, "message of type %u shared in a file without a table of shared messages", type);
    H5R_TRY(h5r_view(x, addr, size, 0, &p));
    if (memcmp(p, "SMTB", 4) != 0)
        return h5r_fail_structure(x, H5R_ERR_FORMAT, addr, "a table of shared messages", "SMTB", p);
    H5R_TRY(h5r_verify(x, addr, p, size - 4, "table of shared messages"));
    h5r_cursor c = h5r_cursor_at(p + 4, (size_t)(size - 8));
    for (unsigned i = 0; i < n; i++) {
        h5r_skip(&c, 2); /* version, kind of index */
        unsigned mask = h5r_get_u16(&c);
        h5r_skip(&c, 4 + 2 + 2 + 2 + (uint64_t)w.offset); /* minimum size, cutoffs, count, index */
        uint64_t heap = h5r_get_addr(&c, w);
        if (mask >> type & 1)
            return h5r_load_fractal_heap(x, heap, out);
    }
    return h5r_fail(x, H5R_ERR_FORMAT, addr, "messages of type %u are shared in no index of the table", type);
}
