/* The format kerchunk-json: a Zarr 2 group whose chunks are byte ranges of the HDF5 file. What a reader could not decode is put into the
 * references themselves, up to a size. */
#include "refs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

typedef struct writer {
    refs *r;
    const char *url;
    uint64_t inline_bytes;
    json j;
} writer;

static h5r_status nomem(h5r_error *err)
{
    return refs_fail(err, H5R_ERR_NOMEM, "", "%s", "out of memory");
}

static void put_key(writer *w, const char *prefix, const char *name)
{
    size_t n = strlen(prefix) + strlen(name) + 2;
    char *key = malloc(n);

    if (key != NULL)
        snprintf(key, n, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", name);
    json_key_text(&w->j, key != NULL ? key : name);
    free(key);
}

/* Takes text over. */
static h5r_status put_document(writer *w, const char *prefix, const char *name, char *text, h5r_error *err)
{
    if (text == NULL)
        return nomem(err);
    put_key(w, prefix, name);
    json_text(&w->j, text);
    free(text);
    return H5R_OK;
}

static h5r_status put_metadata(writer *w, const zarr_group *g, const zarr_array *a, const char *prefix, zarr_cut cut, bool complete, h5r_error *err)
{
    uint64_t chunk[ZARR_MAX_RANK];

    zarr_chunk_shape(a, cut, chunk);
    h5r_status st = put_document(w, prefix, ".zarray", zarr_array_text(&w->r->view, a, chunk, cut == ZARR_CUT_STORED, complete ? ZARR_FILL_COMPLETE : ZARR_FILL_MISSING), err);
    return st == H5R_OK ? put_document(w, prefix, ".zattrs", zarr_attrs_text(&w->r->view, g, a, NULL), err) : st;
}

static void put_range(writer *w, const char *prefix, const zarr_array *a, const uint64_t *at, uint64_t offset, uint64_t size)
{
    char key[ZARR_KEY_BYTES];

    zarr_chunk_key(at, a->rank, key, sizeof key);
    put_key(w, prefix, key);
    json_begin_array(&w->j);
    json_text(&w->j, w->url);
    json_uint(&w->j, offset);
    json_uint(&w->j, size);
    json_end_array(&w->j);
    refs_sample_chunk(w->r, prefix, a, at);
    w->r->named++;
}

static void put_chunks(writer *w, const zarr_array *a, const char *prefix, const h5r_chunk *chunks, size_t n)
{
    uint64_t at[ZARR_MAX_RANK] = {0};

    if (a->d->layout != H5R_LAYOUT_CHUNKED) {
        if (a->d->storage_offset != H5R_UNDEFINED && a->d->storage_size > 0)
            put_range(w, prefix, a, at, a->d->storage_offset, a->d->storage_size);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        h5r_chunk_coords(a->d, chunks[i].number, at);
        put_range(w, prefix, a, at, chunks[i].offset, chunks[i].size - zarr_checksum_bytes(a));
    }
}

static h5r_status put_inlined(writer *w, const zarr_group *g, const zarr_array *a, const char *prefix, h5r_error *err)
{
    uint64_t chunk[ZARR_MAX_RANK], at[ZARR_MAX_RANK] = {0}, grid[ZARR_MAX_RANK];
    bool null = a->d->space->cls == H5R_SPACE_NULL;
    char key[ZARR_KEY_BYTES], *text = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;

    zarr_chunk_shape(a, ZARR_CUT_WHOLE, chunk);
    bool empty = null || zarr_grid(a, chunk, grid) == 0;
    if (!empty) { /* before anything is written: it may fail */
        h5r_status st = zarr_read_piece(&w->r->view, a, chunk, at, &bytes, &n, err);
        if (st != H5R_OK)
            return st;
        text = base64_text(bytes, n);
        free(bytes);
        if (text == NULL)
            return nomem(err);
    }
    h5r_status st = put_metadata(w, g, a, prefix, ZARR_CUT_WHOLE, !null, err);
    if (st == H5R_OK && !empty) {
        zarr_chunk_key(at, a->rank, key, sizeof key);
        put_key(w, prefix, key);
        json_begin_text(&w->j);
        json_more_text(&w->j, "base64:");
        json_more_text(&w->j, text);
        json_end_text(&w->j);
        w->r->decoded++;
    }
    free(text);
    return st;
}

/* As netCDF sees the array, which may be longer than what is stored. UINT64_MAX when that is no number. */
static uint64_t shown_bytes(const zarr_array *a)
{
    uint64_t n = a->d->type->size / a->type.per_item;

    for (unsigned i = 0; i < a->rank; i++) {
        if (a->shape[i] != 0 && n > UINT64_MAX / a->shape[i])
            return UINT64_MAX;
        n *= a->shape[i];
    }
    return a->d->space->cls == H5R_SPACE_NULL ? 0 : n;
}

static h5r_status put_array(writer *w, const zarr_group *g, const zarr_array *a, const char *prefix, h5r_error *err)
{
    const h5r_chunk *chunks = NULL;
    size_t n = 0;
    bool complete;
    char why[sizeof err->message];

    h5r_status st = refs_stored_chunks(w->r, a, &chunks, &n, &complete, why, sizeof why, err);
    if (st == H5R_OK) {
        st = put_metadata(w, g, a, prefix, ZARR_CUT_STORED, complete, err);
        if (st == H5R_OK)
            put_chunks(w, a, prefix, chunks, n);
        return st;
    }
    if (st != H5R_ERR_UNSUPPORTED)
        return st;
    if (shown_bytes(a) > w->inline_bytes)
        return refs_fail(err, H5R_ERR_UNSUPPORTED, a->path, "%s", why);
    return put_inlined(w, g, a, prefix, err);
}

static h5r_status put_group(writer *w, const zarr_group *g, h5r_error *err)
{
    char *prefix = refs_key(w->r, g, NULL);

    if (prefix == NULL)
        return nomem(err);
    put_key(w, prefix, ".zgroup");
    json_text(&w->j, zarr_group_text);
    h5r_status st = put_document(w, prefix, ".zattrs", zarr_attrs_text(&w->r->view, g, NULL, NULL), err);
    free(prefix);
    for (size_t i = 0; st == H5R_OK && i < g->n_arrays; i++) {
        char *key = refs_key(w->r, g, g->arrays[i]->name);
        st = key != NULL ? put_array(w, g, g->arrays[i], key, err) : nomem(err);
        if (st != H5R_OK && !refs_ends(st)) {
            refs_left_out(w->r, g->arrays[i]->path, err->message);
            st = H5R_OK;
        }
        free(key);
    }
    for (size_t i = 0; st == H5R_OK && i < g->n_groups; i++)
        st = put_group(w, g->groups[i], err);
    return st;
}

h5r_status refs_write_json(refs *r, const char *url, uint64_t inline_bytes, h5r_error *err)
{
    writer w = {.r = r, .url = url, .inline_bytes = inline_bytes, .j = {.flat = true, .first = true, .replace = true}};

    w.j.out = fopen(r->to.path, "w");
    if (w.j.out == NULL)
        return refs_fail(err, H5R_ERR_IO, "", "cannot write the references: %s", strerror(errno));
    json_begin_object(&w.j);
    json_put_uint(&w.j, "version", 1);
    json_key(&w.j, "refs");
    json_begin_object(&w.j);
    h5r_status st = put_group(&w, r->view.top, err);
    json_end_object(&w.j);
    json_end_object(&w.j);
    fputc('\n', w.j.out);
    bool failed = ferror(w.j.out) != 0;
    if ((fclose(w.j.out) != 0 || failed) && st == H5R_OK)
        st = refs_fail(err, H5R_ERR_IO, "", "cannot write the references: %s", strerror(errno));
    return st;
}
