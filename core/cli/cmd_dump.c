/* "dump --canonical": the whole file as JSON, data as digests, so that readers can be compared. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "cli.h"
#include "paths.h"
#include "slab.h"

enum { SKIP_ABOVE = 268435456 };

typedef struct dump {
    h5r_file *f;
    json j;
    paths seen; /* objects, by canonical path */
    uint64_t bad; /* errors printed */
} dump;

static void put_error(dump *d, const h5r_error *e)
{
    d->bad++;
    json_key(&d->j, "error");
    canonical_text(&d->j, e->message);
}

static const char *tracking_name(h5r_tracking t)
{
    return t == H5R_INDEXED ? "indexed" : t == H5R_TRACKED ? "tracked" : "none";
}

/* ---------------------------------------------------------------- data */

static void put_digest(dump *d, sink *s)
{
    char hex[65];

    sha256_hex(&s->sum, hex);
    json_begin_object(&d->j);
    json_put_uint(&d->j, "nbytes", s->n);
    json_put_text(&d->j, "sha256", hex);
    json_end_object(&d->j);
}

static void put_failed(dump *d, const h5r_error *e)
{
    json_begin_object(&d->j);
    put_error(d, e);
    json_end_object(&d->j);
}

/* Rows of the slowest dimensions at a time. */
typedef struct slabs {
    const h5r_dataset *d;
    bool whole;     /* one slab is all */
    unsigned dim;   /* the dimension that is cut; outer ones go one by one */
    uint64_t bytes; /* of a row of it */
    uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK];
} slabs;

/* Those from s->start on. */
static void set_rows(slabs *s)
{
    uint64_t row = s->start[s->dim];

    s->count[s->dim] = slab_rows(s->d, s->dim, row, 1, s->d->space->shape[s->dim] - row, s->bytes);
}

static void slabs_begin(slabs *s, const h5r_dataset *d)
{
    uint64_t bytes = d->type->size;
    unsigned rank = d->space->rank;

    *s = (slabs){.d = d};
    for (unsigned i = 0; i < rank; i++)
        s->count[i] = d->space->shape[i];
    for (s->dim = rank; s->dim > 0 && bytes * d->space->shape[s->dim - 1] <= SLAB; s->dim--)
        bytes *= d->space->shape[s->dim - 1];
    s->whole = s->dim == 0;
    if (s->whole)
        return;
    s->dim--;
    s->bytes = bytes;
    for (unsigned i = 0; i < s->dim; i++)
        s->count[i] = 1;
    set_rows(s);
}

/* False when the last slab was the last one. */
static bool slabs_next(slabs *s)
{
    const uint64_t *shape = s->d->space->shape;

    if (s->whole)
        return false;
    for (unsigned i = s->dim + 1; i-- > 0;) {
        s->start[i] += s->count[i];
        bool more = s->start[i] < shape[i];
        if (!more)
            s->start[i] = 0;
        if (i == s->dim)
            set_rows(s);
        if (more)
            return true;
    }
    return false;
}

static h5r_status digest_data(dump *d, const h5r_object *o, const h5r_dataset *ds, sink *s, h5r_error *err)
{
    slabs b;
    uint8_t *buffer = NULL;
    size_t cap = 0;
    h5r_status st = H5R_OK;

    if (ds->space->count == 0)
        return H5R_OK;
    slabs_begin(&b, ds);
    do {
        uint64_t n = 1;
        for (unsigned i = 0; i < ds->space->rank; i++)
            n *= b.count[i];
        if (n * ds->type->size > cap) {
            free(buffer);
            cap = n * ds->type->size;
            buffer = malloc(cap);
            if (buffer == NULL) {
                *err = (h5r_error){.status = H5R_ERR_NOMEM, .message = "out of memory"};
                return err->status;
            }
        }
        h5r_selection sel = {.start = b.start, .count = b.count, .dst = buffer, .file_order = true};
        st = h5r_read_dataset(d->f, o, &sel, err);
        if (st == H5R_OK)
            st = canonical_elements(d->f, ds->type, buffer, n, s, err);
    } while (st == H5R_OK && slabs_next(&b));
    free(buffer);
    return st;
}

static void put_data(dump *d, const h5r_object *o, const h5r_dataset *ds)
{
    uint64_t bytes = ds->space->count * ds->type->size;
    sink s = {0};
    h5r_error err;

    json_key(&d->j, "data");
    if (bytes > SKIP_ABOVE) {
        json_begin_object(&d->j);
        json_put_uint(&d->j, "skipped", bytes);
        json_end_object(&d->j);
        return;
    }
    sha256_init(&s.sum);
    if (digest_data(d, o, ds, &s, &err) == H5R_OK)
        put_digest(d, &s);
    else
        put_failed(d, &err);
}

/* ---------------------------------------------------------------- parts of an object */

static void put_committed(dump *d, const h5r_type *t)
{
    if (t->committed != H5R_UNDEFINED)
        json_put_uint(&d->j, "committed", t->committed);
}

static void put_attribute(dump *d, const h5r_attr *a)
{
    json *j = &d->j;
    sink s = {0};
    h5r_error err;

    canonical_key(j, a->name);
    json_begin_object(j);
    if (a->error != NULL) {
        put_error(d, a->error);
        json_end_object(j);
        return;
    }
    json_key(j, "dtype");
    canonical_type(j, a->type);
    put_committed(d, a->type);
    json_key(j, "space");
    canonical_space(j, a->space);
    json_put_text(j, "cset", a->cset == H5R_CSET_UTF8 ? "utf8" : "ascii");
    if (a->has_order)
        json_put_uint(j, "corder", a->order);
    json_key(j, "data");
    sha256_init(&s.sum);
    if (canonical_elements(d->f, a->type, a->raw, a->raw_len / a->type->size, &s, &err) == H5R_OK)
        put_digest(d, &s);
    else
        put_failed(d, &err);
    json_end_object(j);
}

static void put_attributes(dump *d, const h5r_object *o)
{
    const h5r_attr *const *list;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n = 0;

    json_put_text(&d->j, "attr_order", tracking_name(o->attr_order));
    h5r_status st = h5r_attrs(d->f, o, false, &list, &n, &bad, &err);
    json_key(&d->j, "attributes");
    json_begin_object(&d->j);
    for (size_t i = 0; st == H5R_OK && i < n; i++)
        put_attribute(d, list[i]);
    json_end_object(&d->j);
    if (st != H5R_OK || bad != NULL) {
        d->bad++;
        json_put_text(&d->j, "attributes_error", st != H5R_OK ? err.message : bad->message);
    }
}

static void put_filters(dump *d, const h5r_dataset *ds)
{
    json *j = &d->j;

    json_key(j, "filters");
    json_begin_array(j);
    for (unsigned i = 0; i < ds->n_filters; i++) {
        json_begin_object(j);
        json_put_uint(j, "id", ds->filters[i].id);
        json_put_uint(j, "flags", ds->filters[i].flags);
        json_key(j, "client");
        json_begin_array(j);
        for (unsigned k = 0; k < ds->filters[i].n_values; k++)
            json_uint(j, ds->filters[i].values[k]);
        json_end_array(j);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_fill(dump *d, const h5r_dataset *ds)
{
    static const char *const statuses[] = {"undefined", "default", "user"};
    static const char *const times[] = {"alloc", "never", "ifset"};
    enum { SHOWN = 1024 };
    json *j = &d->j;
    uint8_t bytes[SHOWN];
    char hex[2 * SHOWN + 1];
    sink s = {.keep = bytes, .keep_cap = SHOWN};
    h5r_error err;

    json_key(j, "fill");
    json_begin_object(j);
    json_put_text(j, "status", statuses[ds->fill]);
    json_put_text(j, "time", times[ds->fill_time]);
    if (ds->fill == H5R_FILL_USER) {
        sha256_init(&s.sum);
        if (canonical_elements(d->f, ds->type, ds->fill_value, 1, &s, &err) != H5R_OK) {
            put_error(d, &err);
        } else if (s.n > SHOWN) {
            sha256_hex(&s.sum, hex);
            json_put_text(j, "value_sha256", hex);
        } else {
            hex[0] = '\0';
            for (size_t i = 0; i < s.n; i++)
                snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
            json_put_text(j, "value", hex);
        }
    }
    json_end_object(j);
}

static void put_numbers(json *j, const char *key, const uint64_t *v, unsigned n)
{
    json_key(j, key);
    json_begin_array(j);
    for (unsigned i = 0; i < n; i++)
        if (v[i] == H5R_UNDEFINED)
            json_int(j, -1);
        else
            json_uint(j, v[i]);
    json_end_array(j);
}

static void put_region(json *j, const char *key, const h5r_region *r)
{
    static const char *const kinds[] = {"none", "points", "hyperslab", "all"};
    bool unlimited = r->unlimited_dim >= 0;
    char hex[65];
    sink out = {0};

    json_key(j, key);
    json_begin_object(j);
    json_put_text(j, "kind", unlimited ? "unlimited" : kinds[r->kind]);
    if (unlimited) {
        put_numbers(j, "start", r->start, r->rank);
        put_numbers(j, "stride", r->stride, r->rank);
        put_numbers(j, "count", r->count, r->rank);
        put_numbers(j, "block", r->block, r->rank);
    } else if (r->kind == H5R_REGION_POINTS || r->kind == H5R_REGION_HYPERSLAB) {
        sha256_init(&out.sum);
        if (canonical_region(&out, r, r->rank, 0)) {
            sha256_hex(&out.sum, hex);
            json_put_uint(j, "npoints", h5r_region_count(r));
            json_put_text(j, "sha256", hex);
        }
    }
    json_end_object(j);
}

static void put_mappings(dump *d, const h5r_object *o)
{
    const h5r_mapping *list;
    size_t n;
    h5r_error err;
    json *j = &d->j;

    if (h5r_mappings(d->f, o, &list, &n, &err) != H5R_OK) {
        put_error(d, &err);
        return;
    }
    json_key(j, "mappings");
    json_begin_array(j);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(j);
        json_key(j, "file");
        canonical_text(j, list[i].file);
        json_key(j, "dataset");
        canonical_text(j, list[i].dataset);
        put_region(j, "virtual", &list[i].target);
        put_region(j, "source", &list[i].source);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_layout(dump *d, const h5r_object *o, const h5r_dataset *ds)
{
    static const char *const names[] = {"compact", "contiguous", "chunked", "virtual", "external"};
    json *j = &d->j;

    json_key(j, "layout");
    json_begin_object(j);
    json_put_text(j, "class", names[ds->layout]);
    switch (ds->layout) {
    case H5R_LAYOUT_CONTIGUOUS:
        json_key(j, "offset");
        if (ds->storage_offset == H5R_UNDEFINED)
            json_null(j);
        else
            json_uint(j, ds->storage_offset);
        json_put_uint(j, "storage", ds->storage_size);
        break;
    case H5R_LAYOUT_COMPACT:
        json_put_uint(j, "storage", ds->storage_size);
        break;
    case H5R_LAYOUT_CHUNKED:
        json_key(j, "chunk");
        json_begin_array(j);
        for (unsigned i = 0; i < ds->space->rank; i++)
            json_uint(j, ds->chunk[i]);
        json_end_array(j);
        break;
    case H5R_LAYOUT_EXTERNAL:
        json_key(j, "files");
        json_begin_array(j);
        for (unsigned i = 0; i < ds->n_external; i++) {
            json_begin_object(j);
            json_key(j, "file");
            canonical_text(j, ds->external[i].file);
            json_put_uint(j, "offset", ds->external[i].offset);
            json_key(j, "size");
            if (ds->external[i].size == H5R_UNDEFINED)
                json_int(j, -1);
            else
                json_uint(j, ds->external[i].size);
            json_end_object(j);
        }
        json_end_array(j);
        break;
    case H5R_LAYOUT_VIRTUAL:
        put_mappings(d, o);
        break;
    }
    json_end_object(j);
}

static void put_chunks(dump *d, const h5r_object *o, const h5r_dataset *ds)
{
    const h5r_chunk *chunks;
    size_t n;
    h5r_error err;
    json *j = &d->j;
    sha256 sum;
    char hex[65], line[32 * 22 + 80];
    uint64_t bytes = 0, at[H5R_MAX_RANK];

    if (ds->layout != H5R_LAYOUT_CHUNKED)
        return;
    json_key(j, "chunks");
    if (h5r_chunks_all(d->f, o, &chunks, &n, &err) != H5R_OK) {
        put_failed(d, &err);
        return;
    }
    sha256_init(&sum);
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        h5r_chunk_coords(ds, chunks[i].number, at);
        for (unsigned k = 0; k < ds->space->rank; k++)
            len += (size_t)snprintf(line + len, sizeof line - len, "%s%" PRIu64, k > 0 ? "," : "", at[k] * ds->chunk[k]);
        len += (size_t)snprintf(line + len, sizeof line - len, " %" PRIu64 " %" PRIu64 " %" PRIu32 "\n", chunks[i].offset,
                                chunks[i].size, chunks[i].skipped);
        sha256_add(&sum, line, len);
        bytes += chunks[i].size;
    }
    sha256_hex(&sum, hex);
    json_begin_object(j);
    json_put_uint(j, "count", n);
    json_put_uint(j, "bytes", bytes);
    json_put_text(j, "sha256", hex);
    json_end_object(j);
}

static void put_dataset(dump *d, const h5r_object *o)
{
    const h5r_dataset *ds;
    h5r_error err;

    if (h5r_dataset_describe(d->f, o, &ds, &err) != H5R_OK) {
        put_error(d, &err);
        return;
    }
    json_key(&d->j, "dtype");
    canonical_type(&d->j, ds->type);
    put_committed(d, ds->type);
    json_key(&d->j, "space");
    canonical_space(&d->j, ds->space);
    put_layout(d, o, ds);
    put_filters(d, ds);
    put_fill(d, ds);
    put_chunks(d, o, ds);
    put_data(d, o, ds);
}

/* ---------------------------------------------------------------- groups and traversal */

/* Paths of members have to be known before links are printed: objects are numbered in a walk of their own. */
static void number_objects(dump *d, uint64_t addr, const char *path, unsigned depth)
{
    const h5r_object *o;
    const h5r_link *const *links;
    size_t n;

    if (paths_find(&d->seen, addr) != NULL)
        return;
    if (depth == MAX_DEPTH || !paths_add(&d->seen, addr, path)) {
        d->bad++;
        return;
    }
    if (h5r_object_at(d->f, addr, &o, NULL) != H5R_OK || o->kind != H5R_GROUP ||
        h5r_links(d->f, o, false, &links, &n, NULL, NULL) != H5R_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        if (links[i]->kind != H5R_LINK_HARD)
            continue;
        char *child = path_join(path, links[i]->name);
        if (child != NULL)
            number_objects(d, links[i]->addr, child, depth + 1);
        d->bad += child == NULL ? 1 : 0;
        free(child);
    }
}

static void put_link(dump *d, const h5r_link *l, bool tracked)
{
    json *j = &d->j;

    canonical_key(j, l->name);
    json_begin_object(j);
    switch (l->kind) {
    case H5R_LINK_HARD: {
        const char *target = paths_find(&d->seen, l->addr);
        json_put_text(j, "type", "hard");
        json_key(j, "target");
        canonical_text(j, target != NULL ? target : "");
        break;
    }
    case H5R_LINK_SOFT:
        json_put_text(j, "type", "soft");
        json_key(j, "target");
        canonical_text(j, l->target);
        break;
    case H5R_LINK_EXTERNAL:
        json_put_text(j, "type", "external");
        json_key(j, "file");
        canonical_text(j, l->file);
        json_key(j, "path");
        canonical_text(j, l->target);
        break;
    case H5R_LINK_USER:
        json_put_text(j, "type", "user");
        json_put_uint(j, "class", l->user_class);
        break;
    }
    json_put_text(j, "cset", l->cset == H5R_CSET_UTF8 ? "utf8" : "ascii");
    if (tracked && l->has_order) {
        json_key(j, "corder");
        json_int(j, l->order);
    }
    json_end_object(j);
}

static void put_group(dump *d, const h5r_object *o)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n = 0;

    json_put_text(&d->j, "link_order", tracking_name(o->link_order));
    h5r_status st = h5r_links(d->f, o, false, &links, &n, &bad, &err);
    json_key(&d->j, "links");
    json_begin_object(&d->j);
    for (size_t i = 0; st == H5R_OK && i < n; i++)
        put_link(d, links[i], o->link_order != H5R_NOT_TRACKED);
    json_end_object(&d->j);
    if (st != H5R_OK || bad != NULL) {
        d->bad++;
        json_put_text(&d->j, "links_error", st != H5R_OK ? err.message : bad->message);
    }
}

static void put_object(dump *d, const struct path_entry *at)
{
    static const char *const kinds[] = {"unknown", "group", "dataset", "datatype"};
    const h5r_object *o;
    h5r_error err;
    json *j = &d->j;

    canonical_key(j, at->path);
    json_begin_object(j);
    if (h5r_object_at(d->f, at->addr, &o, &err) != H5R_OK) {
        json_put_text(j, "kind", "unknown");
        put_error(d, &err);
        json_end_object(j);
        return;
    }
    json_put_text(j, "kind", kinds[o->kind]);
    json_put_uint(j, "addr", o->addr);
    json_put_uint(j, "refcount", o->refcount);
    const char *comment;
    if (h5r_object_notes(d->f, o, &comment, NULL, NULL) == H5R_OK && comment != NULL) {
        json_key(j, "comment");
        canonical_text(j, comment);
    }
    put_attributes(d, o);
    if (o->kind == H5R_GROUP)
        put_group(d, o);
    else if (o->kind == H5R_DATASET)
        put_dataset(d, o);
    else if (o->kind == H5R_DATATYPE) {
        json_key(j, "dtype");
        canonical_type(j, o->type);
    }
    json_end_object(j);
}

void dump_error(const h5r_error *e)
{
    json j = {.out = stdout, .first = true};

    json_begin_object(&j);
    json_key(&j, "error");
    canonical_text(&j, e->message);
    json_put_text(&j, "format", "h5range-canonical-1");
    json_end_object(&j);
    putchar('\n');
}

int cmd_dump(h5r_file *f, const options *o)
{
    const h5r_file_info *info = h5r_get_info(f);
    dump d = {.f = f, .j = {.out = stdout, .first = true}};
    const h5r_object *root;
    h5r_error err;

    if (!o->canonical) {
        fputs("h5range: dump needs --canonical; see h5range --help\n", stderr);
        return EXIT_USAGE;
    }
    if (h5r_object_at(f, info->root, &root, &err) != H5R_OK) {
        dump_error(&err);
        return report(o, &err);
    }
    h5r_status st = h5r_prefetch(f, root, MAX_DEPTH, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX, &err);
    if (st != H5R_OK) {
        dump_error(&err);
        return report(o, &err);
    }
    number_objects(&d, info->root, "/", 0);

    json *j = &d.j;
    json_begin_object(j);
    json_put_text(j, "format", "h5range-canonical-1");
    json_key(j, "file");
    json_begin_object(j);
    json_put_uint(j, "superblock", info->superblock);
    json_put_uint(j, "sizeof_addr", info->offset_size);
    json_put_uint(j, "sizeof_size", info->length_size);
    json_put_uint(j, "userblock", info->base);
    if (info->driver[0] != '\0')
        json_put_text(j, "driver", info->driver);
    json_end_object(j);
    json_key(j, "objects");
    json_begin_object(j);
    for (size_t i = 0; i < d.seen.n; i++)
        put_object(&d, &d.seen.list[i]);
    json_end_object(j);
    json_end_object(j);
    putchar('\n');
    paths_free(&d.seen);
    return d.bad > 0 ? report_partial(o, d.bad) : 0;
}
