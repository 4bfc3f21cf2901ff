#include "gdal_source.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARALLEL = 64, MAX_IDLE = 32 }; /* ranges of one call: GDAL puts them all on the wire */

typedef struct source {
    const gdal_api *api;
    char *name;
    char **options; /* set for the thread that opened it: rasterio sets credentials so */
    pthread_mutex_t lock;
    void *idle[MAX_IDLE]; /* handles: each is used by one thread at a time */
    unsigned n_idle;
} source;

static h5r_status fail(h5r_error *err, h5r_status st, uint64_t offset, const char *format, const char *what)
{
    *err = (h5r_error){.status = st, .offset = offset};
    snprintf(err->message, sizeof err->message, format, what);
    return st;
}

bool gdal_is_network(const char *name)
{
    static const char *const prefixes[] = {"/vsicurl/", "/vsicurl?", "/vsis3/", "/vsigs/", "/vsiaz/", "/vsiadls/", "/vsioss/", "/vsiswift/",
                                           "/vsihdfs/", "/vsiwebhdfs/"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Without a listing of the folder that the file is in. */
static void *open_handle(const gdal_api *api, const char *name)
{
    const char *const options[] = {"DISABLE_READDIR_ON_OPEN=YES", NULL};

    return api->VSIFOpenEx2L(name, "rb", 1, options);
}

/* Threads of the core, and GDAL's own, act for the one that opened the source: with its options, and without a word of their own. True: the
 * options were set. */
static bool begin(const source *s)
{
    char **own = s->api->CPLGetThreadLocalConfigOptions();
    bool set = (own == NULL || own[0] == NULL) && s->options != NULL;

    s->api->CSLDestroy(own);
    if (set)
        s->api->CPLSetThreadLocalConfigOptions((const char *const *)s->options);
    s->api->CPLPushErrorHandler(s->api->CPLQuietErrorHandler);
    return set;
}

static void end(const source *s, bool set)
{
    s->api->CPLPopErrorHandler();
    if (set)
        s->api->CPLSetThreadLocalConfigOptions(NULL);
}

static void *take(source *s)
{
    void *fp = NULL;

    pthread_mutex_lock(&s->lock);
    if (s->n_idle > 0)
        fp = s->idle[--s->n_idle];
    pthread_mutex_unlock(&s->lock);
    return fp != NULL ? fp : open_handle(s->api, s->name);
}

static void give_back(source *s, void *fp)
{
    pthread_mutex_lock(&s->lock);
    bool kept = s->n_idle < MAX_IDLE;
    if (kept)
        s->idle[s->n_idle++] = fp;
    pthread_mutex_unlock(&s->lock);
    if (!kept)
        s->api->VSIFCloseL(fp);
}

static bool read_one(const gdal_api *api, void *fp, h5r_read *r)
{
    if (api->VSIFSeekL(fp, r->offset, SEEK_SET) != 0)
        return false;
    api->CPLErrorReset();
    r->got = api->VSIFReadL(r->dst, 1, r->len, fp);
    return r->got == r->len || (r->got < r->len && api->CPLGetLastErrorType() < GDAL_FAILURE);
}

static bool read_group(const gdal_api *api, void *fp, h5r_read *reads, size_t n)
{
    void *to[MAX_PARALLEL];
    uint64_t offsets[MAX_PARALLEL];
    size_t sizes[MAX_PARALLEL];

    for (size_t i = 0; i < n; i++) {
        to[i] = reads[i].dst;
        offsets[i] = reads[i].offset;
        sizes[i] = reads[i].len;
    }
    if (api->VSIFReadMultiRangeL((int)n, to, offsets, sizes, fp) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        reads[i].got = reads[i].len;
    return true;
}

/* The core has clipped ranges to the size of the file, so a short read is a failure, and tried once more. */
static h5r_status read_ranges(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
{
    source *s = ctx;
    const gdal_api *api = s->api;
    h5r_status st = H5R_OK;

    bool set = begin(s);
    void *fp = take(s);
    if (fp == NULL)
        st = fail(err, H5R_ERR_IO, reads[0].offset, "cannot be opened again: %s", api->CPLGetLastErrorMsg());
    for (size_t i = 0; st == H5R_OK && i < n; i += MAX_PARALLEL) {
        size_t k = n - i < MAX_PARALLEL ? n - i : MAX_PARALLEL;
        if (k > 1 && read_group(api, fp, reads + i, k))
            continue;
        for (size_t j = i; st == H5R_OK && j < i + k; j++)
            if (!read_one(api, fp, &reads[j]) || (reads[j].got < reads[j].len && !read_one(api, fp, &reads[j])))
                st = fail(err, H5R_ERR_IO, reads[j].offset, "reading failed: %s", api->CPLGetLastErrorMsg());
    }
    if (fp != NULL)
        give_back(s, fp);
    end(s, set);
    return st;
}

static void close_source(void *ctx)
{
    source *s = ctx;

    while (s->n_idle > 0)
        s->api->VSIFCloseL(s->idle[--s->n_idle]);
    pthread_mutex_destroy(&s->lock);
    s->api->CSLDestroy(s->options);
    free(s->name);
    free(s);
}

/* A file beside another one. Names in URLs are percent-encoded, keys of object stores are not. The caller frees it. */
static char *beside_name(const char *name, const char *other)
{
    const char *scheme = strstr(name, "://");
    size_t n = scheme != NULL ? (size_t)(scheme - name) + 3 + strcspn(scheme + 3, "?#") : strlen(name), at = 0;
    char *out = malloc(n + 3 * strlen(other) + 1);

    if (out == NULL)
        return NULL;
    while (n > 0 && name[n - 1] != '/')
        n--;
    memcpy(out, name, n);
    for (const char *p = other; *p != '\0'; p++) {
        bool plain = scheme == NULL || isalnum((unsigned char)*p) || strchr("-._~/", *p) != NULL;
        at += (size_t)snprintf(out + n + at, 4, plain ? "%c" : "%%%02X", (unsigned char)*p);
    }
    out[n + at] = '\0';
    return out;
}

static h5r_status open_other(void *ctx, const char *name, bool beside, h5r_source *out, h5r_error *err)
{
    source *s = ctx;
    char *path = beside ? beside_name(s->name, name) : strdup(name);

    if (path == NULL)
        return fail(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "%s", "out of memory");
    bool set = begin(s);
    h5r_status st = gdal_source_open(s->api, path, out, err);
    end(s, set);
    free(path);
    return st;
}

h5r_status gdal_source_open(const gdal_api *api, const char *name, h5r_source *out, h5r_error *err)
{
    if (strncmp(name, "/vsi", 4) != 0)
        return h5r_source_open_file(name, out, err);

    api->CPLErrorReset();
    api->CPLPushErrorHandler(api->CPLQuietErrorHandler);
    void *fp = open_handle(api, name);
    api->CPLPopErrorHandler();
    if (fp == NULL) {
        const char *why = api->CPLGetLastErrorMsg();
        bool missing = why[0] == '\0' || strstr(why, "404") != NULL || !gdal_is_network(name);
        return fail(err, missing ? H5R_ERR_NOT_FOUND : H5R_ERR_IO, H5R_UNDEFINED, "cannot be opened: %s", why[0] != '\0' ? why : "no such file");
    }
    source *s = calloc(1, sizeof *s);
    char *copy = strdup(name);
    if (s == NULL || copy == NULL) {
        free(s);
        free(copy);
        api->VSIFCloseL(fp);
        return fail(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "%s", "out of memory");
    }
    *s = (source){.api = api, .name = copy, .options = api->CPLGetThreadLocalConfigOptions(), .idle = {fp}, .n_idle = 1};
    pthread_mutex_init(&s->lock, NULL);
    h5r_source_init(out);
    out->ctx = s;
    out->read_ranges = read_ranges;
    out->close = close_source;
    out->open_other = open_other;
    out->remote = gdal_is_network(name);
    out->one_at_a_time = !out->remote; /* a second handle of a compressed file would decompress it a second time */
    snprintf(out->name, sizeof out->name, "%s", name);
    if (api->VSIFSeekL(fp, 0, SEEK_END) == 0) /* opening has told the size */
        out->size = api->VSIFTellL(fp);
    (void)api->VSIFSeekL(fp, 0, SEEK_SET);
    if (out->remote)
        h5r_source_tune(out, strtod(api->CPLGetConfigOption("H5RANGE_LATENCY", "0"), NULL) / 1000,
                        strtod(api->CPLGetConfigOption("H5RANGE_BANDWIDTH", "0"), NULL) * 1e6);
    else
        out->block = 4096;
    return H5R_OK;
}
