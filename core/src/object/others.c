/* A file may name others by any path. Which are tried, and in what order, follows libhdf5 (external links, virtual datasets and raw data
 * files differ in their environment variable only) except that a name is always looked for beside the file first; of a remote
 * file nothing outside its own folder is ever asked for unless the caller says so. */
#include "object/others.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct h5r_other {
    struct h5r_other *next;
    h5r_file *owner;      /* that names it */
    h5r_other_kind kind;
    char *name;           /* as the owner names it */
    h5r_file *file;       /* HDF5 files; borrowed when it is the root itself */
    h5r_source source;    /* raw files; of an HDF5 file being opened, its name */
    bool opening;         /* by some thread: nothing else but what leads here is settled */
    bool named;           /* while opening: source has its name */
    h5r_status status;
    h5r_error error;      /* why it could not be opened */
};

/* ---------------------------------------------------------------- names */

static bool has_scheme(const char *name)
{
    return strstr(name, "://") != NULL;
}

static bool is_absolute(const char *name)
{
    return name[0] == '/' || name[0] == '\\' || has_scheme(name) || (name[0] != '\0' && name[1] == ':');
}

static const char *last_part(const char *name)
{
    const char *last = name;
    for (const char *p = name; *p != '\0'; p++)
        if (*p == '/' || *p == '\\')
            last = p + 1;
    return last;
}

/* Whether a relative name leads out of the folder it starts from. */
static bool climbs(const char *name)
{
    for (const char *p = name; *p != '\0';) {
        size_t n = strcspn(p, "/\\");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += n + (p[n] != '\0');
    }
    return false;
}

static h5r_others policy_of(const h5r_file *f)
{
    h5r_others others = f->root->options.others;
    return others != H5R_OTHERS_AUTO ? others : f->root->source.remote ? H5R_OTHERS_BESIDE : H5R_OTHERS_ANY;
}

typedef struct attempt {
    h5r_file *f;
    h5r_source *out;
    h5r_error *err;
} attempt;

/* True when the search is over: opened, or failed in another way than NOT_FOUND. */
static bool try_name(const attempt *a, const char *name, bool beside, h5r_status *st)
{
    h5r_source_init(a->out);
    *a->err = (h5r_error){.offset = H5R_UNDEFINED};
    *st = a->f->source.open_other(a->f->source.ctx, name, beside, a->out, a->err);
    if (*st != H5R_OK)
        *st = h5r_error_of_source(a->err, *st, H5R_UNDEFINED);
    return *st != H5R_ERR_NOT_FOUND;
}

/* Each folder of a variable (separated by colons), with ${ORIGIN} for the file's own. */
static bool try_folders(const attempt *a, const char *folders, const char *name, h5r_status *st)
{
    static const char origin[] = "${ORIGIN}";
    char path[4096];

    for (const char *p = folders; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, ":");
        bool beside = n >= sizeof origin - 1 && memcmp(p, origin, sizeof origin - 1) == 0;
        size_t skip = beside ? sizeof origin - 1 + (p[sizeof origin - 1] == '/') : 0;
        int len = n > skip ? snprintf(path, sizeof path, "%.*s/%s", (int)(n - skip), p + skip, name) : snprintf(path, sizeof path, "%s", name);
        if (n > 0 && len > 0 && (size_t)len < sizeof path && try_name(a, path, beside, st))
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

static h5r_status find_source(const attempt *a, h5r_other_kind kind, const char *name)
{
    static const char *const variables[] = {"HDF5_EXT_PREFIX", "HDF5_VDS_PREFIX", "HDF5_EXTFILE_PREFIX"};
    static const char *const what[] = {"external link", "virtual dataset", "dataset"};
    h5r_others policy = policy_of(a->f);
    h5r_status st;

    if (a->f->source.open_other == NULL || policy == H5R_OTHERS_NO)
        return h5r_error_set(a->err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "%s into the file \"%s\", but %s", what[kind], name,
                             a->f->source.open_other == NULL ? "the source of this file has no others" : "no other file may be opened (h5r_options.others)");
    if (is_absolute(name) && policy == H5R_OTHERS_ANY && try_name(a, name, false, &st))
        return st;
    const char *local = is_absolute(name) ? last_part(name) : name;
    if (policy != H5R_OTHERS_ANY && climbs(local))
        return h5r_error_set(a->err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED,
                             "%s into the file \"%s\", which lies outside this file's folder (h5r_options.others allows only what is below it)",
                             what[kind], name);
    if (policy == H5R_OTHERS_ANY && !a->f->source.remote && try_folders(a, getenv(variables[kind]), local, &st))
        return st;
    if (try_name(a, local, true, &st))
        return st;
    if (policy == H5R_OTHERS_ANY && !a->f->source.remote && try_name(a, local, false, &st))
        return st;
    return h5r_error_set(a->err, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "%s into the file \"%s\", which is not there", what[kind], name);
}

/* ---------------------------------------------------------------- the files of a root */

static h5r_status open_hdf5(const h5r_file *f, const h5r_source *source, h5r_file **out, h5r_error *err)
{
    h5r_options options = f->root->options;

    options.head = NULL;
    options.head_len = 0;
    h5r_status st = h5r_open(source, &options, out, err);
    if (st != H5R_OK) {
        *out = NULL;
        h5r_error_set_file(err, source->name);
    }
    return st;
}

static bool same_name(const h5r_file *f, const h5r_source *source)
{
    /* A name that fills its field may have been cut. */
    return strcmp(f->source.name, source->name) == 0 && strlen(source->name) + 1 < sizeof source->name;
}

/* A new entry, whose file is yet to be opened. NULL: out of memory, or too many. others_lock is held. */
static struct h5r_other *add_entry(h5r_file *f, h5r_other_kind kind, const char *name, uint32_t n, h5r_error *err)
{
    h5r_file *root = f->root;

    if (n >= root->limits.other_files) {
        h5r_error_set(err, H5R_ERR_LIMIT, H5R_UNDEFINED, "more than %" PRIu32 " other files (limits.other_files)", root->limits.other_files);
        return NULL;
    }
    struct h5r_other *o = calloc(1, sizeof *o);
    if (o != NULL)
        o->name = malloc(strlen(name) + 1);
    if (o == NULL || o->name == NULL) {
        free(o);
        h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
        return NULL;
    }
    strcpy(o->name, name);
    o->owner = f;
    o->kind = kind;
    o->opening = true;
    o->next = root->others;
    root->others = o;
    return o;
}

/* The file that another name led to before, or the root; when another thread is opening it, that is waited for. others_lock is held. */
static h5r_file *same_file(h5r_file *root, const struct h5r_other *o, const h5r_source *source)
{
    if (same_name(root, source))
        return root;
    for (const struct h5r_other *k = root->others; k != NULL; k = k->next) {
        while (k != o && k->opening && k->named && strcmp(k->source.name, source->name) == 0)
            pthread_cond_wait(&root->other_opened, &root->others_lock);
        if (k->file != NULL && same_name(k->file, source))
            return k->file;
    }
    return NULL;
}

/* Finds and opens the file of a new entry. others_lock is held, but not while that takes time. */
static void open_entry(h5r_file *f, struct h5r_other *o)
{
    h5r_file *root = f->root;
    h5r_source source;

    pthread_mutex_unlock(&root->others_lock);
    if (f->source.one_at_a_time)
        pthread_mutex_lock(&f->io_lock);
    h5r_status st = find_source(&(attempt){f, &source, &o->error}, o->kind, o->name);
    if (f->source.one_at_a_time)
        pthread_mutex_unlock(&f->io_lock);
    pthread_mutex_lock(&root->others_lock);
    o->status = st;
    if (st == H5R_OK && o->kind == H5R_OTHER_RAW) {
        o->source = source;
    } else if (st == H5R_OK) {
        o->file = same_file(root, o, &source);
        if (o->file != NULL) {
            if (source.close != NULL)
                source.close(source.ctx);
        } else {
            h5r_file *file;
            o->source = source;
            o->named = true;
            pthread_mutex_unlock(&root->others_lock);
            st = open_hdf5(f, &source, &file, &o->error);
            pthread_mutex_lock(&root->others_lock);
            o->status = st;
            o->file = file;
            if (file != NULL) {
                file->root = root;
                file->number = ++root->n_numbered;
            }
        }
    }
    o->opening = false;
    pthread_cond_broadcast(&root->other_opened);
}

/* The entry for a name, made and opened the first time. NULL: out of memory, or too many. others_lock is held. */
static struct h5r_other *entry_of(h5r_file *f, h5r_other_kind kind, const char *name, h5r_error *err)
{
    h5r_file *root = f->root;
    uint32_t n = 0;

    for (struct h5r_other *o = root->others; o != NULL; o = o->next, n++)
        if (o->owner == f && o->kind == kind && strcmp(o->name, name) == 0) {
            while (o->opening)
                pthread_cond_wait(&root->other_opened, &root->others_lock);
            return o;
        }
    struct h5r_other *o = add_entry(f, kind, name, n, err);
    if (o != NULL)
        open_entry(f, o);
    return o;
}

static h5r_status find_other(h5r_file *f, h5r_other_kind kind, const char *name, struct h5r_other **out, h5r_error *err)
{
    h5r_error ignored;

    if (err == NULL)
        err = &ignored;
    if (f->source.read_ranges == NULL)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "data in the file \"%s\": in push mode other files are not opened", name);
    *err = (h5r_error){.offset = H5R_UNDEFINED};
    pthread_mutex_lock(&f->root->others_lock);
    *out = entry_of(f, kind, name, err);
    pthread_mutex_unlock(&f->root->others_lock);
    if (*out == NULL)
        return err->status;
    if ((*out)->status != H5R_OK)
        *err = (*out)->error;
    return (*out)->status;
}

h5r_status h5r_open_other(h5r_file *f, h5r_other_kind kind, const char *name, h5r_file **out, h5r_error *err)
{
    struct h5r_other *o;

    if (strcmp(name, ".") == 0) {
        *out = f;
        return H5R_OK;
    }
    h5r_status st = find_other(f, kind, name, &o, err);
    if (st == H5R_OK)
        *out = o->file;
    return st;
}

h5r_status h5r_open_raw(h5r_file *f, const char *name, h5r_source **out, h5r_error *err)
{
    struct h5r_other *o;
    h5r_status st = find_other(f, H5R_OTHER_RAW, name, &o, err);
    if (st == H5R_OK)
        *out = &o->source;
    return st;
}

/* Whether a later entry has the same file: that one counts and closes it. */
static bool is_elsewhere(const h5r_file *root, const struct h5r_other *o)
{
    for (const struct h5r_other *k = o->next; k != NULL; k = k->next)
        if (k->file == o->file)
            return true;
    return o->file == root;
}

h5r_file *h5r_file_numbered(h5r_file *f, unsigned number)
{
    h5r_file *found = number == f->root->number ? f->root : NULL;

    pthread_mutex_lock(&f->root->others_lock);
    for (const struct h5r_other *o = f->root->others; o != NULL && found == NULL; o = o->next)
        if (o->file != NULL && o->file->number == number)
            found = o->file;
    pthread_mutex_unlock(&f->root->others_lock);
    return found;
}

void h5r_add_other_stats(h5r_file *f, h5r_stats *s)
{
    pthread_mutex_lock(&f->others_lock);
    for (const struct h5r_other *o = f->others; o != NULL; o = o->next) {
        h5r_stats one = {0};
        if (o->file == NULL || is_elsewhere(f, o))
            continue;
        h5r_get_stats(o->file, &one);
        s->rounds += one.rounds;
        s->requests += one.requests;
        s->bytes += one.bytes;
        s->cached_bytes += one.cached_bytes;
        s->decoded_bytes += one.decoded_bytes;
        s->chunks += one.chunks;
    }
    pthread_mutex_unlock(&f->others_lock);
}

void h5r_close_others(h5r_file *f)
{
    for (struct h5r_other *o = f->others; o != NULL; o = f->others) {
        if (o->file != NULL && !is_elsewhere(f, o))
            h5r_close(o->file);
        if (o->kind == H5R_OTHER_RAW && o->source.close != NULL)
            o->source.close(o->source.ctx);
        f->others = o->next;
        free(o->name);
        free(o);
    }
}
