/* What a dataset is: type, shape, layout, filters, fill value, external files. */
#include "object/load.h"

#include <inttypes.h>

#include "object/dataset.h"
#include "util/checked.h"

/* Body of a message of the dataset's header, shared or not; *body NULL when it has none. */
static h5r_status message_body(h5r_ctx *x, const h5r_header *h, unsigned type, const uint8_t **body, size_t *len)
{
    const h5r_message *m = h5r_find_message(h, type);
    uint64_t committed;

    *body = NULL;
    if (m == NULL)
        return H5R_OK;
    return h5r_load_body(x, h->pub.addr, type, (m->flags & H5R_MSG_SHARED) != 0, m->body, m->len, body, len, &committed);
}

/* Asks for a shared message's body without decoding it. */
static h5r_status want_shared(h5r_ctx *x, const h5r_header *h, unsigned type)
{
    const uint8_t *body;
    size_t len;
    return message_body(x, h, type, &body, &len);
}

static h5r_status load_space(h5r_ctx *x, const h5r_header *h, h5r_space *out)
{
    const uint8_t *body;
    size_t len = 0;

    H5R_TRY(message_body(x, h, H5R_MSG_DATASPACE, &body, &len));
    if (body == NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "dataset without a dataspace");
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_status st = h5r_decode_dataspace(&c, x->file->widths, out);
    return st == H5R_OK ? st : h5r_fail_message(x, st, h->pub.addr, "a dataspace", body, len);
}

static h5r_status load_fill(h5r_ctx *x, const h5r_header *h, h5r_dataset *d)
{
    const uint8_t *body;
    size_t len = 0;
    h5r_fill f = {.status = H5R_FILL_UNDEFINED, .time = H5R_FILL_IFSET}; /* of files older than fill values */
    h5r_status st = H5R_OK;

    H5R_TRY(message_body(x, h, H5R_MSG_FILL, &body, &len));
    h5r_cursor c = h5r_cursor_at(body, len);
    if (body != NULL) {
        st = h5r_decode_fill(&c, &f);
    } else {
        H5R_TRY(message_body(x, h, H5R_MSG_OLD_FILL, &body, &len));
        c = h5r_cursor_at(body, len);
        if (body != NULL)
            st = h5r_decode_old_fill(&c, &f);
    }
    if (st != H5R_OK)
        return h5r_fail_message(x, st, h->pub.addr, "a fill value", body, len);
    if (f.status == H5R_FILL_USER && f.len != d->type->size)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "fill value of %zu bytes for a type of %" PRIu32, f.len, d->type->size);
    d->fill = f.status;
    d->fill_time = f.time;
    d->fill_value = f.value;
    return H5R_OK;
}

static h5r_status load_filters(h5r_ctx *x, const h5r_header *h, h5r_dataset *d)
{
    const uint8_t *body;
    size_t len = 0;

    H5R_TRY(message_body(x, h, H5R_MSG_FILTERS, &body, &len));
    if (body == NULL)
        return H5R_OK;
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_status st = h5r_decode_filters(&c, &x->file->arena, &d->filters, &d->n_filters);
    return st == H5R_OK ? st : h5r_fail_message(x, st, h->pub.addr, "a filter pipeline", body, len);
}

static h5r_status load_external(h5r_ctx *x, const h5r_header *h, h5r_dataset *d)
{
    const uint8_t *body;
    size_t len = 0;
    h5r_external_list l;
    const h5r_local_heap *heap;

    H5R_TRY(message_body(x, h, H5R_MSG_EXTERNAL, &body, &len));
    if (body == NULL)
        return H5R_OK;
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_status st = h5r_decode_external_list(&c, x->file->widths, &x->scratch, &l);
    if (st != H5R_OK)
        return h5r_fail_message(x, st, h->pub.addr, "a list of external files", body, len);
    H5R_TRY(h5r_load_local_heap(x, l.heap, &heap));
    h5r_external *files = h5r_alloc(x, l.n, sizeof *files);
    if (files == NULL)
        return x->error.status;
    for (unsigned i = 0; i < l.n; i++) {
        files[i] = (h5r_external){.offset = l.slots[i].offset, .size = l.slots[i].size};
        H5R_TRY(h5r_local_heap_text(x, heap, l.slots[i].name, &files[i].file));
    }
    d->external = files;
    d->n_external = l.n;
    return H5R_OK;
}

static h5r_status set_chunked(h5r_ctx *x, const h5r_header *h, const h5r_layout *l, h5r_dataset_data *data)
{
    h5r_dataset *d = &data->pub;
    h5r_chunked *k = &data->chunked;
    uint64_t bytes = d->type->size;

    if (l->rank != d->space->rank)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "chunks of rank %u in a dataset of rank %u", l->rank, d->space->rank);
    if (l->elem_size != d->type->size)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "chunks of elements of %" PRIu64 " bytes in a dataset whose type has %" PRIu32,
                        l->elem_size, d->type->size);
    for (unsigned i = 0; i < l->rank; i++) {
        if (!h5r_mul(bytes, l->chunk[i], &bytes))
            return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "chunks of more than 2^64 bytes");
        d->chunk[i] = l->chunk[i];
        d->grid[i] = h5r_ceil_div(d->space->shape[i], l->chunk[i]);
    }
    d->chunk_bytes = bytes;
    d->index = l->index;
    d->index_addr = l->addr;
    d->raw_edges = l->raw_edges;
    *k = (h5r_chunked){.layout_version = l->version, .kind = l->index, .addr = l->addr, .rank = l->rank,
                       .chunk_bytes = bytes, .filtered = d->n_filters > 0, .single_size = l->single_size,
                       .single_mask = l->single_mask, .page_bits = l->page_bits};
    memcpy(k->shape, d->space->shape, sizeof k->shape);
    memcpy(k->max_shape, d->space->max_shape, sizeof k->max_shape);
    memcpy(k->chunk, d->chunk, sizeof k->chunk);
    memcpy(k->grid, d->grid, sizeof k->grid);
    return H5R_OK;
}

static h5r_status set_layout(h5r_ctx *x, const h5r_header *h, const h5r_layout *l, h5r_dataset_data *data)
{
    h5r_dataset *d = &data->pub;
    uint64_t bytes;

    d->layout = l->cls;
    d->layout_version = l->version;
    d->storage_offset = d->virtual_addr = H5R_UNDEFINED;
    if (!h5r_mul(d->space->count, d->type->size, &bytes))
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "dataset of more than 2^64 bytes");
    switch (l->cls) {
    case H5R_LAYOUT_CHUNKED:
        return set_chunked(x, h, l, data);
    case H5R_LAYOUT_COMPACT:
        if (l->size < bytes && l->size > 0)
            return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "compact dataset of %" PRIu64 " bytes with %" PRIu64 " stored", bytes, l->size);
        data->compact = l->size > 0 ? l->compact : NULL;
        d->storage_size = l->size;
        return H5R_OK;
    case H5R_LAYOUT_CONTIGUOUS:
        /* From version 3 on the size is stored. One too small for the shape is damage, but only for who reads the data. */
        data->addr = l->addr;
        data->stored = l->size;
        d->storage_size = l->addr == H5R_UNDEFINED ? 0 : l->size != H5R_UNDEFINED ? l->size : bytes;
        if (l->addr != H5R_UNDEFINED && (!h5r_add(l->addr, x->file->info.base, &d->storage_offset) ||
                                         !h5r_add(d->storage_offset, h5r_max(bytes, d->storage_size), &bytes)))
            return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "contiguous data of %" PRIu64 " bytes at the impossible address %" PRIu64,
                            d->storage_size, l->addr);
        return H5R_OK;
    case H5R_LAYOUT_VIRTUAL:
        d->virtual_addr = l->addr;
        d->virtual_index = l->heap_index;
        return H5R_OK;
    case H5R_LAYOUT_EXTERNAL:
        break;
    }
    return h5r_fail(x, H5R_ERR_INTERNAL, h->pub.addr, "layout class %d", (int)l->cls);
}

static h5r_status load_type(h5r_ctx *x, const h5r_header *h, const h5r_type **out)
{
    const h5r_message *m = h5r_find_message(h, H5R_MSG_DATATYPE);

    if (m == NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "dataset without a datatype");
    return h5r_load_type(x, h->pub.addr, (m->flags & H5R_MSG_SHARED) != 0, m->body, m->len, out);
}

h5r_status h5r_load_dataset(h5r_ctx *x, const h5r_header *h, const h5r_dataset **out)
{
    h5r_dataset_data d = {0};
    h5r_layout l;
    const char *what = "";
    h5r_status acc = H5R_OK;

    *out = h5r_memo_get(x, H5R_MEMO_DATASET, h->pub.addr);
    if (*out != NULL)
        return H5R_OK;
    if (h->pub.kind != H5R_DATASET)
        return h5r_fail(x, H5R_ERR_ARG, h->pub.addr, "not a dataset");
    h5r_space *space = h5r_scratch(x, 1, sizeof *space);
    if (space == NULL)
        return H5R_ERR_NOMEM;
    H5R_ALSO(acc, load_type(x, h, &d.pub.type));
    H5R_ALSO(acc, load_space(x, h, space));
    H5R_ALSO(acc, want_shared(x, h, H5R_MSG_FILTERS));
    H5R_ALSO(acc, want_shared(x, h, H5R_MSG_FILL));
    if (acc != H5R_OK)
        return acc;
    d.pub.space = space;
    H5R_TRY(load_fill(x, h, &d.pub));

    const h5r_message *m = h5r_find_message(h, H5R_MSG_LAYOUT);
    if (m == NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "dataset without a data layout");
    h5r_cursor c = h5r_cursor_at(m->body, m->len);
    h5r_status st = h5r_decode_layout(&c, x->file->widths, &l, &what);
    if (st != H5R_OK)
        return h5r_fail(x, st, h->pub.addr, "%s", what);
    H5R_TRY(load_external(x, h, &d.pub));
    /* Nothing below waits: what it allocates is allocated once. */
    H5R_TRY(load_filters(x, h, &d.pub));
    H5R_TRY(set_layout(x, h, &l, &d));
    if (d.pub.n_external > 0)
        d.pub.layout = H5R_LAYOUT_EXTERNAL;
    h5r_space *kept = h5r_alloc(x, 1, sizeof *kept);
    if (kept == NULL)
        return x->error.status;
    *kept = *space;
    d.pub.space = kept;
    return h5r_memo_put(x, H5R_MEMO_DATASET, h->pub.addr, &d, sizeof d, (const void **)out);
}
