/* Public entry points: check arguments, run steps, put paths to errors. */
#include <inttypes.h>
#include <stdlib.h>

#include "io/index_cache.h"
#include "object/load.h"
#include "object/dataset.h"
#include "object/others.h"
#include "object/super.h"
#include "object/values.h"
#include "object/walk.h"
#include "read/chunks.h"
#include "read/engine.h"
#include "read/virtual.h"
#include "util/checked.h"

static h5r_status bad_argument(h5r_error *err, const char *call)
{
    return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "%s: NULL argument", call);
}

void h5r_source_init(h5r_source *s)
{
    *s = (h5r_source){.struct_size = sizeof *s, .size = H5R_UNDEFINED};
}

void h5r_source_tune(h5r_source *s, double latency, double bandwidth)
{
    const double product = (latency > 0 ? latency : 0.05) * (bandwidth > 0 ? bandwidth : 100e6);
    size_t block = 64 * 1024;

    /* What could be read while waiting for one more round, a quarter of it: most of a block is of no use. */
    while (block < 4096 * 1024 && (double)(block * 2) <= product / 4)
        block *= 2;
    s->block = s->first_read = block;
    s->gap = block / 16;
    s->max_request = 2 * block; /* half of what could be read while waiting: longer requests are quicker in parallel */
}

void h5r_options_init(h5r_options *o)
{
    const uint64_t MiB = 1024 * 1024;

    *o = (h5r_options){
        .struct_size = sizeof *o,
        .limits = {.metadata_bytes = 1024 * MiB, .heap_bytes = 256 * MiB, .chunk_bytes = 1024 * MiB,
                   .inflight_bytes = 64 * MiB, .vlen_bytes = 1024 * MiB, .objects = 10 * 1000 * 1000,
                   .links = 10 * 1000 * 1000, .attributes = 1000 * 1000, .header_bytes = 64 * MiB, .header_chunks = 4096,
                   .depth = 64, .soft_links = 16, .rounds = 10000, .other_files = 1024, .nesting = 16, .inflight_requests = 64},
        .chunk_cache_bytes = 64 * MiB, .index_cache_bytes = 1024 * MiB};
}

/* ---------------------------------------------------------------- open and close */

static void use_head(h5r_file *f, const void *head, size_t len)
{
    struct h5r_buffer *b = len > 0 && head != NULL ? h5r_cache_buffer(len) : NULL;
    if (b == NULL)
        return;
    memcpy(h5r_cache_bytes(b), head, len);
    h5r_cache_insert(&f->meta, 0, b, len); /* without it the bytes are read again */
}

void h5r_close(h5r_file *f)
{
    if (f == NULL)
        return;
    h5r_engine_free(f->engine);
    h5r_close_others(f);
    h5r_index_cache_close(f);
    if (f->source.close != NULL)
        f->source.close(f->source.ctx);
    h5r_cache_free(&f->meta);
    h5r_cache_free(&f->image);
    h5r_cache_free(&f->heap);
    h5r_cache_free(&f->data);
    h5r_arena_free(&f->arena);
    h5r_arena_free(&f->heap_arena);
    h5r_map_free(&f->memo);
    h5r_map_free(&f->heap_memo);
    pthread_mutex_destroy(&f->lock);
    pthread_mutex_destroy(&f->io_lock);
    pthread_mutex_destroy(&f->others_lock);
    pthread_cond_destroy(&f->other_opened);
    pthread_cond_destroy(&f->arrived);
    free(f->wanted);
    free(f->later.list);
    free(f);
}

h5r_status h5r_open(const h5r_source *src, const h5r_options *o, h5r_file **out, h5r_error *err)
{
    h5r_options defaults;

    if (src == NULL || out == NULL)
        return bad_argument(err, __func__);
    if (o == NULL) {
        h5r_options_init(&defaults);
        o = &defaults;
    }
    h5r_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        if (src->close != NULL)
            src->close(src->ctx);
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    }
    h5r_source_init(&f->source);
    h5r_options_init(&f->options);
    memcpy(&f->source, src, src->struct_size < sizeof *src ? src->struct_size : sizeof *src);
    memcpy(&f->options, o, o->struct_size < sizeof *o ? o->struct_size : sizeof *o);
    f->source.name[sizeof f->source.name - 1] = '\0';
    f->limits = f->options.limits;
    f->source_end = H5R_UNDEFINED;
    f->info = (h5r_file_info){.end = H5R_UNDEFINED, .driver = "", .name = f->source.name};
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->io_lock, NULL);
    pthread_mutex_init(&f->others_lock, NULL);
    pthread_cond_init(&f->other_opened, NULL);
    f->root = f;
    f->number = f->n_numbered = 1;
    f->engine = h5r_engine_new(&f->options);
    pthread_cond_init(&f->arrived, NULL);
    if (f->engine == NULL) {
        h5r_close(f);
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    }
    h5r_status st = h5r_index_cache_open(f, err);
    if (st != H5R_OK) {
        h5r_close(f);
        return st;
    }
    use_head(f, f->options.head, f->options.head_len);
    f->options.head = NULL;
    if (f->source.read_ranges == NULL) {
        *out = f;
        return H5R_OK;
    }
    st = h5r_open_continue(f, err);
    if (st != H5R_OK) {
        h5r_close(f);
        return st;
    }
    *out = f;
    return H5R_OK;
}

h5r_status h5r_open_continue(h5r_file *f, h5r_error *err)
{
    h5r_ctx x;

    if (f == NULL)
        return bad_argument(err, __func__);
    h5r_ctx_begin(&x, f, "h5r_open");
    x.opening = true;
    return h5r_ctx_end(&x, h5r_drive(&x, h5r_load_super, NULL), err);
}

void h5r_get_stats(const h5r_file *f, h5r_stats *out)
{
    h5r_file *g = (h5r_file *)(uintptr_t)f; /* only to lock it */

    pthread_mutex_lock(&g->lock);
    *out = f->stats;
    out->cached_bytes = f->meta.bytes + f->image.bytes + f->heap.bytes + f->data.bytes;
    out->decoded_bytes = f->arena.used + f->heap_arena.used;
    pthread_mutex_unlock(&g->lock);
    h5r_add_other_stats(g, out);
}

const h5r_file_info *h5r_get_info(const h5r_file *f)
{
    return &f->info;
}

/* ---------------------------------------------------------------- push mode */

size_t h5r_wanted(h5r_file *f, h5r_read *out, size_t cap)
{
    size_t n = 0;

    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_wanted; i++, n++)
        if (n < cap && out != NULL)
            out[n] = (h5r_read){.offset = f->wanted[i].off, .len = (size_t)(f->wanted[i].end - f->wanted[i].off)};
    pthread_mutex_unlock(&f->lock);
    return n;
}

static bool feed_cache(h5r_cache *c, uint64_t offset, const void *bytes, size_t n)
{
    struct h5r_buffer *b = h5r_cache_buffer(n);
    if (b == NULL)
        return false;
    memcpy(h5r_cache_bytes(b), bytes, n);
    return h5r_cache_insert(c, offset, b, n);
}

h5r_status h5r_feed(h5r_file *f, uint64_t offset, const void *bytes, size_t n, bool end, h5r_error *err)
{
    uint64_t stop;
    unsigned kinds = 0;

    if (f == NULL || (bytes == NULL && n > 0) || !h5r_add(offset, n, &stop))
        return bad_argument(err, __func__);
    pthread_mutex_lock(&f->lock);
    bool answers = false; /* the end of the file answers what was wanted there, too */
    for (size_t i = 0; i < f->n_wanted; i++) {
        if (offset < f->wanted[i].end && f->wanted[i].off < stop)
            kinds |= f->wanted[i].kinds;
        answers |= kinds != 0 || (end && stop <= f->wanted[i].off);
    }
    if (answers && f->round_pending) {
        f->round_pending = false;
        f->stats.rounds++;
    }
    bool ok = true;
    if (n > 0)
        ok = feed_cache(kinds == H5R_WANT_DATA ? &f->data : kinds != 0 && !(kinds & H5R_WANT_META) ? &f->heap : &f->meta,
                        offset, bytes, n);
    if (end)
        f->source_end = h5r_min(f->source_end, stop);
    f->stats.requests++;
    f->stats.bytes += n;
    pthread_mutex_unlock(&f->lock);
    return ok ? H5R_OK : h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
}

/* ---------------------------------------------------------------- objects */

typedef struct object_args {
    const h5r_object *object;
    const char *path;
    uint64_t addr;
    bool by_order;
    const void *out;
    uint64_t known_addr; /* object the error is about */
} object_args;

/* Puts the object's path to an error of a call on it. */
static h5r_status finish(h5r_file *f, h5r_status st, uint64_t addr, h5r_error *err)
{
    if (st < 0 && err != NULL && err->path[0] == '\0') {
        const char *path = h5r_known_path(f, addr);
        if (path != NULL)
            h5r_error_set_path(err, path);
    }
    if (st < 0 && err != NULL && f->root != f)
        h5r_error_set_file(err, f->source.name);
    return st;
}

/* The object, or the external link where the path leaves the file. */
typedef struct lookup_args {
    const h5r_object *base;
    const char *path;
    const h5r_header *out;
    h5r_exit exit; /* in scratch */
} lookup_args;

static h5r_status step_lookup(h5r_ctx *x, void *arg)
{
    lookup_args *a = arg;
    const h5r_header *base = a->base != NULL ? h5r_header_of(a->base) : NULL;

    a->exit = (h5r_exit){0};
    return h5r_load_path(x, base, a->path, &a->out, &a->exit);
}

/* Goes on in the file that an external link leads to, with what is left of the path. */
static h5r_status follow_exit(h5r_file *f, const h5r_exit *exit, unsigned nesting, const h5r_object **out, h5r_error *err);

static h5r_status lookup(h5r_file *f, const h5r_object *base, const char *path, unsigned nesting, const h5r_object **out, h5r_error *err)
{
    lookup_args a = {.base = base, .path = path};
    h5r_error other = {0};
    h5r_ctx x;

    h5r_ctx_begin(&x, f, "h5r_lookup");
    h5r_status st = h5r_drive(&x, step_lookup, &a);
    if (st == H5R_OK && a.out != NULL)
        *out = &a.out->pub;
    else if (st == H5R_OK)
        st = follow_exit(f, &a.exit, nesting, out, &other);
    if (st < 0 && other.status != H5R_OK)
        h5r_fail_again(&x, &other);
    return h5r_ctx_end(&x, st, err);
}

static h5r_status follow_exit(h5r_file *f, const h5r_exit *exit, unsigned nesting, const h5r_object **out, h5r_error *err)
{
    h5r_file *other = f;
    const h5r_object *target;

    if (nesting >= f->root->limits.nesting)
        return h5r_error_set(err, H5R_ERR_LIMIT, H5R_UNDEFINED, "more than %" PRIu32 " external links on the way (limits.nesting): they form a loop?",
                             f->root->limits.nesting);
    h5r_status st = h5r_open_other(f, H5R_OTHER_LINK, exit->link->file, &other, err);
    if (st == H5R_OK)
        st = lookup(other, NULL, exit->link->target, nesting + 1, &target, err);
    if (st == H5R_OK && *exit->rest == '\0')
        *out = target;
    if (st == H5R_OK && *exit->rest != '\0') {
        other = target->file;
        st = lookup(other, target, exit->rest, nesting + 1, out, err);
    }
    if (st < 0 && other != f)
        h5r_error_set_file(err, other->source.name);
    return st;
}

h5r_status h5r_lookup(h5r_file *f, const h5r_object *base, const char *path, const h5r_object **out, h5r_error *err)
{
    if (f == NULL || path == NULL || out == NULL)
        return bad_argument(err, __func__);
    if (base != NULL && path[0] != '/')
        f = base->file;
    h5r_status st = lookup(f, path[0] == '/' ? NULL : base, path, 0, out, err);
    if (st < 0 && err != NULL)
        h5r_error_set_path(err, path);
    return st;
}

static h5r_status step_object(h5r_ctx *x, void *arg)
{
    object_args *a = arg;
    const h5r_header *h;
    H5R_TRY(h5r_load_header(x, a->addr, &h));
    a->out = &h->pub;
    return H5R_OK;
}

h5r_status h5r_object_at(h5r_file *f, uint64_t addr, const h5r_object **out, h5r_error *err)
{
    object_args a = {.addr = addr};

    if (f == NULL || out == NULL)
        return bad_argument(err, __func__);
    h5r_status st = h5r_run(f, __func__, step_object, &a, err);
    *out = a.out;
    return finish(f, st, addr, err);
}

static h5r_status step_whole(h5r_ctx *x, void *arg)
{
    object_args *a = arg;
    const h5r_header *h;
    H5R_TRY(h5r_load_whole_header(x, h5r_header_of(a->object), &h));
    a->out = h;
    return H5R_OK;
}

h5r_status h5r_object_notes(h5r_file *f, const h5r_object *o, const char **comment, uint64_t *modified, h5r_error *err)
{
    object_args a = {.object = o};

    if (f == NULL || o == NULL)
        return bad_argument(err, __func__);
    h5r_status st = h5r_run(o->file, __func__, step_whole, &a, err);
    if (st != H5R_OK)
        return finish(o->file, st, o->addr, err);
    const h5r_header *h = a.out;
    if (comment != NULL)
        *comment = h->comment;
    if (modified != NULL)
        *modified = h->modified;
    return H5R_OK;
}

static h5r_status step_links(h5r_ctx *x, void *arg)
{
    object_args *a = arg;
    const h5r_link_list *l;
    const h5r_header *h = h5r_header_of(a->object);

    H5R_TRY(h5r_load_links(x, h, &l));
    const char *path = h5r_path_of(x, h->pub.addr);
    for (size_t i = 0; path != NULL && i < l->n; i++)
        if (l->by_name[i]->kind == H5R_LINK_HARD)
            H5R_TRY(h5r_note_path(x, l->by_name[i]->addr, path, l->by_name[i]->name));
    a->out = l;
    return H5R_OK;
}

h5r_status h5r_links(h5r_file *f, const h5r_object *group, bool by_order, const h5r_link *const **out, size_t *n,
                     const h5r_error **bad, h5r_error *err)
{
    object_args a = {.object = group};

    if (f == NULL || group == NULL || out == NULL || n == NULL)
        return bad_argument(err, __func__);
    f = group->file;
    h5r_status st = h5r_run(f, __func__, step_links, &a, err);
    if (st != H5R_OK)
        return finish(f, st, group->addr, err);
    const h5r_link_list *l = a.out;
    *out = by_order ? l->by_order : l->by_name;
    *n = l->n;
    if (bad != NULL)
        *bad = l->bad;
    return H5R_OK;
}

static h5r_status step_attrs(h5r_ctx *x, void *arg)
{
    object_args *a = arg;
    const h5r_attr_list *l;
    H5R_TRY(h5r_load_attrs(x, h5r_header_of(a->object), &l));
    a->out = l;
    return H5R_OK;
}

h5r_status h5r_attrs(h5r_file *f, const h5r_object *o, bool by_order, const h5r_attr *const **out, size_t *n,
                     const h5r_error **bad, h5r_error *err)
{
    object_args a = {.object = o};

    if (f == NULL || o == NULL || out == NULL || n == NULL)
        return bad_argument(err, __func__);
    f = o->file;
    h5r_status st = h5r_run(f, __func__, step_attrs, &a, err);
    if (st != H5R_OK)
        return finish(f, st, o->addr, err);
    const h5r_attr_list *l = a.out;
    *out = by_order ? l->by_order : l->by_name;
    *n = l->n;
    if (bad != NULL)
        *bad = l->bad;
    return H5R_OK;
}

h5r_status h5r_attr_read(const h5r_attr *a, void *dst, size_t dst_len, h5r_error *err)
{
    if (a == NULL || (dst == NULL && dst_len > 0))
        return bad_argument(err, __func__);
    if (a->error != NULL) {
        if (err != NULL)
            *err = *a->error;
        return a->error->status;
    }
    if (dst_len < a->raw_len)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "attribute \"%s\" takes %zu bytes, the buffer has %zu", a->name, a->raw_len, dst_len);
    if (a->raw_len > 0) {
        memcpy(dst, a->raw, a->raw_len);
        h5r_swap(a->type, dst, (size_t)a->space->count);
    }
    return H5R_OK;
}

static h5r_status step_describe(h5r_ctx *x, void *arg)
{
    object_args *a = arg;
    const h5r_dataset *d;
    H5R_TRY(h5r_load_dataset(x, h5r_header_of(a->object), &d));
    a->out = d;
    return H5R_OK;
}

h5r_status h5r_describe_nested(h5r_file *f, const h5r_object *o, unsigned nesting, const h5r_dataset **out, h5r_error *err)
{
    object_args a = {.object = o};

    h5r_status st = h5r_run(f, "h5r_dataset_describe", step_describe, &a, err);
    if (st == H5R_OK) {
        *out = a.out;
        if ((*out)->layout == H5R_LAYOUT_VIRTUAL && !h5r_dataset_data_of(*out)->resolved)
            st = h5r_resolve_virtual(f, o, nesting, out, err);
    }
    return finish(f, st, o->addr, err);
}

h5r_status h5r_dataset_describe(h5r_file *f, const h5r_object *o, const h5r_dataset **out, h5r_error *err)
{
    if (f == NULL || o == NULL || out == NULL)
        return bad_argument(err, __func__);
    return h5r_describe_nested(o->file, o, 0, out, err);
}

typedef struct learn_args {
    const h5r_object *group;
    uint64_t addr;
    bool found;
} learn_args;

static h5r_status step_learn(h5r_ctx *x, void *arg)
{
    learn_args *a = arg;
    const char *path = h5r_path_of(x, a->group->addr);
    const h5r_link *l;

    H5R_TRY(h5r_load_link_to(x, h5r_header_of(a->group), a->addr, &l));
    a->found = l != NULL;
    return l != NULL && path != NULL ? h5r_note_path(x, a->addr, path, l->name) : H5R_OK;
}

h5r_status h5r_learn_path(h5r_file *f, const h5r_object *group, uint64_t addr, h5r_error *err)
{
    learn_args a = {.group = group, .addr = addr};

    if (f == NULL || group == NULL)
        return bad_argument(err, __func__);
    h5r_status st = h5r_run(group->file, __func__, step_learn, &a, err);
    if (st == H5R_OK && !a.found)
        return h5r_error_set(err, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "no link of the group leads to address %" PRIu64, addr);
    return finish(group->file, st, group->addr, err);
}

const char *h5r_known_path(h5r_file *f, uint64_t addr)
{
    h5r_ctx x = {.file = f};

    pthread_mutex_lock(&f->lock);
    const char *path = h5r_path_of(&x, addr);
    pthread_mutex_unlock(&f->lock);
    return path;
}

h5r_status h5r_prefetch(h5r_file *f, const h5r_object *o, unsigned depth, unsigned what, h5r_error *err)
{
    h5r_walk *w;

    if (f == NULL || o == NULL)
        return bad_argument(err, __func__);
    f = o->file;
    if (depth > f->limits.depth)
        depth = f->limits.depth;
    if (h5r_walk_begin(&w, o->addr, depth, what, h5r_load_all_chunks) != H5R_OK)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    h5r_ctx x;
    h5r_ctx_begin(&x, f, __func__);
    x.prefetching = true;
    x.wants_attrs = (what & H5R_PREFETCH_ATTRS) != 0;
    x.reach = depth == 0 ? H5R_REACH_OBJECT : depth == 1 ? H5R_REACH_GROUP : H5R_REACH_BELOW;
    h5r_heap_enter(f);
    h5r_status st = h5r_ctx_end(&x, h5r_drive(&x, h5r_walk_step, w), err);
    h5r_heap_leave(f);
    h5r_walk_end(w);
    return finish(f, st, o->addr, err);
}

h5r_status h5r_prefetch_path(h5r_file *f, const char *path, unsigned depth, unsigned what, h5r_error *err)
{
    h5r_path_walk a = {.path = path, .what = what, .load_index = h5r_load_all_chunks};
    h5r_ctx x;

    if (f == NULL || path == NULL)
        return bad_argument(err, __func__);
    a.depth = depth < f->limits.depth ? depth : f->limits.depth;
    h5r_ctx_begin(&x, f, __func__);
    x.prefetching = true;
    x.wants_attrs = (what & H5R_PREFETCH_ATTRS) != 0;
    x.reach = depth == 0 ? H5R_REACH_OBJECT : depth == 1 ? H5R_REACH_GROUP : H5R_REACH_BELOW;
    h5r_heap_enter(f);
    h5r_status st = h5r_ctx_end(&x, h5r_drive(&x, h5r_path_walk_step, &a), err);
    h5r_heap_leave(f);
    h5r_walk_end(a.walk);
    return st;
}

static h5r_status step_estimate(h5r_ctx *x, void *arg)
{
    learn_args *a = arg;
    return h5r_estimate_links(x, h5r_header_of(a->group), &a->addr);
}

h5r_status h5r_links_estimate(h5r_file *f, const h5r_object *group, uint64_t *n, h5r_error *err)
{
    learn_args a = {.group = group};

    if (f == NULL || group == NULL || n == NULL)
        return bad_argument(err, __func__);
    h5r_status st = h5r_run(group->file, __func__, step_estimate, &a, err);
    *n = a.addr;
    return finish(group->file, st, group->addr, err);
}
