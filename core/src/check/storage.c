/* Datasets: their descriptions, every entry of their chunk indexes, where their data lie, and (when asked for) their chunks' contents. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/check.h"
#include "index/index.h"
#include "object/dataset.h"
#include "object/others.h"
#include "read/pieces.h"
#include "util/checked.h"
#include "util/grow.h"

/* ---------------------------------------------------------------- extents */

/* "chunk 0,10" by its first element, or "the data". */
static void name_part(const h5r_dataset *d, uint64_t number, char *text, size_t cap)
{
    uint64_t at[H5R_MAX_RANK];

    if (d->layout != H5R_LAYOUT_CHUNKED) {
        snprintf(text, cap, "the data");
        return;
    }
    size_t n = (size_t)snprintf(text, cap, "chunk ");
    h5r_chunk_coords(d, number, at);
    for (unsigned i = 0; i < d->space->rank && n < cap; i++)
        n += (size_t)snprintf(text + n, cap - n, "%s%" PRIu64, i > 0 ? "," : "", at[i] * d->chunk[i]);
}

/* Notes where data lie. False when that is not in the file: then they cannot be read either. */
static bool add_extent(h5r_checker *k, const char *path, const h5r_dataset *d, uint64_t number, uint64_t off, uint64_t size)
{
    uint64_t end, file_end = k->f->info.end;
    char part[160];

    if (size == 0)
        return true;
    name_part(d, number, part, sizeof part);
    if (!h5r_add(off, size, &end) || end > k->end) {
        h5r_check_report(k, H5R_FINDING, path, off, "%s of %" PRIu64 " bytes reaches beyond the end of the file at byte %" PRIu64, part, size, k->end);
        return false;
    }
    if (end > file_end && !k->f->info.open_for_write)
        h5r_check_report(k, H5R_FINDING, path, off, "%s of %" PRIu64 " bytes reaches beyond byte %" PRIu64 ", where the file ends by its superblock", part, size,
                         file_end);
    if (!h5r_grow(&k->extents, &k->cap_extents, k->n_extents, sizeof *k->extents)) {
        h5r_error_set(&k->fatal, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
        return false;
    }
    k->extents[k->n_extents++] = (check_extent){off, end, path, d, number};
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const check_extent *p = a, *q = b;
    if (p->off != q->off)
        return p->off < q->off ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

void h5r_check_extents(h5r_checker *k)
{
    size_t furthest = 0; /* of those before, the one that ends last */
    char a[160], b[160];

    if (k->n_extents > 1)
        qsort(k->extents, k->n_extents, sizeof *k->extents, by_offset);
    for (size_t i = 1; i < k->n_extents; i++) {
        const check_extent *e = &k->extents[i], *f = &k->extents[furthest];
        if (e->off < f->end) {
            name_part(e->d, e->number, a, sizeof a);
            name_part(f->d, f->number, b, sizeof b);
            h5r_check_report(k, H5R_FINDING, e->path, e->off, "%s at bytes %" PRIu64 " to %" PRIu64 " overlaps %s%s%.120s at bytes %" PRIu64 " to %" PRIu64, a, e->off,
                             e->end, b, e->path != f->path ? " of " : "", e->path != f->path ? f->path : "", f->off, f->end);
        }
        if (e->end > f->end)
            furthest = i;
    }
}

/* ---------------------------------------------------------------- chunk indexes */

typedef struct chunk_entries {
    const h5r_dataset *d;
    h5r_chunk *list; /* as the index has them, duplicates included */
    size_t n, cap;
} chunk_entries;

static h5r_status take_entry(void *arg, const uint64_t *scaled, uint64_t addr, uint64_t size, uint32_t mask)
{
    chunk_entries *e = arg;

    if (!h5r_grow(&e->list, &e->cap, e->n, sizeof *e->list))
        return H5R_ERR_NOMEM;
    uint64_t number = 0;
    for (unsigned i = 0; i < e->d->space->rank; i++)
        number = number * e->d->grid[i] + scaled[i];
    e->list[e->n++] = (h5r_chunk){.offset = addr, .size = size, .number = number, .skipped = mask};
    return H5R_OK;
}

static h5r_status step_entries(h5r_ctx *x, void *arg)
{
    chunk_entries *e = arg;
    uint64_t lo[H5R_MAX_RANK] = {0}, hi[H5R_MAX_RANK] = {0};

    e->n = 0; /* a pass begins anew */
    for (unsigned i = 0; i < e->d->space->rank; i++)
        hi[i] = e->d->grid[i] - 1;
    h5r_status st = h5r_index_visit(x, &h5r_dataset_data_of(e->d)->chunked, lo, hi, take_entry, e);
    return st == H5R_ERR_NOMEM ? h5r_nomem(x) : st;
}

static int by_number(const void *a, const void *b)
{
    const h5r_chunk *p = a, *q = b;
    if (p->number != q->number)
        return p->number < q->number ? -1 : 1;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* One entry; false when its bytes cannot be read. */
static bool check_entry(h5r_checker *k, const char *path, const h5r_dataset *d, h5r_chunk *c)
{
    char part[160];
    uint64_t offset;

    name_part(d, c->number, part, sizeof part);
    if (!h5r_add(c->offset, k->f->info.base, &offset)) {
        h5r_check_report(k, H5R_FINDING, path, H5R_UNDEFINED, "%s at the impossible address %" PRIu64, part, c->offset);
        return false;
    }
    c->offset = offset;
    bool fits = d->n_filters > 0 ? c->size <= h5r_stage_limit(d->chunk_bytes) : c->size == d->chunk_bytes;
    if (!fits)
        h5r_check_report(k, H5R_FINDING, path, offset, "%s: its index says that it takes %" PRIu64 " bytes; decoded it has %" PRIu64, part, c->size, d->chunk_bytes);
    if (d->n_filters < 32 && c->skipped >> d->n_filters != 0)
        h5r_check_report(k, H5R_FINDING, path, offset, "%s: its filter mask %#" PRIx32 " has more bits than there are filters (%u)", part, c->skipped, d->n_filters);
    return add_extent(k, path, d, c->number, offset, c->size) && fits;
}

/* ---------------------------------------------------------------- contents of chunks */

typedef struct decoder {
    h5r_pipeline_scratch scratch;
    uint8_t *dst;
} decoder;

static void decode_one(h5r_checker *k, const h5r_object *o, const char *path, const h5r_dataset *d, const h5r_chunk *c, const uint8_t *src, decoder *w)
{
    uint64_t coords[H5R_MAX_RANK];
    char part[160];
    h5r_error err = {0}, named;

    h5r_chunk_coords(d, c->number, coords);
    h5r_status st = h5r_pipeline_decode(&o->file->options, d->filters, h5r_filters_of(d, c->number), c->skipped, src, (size_t)c->size, w->dst,
                                        (size_t)d->chunk_bytes, &w->scratch, &err);
    if (st == H5R_OK) {
        k->r.decoded++;
        return;
    }
    name_part(d, c->number, part, sizeof part);
    h5r_error_set(&named, st, c->offset, "%s of %" PRIu64 " bytes: %s", part, c->size, err.message);
    h5r_check_failure(k, path, &named);
}

/* Reads n chunks in one batch and decodes each. */
static void decode_batch(h5r_checker *k, const h5r_object *o, const char *path, const h5r_dataset *d, const h5r_chunk *c, size_t n, size_t bytes, decoder *w)
{
    h5r_read *reads = calloc(n, sizeof *reads);
    uint8_t *buffer = malloc(bytes > 0 ? bytes : 1);
    h5r_error err = {0};

    if (reads == NULL || buffer == NULL) {
        h5r_error_set(&k->fatal, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    } else {
        for (size_t i = 0, at = 0; i < n; at += reads[i++].len)
            reads[i] = (h5r_read){.offset = c[i].offset, .len = (size_t)c[i].size, .dst = buffer + at};
        h5r_ctx x;
        h5r_ctx_begin(&x, o->file, "h5r_check");
        h5r_status st = h5r_ctx_end(&x, h5r_fetch(&x, reads, n), &err);
        if (st == H5R_ERR_FORMAT && n > 1) /* one was short: which, and what of the others? */
            for (size_t i = 0; i < n && k->fatal.status == H5R_OK; i++)
                decode_batch(k, o, path, d, &c[i], 1, (size_t)c[i].size, w);
        else if (st != H5R_OK)
            h5r_check_failure(k, path, &err);
        for (size_t i = 0; i < n && st == H5R_OK && k->fatal.status == H5R_OK; i++)
            decode_one(k, o, path, d, &c[i], reads[i].dst, w);
    }
    free(buffer);
    free(reads);
}

static bool batch_goes_on(const h5r_chunk *c, size_t n, uint64_t bytes, uint64_t budget)
{
    /* A source wants reads that are sorted and do not overlap. */
    return n == 0 || (bytes + c[n].size <= budget && c[n].offset >= c[n - 1].offset + c[n - 1].size);
}

static int by_place(const void *a, const void *b)
{
    const h5r_chunk *p = a, *q = b;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static bool can_undo(const h5r_file *f, unsigned filter)
{
    for (size_t i = 0; i < f->options.n_codecs; i++)
        if (f->options.codecs[i].id == filter)
            return true;
    return h5r_filter_available(filter);
}

/* The filter of a chunk that nothing here undoes, or NULL. */
static const h5r_filter *unknown_filter(const h5r_file *f, const h5r_dataset *d, const h5r_chunk *c)
{
    for (unsigned i = 0; i < h5r_filters_of(d, c->number); i++)
        if (!(i < 32 && c->skipped >> i & 1) && !can_undo(f, d->filters[i].id))
            return &d->filters[i];
    return NULL;
}

/* Moves the chunks that can be decoded to the front; returns how many there are. */
static size_t keep_decodable(h5r_checker *k, const h5r_file *f, const char *path, const h5r_dataset *d, h5r_chunk *c, size_t n)
{
    const h5r_filter *missing = NULL;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        const h5r_filter *u = unknown_filter(f, d, &c[i]);
        if (u == NULL)
            c[kept++] = c[i];
        else
            missing = u;
    }
    if (missing != NULL)
        h5r_check_report(k, H5R_NOTE, path, H5R_UNDEFINED, "%zu chunk%s not decoded: filter %u is not built in", n - kept,
                         n - kept == 1 ? " was" : "s were", missing->id);
    return kept;
}

static void check_contents(h5r_checker *k, const h5r_object *o, const char *path, const h5r_dataset *d, h5r_chunk *c, size_t n)
{
    decoder w = {0};

    if (d->chunk_bytes > o->file->limits.chunk_bytes) {
        h5r_check_report(k, H5R_NOTE, path, H5R_UNDEFINED, "chunks of %" PRIu64 " bytes were not decoded (limits.chunk_bytes)", d->chunk_bytes);
        return;
    }
    n = keep_decodable(k, o->file, path, d, c, n);
    if (n == 0)
        return;
    w.dst = malloc((size_t)d->chunk_bytes);
    if (w.dst == NULL) {
        h5r_error_set(&k->fatal, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
        return;
    }
    qsort(c, n, sizeof *c, by_place);
    for (size_t i = 0; i < n && k->fatal.status == H5R_OK;) {
        size_t m = 0;
        uint64_t bytes = 0;
        while (i + m < n && batch_goes_on(c + i, m, bytes, o->file->limits.inflight_bytes))
            bytes += c[i + m++].size;
        decode_batch(k, o, path, d, c + i, m, (size_t)bytes, &w);
        i += m;
    }
    h5r_pipeline_scratch_free(&w.scratch);
    free(w.dst);
}

static void check_chunks(h5r_checker *k, const h5r_object *o, const char *path, const h5r_dataset *d)
{
    chunk_entries e = {.d = d};
    h5r_error err;
    size_t kept = 0;
    uint64_t total = 1;

    if (d->space->count == 0)
        return;
    for (unsigned i = 0; i < d->space->rank; i++)
        if (!h5r_mul(total, d->grid[i], &total)) {
            h5r_check_report(k, H5R_NOTE, path, H5R_UNDEFINED, "the chunk index was not looked at: a grid of more than 2^64 chunks");
            return;
        }
    if (h5r_run(o->file, "h5r_check", step_entries, &e, &err) != H5R_OK) {
        h5r_check_failure(k, path, &err);
        free(e.list);
        return;
    }
    if (e.n > 1)
        qsort(e.list, e.n, sizeof *e.list, by_number);
    for (size_t i = 0; i < e.n && k->fatal.status == H5R_OK; i++) {
        if (i > 0 && e.list[i].number == e.list[i - 1].number) {
            char part[160];
            name_part(d, e.list[i].number, part, sizeof part);
            h5r_check_report(k, H5R_FINDING, path, H5R_UNDEFINED, "%s is twice in the index", part);
        }
        h5r_chunk c = e.list[i];
        k->r.chunks++;
        if (check_entry(k, path, d, &c))
            e.list[kept++] = c; /* never beyond i */
    }
    if (k->o.data && kept > 0 && k->fatal.status == H5R_OK)
        check_contents(k, o, path, d, e.list, kept);
    free(e.list);
}

/* ---------------------------------------------------------------- other files */

static void check_external(h5r_checker *k, const h5r_object *o, const char *path, const h5r_dataset *d)
{
    h5r_source *source;
    h5r_error err = {0};

    for (unsigned i = 0; i < d->n_external && k->fatal.status == H5R_OK; i++)
        if (h5r_open_raw(o->file, d->external[i].file, &source, &err) != H5R_OK)
            h5r_check_failure(k, path, &err);
}

static bool has_block_number(const h5r_mapping *m)
{
    return m->target.kind == H5R_REGION_HYPERSLAB && m->target.unlimited_dim >= 0 && (strstr(m->file, "%b") != NULL || strstr(m->dataset, "%b") != NULL);
}

/* Elements of a missing source are fill values: legal, but hardly meant. Numbered sources end where one is missing. */
static void check_virtual(h5r_checker *k, const h5r_object *o, const char *path)
{
    const h5r_mapping *maps;
    const h5r_object *source;
    const h5r_dataset *d;
    h5r_file *file;
    h5r_error err = {0};
    size_t n;

    if (h5r_mappings(k->f, o, &maps, &n, &err) != H5R_OK) {
        h5r_check_failure(k, path, &err);
        return;
    }
    for (size_t i = 0; i < n && k->fatal.status == H5R_OK; i++) {
        const h5r_mapping *m = &maps[i];
        if (has_block_number(m))
            continue;
        h5r_status st = h5r_open_other(o->file, H5R_OTHER_VIRTUAL, m->file, &file, &err);
        if (st == H5R_OK)
            st = h5r_lookup(file, NULL, m->dataset, &source, &err);
        if (st == H5R_OK)
            st = h5r_dataset_describe(source->file, source, &d, &err);
        if (st == H5R_OK)
            continue;
        h5r_error named;
        h5r_error_set(&named, err.status, err.offset, "mapping %zu, of %.100s#%.100s: %s", i, m->file, m->dataset, err.message);
        h5r_check_failure(k, path, &named);
    }
}

/* ---------------------------------------------------------------- datasets */

/* Variable-length values of a whole dataset, some rows at a time. */
static void check_elements(h5r_checker *k, const h5r_object *o, const char *path, const h5r_dataset *d)
{
    uint64_t start[H5R_MAX_RANK] = {0}, count[H5R_MAX_RANK], row = d->type->size;
    const uint64_t budget = 8 * 1024 * 1024;
    h5r_error err;

    memcpy(count, d->space->shape, sizeof count);
    for (unsigned i = 1; i < d->space->rank; i++)
        row *= count[i]; /* the product was checked when the dataset was described */
    uint64_t rows = d->space->rank == 0 ? 1 : d->space->shape[0], step = h5r_max(budget / h5r_max(row, 1), 1);
    if (row > o->file->limits.vlen_bytes) {
        h5r_check_report(k, H5R_NOTE, path, H5R_UNDEFINED, "variable-length values in rows of %" PRIu64 " bytes were not looked at", row);
        return;
    }
    for (uint64_t i = 0; i < rows && k->fatal.status == H5R_OK; i += step) {
        uint64_t n = h5r_min(step, rows - i);
        start[0] = i;
        count[0] = n;
        uint8_t *elems = malloc((size_t)(n * row));
        if (elems == NULL) {
            h5r_error_set(&k->fatal, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
            return;
        }
        h5r_selection sel = {.start = start, .count = count, .dst = elems, .file_order = true};
        if (h5r_read_dataset(k->f, o, &sel, &err) == H5R_OK)
            h5r_check_values(k, o->file, path, "values", d->type, elems, (size_t)(n * row / d->type->size));
        else if (d->layout != H5R_LAYOUT_CHUNKED || err.status != H5R_ERR_FORMAT) /* damaged chunks were reported one by one */
            h5r_check_failure(k, path, &err);
        free(elems);
    }
}

void h5r_check_dataset(h5r_checker *k, const h5r_object *o, const char *path)
{
    const h5r_dataset *d;
    h5r_error err;
    uint64_t bytes;
    bool readable = true;

    if (h5r_dataset_describe(k->f, o, &d, &err) != H5R_OK) {
        h5r_check_failure(k, path, &err);
        return;
    }
    bytes = d->space->count * d->type->size; /* no overflow: checked when it was described */
    switch (d->layout) {
    case H5R_LAYOUT_CHUNKED:
        check_chunks(k, o, path, d);
        break;
    case H5R_LAYOUT_CONTIGUOUS:
        if (d->storage_offset == H5R_UNDEFINED || d->storage_size == 0)
            break;
        if (d->storage_size < bytes)
            h5r_check_report(k, H5R_FINDING, path, d->storage_offset, "contiguous data of %" PRIu64 " bytes with %" PRIu64 " stored", bytes, d->storage_size);
        readable = add_extent(k, path, d, 0, d->storage_offset, d->storage_size) && d->storage_size >= bytes;
        break;
    case H5R_LAYOUT_EXTERNAL:
        check_external(k, o, path, d);
        break;
    case H5R_LAYOUT_VIRTUAL:
        check_virtual(k, o, path);
        break;
    case H5R_LAYOUT_COMPACT:
        break;
    }
    bool own = d->layout != H5R_LAYOUT_EXTERNAL && d->layout != H5R_LAYOUT_VIRTUAL;
    if (k->o.data && own && readable && d->type->in_heap && d->space->count > 0 && k->fatal.status == H5R_OK)
        check_elements(k, o, path, d);
}
