/* Version 1 B-tree of chunks. Specification III.A.1, node type 1: a key before each child says which chunk comes first below
 * it. */
#include <inttypes.h>

#include "index/box.h"

typedef struct walk {
    h5r_ctx *x;
    const h5r_chunked *d;
    const uint64_t *lo, *hi;
    h5r_chunk_visit visit;
    void *arg;
    h5r_map *seen; /* nodes: one that is reached twice would make a small file endless */
} walk;

typedef struct key {
    uint32_t size, mask;
    uint64_t scaled[H5R_MAX_RANK];
    bool aligned; /* offsets are multiples of the chunk's shape */
} key;

static size_t key_size(const h5r_chunked *d)
{
    return 8 + 8 * ((size_t)d->rank + 1); /* offsets are 8 bytes whatever the file's sizes are */
}

static key get_key(const h5r_chunked *d, h5r_cursor *c)
{
    key k = {.aligned = true};

    k.size = h5r_get_u32(c);
    k.mask = h5r_get_u32(c);
    for (unsigned i = 0; i < d->rank; i++) {
        uint64_t offset = h5r_get_u64(c);
        k.scaled[i] = offset / d->chunk[i];
        k.aligned &= offset % d->chunk[i] == 0;
    }
    h5r_skip(c, 8);
    return k;
}

static bool may_hold(const walk *w, const key *left, const key *right)
{
    uint64_t p[H5R_MAX_RANK];
    return h5r_box_next(w->d->rank, w->lo, w->hi, left->scaled, p) &&
           (right == NULL || h5r_box_compare(w->d->rank, p, right->scaled) < 0);
}

/* The first of n children that may hold something of the box: keys are in order, so those are passed over whose range ends before the box
 * begins. A damaged tree may have a key twice: the first one counts. pairs: the node's keys and children. */
static unsigned first_child(const walk *w, const uint8_t *pairs, unsigned n, size_t pair)
{
    unsigned first = 0, end = n - 1;

    while (first < end) {
        unsigned mid = first + (end - first) / 2;
        h5r_cursor c = h5r_cursor_at(pairs + (mid + 1) * pair, key_size(w->d));
        key right = get_key(w->d, &c);
        if (h5r_box_compare(w->d->rank, right.scaled, w->lo) >= 0)
            end = mid;
        else
            first = mid + 1;
    }
    return first;
}

/* Which part of a node's range the last key bounds is not the same in all writers: the last child is not pruned by it.
 * level: what its parent says, -1 for the root. A level is a byte and falls by one each time, so it bounds the recursion: a tree that
 * libhdf5 makes with room for two children in a node (istore_k 1) has some 30 levels for each 40 chunks. */
static h5r_status visit_node(const walk *w, uint64_t addr, int level)
{
    h5r_ctx *x = w->x;
    h5r_widths widths = x->file->widths;
    size_t head = 8 + 2U * widths.offset, ks = key_size(w->d), pair = ks + widths.offset;
    const uint8_t *p;
    h5r_status acc = H5R_OK;

    if (h5r_map_get(w->seen, 0, addr) != NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "chunk B-tree: a node is the child of two");
    if (!h5r_map_put(w->seen, 0, addr, w->seen))
        return h5r_nomem(x);
    /* A node of the default K has room for 64 children. */
    H5R_TRY(h5r_view(x, addr, head, head + 64 * pair + ks, &p));
    if (memcmp(p, "TREE", 4) != 0)
        return h5r_fail_structure(x, H5R_ERR_FORMAT, addr, "a node of a chunk B-tree", "TREE", p);
    if (p[4] != 1)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "version 1 B-tree of type %u where a chunk B-tree (type 1) should be", p[4]);
    if (level >= 0 && p[5] != level)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "chunk B-tree: node of level %u where level %d should be", p[5], level);
    level = p[5];
    unsigned n = (unsigned)p[6] | (unsigned)p[7] << 8;
    if (n == 0)
        return H5R_OK;
    H5R_TRY(h5r_view(x, addr, head + n * pair + ks, 0, &p));
    unsigned first = first_child(w, p + head, n, pair);
    h5r_cursor c = h5r_cursor_at(p + head + first * pair, (n - first) * pair + ks);
    key left = get_key(w->d, &c);
    for (unsigned i = first; i < n && h5r_box_compare(w->d->rank, left.scaled, w->hi) <= 0; i++) {
        uint64_t child = h5r_get_addr(&c, widths);
        key right = get_key(w->d, &c);
        if (level > 0) {
            if (may_hold(w, &left, i + 1 < n ? &right : NULL))
                H5R_ALSO(acc, visit_node(w, child, level - 1));
        } else if (child != H5R_UNDEFINED && left.size > 0 && h5r_box_contains(w->d->rank, w->lo, w->hi, left.scaled)) {
            if (!left.aligned)
                return h5r_fail(x, H5R_ERR_FORMAT, addr, "chunk B-tree: a chunk whose offsets are no multiples of the chunk's shape");
            H5R_ALSO(acc, w->visit(w->arg, left.scaled, child, left.size, left.mask));
        }
        left = right;
    }
    return acc;
}

h5r_status h5r_index_btree1(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                            h5r_chunk_visit visit, void *arg)
{
    h5r_map seen = {0};
    walk w = {x, d, lo, hi, visit, arg, &seen};
    h5r_status st = visit_node(&w, d->addr, -1);
    h5r_map_free(&seen);
    return st;
}
