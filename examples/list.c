/* list URI - prints every group and dataset of a file.
 *
 * One h5r_prefetch() brings in all that the walk is going to ask for, in a few rounds of parallel requests; the walk itself then
 * finds everything in memory. Without it the walk would be as correct, and take rounds for each object. */
#include <inttypes.h>
#include <stdio.h>

#include "source.h"

enum { MAX_DEPTH = 50 }; /* hard links may form a cycle */

static void put_dataset(h5r_file *f, const h5r_object *o)
{
    const h5r_dataset *d;
    h5r_error err;

    if (h5r_dataset_describe(f, o, &d, &err) != H5R_OK) {
        printf(": %s\n", err.message);
        return;
    }
    for (unsigned i = 0; i < d->space->rank; i++)
        printf("%s%" PRIu64, i == 0 ? " " : " x ", d->space->shape[i]);
    printf(", %" PRIu32 " bytes an element\n", d->type->size);
}

static void walk(h5r_file *f, const h5r_object *group, unsigned depth)
{
    const h5r_link *const *links;
    size_t n;
    h5r_error err;

    if (h5r_links(f, group, false, &links, &n, NULL, &err) != H5R_OK) {
        printf("%*s! %s\n", (int)(2 * depth), "", err.message);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const h5r_object *child;
        printf("%*s%s", (int)(2 * depth), "", links[i]->name);
        if (links[i]->kind != H5R_LINK_HARD) {
            printf(" -> %s\n", links[i]->target != NULL ? links[i]->target : "?");
        } else if (h5r_object_at(f, links[i]->addr, &child, &err) != H5R_OK) {
            printf(": %s\n", err.message); /* a damaged object does not hide the others */
        } else if (child->kind == H5R_DATASET) {
            put_dataset(f, child);
        } else {
            printf("%s\n", child->kind == H5R_GROUP ? "/" : " (a named datatype)");
            if (child->kind == H5R_GROUP && depth < MAX_DEPTH)
                walk(f, child, depth + 1);
        }
    }
}

int main(int argc, char **argv)
{
    h5r_source source;
    h5r_file *f;
    const h5r_object *root;
    h5r_error err;
    h5r_stats stats;

    if (argc != 2) {
        fprintf(stderr, "usage: list URI\n");
        return 2;
    }
    if (open_source(argv[1], &source, &err) != H5R_OK || h5r_open(&source, NULL, &f, &err) != H5R_OK) {
        fprintf(stderr, "list: %s: %s\n", argv[1], err.message);
        return 1;
    }
    h5r_status st = h5r_lookup(f, NULL, "/", &root, &err);
    if (st == H5R_OK)
        st = h5r_prefetch(f, root, MAX_DEPTH, 0, &err);
    if (st == H5R_OK)
        walk(f, root, 0);
    else
        fprintf(stderr, "list: %s: %s\n", argv[1], err.message);
    h5r_get_stats(f, &stats);
    printf("%" PRIu64 " rounds, %" PRIu64 " requests, %" PRIu64 " bytes\n", stats.rounds, stats.requests, stats.bytes);
    h5r_close(f);
    return st == H5R_OK ? 0 : 1;
}
