/* "tree": one line an object, or nested JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "text.h"

typedef struct tree {
    h5r_file *f;
    const options *o;
    json j;
    uint64_t *open; /* addresses of the groups on the way: a cycle is named, not followed */
    unsigned depth, cap;
    int code;
} tree;

static void indent(unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        fputs("  ", stdout);
}

static void note(tree *t, unsigned depth, const char *message)
{
    t->code = EXIT_PARTIAL;
    if (t->o->json) {
        json_put_text(&t->j, "error", message);
        return;
    }
    indent(depth);
    printf("! %s\n", message);
}

static void put_attributes(tree *t, const h5r_object *o, unsigned depth)
{
    const h5r_attr *const *list;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    if (h5r_attrs(t->f, o, true, &list, &n, &bad, &err) != H5R_OK) {
        note(t, depth, err.message);
        return;
    }
    if (t->o->json) {
        json_key(&t->j, "attributes");
        json_begin_object(&t->j);
    }
    for (size_t i = 0; i < n; i++) {
        if (list[i]->error != NULL)
            t->code = EXIT_PARTIAL;
        if (t->o->json) {
            json_key_text(&t->j, list[i]->name);
            json_attr_value(&t->j, t->f, list[i]);
            continue;
        }
        indent(depth);
        fputs(":", stdout);
        put_escaped(stdout, list[i]->name);
        fputs(" = ", stdout);
        put_attr_value(stdout, t->f, list[i], 16);
        putchar('\n');
    }
    if (t->o->json)
        json_end_object(&t->j);
    if (bad != NULL)
        note(t, depth, bad->message);
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
        putchar(' ');
        put_shape(stdout, d->space);
        putchar(' ');
        put_type(stdout, d->type);
        if (d->layout == H5R_LAYOUT_CHUNKED) {
            fputs(", chunks (", stdout);
            for (unsigned i = 0; i < d->space->rank; i++)
                printf("%s%" PRIu64, i > 0 ? ", " : "", d->chunk[i]);
            fputs(")", stdout);
        } else {
            printf(", %s", layout_name(d->layout));
        }
        for (unsigned i = 0; i < d->n_filters; i++)
            printf("%s%s", i > 0 ? "+" : " ", h5r_filter_name(d->filters[i].id) != NULL ? h5r_filter_name(d->filters[i].id) : "unknown filter");
        putchar('\n');
        return;
    }
    json_key(j, "shape");
    json_begin_array(j);
    for (unsigned i = 0; i < d->space->rank; i++)
        json_uint(j, d->space->shape[i]);
    json_end_array(j);
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);
    if (m != NULL) {
        put_type(m, d->type);
        fclose(m);
        json_put_text(j, "type", text);
        free(text);
    }
    json_put_text(j, "layout", layout_name(d->layout));
}

static void put_object(tree *t, uint64_t addr, unsigned depth);

static void put_link(tree *t, const h5r_link *l, unsigned depth)
{
    if (t->o->json) {
        json_key_text(&t->j, l->name);
    } else {
        indent(depth);
        put_escaped(stdout, l->name);
    }
    if (l->kind == H5R_LINK_HARD) {
        put_object(t, l->addr, depth);
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
    put_escaped(stdout, l->target != NULL ? l->target : "");
    printf(" (%s)\n", kind);
}

static void put_group(tree *t, const h5r_object *o, unsigned depth)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    for (unsigned i = 0; i < t->depth; i++) {
        if (t->open[i] == o->addr) {
            if (!t->o->json)
                puts(" (a group it lies in: not followed)");
            else
                json_put_bool(&t->j, "cycle", true);
            return;
        }
    }
    if (t->depth == t->cap) {
        unsigned cap = t->cap * 2 + 32;
        uint64_t *open = realloc(t->open, cap * sizeof *open);
        if (open == NULL) {
            note(t, depth, "out of memory");
            return;
        }
        t->open = open;
        t->cap = cap;
    }
    if (!t->o->json)
        puts("/");
    if (t->o->attributes)
        put_attributes(t, o, depth + 1);
    if (h5r_links(t->f, o, true, &links, &n, &bad, &err) != H5R_OK) {
        note(t, depth + 1, err.message);
        return;
    }
    t->open[t->depth++] = o->addr;
    if (t->o->json) {
        json_key(&t->j, "links");
        json_begin_object(&t->j);
    }
    for (size_t i = 0; i < n; i++)
        put_link(t, links[i], depth + 1);
    if (t->o->json)
        json_end_object(&t->j);
    t->depth--;
    if (bad != NULL)
        note(t, depth + 1, bad->message);
}

static void put_object(tree *t, uint64_t addr, unsigned depth)
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
        if (o->kind == H5R_GROUP) {
            put_group(t, o, depth);
        } else {
            if (o->kind == H5R_DATASET) {
                put_dataset(t, o, depth);
            } else if (!t->o->json) {
                fputs(" = ", stdout);
                if (o->type != NULL)
                    put_type(stdout, o->type);
                puts(o->type != NULL ? " (named type)" : "object of unknown kind");
            }
            if (t->o->attributes)
                put_attributes(t, o, depth + 1);
        }
    }
    if (t->o->json)
        json_end_object(&t->j);
}

int cmd_tree(h5r_file *f, const options *o)
{
    tree t = {.f = f, .o = o, .j = {.out = stdout, .first = true}};
    const h5r_object *top;
    h5r_error err;

    h5r_status st = find_object(f, o, &top, &err);
    if (st == H5R_OK)
        st = h5r_prefetch(f, top, 1000, o->attributes ? H5R_PREFETCH_ATTRS : 0, &err);
    if (st != H5R_OK)
        return report(o, &err);
    if (!o->json && top->kind != H5R_GROUP)
        put_escaped(stdout, o->path != NULL ? o->path : "/");
    put_object(&t, top->addr, 0);
    if (o->json)
        putchar('\n');
    free(t.open);
    return t.code;
}
