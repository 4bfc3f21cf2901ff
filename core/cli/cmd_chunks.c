/* "chunks": where chunks are. Coordinates are those of the chunk's first element. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "text.h"

typedef struct lister {
    h5r_file *f;
    const options *o;
    json j;
    uint64_t *seen;
    size_t n, cap;
    int code;
} lister;

static void put_chunk_json(lister *l, const h5r_dataset *d, const h5r_chunk *c, const uint64_t *at)
{
    json *j = &l->j;

    json_begin_object(j);
    json_key(j, "offset");
    json_begin_array(j);
    for (unsigned i = 0; i < d->space->rank; i++)
        json_uint(j, at[i]);
    json_end_array(j);
    json_put_uint(j, "byte_offset", c->offset);
    json_put_uint(j, "byte_length", c->size);
    json_put_uint(j, "filter_mask", c->skipped);
    json_end_object(j);
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
        l->code = l->o->recursive ? (report(l->o, &err), EXIT_PARTIAL) : report(l->o, &err);
}

static bool first_time(lister *l, uint64_t addr)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->seen[i] == addr)
            return false;
    if (l->n == l->cap) {
        size_t cap = l->cap * 2 + 64;
        uint64_t *seen = realloc(l->seen, cap * sizeof *seen);
        if (seen == NULL)
            return false;
        l->seen = seen;
        l->cap = cap;
    }
    l->seen[l->n++] = addr;
    return true;
}

static void list_group(lister *l, const h5r_object *o, const char *path)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (!first_time(l, o->addr))
        return;
    if (h5r_links(l->f, o, false, &links, &n, &bad, &err) != H5R_OK || bad != NULL) {
        l->code = EXIT_PARTIAL;
        report(l->o, bad != NULL ? bad : &err);
        if (bad == NULL)
            return;
    }
    for (size_t i = 0; i < n; i++) {
        const h5r_object *child;
        if (links[i]->kind != H5R_LINK_HARD)
            continue;
        size_t len = strlen(path) + strlen(links[i]->name) + 2;
        char *name = malloc(len);
        if (name == NULL)
            return;
        snprintf(name, len, "%s/%s", strcmp(path, "/") == 0 ? "" : path, links[i]->name);
        if (h5r_object_at(l->f, links[i]->addr, &child, &err) != H5R_OK) {
            l->code = EXIT_PARTIAL;
            report(l->o, &err);
        } else if (child->kind == H5R_GROUP) {
            list_group(l, child, name);
        } else if (child->kind == H5R_DATASET) {
            list_dataset(l, child, name);
        }
        free(name);
    }
}

int cmd_chunks(h5r_file *f, const options *o)
{
    lister l = {.f = f, .o = o, .j = {.out = stdout, .first = true}};
    const h5r_object *top;
    h5r_error err;
    const char *path = o->path != NULL ? o->path : "/";

    h5r_status st = find_object(f, o, &top, &err);
    if (st == H5R_OK && o->recursive)
        st = h5r_prefetch(f, top, 1000, H5R_PREFETCH_INDEX, &err);
    if (st == H5R_OK && !o->recursive && top->kind != H5R_DATASET) {
        err = (h5r_error){.status = H5R_ERR_ARG, .offset = H5R_UNDEFINED, .message = "not a dataset: name one as URI#/path, or use --recursive"};
        st = H5R_ERR_ARG;
    }
    if (st != H5R_OK)
        return report(o, &err);
    if (o->json)
        json_begin_object(&l.j);
    if (top->kind == H5R_GROUP)
        list_group(&l, top, path);
    else
        list_dataset(&l, top, path);
    if (o->json) {
        json_end_object(&l.j);
        putchar('\n');
    }
    free(l.seen);
    return l.code;
}
