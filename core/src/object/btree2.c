#include "object/btree2.h"

#include <inttypes.h>

#include "format/btree2.h"
#include "io/nodes.h"
#include "object/memo.h"

typedef struct walk {
    h5r_ctx *x;
    const h5r_btree2 *t;
    h5r_btree2_compare compare;
    h5r_btree2_between between;
    h5r_btree2_visitor visit;
    void *arg;
    h5r_map *seen; /* nodes below the root: one that is reached twice would make a small file endless */
} walk;

static h5r_status load_tree(h5r_ctx *x, uint64_t addr, unsigned type, const h5r_btree2 **out)
{
    h5r_widths w = x->file->widths;
    size_t size = h5r_btree2_header_size(w);
    const uint8_t *p;
    h5r_btree2 t;

    *out = h5r_memo_get(x, H5R_MEMO_BTREE2, addr);
    if (*out == NULL) {
        H5R_TRY(h5r_view(x, addr, size, 0, &p));
        h5r_cursor c = h5r_cursor_at(p, size);
        h5r_status st = h5r_decode_btree2(&c, w, &t);
        if (st != H5R_OK)
            return h5r_fail_structure(x, st, addr, "a version 2 B-tree header", "BTHD", p);
        H5R_TRY(h5r_verify(x, addr, p, t.checksummed, "version 2 B-tree header"));
        H5R_TRY(h5r_memo_put(x, H5R_MEMO_BTREE2, addr, &t, sizeof t, (const void **)out));
    }
    if ((*out)->type != type)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "version 2 B-tree of type %u where type %u should be", (*out)->type, type);
    return H5R_OK;
}

/* A node's bytes, its checksum verified once. Only the used part is read: records and child pointers. */
static h5r_status load_node(const walk *w, uint64_t addr, unsigned depth, uint64_t n, const uint8_t **out)
{
    h5r_ctx *x = w->x;
    const h5r_btree2 *t = w->t;
    const char *signature = depth == 0 ? "BTLF" : "BTIN";
    uint64_t size = 6 + n * t->record_size + 4;

    if (n > t->max_records[depth])
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "version 2 B-tree node of %" PRIu64 " records, at most %" PRIu64 " fit", n,
                        t->max_records[depth]);
    if (depth > 0)
        size += (n + 1) * h5r_btree2_pointer_size(t, x->file->widths, depth);
    H5R_TRY(h5r_view(x, addr, size, 0, out));
    if (h5r_is_verified(x, H5R_MEMO_BTREE2_NODE, addr))
        return H5R_OK;
    if (memcmp(*out, signature, 4) != 0 || (*out)[4] != 0 || (*out)[5] != t->type)
        return h5r_fail(x, H5R_ERR_FORMAT, addr,
                        "a version 2 B-tree node should be here: \"%s\", version 0, type %u expected, %02x %02x %02x %02x, version %u, type %u found",
                        signature, t->type, (*out)[0], (*out)[1], (*out)[2], (*out)[3], (*out)[4], (*out)[5]);
    H5R_TRY(h5r_verify(x, addr, *out, size - 4, "version 2 B-tree node"));
    return h5r_note_verified(x, H5R_MEMO_BTREE2_NODE, addr);
}

static bool may_hold(const walk *w, const uint8_t *left, const uint8_t *right)
{
    size_t len = w->t->record_size;

    if (w->between != NULL)
        return w->between(w->arg, left, right, len);
    if (w->compare == NULL)
        return true;
    return (left == NULL || w->compare(w->arg, left, len) <= 0) && (right == NULL || w->compare(w->arg, right, len) >= 0);
}

static bool inside(const walk *w, const uint8_t *record)
{
    return w->compare == NULL || w->compare(w->arg, record, w->t->record_size) == 0;
}

static h5r_status visit_node(const walk *w, uint64_t addr, unsigned depth, uint64_t n);

static h5r_status visit_child(const walk *w, uint64_t addr, unsigned depth, uint64_t n)
{
    if (h5r_map_get(w->seen, 0, addr) != NULL)
        return h5r_fail(w->x, H5R_ERR_FORMAT, addr, "version 2 B-tree: two nodes of depth %u have this one below them", depth + 1);
    if (!h5r_map_put(w->seen, 0, addr, w->seen))
        return h5r_nomem(w->x);
    return visit_node(w, addr, depth, n);
}

static h5r_status visit_node(const walk *w, uint64_t addr, unsigned depth, uint64_t n)
{
    h5r_ctx *x = w->x;
    h5r_widths widths = x->file->widths;
    const h5r_btree2 *t = w->t;
    const uint8_t *p;
    h5r_status acc = H5R_OK;

    H5R_TRY(load_node(w, addr, depth, n, &p));
    const uint8_t *records = p + 6, *pointers = records + n * t->record_size;
    for (uint64_t i = 0; i <= n; i++) {
        const uint8_t *left = i > 0 ? records + (i - 1) * t->record_size : NULL;
        const uint8_t *right = i < n ? records + i * t->record_size : NULL;
        if (depth > 0 && may_hold(w, left, right)) {
            size_t size = h5r_btree2_pointer_size(t, widths, depth);
            h5r_cursor c = h5r_cursor_at(pointers + i * size, size);
            uint64_t child = h5r_get_addr(&c, widths), count = h5r_get_uint(&c, t->count_width);
            H5R_ALSO(acc, visit_child(w, child, depth - 1, count));
        }
        if (right != NULL && inside(w, right))
            H5R_ALSO(acc, w->visit(w->arg, right, t->record_size));
    }
    return acc;
}

static h5r_status visit_tree(h5r_ctx *x, uint64_t addr, unsigned type, walk *w)
{
    if (addr == H5R_UNDEFINED)
        return H5R_OK;
    H5R_TRY(load_tree(x, addr, type, &w->t));
    w->x = x;
    if (w->t->root == H5R_UNDEFINED || w->t->root_records == 0)
        return H5R_OK;
    h5r_map seen = {0};
    w->seen = &seen;
    h5r_status st = visit_node(w, w->t->root, w->t->depth, w->t->root_records);
    h5r_map_free(&seen);
    return st;
}

h5r_status h5r_btree2_visit(h5r_ctx *x, uint64_t addr, unsigned type, h5r_btree2_compare compare,
                            h5r_btree2_visitor visit, void *arg)
{
    walk w = {.compare = compare, .visit = visit, .arg = arg};
    return visit_tree(x, addr, type, &w);
}

h5r_status h5r_btree2_visit_between(h5r_ctx *x, uint64_t addr, unsigned type, h5r_btree2_between between,
                                    h5r_btree2_visitor visit, void *arg)
{
    walk w = {.between = between, .visit = visit, .arg = arg};
    return visit_tree(x, addr, type, &w);
}

h5r_status h5r_btree2_record_size(h5r_ctx *x, uint64_t addr, unsigned type, unsigned *size)
{
    const h5r_btree2 *t;
    H5R_TRY(load_tree(x, addr, type, &t));
    *size = t->record_size;
    return H5R_OK;
}

h5r_status h5r_btree2_count(h5r_ctx *x, uint64_t addr, unsigned type, uint64_t *n)
{
    const h5r_btree2 *t;
    H5R_TRY(load_tree(x, addr, type, &t));
    *n = t->total;
    return H5R_OK;
}
