/* A check walks the objects that hard links reach, breadth first, and asks for all that is known of each: whatever cannot be answered
 * is a finding. What readers pass over (indexes by creation order, a chunk that is named twice, link counts, overlaps) is looked at here. */
#include "check/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "object/btree2.h"
#include "util/checked.h"
#include "util/grow.h"

/* ---------------------------------------------------------------- findings */

static void put(h5r_checker *k, h5r_severity severity, const h5r_error *e)
{
    if (severity == H5R_FINDING)
        k->r.findings++;
    else
        k->r.notes++;
    if (k->o.found != NULL)
        k->o.found(k->o.ctx, severity, e);
}

void h5r_check_failure(h5r_checker *k, const char *path, const h5r_error *e)
{
    h5r_error copy = *e;

    if (e->status == H5R_ERR_IO || e->status == H5R_ERR_NOMEM || e->status == H5R_ERR_INTERNAL) {
        k->fatal = *e;
        return;
    }
    if (path != NULL)
        h5r_error_set_path(&copy, path);
    put(k, e->status == H5R_ERR_UNSUPPORTED || e->status == H5R_ERR_LIMIT ? H5R_NOTE : H5R_FINDING, &copy);
}

void h5r_check_report(h5r_checker *k, h5r_severity severity, const char *path, uint64_t offset, const char *format, ...)
{
    char text[sizeof((h5r_error *)0)->message];
    h5r_error e;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    h5r_error_set(&e, H5R_ERR_FORMAT, offset, "%s", text);
    h5r_error_set_path(&e, path);
    put(k, severity, &e);
}

static void no_memory(h5r_checker *k)
{
    h5r_error_set(&k->fatal, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
}

/* Offset of an address, for a message. */
static uint64_t offset_of(const h5r_checker *k, uint64_t addr)
{
    uint64_t off;
    return addr != H5R_UNDEFINED && h5r_add(addr, k->f->info.base, &off) ? off : H5R_UNDEFINED;
}

/* ---------------------------------------------------------------- objects found */

static char *join(const char *group, const char *name)
{
    size_t n = strcmp(group, "/") == 0 ? 0 : strlen(group), len = strlen(name);
    char *path = malloc(n + len + 2);

    if (path == NULL)
        return NULL;
    memcpy(path, group, n);
    path[n] = '/';
    memcpy(path + n + 1, name, len + 1);
    return path;
}

static void add_item(h5r_checker *k, uint64_t addr, const char *group, const char *name)
{
    size_t known = (size_t)(uintptr_t)h5r_map_get(&k->seen, 0, addr);

    if (known > 0) {
        k->items[known - 1].links++;
        return;
    }
    char *path = join(group, name);
    if (!h5r_grow(&k->items, &k->cap_items, k->n_items, sizeof *k->items) || path == NULL || !h5r_map_put(&k->seen, 0, addr, (void *)(uintptr_t)(k->n_items + 1))) {
        free(path);
        no_memory(k);
        return;
    }
    k->items[k->n_items++] = (check_item){.addr = addr, .path = path, .links = 1};
}

/* ---------------------------------------------------------------- indexes of dense links and attributes */

typedef struct dense_args {
    const h5r_header *header;
    bool links;
    uint64_t count;
    uint64_t names, orders, order_addr;
} dense_args;

static h5r_status count_record(void *arg, const uint8_t *record, size_t len)
{
    dense_args *a = arg;
    (void)record;
    (void)len;
    a->count++;
    return H5R_OK;
}

static h5r_status count_records(h5r_ctx *x, dense_args *a, uint64_t tree, unsigned type, uint64_t *n)
{
    a->count = 0;
    h5r_status st = h5r_btree2_visit(x, tree, type, NULL, count_record, a);
    *n = a->count;
    return st;
}

static h5r_status step_dense(h5r_ctx *x, void *arg)
{
    dense_args *a = arg;
    const h5r_header *h;
    h5r_status st = H5R_OK;

    a->names = a->orders = 0;
    H5R_TRY(h5r_load_whole_header(x, a->header, &h));
    const h5r_dense_info *info = a->links ? h->link_info : h->attr_info;
    if (info == NULL || info->heap == H5R_UNDEFINED || info->by_order == H5R_UNDEFINED)
        return H5R_OK;
    a->order_addr = info->by_order;
    H5R_ALSO(st, count_records(x, a, info->by_name, a->links ? 5 : 8, &a->names));
    H5R_ALSO(st, count_records(x, a, info->by_order, a->links ? 6 : 9, &a->orders));
    return st;
}

/* Readers list by name; the other index has to name as many. */
static void check_dense(h5r_checker *k, const h5r_object *o, bool links, const char *path)
{
    dense_args a = {.header = h5r_header_of(o), .links = links};
    h5r_error err;

    if (h5r_run(k->f, "h5r_check", step_dense, &a, &err) != H5R_OK)
        h5r_check_failure(k, path, &err);
    else if (a.names != a.orders)
        h5r_check_report(k, H5R_FINDING, path, offset_of(k, a.order_addr), "%" PRIu64 " %s by name, %" PRIu64 " by creation order", a.names,
                         links ? "links" : "attributes", a.orders);
}

/* ---------------------------------------------------------------- links */

static void check_link(h5r_checker *k, const h5r_object *group, const h5r_link *l, const char *path)
{
    const h5r_object *target;
    h5r_error err = {0};

    switch (l->kind) {
    case H5R_LINK_HARD:
        add_item(k, l->addr, path, l->name);
        return;
    case H5R_LINK_SOFT:
        if (h5r_lookup(k->f, group, l->target, &target, &err) == H5R_OK)
            return;
        break;
    case H5R_LINK_EXTERNAL:
        if (h5r_lookup(k->f, group, l->name, &target, &err) == H5R_OK)
            return;
        break;
    case H5R_LINK_USER:
        return;
    }
    if (err.status == H5R_ERR_IO || err.status == H5R_ERR_NOMEM || err.status == H5R_ERR_INTERNAL) {
        h5r_check_failure(k, NULL, &err);
        return;
    }
    char *full = join(path, l->name);
    h5r_check_report(k, H5R_NOTE, full != NULL ? full : path, H5R_UNDEFINED, "%s link to %.100s%s%.200s leads nowhere: %.300s", l->kind == H5R_LINK_SOFT ? "soft" : "external",
                     l->file != NULL ? l->file : "", l->file != NULL ? "#" : "", l->target != NULL ? l->target : "?", err.message);
    free(full);
}

static void check_links(h5r_checker *k, const h5r_object *group, const char *path)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (h5r_links(k->f, group, false, &links, &n, &bad, &err) != H5R_OK) {
        k->incomplete = true;
        h5r_check_failure(k, path, &err);
        return;
    }
    if (bad != NULL) {
        k->incomplete = true;
        h5r_check_failure(k, path, bad);
    }
    for (size_t i = 0; i < n && k->fatal.status == H5R_OK; i++) {
        if (i > 0 && strcmp(links[i]->name, links[i - 1]->name) == 0)
            h5r_check_report(k, H5R_FINDING, path, offset_of(k, group->addr), "two links named \"%.200s\"", links[i]->name);
        check_link(k, group, links[i], path);
    }
    if (bad == NULL) /* what damages the first index was reported with it */
        check_dense(k, group, true, path);
}

/* ---------------------------------------------------------------- attributes */

static void check_attributes(h5r_checker *k, const h5r_object *o, const char *path)
{
    const h5r_attr *const *attrs;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (h5r_attrs(k->f, o, false, &attrs, &n, &bad, &err) != H5R_OK) {
        h5r_check_failure(k, path, &err);
        return;
    }
    if (bad != NULL)
        h5r_check_failure(k, path, bad);
    for (size_t i = 0; i < n && k->fatal.status == H5R_OK; i++) {
        const h5r_attr *a = attrs[i];
        char what[120];
        snprintf(what, sizeof what, "attribute \"%.90s\"", a->name);
        k->r.attributes++;
        if (i > 0 && strcmp(a->name, attrs[i - 1]->name) == 0)
            h5r_check_report(k, H5R_FINDING, path, offset_of(k, o->addr), "two attributes named \"%.200s\"", a->name);
        if (a->error != NULL)
            h5r_check_failure(k, path, a->error);
        else if (a->raw != NULL && a->type->in_heap)
            h5r_check_values(k, o->file, path, what, a->type, a->raw, (size_t)a->space->count);
    }
    if (bad == NULL)
        check_dense(k, o, false, path);
}

/* ---------------------------------------------------------------- objects */

static void check_object(h5r_checker *k, size_t i)
{
    const char *path = k->items[i].path; /* the list may move, paths stay */
    const h5r_object *o;
    h5r_error err;

    if (h5r_object_at(k->f, k->items[i].addr, &o, &err) != H5R_OK) {
        k->incomplete = true;
        h5r_check_failure(k, path, &err);
        return;
    }
    k->r.objects++;
    k->items[i].refcount = o->refcount;
    k->items[i].kind = o->kind;
    check_attributes(k, o, path);
    if (o->kind == H5R_GROUP)
        check_links(k, o, path);
    else if (o->kind == H5R_DATASET)
        h5r_check_dataset(k, o, path);
    else if (o->kind == H5R_UNKNOWN)
        h5r_check_report(k, H5R_NOTE, path, offset_of(k, o->addr), "neither a group nor a dataset nor a datatype");
}

/* Committed datatypes also count the datasets and attributes that use them, so theirs may be higher than their links. */
static void check_counts(h5r_checker *k)
{
    for (size_t i = 0; i < k->n_items && !k->incomplete; i++) {
        const check_item *t = &k->items[i];
        if (t->kind == H5R_DATATYPE ? t->refcount < t->links : t->refcount != t->links)
            h5r_check_report(k, H5R_FINDING, t->path, offset_of(k, t->addr), "%" PRIu64 " hard link%s lead%s here, its header counts %" PRIu64, t->links,
                             t->links == 1 ? "" : "s", t->links == 1 ? "s" : "", t->refcount);
    }
}

/* ---------------------------------------------------------------- the file */

static h5r_status step_end(h5r_ctx *x, void *arg)
{
    const h5r_file_info *info = &x->file->info;
    const uint8_t *p;
    (void)arg;
    return h5r_view(x, info->end - info->base - 1, 1, 0, &p);
}

/* Whether the file has the length that its superblock says. Of sets, and of files that a writer did not close, that is no fact. */
static void check_end(h5r_checker *k)
{
    const h5r_file_info *info = &k->f->info;
    h5r_error err;

    if (info->open_for_write)
        h5r_check_report(k, H5R_FINDING, "", H5R_UNDEFINED, "left open for writing: what was being written may be missing");
    h5r_status st = H5R_OK;
    if (info->end != H5R_UNDEFINED && info->end > info->base)
        st = h5r_run(k->f, "h5r_check", step_end, NULL, &err);
    pthread_mutex_lock(&k->f->lock);
    k->end = h5r_known_end(k->f);
    pthread_mutex_unlock(&k->f->lock);
    if (st == H5R_ERR_FORMAT && k->end != H5R_UNDEFINED)
        h5r_check_report(k, H5R_FINDING, "", k->end, "truncated: %" PRIu64 " bytes of the %" PRIu64 " that the superblock says", k->end, info->end);
    else if (st < 0)
        h5r_check_failure(k, NULL, &err);
}

static void free_checker(h5r_checker *k)
{
    for (size_t i = 0; i < k->n_items; i++)
        free(k->items[i].path);
    free(k->items);
    free(k->extents);
    h5r_map_free(&k->seen);
}

h5r_status h5r_check(h5r_file *f, const h5r_check_options *o, h5r_check_result *out, h5r_error *err)
{
    h5r_checker k = {.f = f};
    const h5r_object *root;
    h5r_error failed;

    if (f == NULL || o == NULL || out == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_check: NULL argument");
    if (f->source.read_ranges == NULL)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "h5r_check: not in push mode");
    memcpy(&k.o, o, o->struct_size < sizeof k.o ? o->struct_size : sizeof k.o);
    check_end(&k);
    /* What follows then costs no round; what is damaged is found where it is asked for. */
    if (k.fatal.status == H5R_OK && h5r_object_at(f, f->info.root, &root, &failed) == H5R_OK &&
        h5r_prefetch(f, root, f->limits.depth, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX, &failed) != H5R_OK)
        h5r_check_failure(&k, "/", &failed);
    add_item(&k, f->info.root, "/", "");
    for (size_t i = 0; i < k.n_items && k.fatal.status == H5R_OK; i++)
        check_object(&k, i);
    if (k.fatal.status == H5R_OK) {
        check_counts(&k);
        h5r_check_extents(&k);
    }
    free_checker(&k);
    *out = k.r;
    if (k.fatal.status != H5R_OK && err != NULL)
        *err = k.fatal;
    return k.fatal.status;
}
