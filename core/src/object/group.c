/* Links of a group, however they are stored: as link messages in the header (compact), in a fractal heap with version 2
 * B-trees over it (dense), or as symbol table entries in leaves of a version 1 B-tree with names in a local heap. */
#include "object/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "object/btree2.h"
#include "util/checked.h"
#include "util/lookup3.h"

/* A link as found in a pass. Its texts are in scratch, or (symbol tables) in the file's local heap for good. */
typedef struct found_link {
    h5r_link pub;
    bool in_scratch;
} found_link;

typedef struct link_builder {
    h5r_ctx *x;
    const h5r_header *group;
    found_link *list; /* scratch */
    size_t n, cap;
    h5r_map seen;     /* nodes of a symbol table's tree: one that is reached twice would make a small file endless */
    const h5r_fractal_heap *heap;
    h5r_entry_visit visit; /* or NULL */
    void *visit_arg;
    uint64_t addr;         /* looked for, or 0: by name, or all */
    const char *name;      /* looked for, or NULL: all */
    size_t name_len;
    uint32_t hash;
} link_builder;

static h5r_status add_link(link_builder *b, const h5r_link *l, bool in_scratch)
{
    h5r_ctx *x = b->x;

    if (b->n >= x->file->limits.links)
        return h5r_fail(x, H5R_ERR_LIMIT, b->group->pub.addr, "group with more than %" PRIu64 " links (limits.links)",
                        x->file->limits.links);
    if (b->n == b->cap) {
        size_t cap = b->cap * 2 + 64;
        found_link *list = h5r_scratch(x, cap, sizeof *list);
        if (list == NULL)
            return H5R_ERR_NOMEM;
        if (b->n > 0)
            memcpy(list, b->list, b->n * sizeof *list);
        b->list = list;
        b->cap = cap;
    }
    b->list[b->n++] = (found_link){*l, in_scratch};
    return H5R_OK;
}

static bool wanted(const link_builder *b, const h5r_link *l)
{
    if (b->addr != 0)
        return l->kind == H5R_LINK_HARD && l->addr == b->addr;
    return b->name == NULL || (strlen(l->name) == b->name_len && memcmp(l->name, b->name, b->name_len) == 0);
}

static h5r_status add_message(link_builder *b, const uint8_t *body, size_t len, uint64_t at)
{
    h5r_ctx *x = b->x;
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_link l;

    h5r_status st = h5r_decode_link(&c, x->file->widths, &x->scratch, &l);
    if (st != H5R_OK)
        return h5r_fail_message(x, st, at, "a link", body, len);
    return wanted(b, &l) ? add_link(b, &l, true) : H5R_OK;
}

/* ---------------------------------------------------------------- dense */

enum { LINK_ID = 7, NAME_RECORD = 4 + LINK_ID };

static int compare_hash(void *arg, const uint8_t *record, size_t len)
{
    const link_builder *b = arg;
    h5r_cursor c = h5r_cursor_at(record, len);
    uint32_t hash = h5r_get_u32(&c);
    return hash < b->hash ? -1 : hash > b->hash;
}

static h5r_status visit_dense(void *arg, const uint8_t *record, size_t len)
{
    link_builder *b = arg;
    const uint8_t *body;
    uint64_t n;

    if (b->heap == NULL)
        return H5R_NEED; /* it is on its way: only the tree's nodes are asked for */
    if (len < NAME_RECORD || b->heap->id_len != LINK_ID)
        return h5r_fail(b->x, H5R_ERR_FORMAT, b->heap->addr, "dense links with records of %zu bytes and heap identifiers of %u; they take %d and %d", len, b->heap->id_len, NAME_RECORD, LINK_ID);
    H5R_TRY(h5r_load_heap_object(b->x, b->heap, record + 4, &body, &n));
    return add_message(b, body, (size_t)n, b->heap->addr);
}

static h5r_status load_dense(link_builder *b, const h5r_dense_info *info)
{
    if (info->heap == H5R_UNDEFINED)
        return H5R_OK;
    /* The tree and the blocks of the heap come side by side; records can be resolved when both are there. */
    h5r_status acc = H5R_OK, st = h5r_load_fractal_heap(b->x, info->heap, &b->heap);
    if (st == H5R_OK)
        acc = h5r_want_heap(b->x, b->heap, b->name == NULL);
    if (st >= 0)
        H5R_ALSO(st, h5r_btree2_visit(b->x, info->by_name, 5, b->name != NULL ? compare_hash : NULL, visit_dense, b));
    H5R_ALSO(acc, st);
    return acc;
}

/* ---------------------------------------------------------------- symbol tables */

/* One entry of a symbol table node. III.C. The width of the name offset is that of lengths: what libhdf5 reads, and the same
 * as the specification's wherever both have one width. */
static h5r_status add_entry(link_builder *b, h5r_cursor *c, const h5r_local_heap *heap)
{
    h5r_ctx *x = b->x;
    h5r_widths w = x->file->widths;
    h5r_link l = {.addr = H5R_UNDEFINED};

    uint64_t name = h5r_get_uint(c, w.length);
    l.addr = h5r_get_addr(c, w);
    uint32_t cached = h5r_get_u32(c);
    h5r_skip(c, 4);
    const uint8_t *scratch = h5r_take(c, 16);
    if (scratch == NULL)
        return h5r_fail(x, H5R_ERR_FORMAT, heap->addr, "symbol table node cut short");
    H5R_TRY(h5r_local_heap_text(x, heap, name, &l.name));
    if (cached == 1) {
        h5r_cursor s = h5r_cursor_at(scratch, 16);
        h5r_symbol_table t;
        t.btree = h5r_get_addr(&s, w);
        t.heap = h5r_get_addr(&s, w);
        if (!s.overrun)
            H5R_TRY(h5r_note_symbols(x, l.addr, &t));
    }
    if (cached == 2) {
        h5r_cursor s = h5r_cursor_at(scratch, 4);
        l.kind = H5R_LINK_SOFT;
        l.addr = H5R_UNDEFINED;
        H5R_TRY(h5r_local_heap_text(x, heap, h5r_get_u32(&s), &l.target));
    } else if (cached > 1) {
        return h5r_fail(x, H5R_ERR_FORMAT, heap->addr, "symbol table entry of unknown kind %" PRIu32, cached);
    }
    return wanted(b, &l) ? add_link(b, &l, false) : H5R_OK;
}

static h5r_status visit_entries(link_builder *b, h5r_cursor c, unsigned n)
{
    h5r_widths w = b->x->file->widths;

    for (unsigned i = 0; i < n; i++) {
        h5r_skip(&c, w.length);
        uint64_t addr = h5r_get_addr(&c, w);
        uint32_t cached = h5r_get_u32(&c);
        h5r_skip(&c, 4);
        h5r_cursor s = h5r_cursor_at(h5r_take(&c, 16), 16);
        h5r_symbol_table t;
        t.btree = h5r_get_addr(&s, w);
        t.heap = h5r_get_addr(&s, w);
        if (cached == 1 && !s.overrun)
            H5R_TRY(h5r_note_symbols(b->x, addr, &t));
        if (cached < 2) /* 2: a soft link */
            H5R_TRY(b->visit(b->visit_arg, addr));
    }
    return H5R_OK;
}

static h5r_status enter_node(link_builder *b, uint64_t addr)
{
    if (h5r_map_get(&b->seen, 0, addr) != NULL)
        return h5r_fail(b->x, H5R_ERR_FORMAT, addr, "symbol table: a node is the child of two");
    return h5r_map_put(&b->seen, 0, addr, b) ? H5R_OK : h5r_nomem(b->x);
}

static h5r_status load_symbol_node(link_builder *b, uint64_t addr, const h5r_local_heap *heap)
{
    h5r_ctx *x = b->x;
    h5r_widths w = x->file->widths;
    size_t entry = (size_t)w.length + w.offset + 24;
    const uint8_t *p;

    H5R_TRY(enter_node(b, addr));
    /* A node of the default leaf K has room for 8 entries. */
    H5R_TRY(h5r_view(x, addr, 8, 8 + 8 * entry, &p));
    if (memcmp(p, "SNOD", 4) != 0 || p[4] != 1)
        return h5r_fail_structure(x, H5R_ERR_UNSUPPORTED, addr, "a symbol table node", "SNOD", p);
    unsigned n = (unsigned)p[6] | (unsigned)p[7] << 8;
    H5R_TRY(h5r_view(x, addr, 8 + n * entry, 0, &p));
    h5r_cursor c = h5r_cursor_at(p + 8, n * entry);
    if (b->visit != NULL)
        H5R_TRY(visit_entries(b, c, n));
    if (heap == NULL)
        return H5R_OK; /* the heap is on its way: this pass ends in NEED */
    for (unsigned i = 0; i < n; i++)
        H5R_TRY(add_entry(b, &c, heap));
    return H5R_OK;
}

/* Whether a child with keys (left, right] may hold the name that is looked for. */
static h5r_status child_matters(link_builder *b, const h5r_local_heap *heap, uint64_t left, uint64_t right, bool *out)
{
    const char *key;

    *out = true;
    if (b->name == NULL || heap == NULL)
        return H5R_OK;
    H5R_TRY(h5r_local_heap_text(b->x, heap, left, &key));
    if (strcmp(b->name, key) <= 0 && key[0] != '\0')
        *out = false;
    H5R_TRY(h5r_local_heap_text(b->x, heap, right, &key));
    if (strcmp(b->name, key) > 0)
        *out = false;
    return H5R_OK;
}

enum { FEW_NODES = 4 }; /* of a tree: as well read on a guess */

/* A node of the group's version 1 B-tree. level: what its parent says, -1 for the root; a byte that falls by one bounds the recursion. */
static h5r_status load_group_node(link_builder *b, uint64_t addr, int level, const h5r_local_heap *heap)
{
    h5r_ctx *x = b->x;
    h5r_widths w = x->file->widths;
    size_t head = 8 + 2U * w.offset, pair = (size_t)w.length + w.offset;
    const uint8_t *p;
    h5r_status acc = H5R_OK;

    H5R_TRY(enter_node(b, addr));
    /* A node of the default internal K has room for 32 children. */
    H5R_TRY(h5r_view(x, addr, head, head + 32 * pair + w.length, &p));
    if (memcmp(p, "TREE", 4) != 0)
        return h5r_fail_structure(x, H5R_ERR_FORMAT, addr, "a node of a group's version 1 B-tree", "TREE", p);
    if (p[4] != 0)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "version 1 B-tree of type %u where a group's (type 0) should be", p[4]);
    if (level >= 0 && p[5] != level)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "version 1 B-tree: node of level %u where level %d should be", p[5], level);
    level = p[5];
    unsigned n = (unsigned)p[6] | (unsigned)p[7] << 8;
    H5R_TRY(h5r_view(x, addr, head + n * pair + w.length, 0, &p));
    h5r_cursor c = h5r_cursor_at(p + head, n * pair + w.length);
    uint64_t left = h5r_get_length(&c, w);
    for (unsigned i = 0; i < n; i++) {
        uint64_t child = h5r_get_addr(&c, w), right = h5r_get_length(&c, w);
        bool matters = true;
        if (b->name != NULL && heap == NULL && (level > 0 || n > FEW_NODES))
            continue; /* which child matters is known when the names are there */
        H5R_ALSO(acc, child_matters(b, heap, left, right, &matters));
        left = right;
        if (!matters)
            continue;
        if (level == 0)
            H5R_ALSO(acc, load_symbol_node(b, child, heap));
        else
            H5R_ALSO(acc, load_group_node(b, child, level - 1, heap));
    }
    return acc;
}

static h5r_status load_symbols(link_builder *b, uint64_t btree, uint64_t heap_addr)
{
    const h5r_local_heap *heap = NULL;
    h5r_status acc = H5R_OK;

    H5R_ALSO(acc, h5r_load_local_heap(b->x, heap_addr, &heap));
    if (acc < 0)
        return acc;
    if (btree != H5R_UNDEFINED)
        H5R_ALSO(acc, load_group_node(b, btree, -1, acc == H5R_OK ? heap : NULL));
    return acc;
}

/* ---------------------------------------------------------------- names ahead */

/* Groups whose names are to be wanted. */
typedef struct ahead {
    h5r_ctx *x;
    struct {
        uint64_t addr;
        h5r_symbol_table symbols;
    } list[64]; /* enough for what one round should read on a guess */
    unsigned n;
} ahead;

/* Groups among the entries of a node that is in memory. */
static void find_groups(ahead *a, uint64_t addr)
{
    h5r_widths w = a->x->file->widths;
    size_t entry = (size_t)w.length + w.offset + 24;
    const uint8_t *p = h5r_peek(a->x, addr, 8);
    unsigned n = p != NULL ? (unsigned)p[6] | (unsigned)p[7] << 8 : 0;

    if (p == NULL || memcmp(p, "SNOD", 4) != 0 || (p = h5r_peek(a->x, addr, 8 + n * entry)) == NULL)
        return;
    h5r_cursor c = h5r_cursor_at(p + 8, n * entry);
    for (unsigned i = 0; i < n && a->n < sizeof a->list / sizeof *a->list; i++) {
        h5r_symbol_table t;
        h5r_skip(&c, w.length);
        uint64_t group = h5r_get_addr(&c, w);
        uint32_t cached = h5r_get_u32(&c);
        h5r_skip(&c, 4);
        h5r_cursor s = h5r_cursor_at(h5r_take(&c, 16), 16);
        t.btree = h5r_get_addr(&s, w);
        t.heap = h5r_get_addr(&s, w);
        if (cached != 1 || s.overrun)
            continue;
        a->list[a->n].addr = group;
        a->list[a->n++].symbols = t;
    }
}

/* The same for the leaves below a tree's root. */
static void find_groups_below(ahead *a, uint64_t btree)
{
    h5r_widths w = a->x->file->widths;
    size_t head = 8 + 2U * w.offset;
    const uint8_t *p = h5r_peek(a->x, btree, head);
    unsigned n = p != NULL ? (unsigned)p[6] | (unsigned)p[7] << 8 : 0;
    size_t size = head + n * ((size_t)w.length + w.offset) + w.length;

    if (p == NULL || memcmp(p, "TREE", 4) != 0 || p[4] != 0 || p[5] != 0 || (p = h5r_peek(a->x, btree, size)) == NULL)
        return;
    h5r_cursor c = h5r_cursor_at(p + head, size - head);
    for (unsigned i = 0; i < n; i++) {
        h5r_skip(&c, w.length);
        find_groups(a, h5r_get_addr(&c, w));
    }
}

/* A path cannot go on before the names of its first group are there. Those of the groups below are wanted in the same round, as far as
 * where they are can be seen, and the headers of the groups right below: in many files the nodes of all groups lie in the first block, their
 * names and attributes all over the file. */
static void want_names_below(h5r_ctx *x, uint64_t btree)
{
    h5r_widths w = x->file->widths;
    size_t prefix = 8U + 2U * w.length + w.offset;
    const h5r_error before = x->error;
    const h5r_guess outer = x->guess;
    const h5r_local_heap *heap;
    const h5r_header *h;
    ahead a = {.x = x};

    if (!x->file->source.remote || x->file->options.exact_reads)
        return;
    find_groups_below(&a, btree);
    for (unsigned i = 0, own = a.n; i < a.n; i++) {
        find_groups_below(&a, a.list[i].symbols.btree);
        x->guess = H5R_LIKELY;
        if (h5r_peek(x, a.list[i].symbols.heap, prefix) != NULL)
            (void)h5r_load_local_heap(x, a.list[i].symbols.heap, &heap); /* a guess: its errors are no one's */
        x->guess = H5R_UNLIKELY;
        if (i < own && h5r_peek(x, a.list[i].addr, 16) != NULL)
            (void)h5r_load_header(x, a.list[i].addr, &h);
    }
    x->guess = outer;
    x->error = before;
}

void h5r_guess_entries(h5r_ctx *x, uint64_t group, h5r_entry_visit visit, void *arg)
{
    const h5r_error before = x->error;
    const h5r_symbol_table *t = h5r_memo_get(x, H5R_MEMO_CACHED_SYMBOLS, group);
    h5r_header pseudo = {.pub = {.kind = H5R_GROUP, .addr = group, .file = x->file}, .symbols = t};
    link_builder b = {.x = x, .group = &pseudo, .visit = visit, .visit_arg = arg};

    if (t == NULL || !x->file->source.remote || x->file->options.exact_reads)
        return;
    (void)load_symbols(&b, t->btree, t->heap);
    h5r_map_free(&b.seen);
    x->error = before;
}

void h5r_guess_path(h5r_ctx *x, uint64_t group, const char *path)
{
    const h5r_error before = x->error;

    if (!x->file->source.remote || x->file->options.exact_reads)
        return;
    for (unsigned depth = 0; depth < 64; depth++) {
        const h5r_symbol_table *t = h5r_memo_get(x, H5R_MEMO_CACHED_SYMBOLS, group);
        h5r_header pseudo = {.pub = {.kind = H5R_GROUP, .addr = H5R_UNDEFINED, .file = x->file}, .symbols = t};
        const h5r_header *h;
        const h5r_link *l;
        size_t n = strcspn(path += strspn(path, "/"), "/");
        if (t == NULL || h5r_load_link(x, &pseudo, path, n, &l) != H5R_OK || l == NULL || l->kind != H5R_LINK_HARD)
            break;
        group = l->addr;
        path += n;
        h5r_status st = h5r_load_header(x, group, &h);
        if (st == H5R_NEED && path[strspn(path, "/")] == '\0')
            h5r_want_siblings(x, &pseudo);
        if (st < 0 || path[strspn(path, "/")] == '\0')
            break;
    }
    x->error = before;
}

enum { MANY = 64 }; /* objects that are not read on a guess */

bool h5r_is_small_group(h5r_ctx *x, const h5r_header *group)
{
    const h5r_error before = x->error;
    uint64_t n = 0;

    if (group->symbols != NULL) {
        const uint8_t *p = h5r_peek(x, group->symbols->btree, 8);
        return p != NULL && p[5] == 0 && p[6] <= 2 * FEW_NODES && p[7] == 0;
    }
    if (group->link_info != NULL && group->link_info->heap != H5R_UNDEFINED && h5r_btree2_count(x, group->link_info->by_name, 5, &n) != H5R_OK)
        n = MANY + 1;
    x->error = before;
    return n <= MANY;
}

void h5r_want_siblings(h5r_ctx *x, const h5r_header *group)
{
    const h5r_error before = x->error;
    const h5r_guess outer = x->guess;
    const h5r_header *h;
    const h5r_link_list *l;

    if (!x->file->source.remote || x->file->options.exact_reads || group->symbols == NULL || !h5r_is_small_group(x, group))
        return;
    x->guess = H5R_UNLIKELY;
    if (h5r_load_links(x, group, &l) == H5R_OK && l->n <= MANY)
        for (size_t i = 0; i < l->n; i++)
            if (l->by_name[i]->kind == H5R_LINK_HARD)
                (void)h5r_load_header(x, l->by_name[i]->addr, &h);
    x->guess = outer;
    x->error = before; /* errors are left to who asks for the object */
}

/* ---------------------------------------------------------------- all of them */

static h5r_status collect_links(link_builder *b)
{
    const h5r_header *h = b->group;
    h5r_status acc = H5R_OK;

    if (h->symbols != NULL) {
        h5r_symbol_table t = *h->symbols;
        const h5r_file_params *params = &b->x->file->params;
        if (h->pub.addr == b->x->file->info.root && t.btree == H5R_UNDEFINED && params->root_btree != H5R_UNDEFINED)
            t = (h5r_symbol_table){params->root_btree, params->root_heap}; /* the superblock's copy as a fallback */
        h5r_status st = load_symbols(b, t.btree, t.heap);
        if (st == H5R_NEED && b->name != NULL)
            want_names_below(b->x, t.btree);
        H5R_ALSO(acc, st);
    }
    for (unsigned i = 0; i < h->n_messages; i++)
        if (h->messages[i].type == H5R_MSG_LINK)
            H5R_ALSO(acc, add_message(b, h->messages[i].body, h->messages[i].len, h->pub.addr));
    if (h->link_info != NULL)
        H5R_ALSO(acc, load_dense(b, h->link_info));
    h5r_map_free(&b->seen);
    return acc;
}

h5r_status h5r_peek_links(h5r_ctx *x, const h5r_header *group, h5r_entry_visit visit, void *arg)
{
    const h5r_error before = x->error;
    const h5r_wants wants = x->wants;
    const h5r_link_list *all = h5r_memo_get(x, H5R_MEMO_LINKS, group->pub.addr);
    link_builder b = {.x = x, .group = group};
    h5r_status st = H5R_OK;

    for (size_t i = 0; all != NULL && i < all->n && st == H5R_OK; i++)
        if (all->by_name[i]->kind == H5R_LINK_HARD)
            st = visit(arg, all->by_name[i]->addr);
    if (all != NULL)
        return st;
    x->wants = (h5r_wants){0};
    (void)collect_links(&b); /* what is absent or damaged is not visited */
    free(x->wants.list);
    x->wants = wants;
    x->error = before;
    for (size_t i = 0; i < b.n && st == H5R_OK; i++)
        if (b.list[i].pub.kind == H5R_LINK_HARD)
            st = visit(arg, b.list[i].pub.addr);
    return st;
}

static h5r_status keep_text(h5r_ctx *x, const char **text)
{
    size_t n = *text != NULL ? strlen(*text) + 1 : 0;
    char *copy = n > 0 ? h5r_alloc(x, n, 1) : NULL;

    if (n > 0 && copy == NULL)
        return x->error.status;
    *text = n > 0 ? memcpy(copy, *text, n) : NULL;
    return H5R_OK;
}

/* Copies what a pass found to the file's arena: only the last pass does, so that retries take no memory. */
static h5r_status keep_links(h5r_ctx *x, const link_builder *b, const h5r_link ***out)
{
    h5r_link *links = h5r_alloc(x, b->n, sizeof *links);
    const h5r_link **list = links != NULL ? h5r_alloc(x, b->n, sizeof *list) : NULL;

    if (list == NULL)
        return x->error.status;
    for (size_t i = 0; i < b->n; i++) {
        links[i] = b->list[i].pub;
        list[i] = &links[i];
        if (!b->list[i].in_scratch)
            continue;
        H5R_TRY(keep_text(x, &links[i].name));
        H5R_TRY(keep_text(x, &links[i].target));
        H5R_TRY(keep_text(x, &links[i].file));
    }
    *out = list;
    return H5R_OK;
}

static int by_name(const void *a, const void *b)
{
    const h5r_link *const *p = a, *const *q = b;
    return strcmp((*p)->name, (*q)->name);
}

static int by_order(const void *a, const void *b)
{
    const h5r_link *const *p = a, *const *q = b;
    if ((*p)->order != (*q)->order)
        return (*p)->order < (*q)->order ? -1 : 1;
    return by_name(a, b);
}

h5r_status h5r_load_links(h5r_ctx *x, const h5r_header *h, const h5r_link_list **out)
{
    return h5r_load_links_early(x, h, NULL, NULL, out);
}

h5r_status h5r_load_links_early(h5r_ctx *x, const h5r_header *h, h5r_entry_visit visit, void *arg, const h5r_link_list **out)
{
    link_builder b = {.x = x, .group = h, .visit = visit, .visit_arg = arg};
    h5r_link_list l = {0};

    *out = h5r_memo_get(x, H5R_MEMO_LINKS, h->pub.addr);
    if (*out != NULL)
        return H5R_OK;
    if (h->pub.kind != H5R_GROUP)
        return h5r_fail(x, H5R_ERR_ARG, h->pub.addr, "not a group");
    h5r_status st = collect_links(&b);
    if (st == H5R_NEED || st == H5R_ERR_NOMEM || st == H5R_ERR_INTERNAL)
        return st;
    if (st < 0 && (l.bad = h5r_take_error(x, h5r_path_of(x, h->pub.addr))) == NULL)
        return x->error.status;

    const h5r_link **names = NULL;
    H5R_TRY(keep_links(x, &b, &names));
    const h5r_link **orders = names;
    if (b.n > 0)
        qsort(names, b.n, sizeof *names, by_name);
    if (h->pub.link_order != H5R_NOT_TRACKED) {
        orders = h5r_alloc(x, b.n, sizeof *orders);
        if (orders == NULL)
            return x->error.status;
        if (b.n > 0) {
            memcpy(orders, names, b.n * sizeof *names);
            qsort(orders, b.n, sizeof *orders, by_order);
        }
    }
    l.by_name = names;
    l.by_order = orders;
    l.n = b.n;
    return h5r_memo_put(x, H5R_MEMO_LINKS, h->pub.addr, &l, sizeof l, (const void **)out);
}

static const h5r_link *search(const h5r_link_list *l, const char *name, size_t len)
{
    size_t lo = 0, hi = l->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const char *at = l->by_name[mid]->name;
        int order = strncmp(at, name, len);
        if (order == 0 && at[len] != '\0')
            order = 1;
        if (order == 0)
            return l->by_name[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

h5r_status h5r_load_link(h5r_ctx *x, const h5r_header *h, const char *name, size_t name_len, const h5r_link **out)
{
    const h5r_link_list *all = h5r_memo_get(x, H5R_MEMO_LINKS, h->pub.addr);

    *out = NULL;
    if (all == NULL && h->pub.kind == H5R_GROUP) {
        char *copy = h5r_arena_text(&x->scratch, name, name_len);
        if (copy == NULL)
            return h5r_nomem(x);
        link_builder b = {.x = x, .group = h, .name = copy, .name_len = name_len,
                          .hash = h5r_lookup3(name, name_len, 0)};
        h5r_status st = collect_links(&b);
        if (b.n > 0 && st != H5R_NEED) {
            *out = &b.list[0].pub; /* lives as long as this pass */
            x->error.status = H5R_OK; /* damage elsewhere in the group does not hide this link */
            return H5R_OK;
        }
        return st;
    }
    if (all == NULL)
        return h5r_fail(x, H5R_ERR_ARG, h->pub.addr, "not a group");
    *out = search(all, name, name_len);
    return *out == NULL && all->bad != NULL ? h5r_fail_again(x, all->bad) : H5R_OK;
}

h5r_status h5r_load_link_to(h5r_ctx *x, const h5r_header *h, uint64_t addr, const h5r_link **out)
{
    const h5r_link_list *all = h5r_memo_get(x, H5R_MEMO_LINKS, h->pub.addr);

    *out = NULL;
    for (size_t i = 0; all != NULL && i < all->n; i++)
        if (all->by_name[i]->kind == H5R_LINK_HARD && all->by_name[i]->addr == addr) {
            *out = all->by_name[i];
            return H5R_OK;
        }
    if (all != NULL || h->pub.kind != H5R_GROUP || addr == 0)
        return H5R_OK;
    link_builder b = {.x = x, .group = h, .addr = addr};
    h5r_status st = collect_links(&b);
    if (b.n == 0)
        return st;
    *out = &b.list[0].pub; /* what is missing of the group, or damaged, does not matter */
    x->error.status = H5R_OK;
    return H5R_OK;
}

h5r_status h5r_estimate_links(h5r_ctx *x, const h5r_header *h, uint64_t *n)
{
    const h5r_link_list *all = h5r_memo_get(x, H5R_MEMO_LINKS, h->pub.addr);

    if (h->pub.kind != H5R_GROUP)
        return h5r_fail(x, H5R_ERR_ARG, h->pub.addr, "not a group");
    *n = all != NULL ? all->n : 0;
    if (h->symbols != NULL && all == NULL) {
        const h5r_local_heap *heap;
        const uint8_t *root;
        H5R_TRY(h5r_view(x, h->symbols->btree, 8, 0, &root));
        H5R_TRY(h5r_load_local_heap(x, h->symbols->heap, &heap));
        *n = heap->size / 16;
        if (root[5] < 2) { /* with the usual fan-out less than 8,192 */
            H5R_TRY(h5r_load_links(x, h, &all));
            *n = all->n;
        }
    } else if (all == NULL) {
        for (unsigned i = 0; i < h->n_messages; i++)
            *n += h->messages[i].type == H5R_MSG_LINK;
        if (h->link_info != NULL && h->link_info->heap != H5R_UNDEFINED) {
            uint64_t dense;
            H5R_TRY(h5r_btree2_count(x, h->link_info->by_name, 5, &dense));
            *n = h5r_max(*n, dense);
        }
    }
    return H5R_OK;
}
