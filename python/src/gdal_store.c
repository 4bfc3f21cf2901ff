#include "gdal_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdal_crs.h"
#include "gdal_source.h"

enum { MAX_STORES = 16, REMEMBER_FAILURE = 2000 }; /* files kept open while nobody uses them; milliseconds */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static store *all; /* the one used last comes first */

static h5r_status nomem(h5r_error *err)
{
    *err = (h5r_error){.status = H5R_ERR_NOMEM, .offset = H5R_UNDEFINED, .message = "out of memory"};
    return H5R_ERR_NOMEM;
}

/* ---------------------------------------------------------------- entries */

static char *join(const char *prefix, const char *name)
{
    size_t n = strlen(prefix) + strlen(name) + 2;
    char *key = malloc(n);

    if (key != NULL)
        snprintf(key, n, "%s%s%s", prefix, prefix[0] != '\0' && name[0] != '\0' ? "/" : "", name);
    return key;
}

/* Takes key and text over. */
static store_entry *add(store *s, char *key, char *text)
{
    if (s->n == s->cap) {
        store_entry *grown = realloc(s->entries, (s->cap * 2 + 64) * sizeof *grown);
        if (grown != NULL) {
            s->entries = grown;
            s->cap = s->cap * 2 + 64;
        }
    }
    if (key == NULL || s->n == s->cap) {
        free(key);
        free(text);
        return NULL;
    }
    s->entries[s->n] = (store_entry){.key = key, .text = text};
    return &s->entries[s->n++];
}

static bool add_document(store *s, json *all_documents, const char *prefix, const char *name, char *text)
{
    char *key = join(prefix, name);

    if (text == NULL || key == NULL) {
        free(text);
        free(key);
        return false;
    }
    if (all_documents != NULL) {
        json_key_text(all_documents, key);
        json_raw(all_documents, text);
    }
    return add(s, key, text) != NULL;
}

/* An element that GDAL has no type for would make it complain about the whole group. */
static bool is_shown(const zarr_array *a)
{
    return a->type.kind != ZARR_TEXT && a->d->space->cls != H5R_SPACE_NULL && strchr(a->name, '/') == NULL && a->name[0] != '\0';
}

static bool add_array(store *s, json *documents, const zarr_group *g, const zarr_array *a, const char *prefix)
{
    uint64_t *chunk = zarr_new(&s->view.memory, a->rank + 1, sizeof *chunk);
    char *folder = join(prefix, a->name);
    bool done = false;

    if (chunk != NULL && folder != NULL) {
        zarr_chunk_shape(a, ZARR_CUT_GROUPS, chunk);
        char *crs = gdal_crs_member(s->api, &s->view, g, a);
        done = add_document(s, documents, folder, ".zarray", zarr_array_text(&s->view, a, chunk, false, ZARR_FILL_NODATA)) &&
               add_document(s, documents, folder, ".zattrs", zarr_attrs_text(&s->view, g, a, crs));
        free(crs);
    }
    store_entry *e = done ? add(s, folder, NULL) : NULL;
    if (!done)
        free(folder);
    if (e == NULL)
        return false;
    e->array = a;
    e->chunk = chunk;
    return true;
}

static bool add_group(store *s, json *documents, const zarr_group *g, const char *prefix)
{
    bool done = add(s, strdup(prefix), NULL) != NULL && add_document(s, documents, prefix, ".zgroup", strdup(zarr_group_text)) &&
                add_document(s, documents, prefix, ".zattrs", zarr_attrs_text(&s->view, g, NULL, NULL));

    for (size_t i = 0; done && i < g->n_arrays; i++)
        gdal_scale_axis(&s->view, g, g->arrays[i]);
    for (size_t i = 0; done && i < g->n_arrays; i++)
        done = !is_shown(g->arrays[i]) || add_array(s, documents, g, g->arrays[i], prefix);
    for (size_t i = 0; done && i < g->n_groups; i++) {
        char *child = join(prefix, g->groups[i]->name);
        done = child != NULL && (strchr(g->groups[i]->name, '/') != NULL || add_group(s, documents, g->groups[i], child));
        free(child);
    }
    return done;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const store_entry *)a)->key, ((const store_entry *)b)->key);
}

static h5r_status make_entries(store *s, h5r_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);
    json documents = {.out = m, .flat = true, .first = true, .replace = true};

    if (m == NULL)
        return nomem(err);
    json_begin_object(&documents);
    json_put_uint(&documents, "zarr_consolidated_format", 1);
    json_key(&documents, "metadata");
    json_begin_object(&documents);
    bool done = add_group(s, &documents, s->view.top, "");
    json_end_object(&documents);
    json_end_object(&documents);
    done = fclose(m) == 0 && done;
    if (!done || !add_document(s, NULL, "", ".zmetadata", text))
        return nomem(err);
    qsort(s->entries, s->n, sizeof *s->entries, by_key);
    return H5R_OK;
}

const store_entry *store_find(const store *s, const char *key, size_t n)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(key, s->entries[middle].key, n);
        if (order == 0 && s->entries[middle].key[n] != '\0')
            order = -1;
        if (order == 0)
            return &s->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const store_entry *store_find_chunk(const store *s, const char *key, uint64_t *at)
{
    uint64_t grid[ZARR_MAX_RANK];
    const char *slash = strrchr(key, '/');
    const char *p = slash != NULL ? slash + 1 : key;

    const store_entry *e = slash != NULL ? store_find(s, key, (size_t)(slash - key)) : NULL;
    if (e == NULL || e->array == NULL)
        return NULL;
    const unsigned rank = e->array->rank;
    if (rank == 0)
        return strcmp(p, "0") == 0 ? e : NULL;
    zarr_grid(e->array, e->chunk, grid);
    for (unsigned i = 0; i < rank; i++) {
        char *end;
        if (*p < '0' || *p > '9')
            return NULL;
        at[i] = strtoull(p, &end, 10);
        if (at[i] >= grid[i] || *end != (i + 1 < rank ? '.' : '\0'))
            return NULL;
        p = end + 1;
    }
    return e;
}

/* ---------------------------------------------------------------- opening */

/* GDAL is told what it is not shown once, where its log is. */
static void left_out(void *ctx, const char *path, const char *message)
{
    const store *s = ctx;

    s->api->CPLError(2, GDAL_APP_DEFINED, "h5range: %s#%s is left out: %s", s->name, path, message);
}

static h5r_status open_store(store *s, h5r_error *err)
{
    h5r_source source;
    h5r_options options;

    h5r_status st = gdal_source_open(s->api, s->name, &source, err);
    if (st != H5R_OK)
        return st;
    h5r_options_init(&options);
    options.index_cache = s->api->CPLGetConfigOption("H5RANGE_INDEX_CACHE", "");
    st = h5r_open(&source, &options, &s->f, err);
    if (st == H5R_OK)
        st = zarr_view_open(&s->view, s->f, "/", 0, left_out, s, err);
    return st == H5R_OK ? make_entries(s, err) : st;
}

static void destroy(store *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->entries[i].key);
        free(s->entries[i].text);
    }
    free(s->entries);
    zarr_view_close(&s->view);
    h5r_close(s->f);
    pthread_mutex_destroy(&s->opening);
    free(s->name);
    free(s);
}

/* ---------------------------------------------------------------- the list; with the lock */

static void unlink_store(store *s)
{
    for (store **at = &all; *at != NULL; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    s->next = NULL;
    s->dropped = true;
}

/* The store used longest ago that nobody uses, when there are too many of them: the caller destroys it without the lock. */
static store *take_superfluous(void)
{
    store *last = NULL;
    unsigned n = 0;

    for (store *s = all; s != NULL; s = s->next)
        if (s->users == 0 && ++n > MAX_STORES)
            last = s;
    if (last != NULL)
        unlink_store(last);
    return last;
}

static bool changed(const store *s)
{
    struct stat now;

    if (!s->has_identity || s->api->VSIStatExL(s->name, &now, GDAL_STAT_EXISTS | GDAL_STAT_SIZE) != 0)
        return false;
    return now.st_size != s->identity.st_size || now.st_mtime != s->identity.st_mtime;
}

static store *find_store(const gdal_api *api, const char *name)
{
    for (store *s = all; s != NULL; s = s->next)
        if (s->api == api && strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static store *new_store(const gdal_api *api, const char *name)
{
    store *s = calloc(1, sizeof *s);
    char *copy = strdup(name);

    if (s == NULL || copy == NULL) {
        free(s);
        free(copy);
        return NULL;
    }
    s->name = copy;
    s->api = api;
    pthread_mutex_init(&s->opening, NULL);
    return s;
}

static store *enter(const gdal_api *api, const char *name)
{
    pthread_mutex_lock(&all_lock);
    store *s = find_store(api, name);
    if (s == NULL)
        s = new_store(api, name);
    else
        unlink_store(s);
    if (s != NULL) {
        s->dropped = false;
        s->next = all;
        all = s;
        s->users++;
    }
    pthread_mutex_unlock(&all_lock);
    return s;
}

static void drop(store *s)
{
    pthread_mutex_lock(&all_lock);
    if (!s->dropped)
        unlink_store(s);
    pthread_mutex_unlock(&all_lock);
}

void store_give_back(store *s)
{
    pthread_mutex_lock(&all_lock);
    s->users--;
    bool last = s->users == 0 && s->dropped;
    store *superfluous = take_superfluous();
    pthread_mutex_unlock(&all_lock);
    if (last)
        destroy(s);
    if (superfluous != NULL)
        destroy(superfluous);
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

store *store_take(const gdal_api *api, const char *name, bool fresh, h5r_error *err)
{
    for (;;) {
        store *s = enter(api, name);
        if (s == NULL) {
            nomem(err);
            return NULL;
        }
        pthread_mutex_lock(&s->opening);
        bool old = s->opened && (s->status == H5R_OK ? fresh && changed(s) : now() - s->failed_at >= REMEMBER_FAILURE);
        if (!s->opened) {
            s->has_identity = !gdal_is_network(name) && api->VSIStatExL(name, &s->identity, GDAL_STAT_EXISTS | GDAL_STAT_SIZE) == 0;
            s->status = open_store(s, &s->error);
            s->failed_at = now();
            s->opened = true;
        }
        pthread_mutex_unlock(&s->opening);
        if (!old && s->status == H5R_OK)
            return s;
        *err = s->error;
        if (old)
            drop(s);
        store_give_back(s);
        if (!old)
            return NULL;
    }
}
