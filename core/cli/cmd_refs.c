/* "refs": an HDF5 file as a Zarr 2 hierarchy, for those who read Zarr: references to its chunks (kerchunk), or a folder with the chunks
 * themselves. */
#include "refs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { INLINE = 1 << 20 }; /* bytes of an array that is put into the references where it cannot be named */

h5r_status refs_fail(h5r_error *err, h5r_status st, const char *path, const char *format, const char *what)
{
    *err = (h5r_error){.status = st, .offset = H5R_UNDEFINED};
    snprintf(err->path, sizeof err->path, "%s", path);
    snprintf(err->message, sizeof err->message, format, what);
    return st;
}

h5r_status refs_cannot_write(h5r_error *err, const char *name)
{
    char message[300];

    snprintf(message, sizeof message, "cannot write %.200s: %.80s", name, strerror(errno));
    return refs_fail(err, H5R_ERR_IO, "", "%s", message);
}

bool refs_ends(h5r_status st)
{
    return st == H5R_ERR_IO || st == H5R_ERR_NOMEM || st == H5R_ERR_INTERNAL;
}

char *refs_key(const refs *r, const zarr_group *g, const char *name)
{
    const char *path = g->path + (strcmp(r->view.top->path, "/") == 0 ? 0 : strlen(r->view.top->path));
    path += *path == '/';
    size_t n = strlen(path) + (name != NULL ? strlen(name) : 0) + 2;
    char *key = malloc(n);

    if (key != NULL)
        snprintf(key, n, "%s%s%s", path, name != NULL && path[0] != '\0' ? "/" : "", name != NULL ? name : "");
    return key;
}

void refs_left_out(void *ctx, const char *path, const char *message)
{
    refs *r = ctx;
    size_t n = strlen(path) + strlen(message) + 3;
    char *line = malloc(n);

    if (line != NULL)
        snprintf(line, n, "%s: %s", path, message);
    if (r->n_left == r->cap_left) {
        char **list = realloc(r->left, (r->cap_left * 2 + 16) * sizeof *list);
        if (list == NULL) {
            free(line);
            return;
        }
        r->left = list;
        r->cap_left = r->cap_left * 2 + 16;
    }
    r->left[r->n_left++] = line;
}

h5r_status refs_may_miss(const zarr_array *a, bool complete, char *why, size_t cap, h5r_error *err)
{
    bool empty = false;

    for (unsigned i = 0; i < a->rank; i++)
        empty |= a->own[i] == 0;
    if (complete || empty || zarr_has_one_fill(a))
        return H5R_OK;
    snprintf(why, cap, "chunks were never written, and elements of its fill value differ");
    return refs_fail(err, H5R_ERR_UNSUPPORTED, a->path, "%s", why);
}

h5r_status refs_stored_chunks(const refs *r, const zarr_array *a, const h5r_chunk **chunks, size_t *n, bool *complete, char *why, size_t cap,
                              h5r_error *err)
{
    uint64_t total = 1;

    *chunks = NULL;
    *n = 0;
    if (!zarr_reads_stored(&r->view, a, why, cap))
        return refs_fail(err, H5R_ERR_UNSUPPORTED, a->path, "%s", why);
    *complete = a->d->storage_offset != H5R_UNDEFINED && a->d->storage_size > 0;
    if (a->d->layout != H5R_LAYOUT_CHUNKED)
        return refs_may_miss(a, *complete, why, cap, err);
    h5r_status st = h5r_chunks_all(r->view.f, a->object, chunks, n, err);
    if (st != H5R_OK)
        return st == H5R_ERR_UNSUPPORTED ? H5R_ERR_FORMAT : st; /* not for want of a codec: decoding would fail, too */
    for (size_t i = 0; i < *n; i++) {
        if ((*chunks)[i].size <= zarr_checksum_bytes(a))
            return refs_fail(err, H5R_ERR_FORMAT, a->path, "%s", "a chunk of no bytes, or of a checksum alone");
        if ((*chunks)[i].skipped != 0) {
            snprintf(why, cap, "some chunks were stored without all filters");
            return refs_fail(err, H5R_ERR_UNSUPPORTED, a->path, "%s", why);
        }
    }
    for (unsigned i = 0; i < a->d->space->rank; i++)
        total *= a->d->grid[i];
    *complete = *n == total;
    return refs_may_miss(a, *complete, why, cap, err);
}

/* What the file is called in the references: local ones with their folder, so that the references work anywhere. The caller frees it. */
static char *url_of(h5r_file *f, const options *o)
{
    if (o->url != NULL)
        return strdup(o->url);
    char *path = strstr(o->file, "://") == NULL ? realpath(o->file, NULL) : NULL;
    return path != NULL ? path : strdup(h5r_get_info(f)->name);
}

static void put_summary(const refs *r, bool zarr)
{
    json j = {.out = stdout, .first = true};

    if (!r->o->json) {
        put_escaped(stdout, r->o->output);
        if (zarr)
            printf(": %" PRIu64 " chunks copied, %" PRIu64 " decoded, ", r->copied, r->decoded);
        else
            printf(": %" PRIu64 " chunks named, %" PRIu64 " arrays inlined, ", r->named, r->decoded);
        printf("%" PRIu64 " read back, %zu left out\n", r->checked, r->n_left);
        return;
    }
    json_begin_object(&j);
    json_put_text(&j, "output", r->o->output);
    json_put_uint(&j, zarr ? "copied" : "named", zarr ? r->copied : r->named);
    json_put_uint(&j, zarr ? "decoded" : "inlined", r->decoded);
    json_put_uint(&j, "read_back", r->checked);
    json_key(&j, "left_out");
    json_begin_array(&j);
    for (size_t i = 0; i < r->n_left; i++)
        json_text(&j, r->left[i] != NULL ? r->left[i] : "");
    json_end_array(&j);
    json_end_object(&j);
    putchar('\n');
}

static h5r_status write_refs(refs *r, h5r_file *f, bool zarr, uint64_t inline_bytes, h5r_error *err)
{
    const options *o = r->o;

    h5r_status st = zarr_view_open(&r->view, f, o->group != NULL ? o->group : o->path, H5R_PREFETCH_INDEX, refs_left_out, r, err);
    if (st == H5R_OK && !(zarr ? target_folder(&r->to, o->output) : target_file(&r->to, o->output)))
        st = refs_cannot_write(err, o->output);
    if (st == H5R_OK && zarr) {
        st = refs_write_zarr(r, err);
    } else if (st == H5R_OK) {
        char *url = url_of(f, o);
        st = url != NULL ? refs_write_json(r, url, inline_bytes, err) : refs_fail(err, H5R_ERR_NOMEM, "", "%s", "out of memory");
        free(url);
    }
    if (st == H5R_OK && !o->no_check)
        st = zarr ? refs_check_zarr(r, err) : refs_check_json(r, err);
    if (!target_finish(&r->to, st == H5R_OK) && st == H5R_OK) /* nobody is to use what is incomplete or wrong */
        st = output_ok(o) ? refs_cannot_write(err, o->output) : refs_fail(err, H5R_ERR_IO, "", "%s", "cannot write the output");
    return st;
}

/* 0: the default. False: no number of bytes. */
static bool inline_size(const char *text, uint64_t *bytes)
{
    char *end;

    *bytes = INLINE;
    if (text == NULL)
        return true;
    errno = 0;
    *bytes = strtoull(text, &end, 10);
    return *end == '\0' && end != text && text[0] != '-' && errno == 0;
}

static int wrong(const options *o, const char *format, const char *what)
{
    h5r_error err;

    refs_fail(&err, H5R_ERR_ARG, "", format, what);
    return report(o, &err);
}

int cmd_refs(h5r_file *f, const options *o)
{
    const char *format = o->format != NULL ? o->format : "kerchunk-json";
    bool zarr = strcmp(format, "zarr") == 0;
    uint64_t inline_bytes;
    refs r = {.o = o};
    h5r_error err = {0};

    if (strcmp(format, "kerchunk-parquet") == 0)
        return wrong(o, "%s", "kerchunk-parquet is written by the Python package: python -m h5range refs URI --format kerchunk-parquet -o OUT");
    if (!zarr && strcmp(format, "kerchunk-json") != 0)
        return wrong(o, "--format %.60s: kerchunk-json, kerchunk-parquet or zarr", format);
    if (!inline_size(o->inlined, &inline_bytes))
        return wrong(o, "--inline %.60s: a number of bytes", o->inlined);
    if (zarr && target_is_stream(o->output))
        return wrong(o, "-o %.60s: the format zarr is a folder", o->output);
    if (o->group != NULL && o->path != NULL)
        return wrong(o, "%s", "--group and #/path name the same thing: give one of them");
    h5r_status st = write_refs(&r, f, zarr, inline_bytes, &err);
    for (size_t i = 0; i < r.n_left; i++) {
        fputs("h5range: left out: ", stderr);
        put_escaped(stderr, r.left[i] != NULL ? r.left[i] : "");
        fputc('\n', stderr);
    }
    if (st == H5R_OK && strcmp(o->output, "-") != 0)
        put_summary(&r, zarr);
    int code = !output_ok(o) ? EXIT_IO /* the reason is told at the end */ : st != H5R_OK ? report(o, &err) : r.n_left > 0 ? EXIT_UNSUPPORTED : 0;
    for (size_t i = 0; i < r.n_left; i++)
        free(r.left[i]);
    free(r.left);
    refs_forget_samples(&r, NULL);
    zarr_view_close(&r.view);
    return code;
}
