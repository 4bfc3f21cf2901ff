/* "info": everything about one object. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "text.h"

/* A line "key: value", or a member of a JSON object, whose key has "_" for blanks. */
typedef struct printer {
    const options *o;
    json j;
    uint64_t bad; /* errors printed */
} printer;

static void put_key(printer *p, const char *key)
{
    char text[40];
    size_t i = 0;

    for (; key[i] != '\0' && i + 1 < sizeof text; i++)
        text[i] = (char)(key[i] == ' ' ? '_' : key[i]);
    text[i] = '\0';
    json_key(&p->j, text);
}

static void put(printer *p, const char *key, const char *text)
{
    if (p->o->json) {
        put_key(p, key);
        json_text(&p->j, text);
        return;
    }
    printf("%s: ", key);
    put_escaped(stdout, text);
    putchar('\n');
}

static void put_error(printer *p, const char *key, const char *message)
{
    p->bad++;
    put(p, key, message);
}

static void put_uint(printer *p, const char *key, uint64_t v)
{
    if (p->o->json) {
        put_key(p, key);
        json_uint(&p->j, v);
        return;
    }
    printf("%s: %" PRIu64 "\n", key, v);
}

static void put_list(printer *p, const char *key, const uint64_t *v, unsigned n)
{
    if (p->o->json) {
        put_key(p, key);
        json_extent(&p->j, v, n);
        return;
    }
    printf("%s: ", key);
    put_extent(stdout, v, n);
    putchar('\n');
}

static void put_type_of(printer *p, const h5r_type *t)
{
    char *text = type_text(t);

    put(p, "type", text != NULL ? text : "?");
    free(text);
}

static const h5r_attr *find_attr(const h5r_attr *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->name, name) == 0 && list[i]->error == NULL)
            return list[i];
    return NULL;
}

static bool has_references(const h5r_type *t)
{
    bool found = t->cls == H5R_CLASS_REFERENCE || (t->base != NULL && has_references(t->base));

    for (uint32_t i = 0; t->cls == H5R_CLASS_COMPOUND && i < t->n_members; i++)
        found = found || has_references(t->members[i].type);
    return found;
}

/* What references point to gets names: dimension scales from the nearest group that has them, all else from the groups on the way to the
 * object. */
static void name_targets(h5r_file *f, const char *path, const h5r_attr *const *list, size_t n)
{
    const h5r_attr *a = find_attr(list, n, "DIMENSION_LIST");
    bool others = false;

    for (size_t i = 0; i < n; i++)
        others = others || (list[i] != a && list[i]->error == NULL && has_references(list[i]->type));
    if (others)
        learn_paths(f, path);
    h5r_values *values = NULL;
    if (others || a == NULL || a->type->cls != H5R_CLASS_VLEN || a->type->base->cls != H5R_CLASS_REFERENCE ||
        h5r_values_load(f, a->type, a->raw, a->space->count, &values, NULL) != H5R_OK)
        return;
    for (uint64_t i = 0; i < a->space->count; i++) {
        const void *refs = NULL;
        size_t count = 0;
        uint64_t addr;
        (void)h5r_values_get(values, a->type, (const uint8_t *)a->raw + i * a->type->size, &refs, &count);
        for (size_t k = 0; k < count; k++)
            if (h5r_ref_address(f, NULL, a->type->base, (const uint8_t *)refs + k * a->type->base->size, &addr) == H5R_OK &&
                addr != H5R_UNDEFINED)
                learn_path_near(f, path, addr);
    }
    h5r_values_free(values);
}

/* Names of the dimension scales, from DIMENSION_LIST: one list of object references a dimension. */
static void put_dimensions(printer *p, h5r_file *f, const h5r_attr *const *list, size_t n, unsigned rank)
{
    const h5r_attr *a = find_attr(list, n, "DIMENSION_LIST");
    h5r_values *values = NULL;

    if (a == NULL || a->type->cls != H5R_CLASS_VLEN || a->type->base->cls != H5R_CLASS_REFERENCE || a->space->count != rank ||
        h5r_values_load(f, a->type, a->raw, rank, &values, NULL) != H5R_OK)
        return;
    if (p->o->json) {
        json_key(&p->j, "dimensions");
        json_begin_list(&p->j);
    } else {
        fputs("dimensions: (", stdout);
    }
    for (unsigned i = 0; i < rank; i++) {
        const void *refs = NULL;
        size_t count = 0;
        uint64_t addr = H5R_UNDEFINED;
        if (h5r_values_get(values, a->type, (const uint8_t *)a->raw + i * a->type->size, &refs, &count) == H5R_OK && count > 0)
            (void)h5r_ref_address(f, NULL, a->type->base, refs, &addr); /* an object reference: no heap object needed */
        const char *path = addr != H5R_UNDEFINED ? h5r_known_path(f, addr) : NULL;
        if (p->o->json && path != NULL)
            json_text(&p->j, path);
        else if (p->o->json)
            json_null(&p->j);
        else {
            fputs(i > 0 ? ", " : "", stdout);
            put_escaped(stdout, path != NULL ? path : "-");
        }
    }
    if (p->o->json)
        json_end_list(&p->j);
    else
        puts(rank == 1 ? ",)" : ")");
    h5r_values_free(values);
}

static void put_filters(printer *p, const h5r_dataset *d)
{
    char name[80];

    if (p->o->json) {
        json_filters(&p->j, d);
        return;
    }
    for (unsigned i = 0; i < d->n_filters; i++) {
        const h5r_filter *f = &d->filters[i];
        filter_text(name, sizeof name, f);
        printf("filter: %u ", f->id);
        put_escaped(stdout, name);
        for (unsigned k = 0; k < f->n_values; k++)
            printf("%s%" PRIu32, k > 0 ? "," : " ", f->values[k]);
        puts(h5r_filter_available(f->id) ? "" : " (not built in)");
    }
}

static void put_chunks(printer *p, h5r_file *f, const h5r_object *o, const h5r_dataset *d)
{
    const h5r_chunk *chunks;
    size_t n;
    h5r_error err;
    uint64_t bytes = 0;

    put_list(p, "chunk shape", d->chunk, d->space->rank);
    put(p, "chunk index", index_name(d->index));
    if (!p->o->storage)
        return;
    if (h5r_chunks_all(f, o, &chunks, &n, &err) != H5R_OK) {
        put_error(p, "chunks error", err.message);
        return;
    }
    for (size_t i = 0; i < n; i++)
        bytes += chunks[i].size;
    put_uint(p, "chunks stored", n);
    put_uint(p, "bytes stored", bytes);
}

static void put_fill(printer *p, h5r_file *f, const h5r_dataset *d)
{
    h5r_values *values = NULL;
    uint8_t *elem = d->fill_value != NULL ? malloc(d->type->size) : NULL;

    if (elem == NULL)
        return;
    memcpy(elem, d->fill_value, d->type->size);
    h5r_swap(d->type, elem, 1);
    if (d->type->in_heap && h5r_values_load(f, d->type, d->fill_value, 1, &values, NULL) != H5R_OK)
        p->bad++;
    if (p->o->json) {
        put_key(p, "fill value");
        json_value(&p->j, f, values, d->type, elem);
    } else {
        fputs("fill value: ", stdout);
        put_value(stdout, f, values, d->type, elem);
        putchar('\n');
    }
    h5r_values_free(values);
    free(elem);
}

static void put_dataset(printer *p, h5r_file *f, const h5r_object *o, const h5r_dataset *d)
{
    put_type_of(p, d->type);
    if (d->space->cls == H5R_SPACE_SIMPLE) {
        put_list(p, "shape", d->space->shape, d->space->rank);
        put_list(p, "maximum shape", d->space->max_shape, d->space->rank);
    } else {
        put(p, "shape", d->space->cls == H5R_SPACE_SCALAR ? "scalar" : "null");
    }
    put(p, "layout", layout_name(d->layout));
    if (d->layout == H5R_LAYOUT_CHUNKED)
        put_chunks(p, f, o, d);
    if (d->layout == H5R_LAYOUT_CONTIGUOUS || d->layout == H5R_LAYOUT_COMPACT)
        put_uint(p, "bytes stored", d->storage_size);
    if (d->layout == H5R_LAYOUT_CONTIGUOUS && d->storage_offset != H5R_UNDEFINED)
        put_uint(p, "byte offset", d->storage_offset);
    for (unsigned i = 0; i < d->n_external; i++)
        put(p, "external file", d->external[i].file);
    if (d->n_filters > 0)
        put_filters(p, d);
    put_fill(p, f, d);
}

static void put_attributes(printer *p, h5r_file *f, const h5r_attr *const *list, size_t n)
{
    if (p->o->json) {
        json_key(&p->j, "attributes");
        json_begin_object(&p->j);
    }
    for (size_t i = 0; i < n; i++) {
        bool ok;
        if (p->o->json) {
            json_key_text(&p->j, list[i]->name);
            ok = json_attr_value(&p->j, f, list[i]);
        } else {
            fputs("attribute ", stdout);
            put_escaped(stdout, list[i]->name);
            fputs(" = ", stdout);
            ok = put_attr_value(stdout, f, list[i], 0);
            putchar('\n');
        }
        p->bad += ok ? 0 : 1;
    }
    if (p->o->json)
        json_end_object(&p->j);
}

static void put_group(printer *p, h5r_file *f, const h5r_object *o)
{
    const h5r_link *const *links;
    const h5r_error *bad = NULL;
    size_t n;
    h5r_error err;

    if (h5r_links(f, o, true, &links, &n, &bad, &err) != H5R_OK) {
        put_error(p, "links error", err.message);
        return;
    }
    if (bad != NULL)
        put_error(p, "links error", bad->message);
    if (p->o->json) {
        json_key(&p->j, "links");
        json_begin_array(&p->j);
        for (size_t i = 0; i < n; i++)
            json_text(&p->j, links[i]->name);
        json_end_array(&p->j);
        return;
    }
    for (size_t i = 0; i < n; i++)
        put(p, "link", links[i]->name);
}

/* The file as a whole, when no object was named. */
static void put_file(printer *p, const h5r_file_info *info)
{
    put_uint(p, "superblock version", info->superblock);
    put_uint(p, "size of offsets", info->offset_size);
    put_uint(p, "size of lengths", info->length_size);
    put_uint(p, "user block", info->base);
    if (info->end != H5R_UNDEFINED)
        put_uint(p, "end of file", info->end);
    if (info->page_size > 0)
        put_uint(p, "page size", info->page_size);
    if (info->driver[0] != '\0')
        put(p, "driver", info->driver);
}

int cmd_info(h5r_file *f, const options *o)
{
    static const char *const kinds[] = {"unknown", "group", "dataset", "datatype"};
    printer p = {.o = o, .j = {.out = stdout, .first = true}};
    const h5r_object *object;
    const h5r_dataset *d = NULL;
    const h5r_attr *const *attrs;
    const h5r_error *bad = NULL;
    h5r_error err;
    size_t n;

    h5r_status st = prefetch_path(f, o, 0, H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES, &err);
    if (st == H5R_OK)
        st = find_object(f, o, &object, &err);
    if (st == H5R_OK)
        st = h5r_prefetch(f, object, 0, H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES | (o->storage ? H5R_PREFETCH_INDEX : 0), &err);
    if (st == H5R_OK && object->kind == H5R_DATASET)
        st = h5r_dataset_describe(f, object, &d, &err);
    if (st == H5R_OK)
        st = h5r_attrs(f, object, true, &attrs, &n, &bad, &err);
    if (st != H5R_OK)
        return report(o, &err);

    if (o->path != NULL)
        name_targets(f, o->path, attrs, n);
    if (o->json)
        json_begin_object(&p.j);
    put(&p, "path", o->path != NULL ? o->path : "/");
    if (o->path == NULL)
        put_file(&p, h5r_get_info(f));
    put(&p, "kind", kinds[object->kind]);
    put_uint(&p, "address", object->addr);
    const char *comment;
    if (h5r_object_notes(f, object, &comment, NULL, NULL) == H5R_OK && comment != NULL)
        put(&p, "comment", comment);
    if (d != NULL) {
        put_dataset(&p, f, object, d);
        put_dimensions(&p, f, attrs, n, d->space->rank);
    }
    if (object->kind == H5R_DATATYPE && object->type != NULL)
        put_type_of(&p, object->type);
    put_attributes(&p, f, attrs, n);
    if (bad != NULL)
        put_error(&p, "attributes error", bad->message);
    if (object->kind == H5R_GROUP)
        put_group(&p, f, object);
    if (o->json) {
        json_end_object(&p.j);
        putchar('\n');
    }
    return p.bad > 0 ? report_partial(o, p.bad) : 0;
}
