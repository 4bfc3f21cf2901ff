/* "map": a picture of a file's layout. Everything that the library looks at as metadata is noted with its place while the whole file is
 * listed; signatures tell what it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "map.h"
#include "paths.h"
#include "target.h"

typedef struct collector {
    h5r_file *f;
    const options *o;
    map *m;
    paths seen;
    int code;
} collector;

/* ---------------------------------------------------------------- extents */

static uint32_t kind_of(const uint8_t *p, size_t n)
{
    static const struct {
        const char *signature;
        uint32_t kind;
    } known[] = {
        {"\211HDF", MAP_SUPERBLOCK}, {"OHDR", MAP_HEADER}, {"OCHK", MAP_HEADER}, {"SNOD", MAP_LINKS}, {"HEAP", MAP_LINKS},
        {"FRHP", MAP_HEAP}, {"FHDB", MAP_HEAP}, {"FHIB", MAP_HEAP}, {"SMTB", MAP_HEAP}, {"SMLI", MAP_HEAP}, {"GCOL", MAP_VALUES},
        {"FAHD", MAP_INDEX}, {"FADB", MAP_INDEX}, {"EAHD", MAP_INDEX}, {"EAIB", MAP_INDEX}, {"EASB", MAP_INDEX}, {"EADB", MAP_INDEX},
    };

    if (n < 6)
        return MAP_OTHER;
    if (memcmp(p, "TREE", 4) == 0)
        return p[4] == 1 ? MAP_INDEX : MAP_LINKS;
    if (memcmp(p, "BTHD", 4) == 0 || memcmp(p, "BTIN", 4) == 0 || memcmp(p, "BTLF", 4) == 0)
        return p[5] == 5 || p[5] == 6 ? MAP_LINKS : p[5] == 8 || p[5] == 9 ? MAP_ATTRIBUTES : p[5] >= 10 ? MAP_INDEX : MAP_HEAP;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(p, known[i].signature, 4) == 0)
            return known[i].kind;
    return MAP_OTHER;
}

static int by_place(const void *a, const void *b)
{
    const map_extent *p = a, *q = b;
    if (p->off != q->off)
        return p->off < q->off ? -1 : 1;
    return p->len > q->len ? -1 : p->len < q->len;
}

/* A structure is looked at in pieces and again and again: of extents that begin at one place the longest stays. */
static void compact(map *m)
{
    size_t kept = 0;

    if (m->n > 1)
        qsort(m->extents, m->n, sizeof *m->extents, by_place);
    for (size_t i = 0; i < m->n; i++)
        if (kept == 0 || m->extents[i].off != m->extents[kept - 1].off)
            m->extents[kept++] = m->extents[i];
    m->n = kept;
}

static bool add_extent(map *m, map_extent e)
{
    if (e.len == 0)
        return true;
    if (m->n == m->cap)
        compact(m);
    if (m->n >= m->cap / 2) {
        size_t cap = m->cap * 2 + 1024;
        map_extent *list = realloc(m->extents, cap * sizeof *list);
        if (list == NULL)
            return false;
        m->extents = list;
        m->cap = cap;
    }
    m->extents[m->n++] = e;
    return true;
}

void map_view(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n)
{
    map *m = ctx;
    (void)add_extent(m, (map_extent){offset, n, kind_of(bytes, n), 0}); /* without memory the picture lacks it */
}

/* What has no signature: version 1 headers are where objects are, pages of an index follow its block. */
static void settle_kinds(map *m, const paths *objects, uint64_t base)
{
    compact(m);
    for (size_t i = 0; i < m->n; i++) {
        map_extent *e = &m->extents[i];
        const map_extent *before = i > 0 ? e - 1 : NULL;
        if (e->kind != MAP_OTHER)
            continue;
        if (e->off >= base && paths_find(objects, e->off - base) != NULL)
            e->kind = MAP_HEADER;
        else if (before != NULL && before->kind == MAP_INDEX && e->off <= before->off + before->len)
            e->kind = MAP_INDEX;
    }
}

/* ---------------------------------------------------------------- datasets */

static int fail(collector *c, h5r_error *err, const char *path)
{
    if (err->path[0] == '\0')
        snprintf(err->path, sizeof err->path, "%s", path);
    (void)report(c->o, err);
    return c->code = EXIT_PARTIAL;
}

static bool add_dataset(map *m, const char *path, uint32_t *index)
{
    if (m->n_datasets == m->cap_datasets) {
        size_t cap = m->cap_datasets * 2 + 64;
        map_dataset *list = realloc(m->datasets, cap * sizeof *list);
        if (list == NULL)
            return false;
        m->datasets = list;
        m->cap_datasets = cap;
    }
    char *copy = malloc(strlen(path) + 1);
    if (copy == NULL)
        return false;
    strcpy(copy, path);
    *index = (uint32_t)m->n_datasets;
    m->datasets[m->n_datasets++] = (map_dataset){.path = copy};
    return true;
}

static bool add_data(map *m, uint32_t dataset, uint64_t off, uint64_t len)
{
    m->datasets[dataset].chunks += len > 0;
    m->datasets[dataset].bytes += len;
    return add_extent(m, (map_extent){off, len, MAP_DATA, dataset});
}

static void collect_dataset(collector *c, const h5r_object *o, const char *path)
{
    const h5r_dataset *d;
    const h5r_chunk *chunks;
    size_t n = 0;
    h5r_error err;
    uint32_t k = 0;

    if (h5r_dataset_describe(c->f, o, &d, &err) != H5R_OK) {
        fail(c, &err, path);
        return;
    }
    bool ok = add_dataset(c->m, path, &k);
    if (ok && d->layout == H5R_LAYOUT_CONTIGUOUS && d->storage_offset != H5R_UNDEFINED)
        ok = add_data(c->m, k, d->storage_offset, d->storage_size);
    if (d->layout == H5R_LAYOUT_CHUNKED && h5r_chunks_all(c->f, o, &chunks, &n, &err) != H5R_OK) {
        fail(c, &err, path);
        n = 0;
    }
    for (size_t i = 0; ok && i < n; i++)
        ok = add_data(c->m, k, chunks[i].offset, chunks[i].size);
    if (!ok)
        c->code = EXIT_LIMIT;
}

static void collect_object(collector *c, uint64_t addr, const char *path, unsigned depth)
{
    const h5r_object *o;
    const h5r_link *const *links;
    size_t n = 0;
    h5r_error err;

    if (paths_find(&c->seen, addr) != NULL || depth > MAX_DEPTH)
        return;
    if (!paths_add(&c->seen, addr, path)) {
        c->code = EXIT_LIMIT;
        return;
    }
    if (h5r_object_at(c->f, addr, &o, &err) != H5R_OK) {
        fail(c, &err, path);
        return;
    }
    if (o->kind == H5R_DATASET)
        collect_dataset(c, o, path);
    if (o->kind == H5R_GROUP && h5r_links(c->f, o, false, &links, &n, NULL, &err) != H5R_OK)
        fail(c, &err, path);
    for (size_t i = 0; o->kind == H5R_GROUP && i < n; i++) {
        if (links[i]->kind != H5R_LINK_HARD)
            continue;
        char *child = path_join(path, links[i]->name);
        if (child != NULL)
            collect_object(c, links[i]->addr, child, depth + 1);
        else
            c->code = EXIT_LIMIT;
        free(child);
    }
}

/* ---------------------------------------------------------------- trace */

static bool add_read(map *m, map_read r)
{
    if (m->n_reads == m->cap_reads) {
        size_t cap = m->cap_reads * 2 + 256;
        map_read *list = realloc(m->reads, cap * sizeof *list);
        if (list == NULL)
            return false;
        m->reads = list;
        m->cap_reads = cap;
    }
    m->reads[m->n_reads++] = r;
    if (r.round > m->rounds)
        m->rounds = r.round;
    return true;
}

/* Steps over a mark and the blanks before it. */
static bool take_mark(const char **p, char mark)
{
    *p += strspn(*p, " ");
    if (**p != mark)
        return false;
    ++*p;
    return true;
}

/* Offsets and sizes of files are below 2^63. */
static bool take_number(const char **p, uint64_t *v)
{
    char *end;

    *p += strspn(*p, " ");
    if (**p < '0' || **p > '9')
        return false;
    *v = strtoull(*p, &end, 10); /* UINT64_MAX for what is beyond it */
    *p = end;
    return *v <= INT64_MAX;
}

/* [offset, bytes, received] */
static bool take_request(const char **p, map_read *r)
{
    return take_mark(p, '[') && take_number(p, &r->off) && take_mark(p, ',') && take_number(p, &r->len) && take_mark(p, ',') &&
           take_number(p, &r->got) && take_mark(p, ']') && r->got <= r->len && r->off + r->len <= INT64_MAX;
}

/* One line as --trace writes it: {"round": 1, ..., "requests": [[offset, bytes, received], ...]}. */
static bool take_round(map *m, const char *line)
{
    const char *round = strstr(line, "\"round\":"), *p = strstr(line, "\"requests\":");
    map_read r = {0};

    if (round == NULL || p == NULL)
        return false;
    round += strlen("\"round\":");
    p += strlen("\"requests\":");
    if (!take_number(&round, &r.round) || r.round == 0 || r.round > UINT32_MAX || !take_mark(&p, '['))
        return false;
    for (bool first = true; !take_mark(&p, ']'); first = false) {
        if ((!first && !take_mark(&p, ',')) || !take_request(&p, &r))
            return false;
        m->received += r.got;
        if (m->received > INT64_MAX || !add_read(m, r))
            return false;
    }
    return true;
}

static int read_trace(map *m, const char *name)
{
    FILE *in = fopen(name, "r");
    char *line = NULL;
    size_t cap = 0;
    int code = 0, number = 0;

    if (in != NULL)
        errno = 0;
    while (in != NULL && code == 0 && getline(&line, &cap, in) > 0) {
        number++;
        if (!take_round(m, line)) {
            fprintf(stderr, "h5range: %s: line %d is no round as --trace writes it\n", name, number);
            code = EXIT_USAGE;
        }
    }
    if (in == NULL || ferror(in)) {
        fprintf(stderr, "h5range: cannot read %s: %s\n", name, strerror(errno));
        code = EXIT_IO;
    } else if (number == 0) {
        fprintf(stderr, "h5range: %s: line 1 is no round as --trace writes it: the file is empty\n", name);
        code = EXIT_USAGE;
    }
    free(line);
    if (in != NULL)
        fclose(in);
    return code;
}

/* ---------------------------------------------------------------- command */

static int cannot_write(const char *name, int error)
{
    fprintf(stderr, "h5range: cannot write %s: %s\n", name, strerror(error));
    return EXIT_IO;
}

static int write_map(map *m, const options *o)
{
    const char *name = o->output;
    target t = {0};

    if (strcmp(name, "-") == 0) {
        bool drawn = map_draw(stdout, m);
        return !output_ok(o) ? EXIT_IO : drawn ? 0 : EXIT_LIMIT;
    }
    FILE *out = target_is_stream(name) ? fopen(name, "w") : target_file(&t, name) ? fopen(t.path, "w") : NULL;
    if (out == NULL) {
        int error = errno;
        (void)target_finish(&t, false);
        return cannot_write(name, error);
    }
    bool drawn = map_draw(out, m);
    bool written = fflush(out) == 0 && !ferror(out);
    int error = errno;
    if (fclose(out) != 0 && written) {
        written = false;
        error = errno;
    }
    if (!target_finish(&t, drawn && written) && written) {
        written = false;
        error = errno;
    }
    return !drawn ? EXIT_LIMIT : written ? 0 : cannot_write(name, error);
}

int cmd_map(h5r_file *f, const options *o)
{
    map *m = o->map;
    collector c = {.f = f, .o = o, .m = m};
    const h5r_file_info *info = h5r_get_info(f);
    const h5r_object *root;
    h5r_error err;

    if (o->path != NULL) {
        err = (h5r_error){.status = H5R_ERR_ARG, .offset = H5R_UNDEFINED, .message = "a map is one of the whole file: no #/path"};
        return report(o, &err);
    }
    h5r_status st = h5r_prefetch_path(f, "/", MAX_DEPTH, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX, &err);
    if (st == H5R_OK)
        st = h5r_lookup(f, NULL, "/", &root, &err);
    if (st != H5R_OK)
        return report(o, &err);
    collect_object(&c, root->addr, "/", 0);
    settle_kinds(m, &c.seen, info->base);
    m->name = info->name;
    m->size = info->end != H5R_UNDEFINED ? info->end : 0;
    for (size_t i = 0; i < m->n && info->end == H5R_UNDEFINED; i++)
        if (m->extents[i].off + m->extents[i].len > m->size)
            m->size = m->extents[i].off + m->extents[i].len;
    int code = o->trace != NULL ? read_trace(m, o->trace) : 0;
    if (code == 0)
        code = write_map(m, o);
    paths_free(&c.seen);
    return code != 0 ? code : c.code;
}

void map_free(map *m)
{
    for (size_t i = 0; i < m->n_datasets; i++)
        free(m->datasets[i].path);
    free(m->datasets);
    free(m->extents);
    free(m->reads);
    *m = (map){0};
}
