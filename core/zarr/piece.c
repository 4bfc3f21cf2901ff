#include "piece.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

enum { PIECE = 8 << 20, GROUP = 4 << 20, DEEP_GROUP = 256 << 10 }; /* bytes */

static bool times(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a * b;
    return a == 0 || b <= UINT64_MAX / a;
}

/* Chunks are put together from the last dimension on. Who reads images takes a window of the last two and one element of the others. */
static void group_chunks(const zarr_array *a, unsigned outer, uint64_t *chunk)
{
    uint64_t bytes = a->d->type->size > 0 ? a->d->type->size : 1;

    for (unsigned i = 0; i < outer; i++) {
        chunk[i] = a->d->layout == H5R_LAYOUT_CHUNKED ? a->d->chunk[i] : 1;
        if (!times(bytes, chunk[i], &bytes))
            return;
    }
    for (unsigned i = outer; i-- > 0;) {
        uint64_t most = (i + 2 >= outer ? GROUP : DEEP_GROUP) / bytes;
        uint64_t have = a->shape[i] / chunk[i] + (a->shape[i] % chunk[i] != 0);
        uint64_t factor = have < most ? have : most;
        if (factor > 1) {
            chunk[i] *= factor;
            bytes *= factor;
        }
    }
}

void zarr_chunk_shape(const zarr_array *a, zarr_cut cut, uint64_t *chunk)
{
    unsigned outer = a->d->space->rank < a->rank ? a->d->space->rank : a->rank;
    uint64_t bytes = a->d->type->size > 0 ? a->d->type->size : 1;

    for (unsigned i = 0; i < a->rank; i++)
        chunk[i] = a->shape[i] > 0 ? a->shape[i] : 1;
    if (cut == ZARR_CUT_GROUPS) {
        group_chunks(a, outer, chunk);
        return;
    }
    if (cut != ZARR_CUT_WHOLE && a->d->layout == H5R_LAYOUT_CHUNKED) {
        memcpy(chunk, a->d->chunk, outer * sizeof *chunk);
        return;
    }
    if (cut != ZARR_CUT_PIECES)
        return;
    unsigned first = outer; /* dimensions from here on fit into a piece */
    while (first > 0 && bytes <= PIECE / chunk[first - 1])
        bytes *= chunk[--first];
    if (first > 0)
        chunk[first - 1] = bytes < PIECE ? PIECE / bytes : 1;
    for (unsigned i = 0; i + 1 < first; i++)
        chunk[i] = 1;
}

uint64_t zarr_grid(const zarr_array *a, const uint64_t *chunk, uint64_t *grid)
{
    uint64_t n = 1;

    for (unsigned i = 0; i < a->rank; i++) {
        grid[i] = a->shape[i] / chunk[i] + (a->shape[i] % chunk[i] != 0);
        if (!times(n, grid[i], &n))
            return UINT64_MAX;
    }
    return n;
}

void zarr_chunk_key(const uint64_t *at, unsigned rank, char *key, size_t cap)
{
    size_t n = 0;

    snprintf(key, cap, "0");
    for (unsigned i = 0; i < rank && n < cap; i++)
        n += (size_t)snprintf(key + n, cap - n, "%s%" PRIu64, i > 0 ? "." : "", at[i]);
}

zarr_type zarr_shown_type(const zarr_array *a)
{
    return a->is_scaled ? (zarr_type){.kind = ZARR_NUMBER, .letter = 'f', .size = 8, .t = a->type.t, .per_item = a->type.per_item} : a->type;
}

/* n elements (of the kind that an element of the dataset has per_item of) as they are shown. False: out of memory. */
static bool convert(const zarr_array *a, const uint8_t *src, size_t n, uint8_t *dst)
{
    if (!a->is_scaled) {
        zarr_convert(&a->type, src, n, dst);
        return true;
    }
    uint8_t *packed = malloc(n * a->type.size + 1);
    for (size_t i = 0; packed != NULL && i < n; i++) {
        zarr_convert(&a->type, src + i * a->type.t->size, 1, packed);
        zarr_put_double(zarr_number_of(&a->type, packed) * a->scale + a->offset, dst + 8 * i);
    }
    free(packed);
    return packed != NULL;
}

uint8_t *zarr_fill_item(const zarr_array *a)
{
    const h5r_type *t = a->d->type;
    size_t n = (size_t)zarr_shown_type(a).size * a->type.per_item;
    uint8_t *item = calloc(1, n + 1), *native = malloc((size_t)t->size + 1);

    if (item != NULL && native != NULL && a->d->fill_value != NULL && a->d->fill == H5R_FILL_USER && a->d->fill_time != H5R_FILL_NEVER) {
        memcpy(native, a->d->fill_value, t->size);
        h5r_swap(t, native, 1);
        if (!convert(a, native, a->type.per_item, item)) {
            free(native);
            native = NULL;
        }
    }
    if (native == NULL) {
        free(item);
        item = NULL;
    }
    free(native);
    return item;
}

uint64_t zarr_piece_bytes(const zarr_array *a, const uint64_t *chunk)
{
    uint64_t n = zarr_shown_type(a).size;

    for (unsigned i = 0; i < a->rank; i++)
        if (!times(n, chunk[i], &n))
            return UINT64_MAX;
    return n;
}

/* The part of a chunk that the dataset has. */
typedef struct box {
    unsigned rank; /* of the dataspace */
    uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK];
    uint64_t n; /* elements */
    bool whole; /* all of the chunk */
} box;

static box box_of(const zarr_array *a, const uint64_t *chunk, const uint64_t *at)
{
    box b = {.rank = a->d->space->rank, .n = a->d->space->cls == H5R_SPACE_NULL ? 0 : 1, .whole = true};

    for (unsigned i = 0; i < b.rank; i++) {
        b.start[i] = at[i] * chunk[i];
        b.count[i] = b.start[i] < a->own[i] ? a->own[i] - b.start[i] : 0;
        if (b.count[i] >= chunk[i])
            b.count[i] = chunk[i];
        else
            b.whole = false;
        b.n *= b.count[i];
    }
    return b;
}

/* Rows of the box, packed in src, to their places in the chunk. */
static void place(const box *b, const uint64_t *chunk, size_t item, const uint8_t *src, uint8_t *dst)
{
    uint64_t index[H5R_MAX_RANK] = {0};
    size_t row = b->rank > 0 ? (size_t)b->count[b->rank - 1] : 1;

    for (uint64_t done = 0; done < b->n; done += row) {
        uint64_t at = 0;
        for (unsigned i = 0; i < b->rank; i++)
            at = at * chunk[i] + index[i];
        memcpy(dst + at * item, src + done * item, row * item);
        for (unsigned i = b->rank > 0 ? b->rank - 1 : 0; i-- > 0;) {
            if (++index[i] < b->count[i])
                break;
            index[i] = 0;
        }
    }
}

static h5r_status nomem(h5r_error *err)
{
    *err = (h5r_error){.status = H5R_ERR_NOMEM, .offset = H5R_UNDEFINED, .message = "a chunk does not fit into memory"};
    return H5R_ERR_NOMEM;
}

static h5r_status read_box(const zarr_view *v, const zarr_array *a, const box *b, uint8_t **elems, h5r_error *err)
{
    uint64_t bytes;

    *elems = NULL;
    if (!times(b->n, a->d->type->size, &bytes) || bytes >= SIZE_MAX || (*elems = malloc((size_t)bytes + 1)) == NULL)
        return nomem(err);
    if (b->n == 0)
        return H5R_OK;
    h5r_selection sel = {.start = b->start, .count = b->count, .dst = *elems};
    return h5r_read_dataset(v->f, a->object, &sel, err);
}

static void put_length(FILE *m, size_t n)
{
    for (int i = 0; i < 4; i++)
        fputc((int)(n >> 8 * i & 0xff), m);
}

/* One text of the chunk: its length, then its bytes. False: out of memory. */
static bool put_text(FILE *m, const zarr_array *a, const h5r_values *values, const uint8_t *elem)
{
    char *text = NULL;
    size_t n = 0;
    FILE *one = elem != NULL ? open_memstream(&text, &n) : NULL;

    if (one != NULL) {
        zarr_put_text(one, a->object->file, values, a->type.t, elem);
        fclose(one);
    }
    put_length(m, n);
    fwrite(text != NULL ? text : "", 1, n, m);
    free(text);
    return elem == NULL || one != NULL;
}

static h5r_status put_texts(const zarr_array *a, const box *b, const uint64_t *chunk, const h5r_values *values, const uint8_t *elems, FILE *m,
                            h5r_error *err)
{
    uint64_t total = 1, index[H5R_MAX_RANK] = {0}, k = 0;
    bool sound = true;

    for (unsigned i = 0; i < a->rank; i++)
        if (!times(total, chunk[i], &total) || total > UINT32_MAX)
            return nomem(err);
    put_length(m, (size_t)total);
    for (uint64_t done = 0; done < total && sound; done += a->type.per_item) {
        bool inside = b->n > 0;
        for (unsigned i = 0; i < b->rank; i++)
            inside &= index[i] < b->count[i];
        for (uint32_t i = 0; i < a->type.per_item && sound; i++)
            sound = put_text(m, a, values, inside ? elems + k * a->d->type->size + (size_t)i * a->type.t->size : NULL);
        k += inside;
        for (unsigned i = b->rank; i-- > 0;) {
            if (++index[i] < chunk[i])
                break;
            index[i] = 0;
        }
    }
    return sound ? H5R_OK : nomem(err);
}

static h5r_status text_piece(const zarr_array *a, const box *b, const uint64_t *chunk, uint8_t *elems, uint8_t **bytes, size_t *n,
                             h5r_error *err)
{
    h5r_values *values = NULL;
    char *text = NULL;
    bool refers = a->d->type->in_heap || a->type.t->cls == H5R_CLASS_REFERENCE;

    h5r_status st = refers && b->n > 0 ? h5r_values_load(a->object->file, a->d->type, elems, (size_t)b->n, &values, err) : H5R_OK;
    FILE *m = st == H5R_OK ? open_memstream(&text, n) : NULL;
    if (st == H5R_OK && m == NULL)
        st = nomem(err);
    if (st == H5R_OK)
        st = put_texts(a, b, chunk, values, elems, m, err);
    if (m != NULL && fclose(m) != 0 && st == H5R_OK)
        st = nomem(err);
    h5r_values_free(values);
    *bytes = (uint8_t *)text;
    return st;
}

static h5r_status number_piece(const zarr_array *a, const box *b, const uint64_t *chunk, const uint8_t *elems, uint8_t **bytes, size_t *n,
                               h5r_error *err)
{
    uint64_t total = zarr_piece_bytes(a, chunk);
    size_t item = (size_t)zarr_shown_type(a).size * a->type.per_item;
    uint8_t *whole = total < SIZE_MAX ? malloc((size_t)total + 1) : NULL, *packed = whole, *fill = NULL;

    if (!b->whole || b->n == 0) {
        packed = malloc((size_t)b->n * item + 1);
        fill = zarr_fill_item(a);
    }
    bool sound = whole != NULL && packed != NULL && (packed == whole || fill != NULL);
    sound = sound && convert(a, elems, (size_t)b->n * a->type.per_item, packed);
    *n = (size_t)total;
    if (sound && packed != whole) {
        for (size_t at = 0; at + item <= *n && item > 0; at += item)
            memcpy(whole + at, fill, item);
        place(b, chunk, item, packed, whole);
    }
    if (packed != whole)
        free(packed);
    free(fill);
    if (!sound) {
        free(whole);
        return nomem(err);
    }
    *bytes = whole;
    return H5R_OK;
}

h5r_status zarr_read_piece(const zarr_view *v, const zarr_array *a, const uint64_t *chunk, const uint64_t *at, uint8_t **bytes, size_t *n,
                           h5r_error *err)
{
    box b = box_of(a, chunk, at);
    uint8_t *elems;

    *bytes = NULL;
    *n = 0;
    h5r_status st = read_box(v, a, &b, &elems, err);
    if (st == H5R_OK)
        st = a->type.kind == ZARR_TEXT ? text_piece(a, &b, chunk, elems, bytes, n, err) : number_piece(a, &b, chunk, elems, bytes, n, err);
    free(elems);
    if (st != H5R_OK) {
        free(*bytes);
        *bytes = NULL;
        if (err->path[0] == '\0')
            snprintf(err->path, sizeof err->path, "%s", a->path);
    }
    return st;
}
