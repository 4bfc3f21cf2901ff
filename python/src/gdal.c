#include "gdal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdal_store.h"

static const char PREFIX[] = "/vsih5zarr/";

/* An open file: a document, or a chunk that is decoded with the first read. */
typedef struct handle {
    const gdal_api *api;
    store *s; /* NULL: it cannot be opened, and reading fails */
    const store_entry *e;
    bool is_chunk;
    uint64_t at[ZARR_MAX_RANK];
    uint8_t *bytes;
    uint64_t size, pos;
    bool eof;
} handle;

/* GDAL looks for several documents before it gives up: what it has been told, and did not take back, is not told again. */
static void complain(const gdal_api *api, const char *name, const h5r_error *err)
{
    char message[1500], where[40] = "";

    if (err->offset != H5R_UNDEFINED)
        snprintf(where, sizeof where, " (at byte %llu)", (unsigned long long)err->offset);
    snprintf(message, sizeof message, "h5range: %.600s%s%s: %s%s", name, err->path[0] != '\0' ? "#" : "", err->path, err->message, where);
    if (strcmp(message, api->CPLGetLastErrorMsg()) != 0)
        api->CPLError(GDAL_FAILURE, err->status == H5R_ERR_NOT_FOUND ? GDAL_OPEN_FAILED : GDAL_APP_DEFINED, "%s", message);
}

/* Takes "{FILE}/key" apart; braces in FILE come in pairs. The caller frees *file; *key is without slashes at its ends but for those inside. */
static bool split(const char *name, char **file, char **key)
{
    size_t depth = 0, n = 0;

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0)
        name += sizeof PREFIX - 1;
    if (name[0] != '{')
        return false;
    for (const char *p = name; *p != '\0' && n == 0; p++) {
        depth += *p == '{';
        depth -= *p == '}';
        if (depth == 0)
            n = (size_t)(p - name);
    }
    if (n < 2)
        return false;
    const char *rest = name + n + 1;
    if (*rest != '/' && *rest != '\0')
        return false;
    rest += strspn(rest, "/");
    *file = strndup(name + 1, n - 1);
    *key = strdup(rest);
    if (*file == NULL || *key == NULL) {
        free(*file);
        free(*key);
        return false;
    }
    for (size_t len = strlen(*key); len > 0 && (*key)[len - 1] == '/';)
        (*key)[--len] = '\0';
    return true;
}

static void explain(const gdal_api *api, const char *name)
{
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0)
        name += sizeof PREFIX - 1;
    if (name[0] != '{' && name[0] != '\0')
        api->CPLError(GDAL_FAILURE, GDAL_OPEN_FAILED, "h5range: %s%s: the name of the file has to be in braces: %s{FILE}", PREFIX, name, PREFIX);
}

/* What a dataset is recognized by: the moment to see whether the file changed. */
static bool is_first(const char *key)
{
    return strcmp(key, ".zmetadata") == 0 || strcmp(key, ".zgroup") == 0 || strcmp(key, "zarr.json") == 0;
}

static bool looks_like_chunk(const char *key)
{
    const char *slash = strrchr(key, '/');

    return slash != NULL && slash[1] != '\0' && strspn(slash + 1, "0123456789.") == strlen(slash + 1) && slash[1] != '.';
}

static store *take(const gdal_api *api, const char *file, const char *key)
{
    h5r_error err;

    store *s = store_take(api, file, is_first(key), &err);
    if (s == NULL)
        complain(api, file, &err);
    return s;
}

static uint64_t chunk_bytes(const store_entry *e)
{
    return zarr_piece_bytes(e->array, e->chunk);
}

/* ---------------------------------------------------------------- by name */

static int stat_file(void *user, const char *name, struct stat *out, int flags)
{
    const gdal_api *api = user;
    uint64_t at[ZARR_MAX_RANK];
    char *file, *key;
    int code = -1;

    (void)flags;
    memset(out, 0, sizeof *out);
    if (!split(name, &file, &key)) {
        explain(api, name);
        return -1;
    }
    store *s = take(api, file, key);
    const store_entry *e = s != NULL ? store_find(s, key, strlen(key)) : NULL;
    const store_entry *chunk = s != NULL && e == NULL ? store_find_chunk(s, key, at) : NULL;
    if (e != NULL || chunk != NULL) {
        bool is_folder = e != NULL && e->text == NULL;
        out->st_mode = is_folder ? S_IFDIR | 0555 : S_IFREG | 0444;
        out->st_size = is_folder ? 0 : e != NULL ? (off_t)strlen(e->text) : (off_t)chunk_bytes(chunk);
        out->st_mtime = s->has_identity ? s->identity.st_mtime : 0;
        code = 0;
    }
    if (s != NULL)
        store_give_back(s);
    free(file);
    free(key);
    return code;
}

/* Documents and folders; chunks are too many to be listed, and GDAL asks for them one by one. */
static char **read_folder(void *user, const char *name, int max)
{
    const gdal_api *api = user;
    char *file, *key, **list = NULL;
    int n = 0;

    if (!split(name, &file, &key))
        return NULL;
    store *s = take(api, file, key);
    const store_entry *folder = s != NULL ? store_find(s, key, strlen(key)) : NULL;
    size_t len = strlen(key);
    for (size_t i = 0; folder != NULL && folder->text == NULL && i < s->n; i++) {
        const char *k = s->entries[i].key;
        if (len > 0 && (strncmp(k, key, len) != 0 || k[len] != '/'))
            continue;
        const char *child = k + len + (len > 0);
        if (*child == '\0' || strchr(child, '/') != NULL)
            continue;
        list = api->CSLAddString(list, child);
        if (++n == max)
            break;
    }
    if (s != NULL)
        store_give_back(s);
    free(file);
    free(key);
    return list;
}

static int close_file(void *file)
{
    handle *h = file;

    if (h->is_chunk)
        free(h->bytes);
    if (h->s != NULL)
        store_give_back(h->s);
    free(h);
    return 0;
}

static void *open_file(void *user, const char *name, const char *access)
{
    const gdal_api *api = user;
    char *file, *key;

    if (strpbrk(access, "wa+") != NULL) {
        api->CPLError(GDAL_FAILURE, GDAL_OPEN_FAILED, "h5range: /vsih5zarr/ is for reading");
        return NULL;
    }
    if (!split(name, &file, &key)) {
        explain(api, name);
        return NULL;
    }
    handle *h = calloc(1, sizeof *h);
    store *s = h != NULL ? take(api, file, key) : NULL;
    if (h != NULL)
        h->api = api;
    if (s != NULL) {
        h->s = s;
        h->e = store_find(s, key, strlen(key));
        if (h->e != NULL && h->e->text != NULL) {
            h->bytes = (uint8_t *)h->e->text;
            h->size = strlen(h->e->text);
        } else {
            h->e = store_find_chunk(s, key, h->at);
            h->is_chunk = h->e != NULL;
            h->size = h->e != NULL ? chunk_bytes(h->e) : 0;
        }
    }
    /* A chunk that cannot be opened would pass for one that was never written. */
    bool there = h != NULL && (h->e != NULL || (s == NULL && looks_like_chunk(key)));
    if (h != NULL && !there) {
        close_file(h);
        h = NULL;
    }
    if (h == NULL)
        errno = ENOENT;
    free(file);
    free(key);
    return h;
}

/* ---------------------------------------------------------------- open files */

static uint64_t tell(void *file)
{
    return ((handle *)file)->pos;
}

static int seek(void *file, uint64_t offset, int whence)
{
    handle *h = file;

    h->eof = false;
    h->pos = whence == SEEK_SET ? offset : whence == SEEK_CUR ? h->pos + offset : h->size + offset;
    return 0;
}

static bool load(handle *h)
{
    h5r_error err;
    size_t n;

    if (h->bytes != NULL)
        return true;
    if (h->s == NULL || zarr_read_piece(&h->s->view, h->e->array, h->e->chunk, h->at, &h->bytes, &n, &err) != H5R_OK) {
        if (h->s != NULL)
            complain(h->api, h->s->name, &err);
        return false;
    }
    h->size = n;
    return true;
}

static size_t read_file(void *file, void *to, size_t size, size_t count)
{
    handle *h = file;

    if (size == 0 || count == 0 || !load(h))
        return 0;
    uint64_t left = h->pos < h->size ? h->size - h->pos : 0;
    uint64_t want = count > UINT64_MAX / size ? UINT64_MAX : (uint64_t)size * count;
    uint64_t n = want < left ? want : left;
    if (n > 0)
        memcpy(to, h->bytes + h->pos, (size_t)n);
    h->pos += n;
    h->eof = n < want;
    return (size_t)n / size;
}

static int is_at_end(void *file)
{
    return ((handle *)file)->eof;
}

static int read_ranges(void *file, int n, void **to, const uint64_t *offsets, const size_t *sizes)
{
    for (int i = 0; i < n; i++) {
        seek(file, offsets[i], SEEK_SET);
        if (read_file(file, to[i], 1, sizes[i]) != sizes[i])
            return -1;
    }
    return 0;
}

/* ---------------------------------------------------------------- installing */

/* Libraries that have the file system already; they stay loaded. */
typedef struct installed {
    gdal_api api;
    char *path;
    struct installed *next;
} installed;

static installed *list;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

static const installed *find(const char *path)
{
    for (const installed *i = list; i != NULL; i = i->next)
        if (strcmp(i->path, path) == 0)
            return i;
    return NULL;
}

static bool add_handler(gdal_api *api, char *why, size_t cap)
{
    gdal_callbacks *c = api->VSIAllocFilesystemPluginCallbacksStruct();

    if (c == NULL) {
        snprintf(why, cap, "out of memory");
        return false;
    }
    c->user = api;
    c->stat = stat_file;
    c->read_dir = read_folder;
    c->open = open_file;
    c->tell = tell;
    c->seek = seek;
    c->read = read_file;
    c->read_multi_range = read_ranges;
    c->eof = is_at_end;
    c->close = close_file;
    bool done = api->VSIInstallPluginHandler(PREFIX, c) == 0;
    api->VSIFreeFilesystemPluginCallbacksStruct(c);
    if (!done)
        snprintf(why, cap, "GDAL refuses the file system: %s", api->CPLGetLastErrorMsg());
    return done;
}

static bool install(const char *path, installed *item, char *why, size_t cap)
{
    if (!gdal_api_find(path, &item->api, why, cap))
        return false;
    if (item->api.GDALGetDriverCount() > 0 && item->api.GDALGetDriverByName("Zarr") == NULL) {
        snprintf(why, cap, "GDAL %s of %s has no Zarr driver, which is what would read it", item->api.GDALVersionInfo("RELEASE_NAME"), path);
        return false;
    }
    return add_handler(&item->api, why, cap);
}

bool gdal_install(const char *path, char *version, size_t version_cap, char *why, size_t cap)
{
    pthread_mutex_lock(&list_lock);
    const installed *i = find(path);
    if (i == NULL) {
        installed *item = calloc(1, sizeof *item);
        char *copy = strdup(path);
        if (item == NULL || copy == NULL)
            snprintf(why, cap, "out of memory");
        if (item != NULL && copy != NULL && install(path, item, why, cap)) {
            item->path = copy;
            item->next = list;
            list = item;
            i = item;
        } else {
            free(item);
            free(copy);
        }
    }
    if (i != NULL)
        snprintf(version, version_cap, "%s", i->api.GDALVersionInfo("RELEASE_NAME"));
    pthread_mutex_unlock(&list_lock);
    return i != NULL;
}
