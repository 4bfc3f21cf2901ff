/* Attributes of an object: compact ones are messages of its header, dense ones lie in a fractal heap behind a version 2
 * B-tree. Their datatypes and dataspaces may be shared, and so may whole attributes. */
#include "object/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "object/btree2.h"
#include "util/checked.h"

typedef struct attr_builder {
    h5r_ctx *x;
    const h5r_header *owner;
    const h5r_attr **list; /* scratch */
    size_t n, cap;
    const h5r_fractal_heap *heap;
} attr_builder;

static h5r_status append(attr_builder *b, const h5r_attr *a)
{
    h5r_ctx *x = b->x;

    if (b->n >= x->file->limits.attributes)
        return h5r_fail(x, H5R_ERR_LIMIT, b->owner->pub.addr, "object with more than %" PRIu64 " attributes (limits.attributes)",
                        x->file->limits.attributes);
    if (b->n == b->cap) {
        size_t cap = b->cap * 2 + 32;
        const h5r_attr **list = h5r_scratch(x, cap, sizeof *list);
        if (list == NULL)
            return H5R_ERR_NOMEM;
        if (b->n > 0)
            memcpy(list, b->list, b->n * sizeof *list);
        b->list = list;
        b->cap = cap;
    }
    h5r_attr *copy = h5r_scratch(x, 1, sizeof *copy);
    if (copy == NULL)
        return H5R_ERR_NOMEM;
    *copy = *a;
    b->list[b->n++] = copy;
    return H5R_OK;
}

/* Datatype, dataspace and data of a frame. */
static h5r_status resolve(h5r_ctx *x, uint64_t at, const h5r_attribute_frame *f, h5r_attr *a)
{
    h5r_status acc = H5R_OK;
    const uint8_t *body = f->space;
    size_t len = f->space_len;
    uint64_t committed, bytes;
    h5r_space *space = h5r_scratch(x, 1, sizeof *space);

    if (space == NULL)
        return H5R_ERR_NOMEM;
    H5R_ALSO(acc, h5r_load_type(x, at, f->type_shared, f->type, f->type_len, &a->type));
    H5R_ALSO(acc, h5r_load_body(x, at, H5R_MSG_DATASPACE, f->space_shared, f->space, f->space_len, &body, &len, &committed));
    if (acc != H5R_OK)
        return acc;
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_status st = h5r_decode_dataspace(&c, x->file->widths, space);
    if (st != H5R_OK)
        return h5r_fail_message(x, st, at, "a dataspace", body, len);
    if (!h5r_mul(space->count, a->type->size, &bytes) || bytes > f->data_len)
        return h5r_fail(x, H5R_ERR_FORMAT, at, "%" PRIu64 " elements of %" PRIu32 " bytes in a message with %zu bytes of data",
                        space->count, a->type->size, f->data_len);
    a->space = space;
    a->raw = bytes > 0 ? f->data : NULL;
    a->raw_len = (size_t)bytes;
    return H5R_OK;
}

/* One attribute from its message body. An attribute that cannot be decoded beyond its name is kept with its error. */
static h5r_status add_body(attr_builder *b, const uint8_t *body, size_t len, bool has_order, uint32_t order)
{
    h5r_ctx *x = b->x;
    uint64_t at = b->owner->pub.addr;
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_attribute_frame f;
    h5r_attr a = {.has_order = has_order, .order = order};

    h5r_status st = h5r_decode_attribute(&c, &f);
    if (st != H5R_OK)
        return h5r_fail_message(x, st, at, "an attribute", body, len);
    a.name = f.name;
    a.cset = f.cset;
    st = resolve(x, at, &f, &a);
    if (st == H5R_NEED || st == H5R_ERR_NOMEM || st == H5R_ERR_INTERNAL)
        return st;
    if (st < 0) {
        h5r_error *error = h5r_scratch(x, 1, sizeof *error);
        if (error == NULL)
            return H5R_ERR_NOMEM;
        h5r_error_set(error, st, x->error.offset, "attribute \"%s\": %s", a.name, x->error.message);
        x->error.status = H5R_OK;
        a.type = NULL;
        a.error = error;
    }
    return append(b, &a);
}

enum { ATTR_ID = 8, RECORD = ATTR_ID + 1 + 4 + 4, NO_ORDER = 0xFFFF };

static h5r_status visit_dense(void *arg, const uint8_t *record, size_t len)
{
    attr_builder *b = arg;
    h5r_ctx *x = b->x;
    const h5r_fractal_heap *heap = b->heap;
    const uint8_t *body;
    uint64_t n;

    if (heap == NULL)
        return H5R_NEED; /* it is on its way: only the tree's nodes are asked for */
    if (len < RECORD)
        return h5r_fail(x, H5R_ERR_FORMAT, heap->addr, "dense attributes with records of %zu bytes; they take %d", len, RECORD);
    h5r_cursor c = h5r_cursor_at(record + ATTR_ID, RECORD - ATTR_ID);
    unsigned flags = h5r_get_u8(&c);
    uint32_t order = h5r_get_u32(&c);
    if (flags & H5R_MSG_SHARED)
        H5R_TRY(h5r_load_sohm_heap(x, H5R_MSG_ATTRIBUTE, &heap));
    if (heap->id_len != ATTR_ID)
        return h5r_fail(x, H5R_ERR_FORMAT, heap->addr, "dense attributes with heap identifiers of %u bytes; they take %d", heap->id_len, ATTR_ID);
    H5R_TRY(h5r_load_heap_object(x, heap, record, &body, &n));
    return add_body(b, body, (size_t)n, b->owner->pub.attr_order != H5R_NOT_TRACKED && order != NO_ORDER, order);
}

static h5r_status collect_attrs(attr_builder *b)
{
    h5r_ctx *x = b->x;
    const h5r_header *h;
    h5r_status acc = H5R_OK;

    H5R_TRY(h5r_load_whole_header(x, b->owner, &h));
    for (unsigned i = 0; i < h->n_messages; i++) {
        const h5r_message *m = &h->messages[i];
        if (m->type != H5R_MSG_ATTRIBUTE)
            continue;
        const uint8_t *body = m->body;
        size_t len = m->len;
        uint64_t committed;
        bool shared = (m->flags & H5R_MSG_SHARED) != 0;
        h5r_status st = h5r_load_body(x, h->pub.addr, H5R_MSG_ATTRIBUTE, shared, m->body, m->len, &body, &len, &committed);
        if (st == H5R_OK)
            st = add_body(b, body, len, h->pub.attr_order != H5R_NOT_TRACKED, m->order);
        H5R_ALSO(acc, st);
    }
    const h5r_dense_info *info = h->attr_info;
    if (info != NULL && info->heap != H5R_UNDEFINED) {
        h5r_status st = h5r_load_fractal_heap(x, info->heap, &b->heap);
        if (st == H5R_OK)
            H5R_ALSO(acc, h5r_want_heap(x, b->heap, true));
        if (st >= 0)
            H5R_ALSO(st, h5r_btree2_visit(x, info->by_name, 8, NULL, visit_dense, b));
        H5R_ALSO(acc, st);
    }
    return acc;
}

static int by_name(const void *a, const void *b)
{
    const h5r_attr *const *p = a, *const *q = b;
    return strcmp((*p)->name, (*q)->name);
}

static int by_order(const void *a, const void *b)
{
    const h5r_attr *const *p = a, *const *q = b;
    if ((*p)->order != (*q)->order)
        return (*p)->order < (*q)->order ? -1 : 1;
    return by_name(a, b);
}

/* Copies what the builder has from scratch to the file's arena. */
static const h5r_attr *keep(h5r_ctx *x, const h5r_attr *a, const char *path)
{
    h5r_attr *copy = h5r_alloc(x, 1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *a;
    if (a->space != NULL) {
        h5r_space *space = h5r_alloc(x, 1, sizeof *space);
        if (space == NULL)
            return NULL;
        *space = *a->space;
        copy->space = space;
    }
    if (a->error != NULL) {
        h5r_error *error = h5r_alloc(x, 1, sizeof *error);
        if (error == NULL)
            return NULL;
        *error = *a->error;
        if (path != NULL)
            h5r_error_set_path(error, path);
        copy->error = error;
    }
    return copy;
}

h5r_status h5r_load_attrs(h5r_ctx *x, const h5r_header *h, const h5r_attr_list **out)
{
    attr_builder b = {.x = x, .owner = h};
    h5r_attr_list l = {0};

    *out = h5r_memo_get(x, H5R_MEMO_ATTRS, h->pub.addr);
    if (*out != NULL)
        return H5R_OK;
    h5r_status st = collect_attrs(&b);
    if (st == H5R_NEED || st == H5R_ERR_NOMEM || st == H5R_ERR_INTERNAL)
        return st;
    if (st < 0 && (l.bad = h5r_take_error(x, h5r_path_of(x, h->pub.addr))) == NULL)
        return x->error.status;

    const h5r_attr **names = h5r_alloc(x, b.n, sizeof *names);
    const h5r_attr **orders = h5r_alloc(x, b.n, sizeof *orders);
    if (names == NULL || orders == NULL)
        return x->error.status;
    for (size_t i = 0; i < b.n; i++) {
        names[i] = keep(x, b.list[i], h5r_path_of(x, h->pub.addr));
        if (names[i] == NULL)
            return x->error.status;
        orders[i] = names[i];
    }
    /* Untracked compact attributes in header order are the order they were written in: what creation order falls back to. */
    qsort(names, b.n, sizeof *names, by_name);
    if (h->pub.attr_order != H5R_NOT_TRACKED)
        qsort(orders, b.n, sizeof *orders, by_order);
    l.by_name = names;
    l.by_order = orders;
    l.n = b.n;
    return h5r_memo_put(x, H5R_MEMO_ATTRS, h->pub.addr, &l, sizeof l, (const void **)out);
}
