/* "chunks": where chunks are, one line each: coordinates of the first element, byte offset, stored bytes, filter mask (bit i: filter i
 * was not applied). With --recursive the dataset's path comes first. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "paths.h"
#include "text.h"

typedef struct lister {
    h5r_file *f;
    const options *o;
    json j;
    paths groups; /* that were listed */
    int code;
} lister;

static void put_chunk_json(lister *l, const h5r_dataset *d, const h5r_chunk *c, const uint64_t *at)
{
    json *j = &l->j;

    json_begin_record(j);
    json_key(j, "offset");
    json_extent(j, at, d->space->rank);
    json_put_uint(j, "byte_offset", c->offset);
    json_put_uint(j, "byte_length", c->size);
    json_put_uint(j, "filter_mask", c->skipped);
    json_end_record(j);
}

static void put_chunks(lister *l, const char *path, const h5r_dataset *d, const h5r_chunk *chunks, size_t n)
{
    uint64_t at[H5R_MAX_RANK];

    if (l->o->json) {
        json_key_text(&l->j, path);
        json_begin_array(&l->j);
    }
    for (size_t k = 0; k < n; k++) {
        h5r_chunk_coords(d, chunks[k].number, at);
        for (unsigned i = 0; i < d->space->rank; i++)
            at[i] *= d->chunk[i];
        if (l->o->json) {
            put_chunk_json(l, d, &chunks[k], at);
            continue;
        }
        if (l->o->recursive) {
            put_escaped(stdout, path);
            putchar(' ');
        }
        for (unsigned i = 0; i < d->space->rank; i++)
            printf("%s%" PRIu64, i > 0 ? "," : "", at[i]);
        printf(" %" PRIu64 " %" PRIu64 " %" PRIu32 "\n", chunks[k].offset, chunks[k].size, chunks[k].skipped);
    }
    if (l->o->json)
        json_end_array(&l->j);
}

/* What cannot be read is reported with its path; a recursive listing goes on. */
static void fail(lister *l, h5r_error *err, const char *path)
{
    if (err->path[0] == '\0')
        snprintf(err->path, sizeof err->path, "%s", path);
    int code = report(l->o, err);
    l->code = l->o->recursive ? EXIT_PARTIAL : code;
}

static void list_dataset(lister *l, const h5r_object *o, const char *path)
{
    const h5r_dataset *d;
    const h5r_chunk *chunks;
    size_t n;
    h5r_error err;

    h5r_status st = h5r_dataset_describe(l->f, o, &d, &err);
    if (st == H5R_OK && d->layout != H5R_LAYOUT_CHUNKED && l->o->recursive)
        return;
    if (st == H5R_OK && d->layout != H5R_LAYOUT_CHUNKED) {
        err = (h5r_error){.status = H5R_ERR_ARG, .offset = H5R_UNDEFINED};
        snprintf(err.message, sizeof err.message, "the dataset is not chunked: its storage is %s", layout_name(d->layout));
        st = H5R_ERR_ARG;
    }
    if (st == H5R_OK)
        st = h5r_chunks_all(l->f, o, &chunks, &n, &err);
    if (st == H5R_OK)
        put_chunks(l, path, d, chunks, n);
    else
        fail(l, &err, path);
}

static void list_group(lister *l, const h5r_object *o, const char *path, unsigned depth);

static void list_object(lister *l, uint64_t addr, const char *path, unsigned depth)
{
    const h5r_object *o;
    h5r_error err;

    if (h5r_object_at(l->f, addr, &o, &err) != H5R_OK)
        fail(l, &err, path);
    else if (o->kind == H5R_GROUP)
        list_group(l, o, path, depth);
    else if (o->kind == H5R_DATASET)
        list_dataset(l, o, path);
}

static void list_group(lister *l, const h5r_object *o, const char *path, unsigned depth)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (paths_find(&l->groups, o->addr) != NULL)
        return;
    if (depth == MAX_DEPTH || !paths_add(&l->groups, o->addr, path)) {
        err = (h5r_error){.status = H5R_ERR_LIMIT, .offset = H5R_UNDEFINED, .message = "groups nested deeper than this are not listed"};
        fail(l, &err, path);
        return;
    }
    if (h5r_links(l->f, o, false, &links, &n, &bad, &err) != H5R_OK) {
        fail(l, &err, path);
        return;
    }
    if (bad != NULL) {
        err = *bad;
        fail(l, &err, path);
    }
    for (size_t i = 0; i < n; i++) {
        if (links[i]->kind != H5R_LINK_HARD)
            continue;
        char *child = path_join(path, links[i]->name);
        if (child != NULL)
            list_object(l, links[i]->addr, child, depth + 1);
        else
            l->code = EXIT_LIMIT;
        free(child);
    }
}

int cmd_chunks(h5r_file *f, const options *o)
{
    lister l = {.f = f, .o = o, .j = {.out = stdout, .first = true}};
    const h5r_object *top;
    h5r_error err;
    const char *path = o->path != NULL ? o->path : "/";

    h5r_status st = o->recursive ? prefetch_path(f, o, MAX_DEPTH, H5R_PREFETCH_INDEX, &err) : H5R_OK;
    if (st == H5R_OK)
        st = find_object(f, o, &top, &err);
    if (st == H5R_OK && o->recursive)
        st = h5r_prefetch(f, top, MAX_DEPTH, H5R_PREFETCH_INDEX, &err);
    if (st == H5R_OK && !o->recursive && top->kind != H5R_DATASET) {
        err = (h5r_error){.status = H5R_ERR_ARG, .offset = H5R_UNDEFINED, .message = "not a dataset: name one as URI#/path, or use --recursive"};
        st = H5R_ERR_ARG;
    }
    if (st != H5R_OK)
        return report(o, &err);
    if (o->json)
        json_begin_object(&l.j);
    if (top->kind == H5R_GROUP)
        list_group(&l, top, path, 0);
    else
        list_dataset(&l, top, path);
    if (o->json) {
        json_end_object(&l.j);
        putchar('\n');
    }
    paths_free(&l.groups);
    return l.code;
}
