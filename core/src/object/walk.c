/* Prefetch: everything below an object in as few rounds as the file's nesting allows. All siblings of a level are asked for in
 * the same round, and what is known of an object (links, attributes, description) in the same round as its children. */
#include "object/walk.h"

#include <stdlib.h>

#include "object/values.h"
#include "util/grow.h"

typedef struct queue_item {
    uint64_t addr;
    unsigned depth;
    bool done;
} queue_item;

struct h5r_walk {
    queue_item *items; /* every object seen, in the order found */
    size_t n, cap;
    size_t first;      /* before this one all are done */
    h5r_map seen;
    unsigned depth, what;
    h5r_index_loader load_index;
};

h5r_status h5r_walk_begin(h5r_walk **out, uint64_t addr, unsigned depth, unsigned what, h5r_index_loader load_index)
{
    h5r_walk *w = calloc(1, sizeof *w);

    if (w == NULL)
        return H5R_ERR_NOMEM;
    w->items = malloc(16 * sizeof *w->items);
    w->cap = 16;
    if (w->items == NULL || !h5r_map_put(&w->seen, 0, addr, w)) {
        h5r_walk_end(w);
        return H5R_ERR_NOMEM;
    }
    w->items[w->n++] = (queue_item){addr, 0, false};
    w->depth = depth;
    w->what = what;
    w->load_index = load_index;
    *out = w;
    return H5R_OK;
}

void h5r_walk_end(h5r_walk *w)
{
    if (w == NULL)
        return;
    free(w->items);
    h5r_map_free(&w->seen);
    free(w);
}

static h5r_status push(h5r_ctx *x, h5r_walk *w, uint64_t addr, unsigned depth)
{
    if (addr == H5R_UNDEFINED || w->n >= x->file->limits.objects || h5r_map_get(&w->seen, 0, addr) != NULL)
        return H5R_OK;
    if (!h5r_grow(&w->items, &w->cap, w->n, sizeof *w->items))
        return h5r_nomem(x);
    if (!h5r_map_put(&w->seen, 0, addr, w))
        return h5r_nomem(x);
    w->items[w->n++] = (queue_item){addr, depth, false};
    return H5R_OK;
}

/* Objects that references in a DIMENSION_LIST point to. */
static h5r_status push_scales(h5r_ctx *x, h5r_walk *w, const h5r_attr *a, unsigned depth)
{
    h5r_widths widths = x->file->widths;

    if (a->type == NULL || a->type->cls != H5R_CLASS_VLEN || a->type->base->cls != H5R_CLASS_REFERENCE ||
        a->type->base->ref != H5R_REF_OBJECT1)
        return H5R_OK;
    for (uint64_t i = 0; i < a->space->count; i++) {
        h5r_cursor c = h5r_cursor_at((const uint8_t *)a->raw + i * a->type->size, a->type->size);
        uint32_t count = h5r_get_u32(&c);
        uint64_t addr = h5r_get_addr(&c, widths), len;
        uint32_t index = h5r_get_u32(&c);
        const uint8_t *p;
        if (count == 0 || addr == H5R_UNDEFINED || addr == 0)
            continue;
        H5R_TRY(h5r_load_global_object(x, addr, index, &p, &len));
        h5r_cursor refs = h5r_cursor_at(p, (size_t)len);
        for (uint32_t k = 0; k < count; k++) {
            uint64_t to = h5r_get_addr(&refs, widths);
            if (refs.overrun)
                break;
            H5R_TRY(push(x, w, to == 0 ? H5R_UNDEFINED : to, depth));
        }
    }
    return H5R_OK;
}

static h5r_status load_attrs(h5r_ctx *x, h5r_walk *w, const h5r_header *h, unsigned depth)
{
    const h5r_attr_list *l;
    h5r_status acc = H5R_OK;

    H5R_TRY(h5r_load_attrs(x, h, &l));
    for (size_t i = 0; i < l->n; i++) {
        const h5r_attr *a = l->by_name[i];
        if (a->type == NULL || a->raw == NULL || !a->type->in_heap)
            continue;
        h5r_status st = h5r_want_values(x, a->type, a->raw, a->space->count);
        if (st == H5R_OK && (w->what & H5R_PREFETCH_SCALES) && strcmp(a->name, "DIMENSION_LIST") == 0)
            st = push_scales(x, w, a, depth);
        H5R_ALSO(acc, st);
    }
    return acc;
}

typedef struct early {
    h5r_ctx *x;
    h5r_walk *w;
    unsigned depth;
} early;

static h5r_status push_early(void *arg, uint64_t addr)
{
    early *e = arg;
    return push(e->x, e->w, addr, e->depth);
}

static h5r_status push_children(h5r_ctx *x, h5r_walk *w, const h5r_header *h, unsigned depth)
{
    const h5r_link_list *l;
    const char *path = h5r_path_of(x, h->pub.addr);
    early e = {x, w, depth + 1};

    H5R_TRY(h5r_load_links_early(x, h, depth < w->depth ? push_early : NULL, &e, &l));
    if (depth >= w->depth)
        return H5R_OK;
    for (size_t i = 0; i < l->n; i++) {
        const h5r_link *k = l->by_name[i];
        if (k->kind != H5R_LINK_HARD)
            continue;
        H5R_TRY(push(x, w, k->addr, depth + 1));
        if (path != NULL)
            H5R_TRY(h5r_note_path(x, k->addr, path, k->name));
    }
    return H5R_OK;
}

/* A walk of the whole file will come to every header that is in use, so one that lies behind another is gone into before it is known whose it is:
 * groups that were created one after the other lie so, and the links between them may take rounds to read. */
static h5r_status push_neighbour(h5r_ctx *x, h5r_walk *w, uint64_t addr, unsigned depth)
{
    enum { WHOLE = 16 }; /* levels */

    if (!x->file->source.remote || x->file->options.exact_reads || w->depth < WHOLE || w->items[0].addr != x->file->info.root)
        return H5R_OK;
    return push(x, w, h5r_header_behind(x, addr), depth);
}

static h5r_status load_item(h5r_ctx *x, h5r_walk *w, uint64_t addr, unsigned depth)
{
    const h5r_header *h;
    const h5r_dataset *d;
    h5r_status acc = H5R_OK;

    h5r_status found = h5r_load_header(x, addr, &h);
    if (found == H5R_NEED && depth < w->depth) {
        early e = {x, w, depth + 1};
        h5r_guess_entries(x, addr, push_early, &e);
    }
    H5R_TRY(push_neighbour(x, w, addr, depth));
    H5R_TRY(found);
    if (h->pub.kind == H5R_GROUP)
        H5R_ALSO(acc, push_children(x, w, h, depth));
    if (w->what & H5R_PREFETCH_ATTRS)
        H5R_ALSO(acc, load_attrs(x, w, h, depth));
    if (h->pub.kind != H5R_DATASET)
        return acc;
    h5r_status st = h5r_load_dataset(x, h, &d);
    if (st == H5R_OK && (w->what & H5R_PREFETCH_INDEX) && w->load_index != NULL)
        st = w->load_index(x, d);
    H5R_ALSO(acc, st);
    return acc;
}

h5r_status h5r_walk_step(h5r_ctx *x, void *arg)
{
    h5r_walk *w = arg;
    h5r_status acc = H5R_OK;

    /* The list grows while it is walked: children found in this pass are asked for in the same round. */
    for (size_t i = w->first; i < w->n; i++) {
        if (w->items[i].done)
            continue;
        h5r_status st = load_item(x, w, w->items[i].addr, w->items[i].depth);
        if (st == H5R_ERR_NOMEM || st == H5R_ERR_INTERNAL || (st == H5R_ERR_LIMIT && x->file->meta.bytes >= x->file->limits.metadata_bytes))
            return st;
        x->error.status = H5R_OK; /* reported when the object is asked for */
        if (st == H5R_NEED)
            acc = st;
        else
            w->items[i].done = true;
        if (i == w->first && w->items[i].done)
            w->first++;
    }
    return acc;
}

/* Members of a group that may be scales of a dataset. */
typedef struct scale_search {
    h5r_ctx *x;
    uint64_t dataset;
    h5r_space space;
    unsigned n;
    uint64_t found[H5R_MAX_RANK];
} scale_search;

static h5r_status find_scale(void *arg, uint64_t addr)
{
    scale_search *f = arg;
    h5r_space s;

    if (addr == f->dataset || !h5r_peek_space(f->x, addr, &s) || s.rank != 1)
        return H5R_OK;
    for (unsigned i = 0; i < f->space.rank; i++) {
        if (f->space.shape[i] != s.shape[0])
            continue;
        if (f->n == f->space.rank)
            return H5R_NEED; /* more than can be scales: other columns of a table */
        f->found[f->n++] = addr;
        break;
    }
    return H5R_OK;
}

/* While the attributes that name a dataset's scales are on their way: scales are mostly members of its own group, their headers come with the
 * dataset's, and they are as long as its dimensions. What their headers lead to is wanted in the same round. */
static void guess_scales(h5r_ctx *x, h5r_walk *w, const h5r_header *group, uint64_t dataset)
{
    const h5r_error before = x->error;
    const h5r_guess outer = x->guess;
    scale_search f = {.x = x, .dataset = dataset};

    if (!(w->what & H5R_PREFETCH_SCALES) || !x->file->source.remote || x->file->options.exact_reads ||
        h5r_memo_get(x, H5R_MEMO_ATTRS, dataset) != NULL || !h5r_peek_space(x, dataset, &f.space) || !h5r_is_small_group(x, group) ||
        h5r_peek_links(x, group, find_scale, &f) != H5R_OK)
        return;
    x->guess = H5R_LIKELY;
    for (unsigned i = 0; i < f.n; i++)
        (void)load_item(x, w, f.found[i], w->depth); /* a guess: its errors are no one's */
    x->guess = outer;
    x->error = before;
}

h5r_status h5r_path_walk_step(h5r_ctx *x, void *arg)
{
    h5r_path_walk *a = arg;
    h5r_walk none = {0};
    h5r_status acc = H5R_OK;
    const h5r_header *at = NULL;

    uint64_t end = x->file->info.root;
    const h5r_header *parent = NULL;
    const char *first = a->path + strspn(a->path, "/");
    if (*first != '\0') {
        h5r_status st = h5r_load_header(x, end, &at);
        if (st == H5R_NEED)
            h5r_guess_path(x, end, a->path);
        H5R_TRY(st);
    }
    for (const char *p = first; *p != '\0' && at->pub.kind == H5R_GROUP;) {
        size_t n = strcspn(p, "/");
        const h5r_link *l;
        const h5r_header *group = at;
        if (a->what & H5R_PREFETCH_GROUPS) {
            h5r_status attrs = load_attrs(x, &none, group, 0);
            if (attrs == H5R_NEED)
                acc = attrs;
            x->error.status = H5R_OK; /* reported when the attributes are asked for */
        }
        H5R_TRY(h5r_load_link(x, group, p, n, &l));
        if (l == NULL || l->kind != H5R_LINK_HARD)
            return acc;
        end = l->addr;
        parent = group;
        p += n;
        p += strspn(p, "/");
        h5r_status st = h5r_load_header(x, end, &at);
        if (st == H5R_NEED && *p == '\0')
            h5r_want_siblings(x, group);
        else if (st == H5R_NEED)
            h5r_guess_path(x, end, p);
        if (*p == '\0')
            break; /* the walk looks at it */
        H5R_TRY(st);
    }
    if (a->walk == NULL && h5r_walk_begin(&a->walk, end, a->depth, a->what, a->load_index) != H5R_OK)
        return h5r_nomem(x);
    H5R_ALSO(acc, h5r_walk_step(x, a->walk));
    if (acc == H5R_NEED && parent != NULL)
        guess_scales(x, a->walk, parent, end);
    return acc;
}
