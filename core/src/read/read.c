/* Reading selections: the windows of all datasets are planned together, then what they need is listed, read, decoded and brought into
 * place. */
#include <inttypes.h>
#include <stdlib.h>

#include "read/ahead.h"
#include "read/deliver.h"
#include "read/each.h"
#include "read/virtual.h"
#include "util/checked.h"

static h5r_status plan_contiguous(h5r_ctx *x, h5r_pieces *l, const h5r_window *w)
{
    const h5r_dataset *d = w->d;
    uint64_t bytes = d->space->count * d->type->size;

    if (d->storage_offset == H5R_UNDEFINED || d->storage_size == 0) {
        h5r_fill_window(w);
        return H5R_OK;
    }
    if (d->storage_size < bytes)
        return h5r_fail(x, H5R_ERR_FORMAT, w->object->addr, "contiguous dataset of %" PRIu64 " bytes with %" PRIu64 " stored", bytes,
                        d->storage_size);
    return h5r_add_contiguous(x, l, w, d->storage_offset);
}

static void read_compact(const h5r_window *w)
{
    const uint8_t *bytes = h5r_dataset_data_of(w->d)->compact;
    h5r_part part;

    if (bytes == NULL)
        h5r_fill_window(w);
    else if (h5r_part_of(w, NULL, &part))
        h5r_scatter_part(w, &part, bytes, 0);
}

/* ---------------------------------------------------------------- public */

typedef struct read_args {
    const h5r_object *const *ds;
    const h5r_selection *sel;
    size_t n;
    h5r_window *windows;
    bool unresolved; /* some are virtual datasets whose extent is not known yet: their windows are empty */
    uint64_t failed; /* address of the dataset that failed */
} read_args;

static h5r_status step_plan(h5r_ctx *x, void *arg)
{
    read_args *a = arg;
    h5r_status acc = H5R_OK;

    a->windows = h5r_scratch(x, a->n, sizeof *a->windows);
    if (a->windows == NULL)
        return H5R_ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++) {
        const h5r_dataset *d;
        h5r_status st = h5r_load_dataset(x, h5r_header_of(a->ds[i]), &d);
        if (st == H5R_OK && d->layout == H5R_LAYOUT_VIRTUAL && !h5r_dataset_data_of(d)->resolved) {
            a->unresolved = true;
            continue;
        }
        if (st == H5R_OK)
            st = h5r_plan_window(x, a->ds[i], &a->sel[i], &a->windows[i]);
        if (st < 0 && acc == H5R_OK)
            a->failed = a->ds[i]->addr;
        H5R_ALSO(acc, st);
    }
    return acc;
}

static h5r_status read_external(h5r_ctx *x, const h5r_window *w)
{
    h5r_pieces l = {.failed = w->object->addr, .external = w->d};

    h5r_status st = h5r_add_contiguous(x, &l, w, 0);
    if (st == H5R_OK)
        st = h5r_read_pieces(x, &l);
    free(l.list);
    return st;
}

static h5r_status read_virtual(h5r_ctx *x, const h5r_window *w, unsigned nesting)
{
    h5r_error err = {0};
    h5r_status st = h5r_read_virtual(x->file, w, nesting, &err);

    return st < 0 ? h5r_fail_again(x, &err) : st;
}

static h5r_status execute(h5r_ctx *x, read_args *a, unsigned nesting)
{
    h5r_pieces l = {.failed = a->failed};
    h5r_status st = H5R_OK;

    x->error.status = H5R_OK;
    for (size_t i = 0; i < a->n && st == H5R_OK; i++) {
        const h5r_window *w = &a->windows[i];
        if (w->empty)
            continue;
        switch (w->d->layout) {
        case H5R_LAYOUT_COMPACT:
            read_compact(w);
            break;
        case H5R_LAYOUT_CHUNKED:
            st = h5r_add_chunks(x, &l, w);
            break;
        case H5R_LAYOUT_CONTIGUOUS:
            st = plan_contiguous(x, &l, w);
            break;
        case H5R_LAYOUT_EXTERNAL:
            st = read_external(x, w);
            break;
        case H5R_LAYOUT_VIRTUAL:
            st = read_virtual(x, w, nesting);
            break;
        }
        if (st < 0 && l.failed == H5R_UNDEFINED)
            l.failed = w->object->addr;
    }
    if (st == H5R_OK)
        st = h5r_read_pieces(x, &l);
    a->failed = l.failed;
    free(l.list);
    return st;
}

/* Looks at the sources of virtual datasets, which decide their extents. */
static h5r_status resolve(h5r_file *f, const read_args *a, unsigned nesting, h5r_error *err)
{
    for (size_t i = 0; i < a->n; i++) {
        const h5r_dataset *d;
        h5r_status st = a->windows[i].object == NULL ? h5r_describe_nested(f, a->ds[i], nesting, &d, err) : H5R_OK;
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

/* Coordinates, as a rule: every process that opens the file asks for them, to find out where the data are. */
static bool are_small(const read_args *a)
{
    enum { SMALL = 256 * 1024 };

    for (size_t i = 0; i < a->n; i++) {
        const h5r_dataset *d = a->windows[i].d;
        uint64_t bytes;
        if (a->windows[i].empty)
            continue;
        if (d->space->rank > 1 || d->layout == H5R_LAYOUT_VIRTUAL || d->layout == H5R_LAYOUT_EXTERNAL ||
            !h5r_mul(d->space->count, d->type->size, &bytes) || bytes > SMALL)
            return false;
    }
    return true;
}

static h5r_status read_planned(h5r_ctx *x, read_args *a, unsigned nesting)
{
    h5r_error err = {0};

    a->unresolved = false;
    H5R_TRY(h5r_drive(x, step_plan, a));
    if (a->unresolved) {
        h5r_status st = resolve(x->file, a, nesting, &err);
        if (st != H5R_OK)
            return st < 0 ? h5r_fail_again(x, &err) : st;
        H5R_TRY(h5r_drive(x, step_plan, a));
    }
    x->keeping = x->file->index_cache != NULL && x->file->source.remote && are_small(a);
    return execute(x, a, nesting);
}

h5r_status h5r_read_nested(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n, unsigned nesting, unsigned sharers,
                           h5r_error *err)
{
    h5r_ctx x;
    read_args a = {.ds = ds, .sel = sel, .n = n, .failed = n == 1 ? ds[0]->addr : H5R_UNDEFINED};

    if (n == 1)
        h5r_note_read(f, ds[0]);
    h5r_ctx_begin(&x, f, "h5r_read_many");
    x.sharers = sharers;
    h5r_status st = read_planned(&x, &a, nesting);
    if (f->source.read_ranges == NULL && st != H5R_NEED)
        h5r_drop_data(f);
    st = h5r_ctx_end(&x, st, err);
    const char *path = st < 0 && err != NULL && err->path[0] == '\0' ? h5r_known_path(f, a.failed) : NULL;
    if (path != NULL)
        h5r_error_set_path(err, path);
    if (st < 0 && err != NULL && f->root != f)
        h5r_error_set_file(err, f->source.name);
    return st;
}

/* Datasets that follow each other in the caller's list and lie in one file (some may be behind external links). */
typedef struct file_reads {
    const h5r_object *const *ds;
    const h5r_selection *sel;
    size_t n;
    unsigned sharers;
    h5r_status status;
    h5r_error error;
} file_reads;

static void read_file(void *arg, size_t i)
{
    file_reads *r = (file_reads *)arg + i;

    r->status = h5r_read_nested(r->ds[0]->file, r->ds, r->sel, r->n, 0, r->sharers, &r->error);
}

static h5r_status read_files(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n, h5r_error *err)
{
    size_t files = 1, k = 0;

    for (size_t i = 1; i < n; i++)
        files += ds[i]->file != ds[i - 1]->file;
    if (files == 1)
        return h5r_read_nested(ds[0]->file, ds, sel, n, 0, 1, err);
    file_reads *list = calloc(files, sizeof *list);
    if (list == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    for (size_t i = 0; i < n; i++) {
        k += i > 0 && ds[i]->file != ds[i - 1]->file;
        if (list[k].n++ == 0)
            list[k] = (file_reads){.ds = ds + i, .sel = sel + i, .n = 1, .sharers = h5r_each_width(f, files)};
    }
    h5r_each(f, files, read_file, list);
    h5r_status st = H5R_OK;
    for (k = 0; k < files && st == H5R_OK; k++) {
        st = list[k].status;
        if (st != H5R_OK && err != NULL)
            *err = list[k].error;
    }
    free(list);
    return st;
}

h5r_status h5r_read_many(h5r_file *f, const h5r_object *const *ds, const h5r_selection *sel, size_t n, h5r_error *err)
{
    if (f == NULL || (n > 0 && (ds == NULL || sel == NULL)))
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_read_many: NULL argument");
    for (size_t i = 0; i < n; i++)
        if (ds[i] == NULL)
            return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_read_many: NULL argument");
    return n > 0 ? read_files(f, ds, sel, n, err) : H5R_OK;
}

h5r_status h5r_read_dataset(h5r_file *f, const h5r_object *ds, const h5r_selection *sel, h5r_error *err)
{
    return h5r_read_many(f, &ds, sel, 1, err);
}

h5r_status h5r_read_bytes(h5r_file *f, h5r_read *reads, size_t n, h5r_error *err)
{
    h5r_ctx x;
    uint64_t end = 0;

    if (f == NULL || (n > 0 && reads == NULL))
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_read_bytes: NULL argument");
    for (size_t i = 0; i < n; i++) {
        bool in_order = reads[i].offset >= end && reads[i].len > 0 && reads[i].dst != NULL;
        if (!in_order || !h5r_add(reads[i].offset, reads[i].len, &end))
            return h5r_error_set(err, H5R_ERR_ARG, reads[i].offset, "h5r_read_bytes: read %zu is empty, or not behind the one before", i);
    }
    h5r_ctx_begin(&x, f, __func__);
    h5r_status st = n > 0 ? h5r_fetch(&x, reads, n) : H5R_OK;
    if (f->source.read_ranges == NULL && st != H5R_NEED)
        h5r_drop_data(f);
    return h5r_ctx_end(&x, st, err);
}

h5r_status h5r_decode_chunk(h5r_file *f, const h5r_object *ds, const void *src, size_t n, uint32_t skipped, void *dst,
                            size_t dst_len, h5r_error *err)
{
    const h5r_dataset *d;
    h5r_pipeline_scratch scratch = {0};

    if (f == NULL || ds == NULL || src == NULL || dst == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_decode_chunk: NULL argument");
    h5r_status st = h5r_dataset_describe(f, ds, &d, err);
    if (st != H5R_OK)
        return st;
    if (d->layout != H5R_LAYOUT_CHUNKED || dst_len < d->chunk_bytes)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_decode_chunk: not a chunked dataset, or a buffer smaller than a chunk of %" PRIu64 " bytes",
                             d->chunk_bytes);
    st = h5r_pipeline_decode(&f->options, d->filters, d->n_filters, skipped, src, n, dst, (size_t)d->chunk_bytes, &scratch, err);
    h5r_pipeline_scratch_free(&scratch);
    return st;
}
