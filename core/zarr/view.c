#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "dimension.h"

enum { MAX_MEMBERS = 1 << 17, MAX_NESTING = 1000 };

static const char PREFIX[] = "_nc4_non_coord_"; /* of variables that are called like a dimension that they are no coordinates of */

/* A dataset of a group before its dimensions are known. */
typedef struct member {
    const char *name;
    const h5r_object *o;
    const h5r_dataset *d;
    zarr_attrs attrs;
    unsigned rank;
    uint64_t *shape;
    uint64_t scales[H5R_MAX_RANK];
    size_t n_scales;
    bool is_scale;
} member;

typedef struct members {
    member *list;
    size_t n, cap;
} members;

static h5r_status fail(h5r_error *err, h5r_status st, const char *path, const char *message)
{
    if (err != NULL) {
        *err = (h5r_error){.status = st, .offset = H5R_UNDEFINED};
        snprintf(err->path, sizeof err->path, "%s", path);
        snprintf(err->message, sizeof err->message, "%s", message);
    }
    return st;
}

static h5r_status nomem(h5r_error *err)
{
    return fail(err, H5R_ERR_NOMEM, "", "out of memory");
}

/* Room for one more element; the old list stays in the memory until all of it is freed. */
static bool room(zarr_memory *m, void **list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    size_t more = *cap * 2 + 8;
    void *grown = zarr_new(m, more, size);
    if (grown == NULL)
        return false;
    if (n > 0)
        memcpy(grown, *list, n * size);
    *list = grown;
    *cap = more;
    return true;
}

static const char *child_path(zarr_memory *m, const char *group, const char *name)
{
    size_t at = strcmp(group, "/") == 0 ? 0 : strlen(group), n = strlen(name);
    char *path = zarr_new(m, at + n + 2, 1);

    if (path != NULL) {
        memcpy(path, group, at);
        path[at] = '/';
        memcpy(path + at + 1, name, n);
    }
    return path;
}

bool zarr_is_hidden(const char *name)
{
    static const char *const hidden[] = {"REFERENCE_LIST", "CLASS", "DIMENSION_LIST", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates",
                                         "_nc3_strict", "_NCProperties"};

    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (strcmp(name, hidden[i]) == 0)
            return true;
    return false;
}

/* ---------------------------------------------------------------- dimensions */

static zarr_dimension *add_dimension(zarr_view *v, zarr_group *g, const char *name, uint64_t size)
{
    void *list = g->dims;

    if (!room(&v->memory, &list, g->n_dims, &g->cap_dims, sizeof *g->dims))
        return NULL;
    g->dims = list;
    g->dims[g->n_dims] = (zarr_dimension){.name = name, .size = size, .addr = H5R_UNDEFINED};
    return &g->dims[g->n_dims++];
}

static zarr_dimension *make_up(zarr_view *v, zarr_group *g, uint64_t size)
{
    char *name = zarr_new(&v->memory, 32, 1);

    if (name == NULL)
        return NULL;
    snprintf(name, 32, "phony_dim_%llu", (unsigned long long)v->made_up++);
    return add_dimension(v, g, name, size);
}

static const zarr_dimension *dimension_at(const zarr_group *g, h5r_file *file, uint64_t addr)
{
    for (; g != NULL; g = g->parent)
        for (size_t i = 0; i < g->n_dims; i++)
            if (g->dims[i].addr == addr && g->dims[i].file == file)
                return &g->dims[i];
    return NULL;
}

static const zarr_dimension *dimension_with_id(const zarr_group *g, int64_t id)
{
    for (; g != NULL; g = g->parent)
        for (size_t i = g->n_dims; i-- > 0;)
            if (g->dims[i].has_id && g->dims[i].id == id)
                return &g->dims[i];
    return NULL;
}

static size_t count_of(const uint64_t *list, size_t n, uint64_t value)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += list[i] == value;
    return count;
}

static size_t dimensions_of(const zarr_group *g, uint64_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < g->n_dims; i++)
        count += g->dims[i].size == size;
    return count;
}

/* The scales of a group, then a made-up dimension for each length of a dataset that has none: as many as one dataset needs. */
static h5r_status find_dimensions(zarr_view *v, zarr_group *g, const members *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const member *m = &all->list[i];
        int64_t id;
        if (!m->is_scale)
            continue;
        uint64_t size = m->rank > 0 ? m->shape[0] : 0;
        if (m->d->space->rank == 1 && m->d->space->max_shape[0] == H5R_UNDEFINED)
            size = zarr_unlimited_size(m->o, size, zarr_find_attr(&m->attrs, "REFERENCE_LIST"));
        zarr_dimension *d = add_dimension(v, g, m->name, size);
        if (d == NULL)
            return H5R_ERR_NOMEM;
        d->addr = m->o->addr;
        d->file = m->o->file;
        d->has_id = zarr_attr_integers(zarr_find_attr(&m->attrs, "_Netcdf4Dimid"), &id, 1) == 1;
        d->id = d->has_id ? id : 0;
    }
    /* What is made up does not count for the lengths that follow: each length needs the most that one dataset has of it. */
    uint64_t *lengths = NULL;
    size_t *most = NULL, n = 0, cap = 0, cap_most = 0;
    for (size_t i = 0; i < all->n; i++) {
        const member *m = &all->list[i];
        if (m->is_scale || m->d->space->cls == H5R_SPACE_NULL || m->n_scales > 0)
            continue;
        for (unsigned k = 0; k < m->rank; k++) {
            size_t at = 0;
            while (at < n && lengths[at] != m->shape[k])
                at++;
            if (at == n) {
                void *list = lengths, *counts = most;
                if (!room(&v->memory, &list, n, &cap, sizeof *lengths) || !room(&v->memory, &counts, n, &cap_most, sizeof *most))
                    return H5R_ERR_NOMEM;
                lengths = list;
                most = counts;
                lengths[n] = m->shape[k];
                most[n++] = 0;
            }
            size_t count = count_of(m->shape, m->rank, m->shape[k]);
            if (count > most[at])
                most[at] = count;
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t have = dimensions_of(g, lengths[i]); have < most[i]; have++)
            if (make_up(v, g, lengths[i]) == NULL)
                return H5R_ERR_NOMEM;
    return H5R_OK;
}

/* Name of a scale that is no dimension of a group above: the last part of its path. */
static h5r_status scale_name(zarr_view *v, const member *m, uint64_t addr, const char **name)
{
    h5r_file *f = m->o->file;
    const h5r_object *root;
    char text[32];

    const char *path = h5r_known_path(f, addr);
    if (path == NULL && h5r_lookup(f, NULL, "/", &root, NULL) == H5R_OK) {
        (void)h5r_prefetch(f, root, MAX_NESTING, 0, NULL); /* what cannot be listed has no name */
        path = h5r_known_path(f, addr);
    }
    if (path == NULL) {
        snprintf(text, sizeof text, "@%llu", (unsigned long long)addr);
        path = text;
    }
    const char *last = strrchr(path, '/');
    last = last != NULL ? last + 1 : path;
    *name = zarr_copy(&v->memory, last, strlen(last));
    return *name != NULL ? H5R_OK : H5R_ERR_NOMEM;
}

static bool name_by_ids(const zarr_group *g, const member *m, zarr_array *a)
{
    int64_t ids[H5R_MAX_RANK];

    if (!m->is_scale || zarr_attr_integers(zarr_find_attr(&m->attrs, "_Netcdf4Coordinates"), ids, H5R_MAX_RANK) != m->rank || m->rank == 0)
        return false;
    for (unsigned i = 0; i < m->rank; i++) {
        const zarr_dimension *d = dimension_with_id(g, ids[i]);
        if (d == NULL)
            return false;
        a->dims[i] = d->name;
        a->shape[i] = d->size > a->shape[i] ? d->size : a->shape[i];
    }
    return true;
}

static h5r_status name_by_scale(zarr_view *v, const zarr_group *g, const member *m, zarr_array *a, unsigned i)
{
    const zarr_dimension *d = dimension_at(g, m->o->file, m->scales[i]);

    if (d == NULL)
        return scale_name(v, m, m->scales[i], &a->dims[i]);
    a->dims[i] = d->name;
    a->shape[i] = d->size > a->shape[i] ? d->size : a->shape[i];
    return H5R_OK;
}

/* The k-th dimension of that length in the group, made up if there are too few. */
static h5r_status name_by_length(zarr_view *v, zarr_group *g, const member *m, zarr_array *a, unsigned i)
{
    size_t k = 0;

    for (unsigned before = 0; before < i; before++)
        k += m->shape[before] == m->shape[i] && (before >= m->n_scales || m->scales[before] == H5R_UNDEFINED);
    for (size_t d = 0; d < g->n_dims; d++)
        if (g->dims[d].size == m->shape[i] && k-- == 0) {
            a->dims[i] = g->dims[d].name;
            return H5R_OK;
        }
    const zarr_dimension *made = make_up(v, g, m->shape[i]);
    if (made == NULL)
        return H5R_ERR_NOMEM;
    a->dims[i] = made->name;
    return H5R_OK;
}

static h5r_status name_dimensions(zarr_view *v, zarr_group *g, const member *m, zarr_array *a)
{
    if (name_by_ids(g, m, a))
        return H5R_OK;
    if (m->n_scales == 0 && m->is_scale && m->rank == 1) {
        const zarr_dimension *d = dimension_at(g, m->o->file, m->o->addr);
        a->dims[0] = m->name;
        a->shape[0] = d != NULL && d->size > a->shape[0] ? d->size : a->shape[0];
        return H5R_OK;
    }
    for (unsigned i = 0; i < m->rank; i++) {
        bool has_scale = i < m->n_scales && m->scales[i] != H5R_UNDEFINED;
        h5r_status st = has_scale ? name_by_scale(v, g, m, a, i) : name_by_length(v, g, m, a, i);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

/* ---------------------------------------------------------------- groups */

static h5r_status read_member(zarr_view *v, members *all, const char *name, const h5r_object *o, h5r_error *err)
{
    member m = {.name = name, .o = o};
    void *list = all->list;

    h5r_status st = h5r_dataset_describe(v->f, o, &m.d, err);
    if (st == H5R_OK)
        st = h5r_attrs(v->f, o, true, &m.attrs.list, &m.attrs.n, NULL, err);
    if (st != H5R_OK)
        return st;
    m.rank = m.d->space->rank;
    uint64_t inner[ZARR_MAX_RANK];
    unsigned n_inner = zarr_inner_dims(m.d->type, inner, ZARR_MAX_RANK);
    if (m.rank + n_inner > ZARR_MAX_RANK)
        return fail(err, H5R_ERR_UNSUPPORTED, "", "array types nested in array types have too many dimensions");
    m.shape = zarr_new(&v->memory, m.rank + n_inner, sizeof *m.shape);
    if (m.shape == NULL || !room(&v->memory, &list, all->n, &all->cap, sizeof *all->list))
        return nomem(err);
    all->list = list;
    memcpy(m.shape, m.d->space->shape, m.rank * sizeof *m.shape);
    memcpy(m.shape + m.rank, inner, n_inner * sizeof *inner);
    if (m.d->space->cls != H5R_SPACE_NULL)
        m.rank += n_inner;
    m.is_scale = zarr_attr_is(o->file, zarr_find_attr(&m.attrs, "CLASS"), "DIMENSION_SCALE");
    m.n_scales = zarr_attr_scales(o->file, zarr_find_attr(&m.attrs, "DIMENSION_LIST"), m.scales, H5R_MAX_RANK);
    all->list[all->n++] = m;
    return H5R_OK;
}

static bool has_array(const zarr_group *g, const char *name)
{
    for (size_t i = 0; i < g->n_arrays; i++)
        if (strcmp(g->arrays[i]->name, name) == 0)
            return true;
    return false;
}

static h5r_status add_array(zarr_view *v, zarr_group *g, const member *m)
{
    zarr_array *a = zarr_new(&v->memory, 1, sizeof *a);
    void *list = g->arrays;

    if (a == NULL || !room(&v->memory, &list, g->n_arrays, &g->cap_arrays, sizeof *g->arrays))
        return H5R_ERR_NOMEM;
    g->arrays = list;
    bool prefixed = strncmp(m->name, PREFIX, sizeof PREFIX - 1) == 0;
    *a = (zarr_array){.name = prefixed ? m->name + sizeof PREFIX - 1 : m->name, .object = m->o, .d = m->d, .type = zarr_type_of(m->d->type), .rank = m->rank};
    a->path = child_path(&v->memory, g->path, m->name);
    a->own = m->shape;
    a->shape = zarr_new(&v->memory, m->rank + 1, sizeof *a->shape);
    a->dims = zarr_new(&v->memory, m->rank + 1, sizeof *a->dims);
    if (a->path == NULL || a->shape == NULL || a->dims == NULL)
        return H5R_ERR_NOMEM;
    memcpy(a->shape, m->shape, m->rank * sizeof *a->shape);
    h5r_status st = m->d->space->cls == H5R_SPACE_NULL ? H5R_OK : name_dimensions(v, g, m, a);
    if (st != H5R_OK)
        return st;
    if (prefixed && has_array(g, a->name))
        v->left_out(v->ctx, a->path, "another array has this name");
    else
        g->arrays[g->n_arrays++] = a;
    return H5R_OK;
}

static bool is_above(const zarr_group *g, const h5r_object *o)
{
    for (; g != NULL; g = g->parent)
        if (g->object->addr == o->addr && g->object->file == o->file)
            return true;
    return false;
}

static zarr_group *new_group(zarr_view *v, const zarr_group *parent, const char *path, const char *name, const h5r_object *o)
{
    zarr_group *g = zarr_new(&v->memory, 1, sizeof *g);

    if (g != NULL && path != NULL)
        *g = (zarr_group){.path = path, .name = name, .parent = parent, .object = o, .depth = parent != NULL ? parent->depth + 1 : 0};
    return path != NULL ? g : NULL;
}

/* Follows a link; groups that lead back up are skipped. NOT_FOUND and the like are no errors of links that are not hard. */
static h5r_status follow(zarr_view *v, zarr_group *g, members *all, const h5r_link *link, h5r_error *err)
{
    const h5r_object *o;
    void *list = g->groups;

    if (link->name[0] == '\0' || strchr(link->name, '/') != NULL) /* of damaged files: it would take the place of another object */
        return fail(err, H5R_ERR_FORMAT, "", "a link without a name, or with a slash in it");
    h5r_status st = link->kind == H5R_LINK_HARD ? h5r_object_at(g->object->file, link->addr, &o, err)
                                                : h5r_lookup(v->f, g->object, link->name, &o, err);
    if (st != H5R_OK)
        return st;
    if (o->kind == H5R_DATASET)
        return read_member(v, all, link->name, o, err);
    if (o->kind != H5R_GROUP || is_above(g, o))
        return H5R_OK;
    if (g->depth >= MAX_NESTING)
        return fail(err, H5R_ERR_LIMIT, "", "groups nested deeper than this are not looked into");
    zarr_group *child = new_group(v, g, child_path(&v->memory, g->path, link->name), link->name, o);
    if (child == NULL || !room(&v->memory, &list, g->n_groups, &g->cap_groups, sizeof(zarr_group *)))
        return nomem(err);
    g->groups = list;
    g->groups[g->n_groups++] = child;
    return H5R_OK;
}

static bool ends_all(h5r_status st)
{
    return st == H5R_ERR_IO || st == H5R_ERR_NOMEM;
}

/* Reads a group's links, dimensions and arrays. */
static h5r_status read_group(zarr_view *v, zarr_group *g, h5r_error *err)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    members all = {0};
    h5r_error why;
    size_t n;

    h5r_status st = h5r_links(v->f, g->object, true, &links, &n, &bad, &why);
    if (ends_all(st) || (st != H5R_OK && g == v->top)) {
        *err = why;
        return st;
    }
    if (st != H5R_OK || bad != NULL)
        v->left_out(v->ctx, g->path, st != H5R_OK ? why.message : bad->message);
    for (size_t i = 0; st == H5R_OK && i < n; i++) {
        h5r_status one = follow(v, g, &all, links[i], &why);
        if (ends_all(one)) {
            *err = why;
            return one;
        }
        if (one == H5R_OK || links[i]->kind != H5R_LINK_HARD)
            continue;
        const char *path = child_path(&v->memory, g->path, links[i]->name);
        v->left_out(v->ctx, path != NULL ? path : g->path, why.message);
    }
    if (find_dimensions(v, g, &all) != H5R_OK)
        return nomem(err);
    for (size_t i = 0; i < all.n; i++) {
        const h5r_object *o = all.list[i].o;
        if (!zarr_attr_has(o->file, zarr_find_attr(&all.list[i].attrs, "NAME"), "This is a netCDF dimension but not a netCDF variable") &&
            add_array(v, g, &all.list[i]) != H5R_OK)
            return nomem(err);
    }
    return H5R_OK;
}

/* All groups below: the children of one before those of the next, the order in which made-up dimensions are numbered. */
static h5r_status read_below(zarr_view *v, zarr_group *g, size_t *total, h5r_error *err)
{
    *total += g->n_groups + g->n_arrays;
    if (*total > MAX_MEMBERS)
        return fail(err, H5R_ERR_LIMIT, g->path, "more than 131072 groups and datasets, those reached by several links counted each time");
    for (size_t i = 0; i < g->n_groups; i++) {
        h5r_status st = read_group(v, g->groups[i], err);
        if (st != H5R_OK)
            return st;
    }
    for (size_t i = 0; i < g->n_groups; i++) {
        h5r_status st = read_below(v, g->groups[i], total, err);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

h5r_status zarr_view_open(zarr_view *v, h5r_file *f, const char *path, unsigned what, zarr_left_out *left_out, void *ctx, h5r_error *err)
{
    const h5r_object *o;
    const char *at = path != NULL ? path : "/";
    size_t total = 0;

    *v = (zarr_view){.f = f, .left_out = left_out, .ctx = ctx};
    (void)h5r_prefetch_path(f, at, MAX_NESTING, what | H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES | H5R_PREFETCH_GROUPS, NULL);
    h5r_status st = h5r_lookup(f, NULL, "/", &o, err);
    const zarr_group *parent = NULL;
    const char *name = "/", *part = "";
    while (st == H5R_OK) { /* the groups on the way have dimensions, too */
        if (o->kind != H5R_GROUP)
            return fail(err, H5R_ERR_ARG, name, "not a group");
        zarr_group *g = new_group(v, parent, name, part, o);
        if (g == NULL)
            return nomem(err);
        v->top = g;
        st = read_group(v, g, err);
        at += strspn(at, "/");
        size_t n = strcspn(at, "/");
        if (st != H5R_OK || n == 0)
            break;
        part = zarr_copy(&v->memory, at, n);
        name = part != NULL ? child_path(&v->memory, name, part) : NULL;
        if (name == NULL)
            return nomem(err);
        at += n;
        parent = g;
        st = h5r_lookup(f, g->object, part, &o, err);
    }
    if (st == H5R_OK)
        st = h5r_prefetch(f, v->top->object, MAX_NESTING, what | H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES, err);
    return st == H5R_OK ? read_below(v, v->top, &total, err) : st;
}

void zarr_view_close(zarr_view *v)
{
    zarr_memory_free(&v->memory);
    v->top = NULL;
}
