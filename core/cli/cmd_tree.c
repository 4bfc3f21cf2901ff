/* "tree": one line an object, or nested JSON. A group that hard links reach again is named by the path it was listed under, so that
 * cycles end and nothing is listed twice. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "paths.h"
#include "text.h"

enum { MAX_MEMBERS = 12, MAX_VALUES = 16 }; /* a line stays a line */

typedef struct tree {
    h5r_file *f;
    const options *o;
    json j;
    paths groups; /* that were listed */
    uint64_t bad; /* notes printed */
} tree;

static void indent(unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        fputs("  ", stdout);
}

static void note(tree *t, unsigned depth, const char *message)
{
    t->bad++;
    if (t->o->json) {
        json_put_text(&t->j, "error", message);
        return;
    }
    indent(depth);
    fputs("! ", stdout);
    put_escaped(stdout, message);
    putchar('\n');
}

static void put_attribute(tree *t, const h5r_attr *a, unsigned depth)
{
    if (t->o->json) {
        json_key_text(&t->j, a->name);
        if (!json_attr_value(&t->j, t->f, a))
            t->bad++;
        return;
    }
    indent(depth);
    fputs(":", stdout);
    put_escaped(stdout, a->name);
    fputs(" = ", stdout);
    if (!put_attr_value(stdout, t->f, a, MAX_VALUES))
        t->bad++;
    putchar('\n');
}

static void put_attributes(tree *t, const h5r_object *o, unsigned depth)
{
    const h5r_attr *const *list;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (!t->o->attributes)
        return;
    if (h5r_attrs(t->f, o, true, &list, &n, &bad, &err) != H5R_OK) {
        note(t, depth, err.message);
        return;
    }
    if (t->o->json) {
        json_key(&t->j, "attributes");
        json_begin_object(&t->j);
    }
    for (size_t i = 0; i < n; i++)
        put_attribute(t, list[i], depth);
    if (t->o->json)
        json_end_object(&t->j);
    if (bad != NULL)
        note(t, depth, bad->message);
}

/* The rest of a dataset's line. */
static void put_storage(const h5r_dataset *d)
{
    char name[80];

    putchar(' ');
    put_shape(stdout, d->space);
    putchar(' ');
    put_type(stdout, d->type, MAX_MEMBERS);
    printf(", %s", layout_name(d->layout));
    if (d->layout == H5R_LAYOUT_CHUNKED) {
        putchar(' ');
        put_extent(stdout, d->chunk, d->space->rank);
    }
    for (unsigned i = 0; i < d->n_filters; i++) {
        filter_text(name, sizeof name, &d->filters[i]);
        fputs(i > 0 ? " + " : ", ", stdout);
        put_escaped(stdout, name);
    }
    putchar('\n');
}

static void put_dataset(tree *t, const h5r_object *o, unsigned depth)
{
    const h5r_dataset *d;
    h5r_error err;
    json *j = &t->j;

    if (h5r_dataset_describe(t->f, o, &d, &err) != H5R_OK) {
        if (!t->o->json)
            putchar('\n');
        note(t, depth + 1, err.message);
        return;
    }
    if (!t->o->json) {
        put_storage(d);
        return;
    }
    json_key(j, "shape");
    if (d->space->cls == H5R_SPACE_NULL)
        json_null(j);
    else
        json_extent(j, d->space->shape, d->space->rank);
    char *text = type_text(d->type);
    json_put_text(j, "type", text != NULL ? text : "?");
    free(text);
    json_put_text(j, "layout", layout_name(d->layout));
    if (d->layout != H5R_LAYOUT_CHUNKED)
        return;
    json_key(j, "chunk_shape");
    json_extent(j, d->chunk, d->space->rank);
    json_filters(j, d);
}

static void put_object(tree *t, uint64_t addr, const char *path, unsigned depth);

static void put_link(tree *t, const h5r_link *l, const char *group, unsigned depth)
{
    if (t->o->json) {
        json_key_text(&t->j, l->name);
    } else {
        indent(depth);
        put_escaped(stdout, l->name);
    }
    if (l->kind == H5R_LINK_HARD) {
        char *path = path_join(group, l->name);
        put_object(t, l->addr, path != NULL ? path : "?", depth);
        free(path);
        return;
    }
    const char *kind = l->kind == H5R_LINK_SOFT ? "soft link" : l->kind == H5R_LINK_EXTERNAL ? "external link" : "user-defined link";
    if (t->o->json) {
        json_begin_object(&t->j);
        json_put_text(&t->j, "kind", kind);
        if (l->file != NULL)
            json_put_text(&t->j, "file", l->file);
        if (l->target != NULL)
            json_put_text(&t->j, "target", l->target);
        json_end_object(&t->j);
        return;
    }
    fputs(" -> ", stdout);
    if (l->file != NULL) {
        put_escaped(stdout, l->file);
        fputs("#", stdout);
    }
    put_escaped(stdout, l->target != NULL ? l->target : "?");
    printf(" (%s)\n", kind);
}

/* True when the group is named instead of listed. */
static bool listed_before(tree *t, const h5r_object *o)
{
    const char *path = paths_find(&t->groups, o->addr);

    if (path == NULL)
        return false;
    if (t->o->json) {
        json_put_text(&t->j, "same_as", path);
        return true;
    }
    fputs(" -> ", stdout);
    put_escaped(stdout, path);
    puts(" (the same group)");
    return true;
}

static void put_group(tree *t, const h5r_object *o, const char *path, unsigned depth)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (listed_before(t, o))
        return;
    if (!t->o->json)
        puts(depth > 0 || strcmp(path, "/") != 0 ? "/" : "");
    if (depth == MAX_DEPTH || !paths_add(&t->groups, o->addr, path)) {
        note(t, depth + 1, depth == MAX_DEPTH ? "groups nested deeper than this are not listed" : "out of memory");
        return;
    }
    put_attributes(t, o, depth + 1);
    if (h5r_links(t->f, o, true, &links, &n, &bad, &err) != H5R_OK) {
        note(t, depth + 1, err.message);
        return;
    }
    if (t->o->json) {
        json_key(&t->j, "links");
        json_begin_object(&t->j);
    }
    for (size_t i = 0; i < n; i++)
        put_link(t, links[i], path, depth + 1);
    if (t->o->json)
        json_end_object(&t->j);
    if (bad != NULL)
        note(t, depth + 1, bad->message);
}

static void put_datatype(tree *t, const h5r_object *o)
{
    if (t->o->json) {
        char *text = o->type != NULL ? type_text(o->type) : NULL;
        json_put_text(&t->j, "type", text != NULL ? text : "?");
        free(text);
        return;
    }
    fputs(" = ", stdout);
    put_type(stdout, o->type, MAX_MEMBERS);
    puts(" (named type)");
}

static void put_object(tree *t, uint64_t addr, const char *path, unsigned depth)
{
    static const char *const kinds[] = {"unknown", "group", "dataset", "datatype"};
    const h5r_object *o;
    h5r_error err;

    if (t->o->json)
        json_begin_object(&t->j);
    if (h5r_object_at(t->f, addr, &o, &err) != H5R_OK) {
        if (!t->o->json)
            putchar('\n');
        note(t, depth + 1, err.message);
    } else {
        if (t->o->json)
            json_put_text(&t->j, "kind", kinds[o->kind]);
        if (o->kind == H5R_GROUP)
            put_group(t, o, path, depth);
        else if (o->kind == H5R_DATASET)
            put_dataset(t, o, depth);
        else if (o->kind == H5R_DATATYPE && o->type != NULL)
            put_datatype(t, o);
        else if (!t->o->json)
            puts(" (an object of unknown kind)");
        if (o->kind != H5R_GROUP)
            put_attributes(t, o, depth + 1);
    }
    if (t->o->json)
        json_end_object(&t->j);
}

int cmd_tree(h5r_file *f, const options *o)
{
    tree t = {.f = f, .o = o, .j = {.out = stdout, .first = true}};
    const char *path = o->path != NULL ? o->path : "/";
    const h5r_object *top;
    h5r_error err;

    h5r_status st = prefetch_path(f, o, MAX_DEPTH, o->attributes ? H5R_PREFETCH_ATTRS : 0, &err);
    if (st == H5R_OK)
        st = find_object(f, o, &top, &err);
    if (st == H5R_OK)
        st = h5r_prefetch(f, top, MAX_DEPTH, o->attributes ? H5R_PREFETCH_ATTRS : 0, &err);
    if (st != H5R_OK)
        return report(o, &err);
    if (o->attributes)
        learn_paths(f, path);
    if (!o->json)
        put_escaped(stdout, path);
    put_object(&t, top->addr, path, 0);
    if (o->json)
        putchar('\n');
    paths_free(&t.groups);
    return t.bad > 0 ? report_partial(o, t.bad) : 0;
}
