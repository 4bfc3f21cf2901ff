/* The format zarr: a folder with a Zarr 2 hierarchy. Chunks are copied as they are stored where Zarr has the codecs, so nothing is compressed
 * anew; others are decoded. */
#include "refs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 16 << 20, UNWRITTEN = 16 << 20 }; /* bytes: of chunks read at once; of chunks written for want of a fill value that says them */

typedef struct store {
    refs *r;
    json all; /* .zmetadata: all documents in one */
} store;

static h5r_status nomem(h5r_error *err)
{
    return refs_fail(err, H5R_ERR_NOMEM, "", "%s", "out of memory");
}

/* Folder and name of a file in a folder, NULL: out of memory. */
static char *name_in(const char *folder, const char *prefix, const char *name)
{
    size_t n = strlen(folder) + strlen(prefix) + strlen(name) + 3;
    char *path = malloc(n);

    if (path != NULL)
        snprintf(path, n, "%s/%s%s%s", folder, prefix, prefix[0] != '\0' ? "/" : "", name);
    return path;
}

static char *file_name(const store *s, const char *prefix, const char *name)
{
    return name_in(s->r->to.path, prefix, name);
}

/* Names the file as it would have been called. */
static h5r_status cannot_write(const store *s, const char *prefix, const char *name, h5r_error *err)
{
    int error = errno;
    char *path = name_in(s->r->o->output, prefix, name);

    errno = error;
    h5r_status st = path != NULL ? refs_cannot_write(err, path) : nomem(err);
    free(path);
    return st;
}

static h5r_status put_file(const store *s, const char *prefix, const char *name, const void *bytes, size_t n, h5r_error *err)
{
    char *path = file_name(s, prefix, name);

    if (path == NULL)
        return nomem(err);
    FILE *out = fopen(path, "wb");
    bool written = out != NULL && fwrite(bytes, 1, n, out) == n;
    if (out != NULL && fclose(out) != 0)
        written = false;
    h5r_status st = written ? H5R_OK : cannot_write(s, prefix, name, err);
    free(path);
    return st;
}

/* Takes text over. */
static h5r_status put_document(store *s, const char *prefix, const char *name, char *text, h5r_error *err)
{
    if (text == NULL)
        return nomem(err);
    size_t n = strlen(prefix) + strlen(name) + 2;
    char *key = malloc(n);
    h5r_status st = key != NULL ? put_file(s, prefix, name, text, strlen(text), err) : nomem(err);
    if (st == H5R_OK) {
        snprintf(key, n, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", name);
        json_key_text(&s->all, key);
        json_raw(&s->all, text);
    }
    free(key);
    free(text);
    return st;
}

/* A name that is a folder of its own, and none of Zarr's. */
static bool is_folder_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) < 256;
}

static h5r_status make_folder(store *s, const char *prefix, const char *name, const char *path, h5r_error *err)
{
    if (!is_folder_name(name))
        return refs_fail(err, H5R_ERR_UNSUPPORTED, path, "%s", "its name cannot be that of a folder");
    char *folder = file_name(s, prefix, "");
    if (folder == NULL)
        return nomem(err);
    h5r_status st = mkdir(folder, 0777) == 0 ? H5R_OK
                    : errno == EEXIST        ? refs_fail(err, H5R_ERR_UNSUPPORTED, path, "%s", "a folder of that name is there already")
                                             : cannot_write(s, prefix, "", err);
    free(folder);
    return st;
}

static h5r_status put_metadata(store *s, const zarr_group *g, const zarr_array *a, const char *prefix, const uint64_t *chunk, bool stored, bool complete,
                               h5r_error *err)
{
    h5r_status st = put_document(s, prefix, ".zarray", zarr_array_text(&s->r->view, a, chunk, stored, complete ? ZARR_FILL_COMPLETE : ZARR_FILL_MISSING), err);

    return st == H5R_OK ? put_document(s, prefix, ".zattrs", zarr_attrs_text(&s->r->view, g, a, NULL), err) : st;
}

/* ---------------------------------------------------------------- chunks as they are stored */

static int by_offset(const void *a, const void *b)
{
    const h5r_chunk *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Reads a batch of chunks, sorted by offset, in one round and writes a file for each. */
static h5r_status copy_batch(store *s, const zarr_array *a, const char *prefix, const h5r_chunk *chunks, size_t n, size_t bytes, h5r_error *err)
{
    h5r_read *reads = malloc(n * sizeof *reads);
    uint8_t *room = malloc(bytes + 1), *to = room;
    uint64_t at[ZARR_MAX_RANK] = {0};
    char key[ZARR_KEY_BYTES];

    h5r_status st = reads != NULL && room != NULL ? H5R_OK : nomem(err);
    for (size_t i = 0; st == H5R_OK && i < n; to += chunks[i++].size)
        reads[i] = (h5r_read){.offset = chunks[i].offset, .len = (size_t)chunks[i].size, .dst = to};
    if (st == H5R_OK)
        st = h5r_read_bytes(s->r->view.f, reads, n, err);
    for (size_t i = 0; st == H5R_OK && i < n; i++) {
        h5r_chunk_coords(a->d, chunks[i].number, at);
        zarr_chunk_key(at, a->rank, key, sizeof key);
        st = put_file(s, prefix, key, reads[i].dst, reads[i].len - zarr_checksum_bytes(a), err);
        refs_sample_chunk(s->r, prefix, a, at);
        s->r->copied += st == H5R_OK;
    }
    free(room);
    free(reads);
    return st;
}

static h5r_status copy_chunks(store *s, const zarr_array *a, const char *prefix, const h5r_chunk *chunks, size_t n, h5r_error *err)
{
    h5r_chunk *sorted = malloc((n + 1) * sizeof *sorted);
    h5r_status st = H5R_OK;

    if (sorted == NULL)
        return nomem(err);
    if (n > 0)
        memcpy(sorted, chunks, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_offset);
    for (size_t i = 0; st == H5R_OK && i < n;) {
        size_t count = 0;
        uint64_t bytes = 0, end = 0;
        while (i + count < n && (count == 0 || bytes + sorted[i + count].size <= BATCH) && sorted[i + count].offset >= end) {
            bytes += sorted[i + count].size;
            end = sorted[i + count].offset + sorted[i + count].size;
            count++;
        }
        if (bytes > SIZE_MAX - 1) {
            st = nomem(err);
            break;
        }
        st = copy_batch(s, a, prefix, sorted + i, count, (size_t)bytes, err);
        i += count;
    }
    free(sorted);
    return st;
}

/* ---------------------------------------------------------------- decoded chunks */

static h5r_status put_piece(store *s, const zarr_array *a, const char *prefix, const uint64_t *chunk, const uint64_t *at, h5r_error *err)
{
    char key[ZARR_KEY_BYTES];
    uint8_t *bytes;
    size_t n;

    h5r_status st = zarr_read_piece(&s->r->view, a, chunk, at, &bytes, &n, err);
    if (st != H5R_OK)
        return st;
    zarr_chunk_key(at, a->rank, key, sizeof key);
    st = put_file(s, prefix, key, bytes, n, err);
    refs_sample_chunk(s->r, prefix, a, at);
    s->r->decoded += st == H5R_OK;
    free(bytes);
    return st;
}

/* Whether the chunks that are missing, n of them there, are to be written out: elements of their fill value differ. They may claim any size. */
static h5r_status write_missing(const zarr_array *a, const uint64_t *chunk, uint64_t n, bool *write, h5r_error *err)
{
    uint64_t grid[ZARR_MAX_RANK], bytes = a->d->type->size / a->type.per_item, total = zarr_grid(a, chunk, grid);
    char why[sizeof err->message];

    for (unsigned i = 0; i < a->rank; i++)
        bytes = bytes > 0 && chunk[i] > UINT64_MAX / bytes ? UINT64_MAX : bytes * chunk[i];
    *write = false;
    h5r_status st = refs_may_miss(a, n == total, why, sizeof why, err);
    if (st != H5R_ERR_UNSUPPORTED || total == UINT64_MAX || (bytes > 0 && total - n > UNWRITTEN / bytes))
        return st;
    *write = true;
    return H5R_OK;
}

/* Writes all chunks of which the dataset has a part, row by row of the grid. *all: there are no others. */
static h5r_status put_grid(store *s, const zarr_array *a, const char *prefix, const uint64_t *chunk, bool *all, h5r_error *err)
{
    uint64_t grid[ZARR_MAX_RANK], own[ZARR_MAX_RANK], at[ZARR_MAX_RANK] = {0}, total = 1, n = zarr_grid(a, chunk, grid);
    bool missing;

    *all = n != UINT64_MAX;
    for (unsigned i = 0; i < a->rank; i++) {
        own[i] = a->own[i] / chunk[i] + (a->own[i] % chunk[i] != 0);
        *all &= own[i] == grid[i];
        total *= own[i];
    }
    bool unwritten = a->d->layout == H5R_LAYOUT_CONTIGUOUS && a->d->storage_offset == H5R_UNDEFINED && total > 1;
    h5r_status st = write_missing(a, chunk, unwritten ? 0 : total, &missing, err);
    if (missing) {
        *all = true;
        total = n;
    } else {
        memcpy(grid, own, a->rank * sizeof *grid);
    }
    /* What was never written is fill value, and is missing unless it is little: it may claim to be of any size. */
    if (st == H5R_OK && unwritten && !missing) {
        *all = false;
        return H5R_OK;
    }
    for (uint64_t k = 0; st == H5R_OK && k < total; k++) {
        uint64_t rest = k;
        for (unsigned i = a->rank; i-- > 0; rest /= grid[i])
            at[i] = rest % grid[i];
        st = put_piece(s, a, prefix, chunk, at, err);
    }
    return st;
}

static h5r_status put_decoded_chunks(store *s, const zarr_array *a, const char *prefix, const uint64_t *chunk, bool *all, h5r_error *err)
{
    uint64_t grid[ZARR_MAX_RANK], at[ZARR_MAX_RANK] = {0};
    const h5r_chunk *chunks;
    size_t n;

    h5r_status st = h5r_chunks_all(s->r->view.f, a->object, &chunks, &n, err);
    *all = st == H5R_OK && n == zarr_grid(a, chunk, grid);
    bool missing = false;
    if (st == H5R_OK)
        st = write_missing(a, chunk, n, &missing, err);
    if (st == H5R_OK && missing)
        return put_grid(s, a, prefix, chunk, all, err);
    for (size_t i = 0; st == H5R_OK && i < n; i++) {
        h5r_chunk_coords(a->d, chunks[i].number, at);
        st = put_piece(s, a, prefix, chunk, at, err);
    }
    return st;
}

static h5r_status decode_array(store *s, const zarr_group *g, const zarr_array *a, const char *prefix, h5r_error *err)
{
    uint64_t chunk[ZARR_MAX_RANK];
    h5r_status st = H5R_OK;
    bool all = false;

    zarr_chunk_shape(a, ZARR_CUT_PIECES, chunk);
    if (a->d->space->cls != H5R_SPACE_NULL && a->d->layout == H5R_LAYOUT_CHUNKED)
        st = put_decoded_chunks(s, a, prefix, chunk, &all, err);
    else if (a->d->space->cls != H5R_SPACE_NULL)
        st = put_grid(s, a, prefix, chunk, &all, err);
    return st == H5R_OK ? put_metadata(s, g, a, prefix, chunk, false, all, err) : st;
}

/* ---------------------------------------------------------------- the hierarchy */

/* Documents come last: without them what is there of a chunk is no array. */
static h5r_status put_chunks(store *s, const zarr_group *g, const zarr_array *a, const char *prefix, h5r_error *err)
{
    uint64_t chunk[ZARR_MAX_RANK];
    const h5r_chunk *chunks = NULL;
    size_t n = 0;
    bool complete, chunked = a->d->layout == H5R_LAYOUT_CHUNKED;
    char why[sizeof err->message];

    h5r_status st = chunked ? refs_stored_chunks(s->r, a, &chunks, &n, &complete, why, sizeof why, err) : H5R_ERR_UNSUPPORTED;
    if (st == H5R_ERR_UNSUPPORTED)
        return decode_array(s, g, a, prefix, err);
    if (st == H5R_OK)
        st = copy_chunks(s, a, prefix, chunks, n, err);
    if (st != H5R_OK)
        return st;
    zarr_chunk_shape(a, ZARR_CUT_STORED, chunk);
    return put_metadata(s, g, a, prefix, chunk, true, complete, err);
}

/* Removes the folder of an array of which not all chunks could be written. */
static void remove_array(const store *s, const char *prefix)
{
    char *folder = file_name(s, prefix, "");
    DIR *dir = folder != NULL ? opendir(folder) : NULL;

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char *path = file_name(s, prefix, e->d_name);
        if (path != NULL)
            (void)unlink(path); /* fails for "." and ".." */
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
    if (folder != NULL)
        (void)rmdir(folder);
    free(folder);
}

static h5r_status put_array(store *s, const zarr_group *g, const zarr_array *a, const char *prefix, h5r_error *err)
{
    h5r_status st = make_folder(s, prefix, a->name, a->path, err);

    if (st != H5R_OK)
        return st;
    st = put_chunks(s, g, a, prefix, err);
    if (st != H5R_OK) {
        refs_forget_samples(s->r, a);
        remove_array(s, prefix);
    }
    return st;
}

static h5r_status put_group(store *s, const zarr_group *g, const char *prefix, h5r_error *err)
{
    char *own = strdup(zarr_group_text);

    h5r_status st = put_document(s, prefix, ".zgroup", own, err);
    if (st == H5R_OK)
        st = put_document(s, prefix, ".zattrs", zarr_attrs_text(&s->r->view, g, NULL, NULL), err);
    for (size_t i = 0; st == H5R_OK && i < g->n_arrays; i++) {
        char *key = refs_key(s->r, g, g->arrays[i]->name);
        st = key != NULL ? put_array(s, g, g->arrays[i], key, err) : nomem(err);
        if (st != H5R_OK && !refs_ends(st)) {
            refs_left_out(s->r, g->arrays[i]->path, err->message);
            st = H5R_OK;
        }
        free(key);
    }
    for (size_t i = 0; st == H5R_OK && i < g->n_groups; i++) {
        char *key = refs_key(s->r, g->groups[i], NULL);
        st = key != NULL ? make_folder(s, key, g->groups[i]->name, g->groups[i]->path, err) : nomem(err);
        if (st == H5R_OK) {
            st = put_group(s, g->groups[i], key, err);
        } else if (!refs_ends(st)) {
            refs_left_out(s->r, g->groups[i]->path, err->message);
            st = H5R_OK;
        }
        free(key);
    }
    return st;
}

h5r_status refs_write_zarr(refs *r, h5r_error *err)
{
    char *text = NULL;
    size_t n = 0;
    store s = {.r = r, .all = {.flat = true, .first = true, .replace = true}};

    s.all.out = open_memstream(&text, &n);
    if (s.all.out == NULL)
        return nomem(err);
    json_begin_object(&s.all);
    json_put_uint(&s.all, "zarr_consolidated_format", 1);
    json_key(&s.all, "metadata");
    json_begin_object(&s.all);
    h5r_status st = put_group(&s, r->view.top, "", err);
    json_end_object(&s.all);
    json_end_object(&s.all);
    if (fclose(s.all.out) != 0 && st == H5R_OK)
        st = nomem(err);
    if (st == H5R_OK)
        st = put_file(&s, "", ".zmetadata", text, n, err);
    free(text);
    return st;
}
