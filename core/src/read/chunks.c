#include "read/chunks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "index/box.h"
#include "index/index.h"
#include "io/index_cache.h"
#include "util/checked.h"

typedef struct chunk_builder {
    h5r_ctx *x;
    const h5r_chunked *d;
    h5r_chunk *list;
    size_t n, cap;
} chunk_builder;

static uint64_t number_of(const h5r_chunked *d, const uint64_t *scaled)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < d->rank; i++)
        n = n * d->grid[i] + scaled[i];
    return n;
}

static h5r_status add_chunk(chunk_builder *b, const h5r_chunk *c)
{
    h5r_ctx *x = b->x;

    if (b->n == b->cap) {
        size_t cap = b->cap * 2 + 64;
        if (b->n > x->file->limits.metadata_bytes / sizeof *b->list)
            return h5r_fail(x, H5R_ERR_LIMIT, b->d->addr, "list of more than %zu chunks (limits.metadata_bytes)", b->n);
        h5r_chunk *list = h5r_scratch(x, cap, sizeof *list);
        if (list == NULL)
            return H5R_ERR_NOMEM;
        if (b->n > 0)
            memcpy(list, b->list, b->n * sizeof *list);
        b->list = list;
        b->cap = cap;
    }
    b->list[b->n++] = *c;
    return H5R_OK;
}

static h5r_status visit(void *arg, const uint64_t *scaled, uint64_t addr, uint64_t size, uint32_t mask)
{
    chunk_builder *b = arg;
    h5r_ctx *x = b->x;
    uint64_t offset, end;

    if (!h5r_add(addr, x->file->info.base, &offset) || !h5r_add(offset, size, &end) || end > SIZE_MAX)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "chunk of %" PRIu64 " bytes at an impossible address", size);
    h5r_chunk c = {.offset = offset, .size = size, .number = number_of(b->d, scaled), .skipped = mask};
    return add_chunk(b, &c);
}

static int by_number(const void *a, const void *b)
{
    const h5r_chunk *p = a, *q = b;
    if (p->number != q->number)
        return p->number < q->number ? -1 : 1;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static bool in_order(const h5r_chunk *list, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (list[i].number <= list[i - 1].number)
            return false;
    return true;
}

static h5r_status visit_box(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_list *out)
{
    chunk_builder b = {.x = x, .d = d};
    uint64_t total = 1;

    for (unsigned i = 0; i < d->rank; i++)
        if (!h5r_mul(total, h5r_max(d->grid[i], 1), &total))
            return h5r_fail(x, H5R_ERR_LIMIT, d->addr, "a grid of more than 2^64 chunks");
    H5R_TRY(h5r_index_visit(x, d, lo, hi, visit, &b));
    if (!in_order(b.list, b.n))
        qsort(b.list, b.n, sizeof *b.list, by_number);
    size_t kept = 0;
    for (size_t i = 0; i < b.n; i++) /* a damaged index may name a chunk twice: the first one counts */
        if (kept == 0 || b.list[i].number != b.list[kept - 1].number)
            b.list[kept++] = b.list[i];
    *out = (h5r_chunk_list){b.list, kept};
    return H5R_OK;
}

static h5r_index_key key_of(const h5r_chunked *k)
{
    return (h5r_index_key){.addr = k->addr, .kind = k->kind, .rank = k->rank, .grid = k->grid};
}

/* Indexes that are structures of their own. */
static bool is_worth_keeping(const h5r_ctx *x, const h5r_chunked *k)
{
    return x->file->index_cache != NULL && k->addr != H5R_UNDEFINED && k->kind != H5R_INDEX_SINGLE && k->kind != H5R_INDEX_IMPLICIT;
}

static h5r_status memoise(h5r_ctx *x, const h5r_dataset *d, const h5r_chunk_list *found, const h5r_chunk_list **out)
{
    h5r_chunk_list list = {.n = found->n};
    h5r_chunk *copy = h5r_alloc(x, found->n, sizeof *copy);

    if (copy == NULL)
        return x->error.status;
    if (found->n > 0)
        memcpy(copy, found->chunks, found->n * sizeof *copy);
    list.chunks = copy;
    return h5r_memo_put(x, H5R_MEMO_CHUNKS, (uint64_t)(uintptr_t)d, &list, sizeof list, (const void **)out);
}

/* The whole list where it is known: read before, or by an earlier process. NULL when it is not. */
static h5r_status find_list(h5r_ctx *x, const h5r_dataset *d, const h5r_chunk_list **out)
{
    const h5r_chunked *k = &h5r_dataset_data_of(d)->chunked;
    h5r_index_key key = key_of(k);
    h5r_chunk_list found = {0};

    /* Descriptions are memoised: one for each dataset. */
    *out = h5r_memo_get(x, H5R_MEMO_CHUNKS, (uint64_t)(uintptr_t)d);
    if (*out != NULL || !is_worth_keeping(x, k))
        return H5R_OK;
    H5R_TRY(h5r_index_cache_find(x, &key, &found.chunks, &found.n));
    return found.chunks != NULL ? memoise(x, d, &found, out) : H5R_OK;
}

h5r_status h5r_load_chunk_list(h5r_ctx *x, const h5r_dataset *d, const h5r_chunk_list **out)
{
    const h5r_chunked *k = &h5r_dataset_data_of(d)->chunked;
    uint64_t lo[H5R_MAX_RANK] = {0}, hi[H5R_MAX_RANK];
    h5r_chunk_list found = {0};

    H5R_TRY(find_list(x, d, out));
    if (*out != NULL)
        return H5R_OK;
    for (unsigned i = 0; i < k->rank; i++)
        hi[i] = k->grid[i] > 0 ? k->grid[i] - 1 : 0;
    if (d->space->count > 0) {
        x->unkept = is_worth_keeping(x, k);
        h5r_status st = visit_box(x, k, lo, hi, &found);
        x->unkept = false;
        H5R_TRY(st);
    }
    H5R_TRY(memoise(x, d, &found, out));
    x->listed = true;
    if (is_worth_keeping(x, k)) {
        h5r_index_key key = key_of(k);
        h5r_index_cache_keep(x->file, &key, (*out)->chunks, (*out)->n);
    }
    return H5R_OK;
}

h5r_status h5r_load_all_chunks(h5r_ctx *x, const h5r_dataset *d)
{
    const h5r_chunk_list *l;
    return d->layout == H5R_LAYOUT_CHUNKED ? h5r_load_chunk_list(x, d, &l) : H5R_OK;
}

/* Index of the first chunk from i on whose number is not below number. */
static size_t lower_bound(const h5r_chunk_list *l, size_t i, uint64_t number)
{
    size_t n = l->n;
    while (i < n) {
        size_t mid = i + (n - i) / 2;
        if (l->chunks[mid].number < number)
            i = mid + 1;
        else
            n = mid;
    }
    return i;
}

h5r_status h5r_load_chunks(h5r_ctx *x, const h5r_dataset *d, const uint64_t *lo, const uint64_t *hi, h5r_chunk_list *out)
{
    const h5r_chunked *k = &h5r_dataset_data_of(d)->chunked;
    const h5r_chunk_list *all;

    H5R_TRY(find_list(x, d, &all));
    if (all == NULL)
        return visit_box(x, k, lo, hi, out);

    /* From the memoised list: from each chunk found, or passed, to the first one that may be the next of the box. */
    chunk_builder b = {.x = x, .d = k};
    size_t i = lower_bound(all, 0, number_of(k, lo));
    while (i < all->n) {
        uint64_t at[H5R_MAX_RANK], next[H5R_MAX_RANK];
        h5r_chunk_coords(d, all->chunks[i].number, at);
        if (!h5r_box_next(k->rank, lo, hi, at, next))
            break;
        uint64_t number = number_of(k, next);
        if (number == all->chunks[i].number)
            H5R_TRY(add_chunk(&b, &all->chunks[i++]));
        else
            i = lower_bound(all, i, number);
    }
    *out = (h5r_chunk_list){b.list, b.n};
    return H5R_OK;
}

void h5r_chunk_coords(const h5r_dataset *d, uint64_t number, uint64_t *coords)
{
    for (unsigned i = d->space->rank; i-- > 0;) {
        uint64_t n = d->grid[i] > 0 ? d->grid[i] : 1;
        coords[i] = number % n;
        number /= n;
    }
}

/* ---------------------------------------------------------------- public */

typedef struct chunks_args {
    const h5r_object *object;
    const uint64_t *first, *count;
    h5r_chunk *out;
    const h5r_chunk_list *all;
} chunks_args;

static h5r_status load_chunked(h5r_ctx *x, const h5r_object *o, const h5r_dataset **d)
{
    H5R_TRY(h5r_load_dataset(x, h5r_header_of(o), d));
    return (*d)->layout == H5R_LAYOUT_CHUNKED ? H5R_OK : h5r_fail(x, H5R_ERR_ARG, o->addr, "dataset is not chunked");
}

static h5r_status step_box(h5r_ctx *x, void *arg)
{
    chunks_args *a = arg;
    const h5r_dataset *d;
    uint64_t hi[H5R_MAX_RANK], total = 1;
    h5r_chunk_list found;

    H5R_TRY(load_chunked(x, a->object, &d));
    unsigned rank = d->space->rank;
    for (unsigned i = 0; i < rank; i++) {
        uint64_t end;
        if (a->count[i] == 0 || !h5r_add(a->first[i], a->count[i], &end) || end > d->grid[i] || !h5r_mul(total, a->count[i], &total))
            return h5r_fail(x, H5R_ERR_ARG, H5R_UNDEFINED, "box of chunks outside the grid: dimension %u has %" PRIu64, i, d->grid[i]);
        hi[i] = end - 1;
    }
    H5R_TRY(h5r_load_chunks(x, d, a->first, hi, &found));

    /* Everything absent first, then what was found in its place. */
    uint64_t at[H5R_MAX_RANK];
    memcpy(at, a->first, rank * sizeof *at);
    for (uint64_t n = 0; n < total; n++) {
        uint64_t number = number_of(&h5r_dataset_data_of(d)->chunked, at);
        a->out[n] = (h5r_chunk){.offset = H5R_UNDEFINED, .number = number};
        for (unsigned i = rank; i-- > 0;) {
            if (++at[i] < a->first[i] + a->count[i])
                break;
            at[i] = a->first[i];
        }
    }
    for (size_t k = 0; k < found.n; k++) {
        uint64_t n = 0;
        h5r_chunk_coords(d, found.chunks[k].number, at);
        for (unsigned i = 0; i < rank; i++)
            n = n * a->count[i] + (at[i] - a->first[i]);
        a->out[n] = found.chunks[k];
    }
    return H5R_OK;
}

static h5r_status with_path(h5r_file *f, h5r_status st, const h5r_object *o, h5r_error *err)
{
    const char *path = st < 0 && err != NULL ? h5r_known_path(f, o->addr) : NULL;
    if (path != NULL)
        h5r_error_set_path(err, path);
    return st;
}

h5r_status h5r_chunks(h5r_file *f, const h5r_object *ds, const uint64_t *first, const uint64_t *count, h5r_chunk *out,
                      h5r_error *err)
{
    chunks_args a = {.object = ds, .first = first, .count = count, .out = out};

    if (f == NULL || ds == NULL || first == NULL || count == NULL || out == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_chunks: NULL argument");
    return with_path(ds->file, h5r_run(ds->file, __func__, step_box, &a, err), ds, err);
}

static h5r_status step_all(h5r_ctx *x, void *arg)
{
    chunks_args *a = arg;
    const h5r_dataset *d;

    H5R_TRY(load_chunked(x, a->object, &d));
    return h5r_load_chunk_list(x, d, &a->all);
}

h5r_status h5r_chunks_all(h5r_file *f, const h5r_object *ds, const h5r_chunk **out, size_t *n, h5r_error *err)
{
    chunks_args a = {.object = ds};

    if (f == NULL || ds == NULL || out == NULL || n == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_chunks_all: NULL argument");
    h5r_ctx x;
    h5r_ctx_begin(&x, ds->file, __func__);
    x.reach = H5R_REACH_BELOW; /* the nodes of an index lie between its chunks, all over the file */
    h5r_status st = h5r_ctx_end(&x, h5r_drive(&x, step_all, &a), err);
    if (st == H5R_OK) {
        *out = a.all->chunks;
        *n = a.all->n;
    }
    return with_path(ds->file, st, ds, err);
}
