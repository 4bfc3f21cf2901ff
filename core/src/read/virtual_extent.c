/* The extent of a virtual dataset with unlimited selections: as far as its sources reach now. */
#include <stdlib.h>
#include <string.h>

#include "object/dataset.h"
#include "object/virtual.h"
#include "read/each.h"
#include "read/sources.h"
#include "read/virtual.h"
#include "util/checked.h"

/* Opens the sources of the next blocks at the same time, as many more as there are already; how many. */
static uint64_t open_blocks(h5r_file *f, const h5r_mapping *m, uint64_t from, unsigned nesting)
{
    enum { MOST = 16 };
    h5r_named_origin list[MOST];
    unsigned n = h5r_each_width(f, (size_t)h5r_min(h5r_max(from, 1), MOST));

    for (unsigned i = 0; i < n; i++)
        list[i] = (h5r_named_origin){m, from + i};
    h5r_open_origins(f, list, n, nesting);
    return n;
}

/* How far an unlimited mapping reaches now along its unlimited dimension. */
static h5r_status reach(h5r_file *f, const h5r_mapping *m, const h5r_dataset *d, unsigned nesting, uint64_t *out, h5r_error *err)
{
    h5r_pattern target[H5R_MAX_RANK], source[H5R_MAX_RANK];
    unsigned dim = (unsigned)m->target.unlimited_dim;
    h5r_origin o;
    bool found = true;

    *out = 0;
    if (!h5r_region_patterns(&m->target, d->space->rank, d->space->shape, target))
        return H5R_OK;
    if (h5r_is_numbered(m)) { /* one source a block: up to the first that is missing */
        uint64_t blocks = 0, ahead = 0;
        h5r_status st = H5R_OK;
        for (; found && st == H5R_OK; blocks += found && st == H5R_OK) {
            if (blocks == ahead)
                ahead += open_blocks(f, m, ahead, nesting);
            st = h5r_open_origin(f, m, blocks, nesting, &o, &found, err);
        }
        if (blocks > 0)
            *out = target[dim].start + (blocks - 1) * target[dim].stride + target[dim].block;
        return st;
    }
    h5r_status st = h5r_open_origin(f, m, 0, nesting, &o, &found, err);
    if (st != H5R_OK || !found || m->source.kind != H5R_REGION_HYPERSLAB || m->source.unlimited_dim < 0 ||
        !h5r_region_patterns(&m->source, o.d->space->rank, o.d->space->shape, source))
        return st;
    bool ignored;
    uint64_t n = h5r_pattern_below(&source[m->source.unlimited_dim], o.d->space->shape[m->source.unlimited_dim], &ignored);
    *out = n > 0 ? h5r_pattern_at(&target[dim], n - 1) + 1 : 0;
    return H5R_OK;
}

static bool is_unlimited(const h5r_mapping *m)
{
    return m->target.kind == H5R_REGION_HYPERSLAB && m->target.unlimited_dim >= 0;
}

/* Opens the sources that reach() looks at, at the same time. */
static h5r_status open_unlimited(h5r_file *f, const h5r_mapping_list *l, unsigned nesting, h5r_error *err)
{
    h5r_named_origin *list = malloc(l->n * sizeof *list);
    size_t n = 0, most = f->root->limits.other_files;

    if (list == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    for (size_t i = 0; i < l->n && n < most; i++)
        if (is_unlimited(&l->list[i]) && !h5r_is_numbered(&l->list[i]))
            list[n++] = (h5r_named_origin){&l->list[i], 0};
    h5r_open_origins(f, list, n, nesting);
    free(list);
    return H5R_OK;
}

typedef struct publish_args {
    const h5r_object *object;
    const uint64_t *shape;
    const h5r_dataset *out;
} publish_args;

static h5r_status step_publish(h5r_ctx *x, void *arg)
{
    publish_args *a = arg;
    const h5r_dataset *d;

    H5R_TRY(h5r_load_dataset(x, h5r_header_of(a->object), &d));
    h5r_dataset_data copy = *h5r_dataset_data_of(d);
    h5r_space *space = h5r_alloc(x, 1, sizeof *space);
    if (space == NULL)
        return x->error.status;
    *space = *d->space;
    space->count = 1;
    for (unsigned i = 0; i < space->rank; i++) {
        space->shape[i] = a->shape[i];
        if (!h5r_mul(space->count, space->shape[i], &space->count))
            return h5r_fail(x, H5R_ERR_FORMAT, a->object->addr, "virtual dataset of more than 2^64 elements");
    }
    copy.pub.space = space;
    copy.resolved = true;
    return h5r_memo_put(x, H5R_MEMO_DATASET, a->object->addr, &copy, sizeof copy, (const void **)&a->out);
}

h5r_status h5r_resolve_virtual(h5r_file *f, const h5r_object *o, unsigned nesting, const h5r_dataset **out, h5r_error *err)
{
    const h5r_mapping_list *l;
    uint64_t shape[H5R_MAX_RANK], least[H5R_MAX_RANK] = {0};
    const h5r_dataset *d = *out;
    h5r_pattern p[H5R_MAX_RANK];
    bool unlimited[H5R_MAX_RANK] = {false};

    h5r_status st = h5r_mappings_of(f, o, &l, err);
    if (st != H5R_OK)
        return st;
    memcpy(shape, d->space->shape, sizeof shape);
    if (l->unlimited && h5r_each_width(f, l->n) > 1)
        st = open_unlimited(f, l, nesting, err);
    for (size_t i = 0; i < l->n && l->unlimited && st == H5R_OK; i++) {
        const h5r_mapping *m = &l->list[i];
        int dim = is_unlimited(m) ? m->target.unlimited_dim : -1;
        uint64_t end = 0;
        if (dim >= 0) {
            unlimited[dim] = true;
            st = reach(f, m, d, nesting, &end, err);
            least[dim] = h5r_max(least[dim], end);
        }
        if (m->target.kind == H5R_REGION_HYPERSLAB && h5r_region_patterns(&m->target, d->space->rank, d->space->shape, p))
            for (unsigned k = 0; k < d->space->rank; k++)
                if ((int)k != dim && p[k].total > 0)
                    least[k] = h5r_max(least[k], h5r_pattern_at(&p[k], p[k].total - 1) + 1);
    }
    if (st != H5R_OK)
        return st;
    for (unsigned k = 0; k < d->space->rank; k++)
        if (unlimited[k])
            shape[k] = h5r_min(least[k], d->space->max_shape[k]);
    publish_args a = {.object = o, .shape = shape};
    st = h5r_run(f, "h5r_dataset_describe", step_publish, &a, err);
    if (st == H5R_OK)
        *out = a.out;
    return st;
}
