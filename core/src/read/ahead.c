/* Datasets of a group that are read one after the other take some rounds each: to open them, for their index, for the data. From the second one
 * on the caller is walking: headers, attributes and first index nodes of the others come along with its data, in a round that is needed
 * anyway. Guesses are read in small blocks, and of groups that are not large. */
#include "read/ahead.h"

#include <stdlib.h>

#include "index/index.h"
#include "io/nodes.h"
#include "object/dataset.h"
#include "object/walk.h"

static h5r_status ignore_chunk(void *arg, const uint64_t *scaled, uint64_t addr, uint64_t size, uint32_t mask)
{
    (void)arg;
    (void)scaled;
    (void)addr;
    (void)size;
    (void)mask;
    return H5R_OK;
}

/* What leads to the first chunk. */
static h5r_status want_first_nodes(h5r_ctx *x, const h5r_dataset *d)
{
    const h5r_chunked *k = &h5r_dataset_data_of(d)->chunked;
    const uint64_t first[H5R_MAX_RANK] = {0};

    return d->layout == H5R_LAYOUT_CHUNKED && d->space->count > 0 ? h5r_index_visit(x, k, first, first, ignore_chunk, NULL) : H5R_OK;
}

/* Coordinates are read beside other datasets, and tell nothing of what will be. */
static bool is_scale(h5r_ctx *x, const h5r_object *ds)
{
    const h5r_attr_list *l;

    if (h5r_load_attrs(x, h5r_header_of(ds), &l) != H5R_OK)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->by_name[i]->name, "CLASS") == 0)
            return l->by_name[i]->raw_len >= 15 && memcmp(l->by_name[i]->raw, "DIMENSION_SCALE", 15) == 0;
    return false;
}

/* The group that a known path says a dataset is in, when it can be told without reading. */
static const h5r_header *group_of(h5r_ctx *x, uint64_t addr)
{
    const char *path = h5r_path_of(x, addr), *slash = path != NULL ? strrchr(path, '/') : NULL;
    char *parent = slash != NULL ? h5r_arena_text(&x->scratch, path, (size_t)(slash - path)) : NULL;
    const h5r_header *group = NULL;
    h5r_exit out;

    return parent != NULL && h5r_load_path(x, NULL, parent, &group, &out) == H5R_OK && group != NULL && group->pub.kind == H5R_GROUP ? group : NULL;
}

/* Names and places of the members first, which the second read needs; then what the members are. */
static void go_ahead(h5r_ctx *x, const h5r_header *group, bool members)
{
    const h5r_link_list *l;
    h5r_walk *w;

    x->wants.n = 0;
    x->guess = H5R_UNLIKELY;
    x->prefetching = true;
    x->wants_attrs = true;
    if (!h5r_is_small_group(x, group))
        return;
    h5r_status st = h5r_load_links(x, group, &l);
    if (st == H5R_OK && members && h5r_walk_begin(&w, group->pub.addr, 1, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX, want_first_nodes) == H5R_OK) {
        st = h5r_walk_step(x, w);
        h5r_walk_end(w);
    }
    if (st == H5R_NEED)
        h5r_want_later(x);
}

void h5r_note_read(h5r_file *f, const h5r_object *ds)
{
    h5r_ctx x;
    h5r_turn turn;

    if (!f->source.remote || f->source.read_ranges == NULL || f->options.exact_reads)
        return;
    h5r_ctx_begin(&x, f, __func__);
    h5r_heap_enter(f);
    pthread_mutex_lock(&f->lock);
    h5r_turn_begin(&x, &turn);
    if (ds->addr != f->last_read && !is_scale(&x, ds)) {
        const h5r_header *group = group_of(&x, ds->addr);
        uint64_t addr = group != NULL ? group->pub.addr : H5R_UNDEFINED;
        f->reads_of_group = addr == f->last_group ? f->reads_of_group + 1 : 0;
        f->last_group = addr;
        f->last_read = ds->addr;
        if (group != NULL && f->reads_of_group < 2)
            go_ahead(&x, group, f->reads_of_group == 1);
    }
    h5r_turn_end(&x, &turn, H5R_NEED); /* the nodes are for the next call */
    pthread_mutex_unlock(&f->lock);
    h5r_heap_leave(f);
    (void)h5r_ctx_end(&x, H5R_OK, NULL);
}
