/* A set's address space is cut into members: of a family each of one size, of a multi set each from its start to the next one's. */
#include "io/source_set.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/error.h"

enum { MAX_NAME = 512, MAX_FAMILY = 65536 };

typedef struct member {
    h5r_source source;
    bool opened;
} member;

typedef struct set {
    h5r_source first;        /* as the caller gave it: its ctx opens the others */
    h5r_driver_info info;    /* names point into `names` */
    char names[H5R_SET_MEMBERS][MAX_NAME];
    char prefix[MAX_NAME], suffix[MAX_NAME]; /* of a family: around the number */
    int digits;
    uint64_t end;
    pthread_mutex_t lock;    /* guards members being opened, and sources that read one batch at a time */
    member *members;
    unsigned n;
} set;

/* ---------------------------------------------------------------- names */

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

/* Around the last number of the name that is 0, as in "part_000.h5". */
static bool split_family_name(set *s, const char *name)
{
    size_t at = 0, n = 0;

    for (size_t i = 0; name[i] != '\0';) {
        size_t len = strspn(name + i, "0123456789");
        if (len > 0 && strspn(name + i, "0") == len) {
            at = i;
            n = len;
        }
        i += len > 0 ? len : 1;
    }
    if (n == 0 || n > 20)
        return false;
    s->digits = (int)n;
    int a = snprintf(s->prefix, sizeof s->prefix, "%.*s", (int)at, name), b = snprintf(s->suffix, sizeof s->suffix, "%s", name + at + n);
    return a >= 0 && (size_t)a < sizeof s->prefix && b >= 0 && (size_t)b < sizeof s->suffix;
}

/* Names of a multi set's members from that of the one with the superblock. */
static bool make_multi_names(set *s, const h5r_driver_info *d, const char *name)
{
    const char *wild = strstr(d->super, "%s");
    size_t len = strlen(name), before = wild != NULL ? (size_t)(wild - d->super) : 0, after = wild != NULL ? strlen(wild + 2) : 0;

    if (wild != NULL && (len < before + after || memcmp(name, d->super, before) != 0 || strcmp(name + len - after, wild + 2) != 0))
        return false;
    for (unsigned i = 0; i < d->n; i++) {
        const char *w = strstr(d->member[i].name, "%s");
        int k = w == NULL || wild == NULL
                    ? snprintf(s->names[i], MAX_NAME, "%s", d->member[i].name)
                    : snprintf(s->names[i], MAX_NAME, "%.*s%.*s%s", (int)(w - d->member[i].name), d->member[i].name,
                               (int)(len - before - after), name + before, w + 2);
        if (k < 0 || k >= MAX_NAME)
            return false;
        s->info.member[i].name = s->names[i];
    }
    return true;
}

/* ---------------------------------------------------------------- members */

/* Where member i begins, and where the next one does. */
static void bounds(const set *s, unsigned i, uint64_t *from, uint64_t *to)
{
    if (s->info.kind == H5R_SET_FAMILY) {
        *from = i * s->info.member_size;
        *to = i + 1 < s->n ? *from + s->info.member_size : UINT64_MAX;
        return;
    }
    *from = s->info.member[i].start;
    *to = UINT64_MAX;
    for (unsigned k = 0; k < s->n; k++)
        if (s->info.member[k].start > *from)
            *to = h5r_min(*to, s->info.member[k].start);
}

enum { MAX_PATH = 2 * MAX_NAME + 32 };

static void member_name(const set *s, unsigned i, char out[MAX_PATH])
{
    if (s->info.kind == H5R_SET_FAMILY)
        snprintf(out, MAX_PATH, "%s%0*u%s", s->prefix, s->digits, i, s->suffix);
    else
        snprintf(out, MAX_PATH, "%s", s->names[i]);
}

static h5r_status open_member(set *s, unsigned i, h5r_error *err)
{
    char name[MAX_PATH];
    member *m = &s->members[i];

    if (m->opened)
        return H5R_OK;
    member_name(s, i, name);
    h5r_source_init(&m->source);
    h5r_status st = s->first.open_other(s->first.ctx, name, true, &m->source, err);
    if (st == H5R_ERR_NOT_FOUND)
        return h5r_error_set(err, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "\"%.200s\", a member of this %s set of files, is not there", name, s->info.name);
    m->opened = st == H5R_OK;
    return st;
}

/* Bytes that member i has, as the set says; what lies between is never allocated. */
static uint64_t allocated_end(const set *s, unsigned i, uint64_t to)
{
    return s->info.kind == H5R_SET_MULTI ? h5r_min(s->info.member[i].end, to) : h5r_min(s->end, to);
}

static h5r_status read_member(set *s, unsigned i, h5r_read *reads, size_t n, h5r_read *parts, size_t *owner, h5r_error *err)
{
    uint64_t from, to;
    size_t k = 0;

    bounds(s, i, &from, &to);
    for (size_t r = 0; r < n; r++) {
        uint64_t a = h5r_max(reads[r].offset, from), z = h5r_min(reads[r].offset + reads[r].len, to);
        uint64_t end = h5r_min(z, allocated_end(s, i, to));
        if (a >= z)
            continue;
        if (end < z) /* nothing is allocated there */
            memset((uint8_t *)reads[r].dst + (h5r_max(end, a) - reads[r].offset), 0, (size_t)(z - h5r_max(end, a)));
        if (a < end) {
            owner[k] = r;
            parts[k++] = (h5r_read){.offset = a - from, .len = (size_t)(end - a), .dst = (uint8_t *)reads[r].dst + (a - reads[r].offset)};
        }
    }
    if (k == 0)
        return H5R_OK;
    pthread_mutex_lock(&s->lock);
    h5r_status st = open_member(s, i, err);
    bool alone = st == H5R_OK && s->members[i].source.one_at_a_time;
    if (!alone)
        pthread_mutex_unlock(&s->lock);
    if (st == H5R_OK)
        st = s->members[i].source.read_ranges(s->members[i].source.ctx, parts, k, err);
    if (alone)
        pthread_mutex_unlock(&s->lock);
    for (size_t p = 0; p < k && st == H5R_OK; p++)
        if (parts[p].got < parts[p].len)
            st = h5r_error_set(err, H5R_ERR_FORMAT, reads[owner[p]].offset,
                               "member %u of the %s set of files ends at its byte %" PRIu64 ", before %" PRIu64 ": it is truncated", i, s->info.name,
                               parts[p].offset + parts[p].got, parts[p].offset + parts[p].len);
    return st;
}

static h5r_status read_ranges(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
{
    set *s = ctx;
    h5r_read *parts = malloc(n * sizeof *parts);
    size_t *owner = malloc(n * sizeof *owner);
    h5r_status st = parts != NULL && owner != NULL ? H5R_OK : h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");

    for (size_t r = 0; r < n; r++)
        reads[r].got = reads[r].offset >= s->end ? 0 : (size_t)h5r_min(reads[r].len, s->end - reads[r].offset);
    for (unsigned i = 0; i < s->n && st == H5R_OK; i++)
        st = read_member(s, i, reads, n, parts, owner, err);
    free(owner);
    free(parts);
    return st;
}

static void close_set(void *ctx)
{
    set *s = ctx;

    for (unsigned i = 0; i < s->n; i++)
        if (s->members[i].opened && s->members[i].source.close != NULL)
            s->members[i].source.close(s->members[i].source.ctx);
    pthread_mutex_destroy(&s->lock);
    free(s->members);
    free(s);
}

static h5r_status open_other(void *ctx, const char *name, bool beside, h5r_source *out, h5r_error *err)
{
    set *s = ctx;
    return s->first.open_other(s->first.ctx, name, beside, out, err);
}

/* Index of the member that the set was opened by. */
static unsigned first_member(const set *s)
{
    for (unsigned i = 0; s->info.kind == H5R_SET_MULTI && i < s->n; i++)
        if (s->info.member[i].start == 0)
            return i;
    return 0;
}

h5r_status h5r_source_join_set(h5r_source *source, const h5r_driver_info *d, uint64_t end, h5r_error *err)
{
    const char *name = base_name(source->name);
    uint64_t n = d->kind == H5R_SET_MULTI ? d->n : end == H5R_UNDEFINED ? 1 : h5r_max(1, h5r_ceil_div(end, d->member_size));

    if (source->open_other == NULL || strlen(source->name) + 1 >= sizeof source->name)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "one file of a %s set, whose others this source cannot open", d->name);
    if (n > MAX_FAMILY)
        return h5r_error_set(err, H5R_ERR_LIMIT, H5R_UNDEFINED, "a family of %" PRIu64 " files; at most %d are read", n, MAX_FAMILY);
    set *s = calloc(1, sizeof *s);
    if (s != NULL)
        s->members = calloc((size_t)n, sizeof *s->members);
    if (s == NULL || s->members == NULL) {
        free(s);
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    }
    s->first = *source;
    s->info = *d;
    s->n = (unsigned)n;
    s->end = d->kind == H5R_SET_FAMILY ? end : H5R_UNDEFINED;
    if (d->kind == H5R_SET_FAMILY ? !split_family_name(s, name) : !make_multi_names(s, d, name)) {
        free(s->members);
        free(s);
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED,
                             "one file of a %s set, but its name \"%.100s\" does not tell those of the others: give it the name it was written with", d->name,
                             name);
    }
    pthread_mutex_init(&s->lock, NULL);
    member *own = &s->members[first_member(s)];
    own->source = *source;
    own->opened = true;
    source->ctx = s;
    source->read_ranges = read_ranges;
    source->close = close_set;
    source->open_other = open_other;
    source->one_at_a_time = false;
    source->size = H5R_UNDEFINED;
    return H5R_OK;
}

bool h5r_source_begins_family(const h5r_source *source, uint64_t end)
{
    uint64_t size = source->size;
    set s = {.info = {.kind = H5R_SET_FAMILY}};
    char name[MAX_PATH];
    h5r_source last;
    h5r_error ignored;

    if (source->open_other == NULL || size == 0 || size == H5R_UNDEFINED || end == H5R_UNDEFINED || end <= size ||
        end / size >= MAX_FAMILY || !split_family_name(&s, base_name(source->name)))
        return false;
    unsigned i = (unsigned)((end - 1) / size);
    member_name(&s, i, name);
    h5r_source_init(&last);
    if (source->open_other(source->ctx, name, true, &last, &ignored) != H5R_OK)
        return false;
    bool fits = last.size == end - i * size;
    if (last.close != NULL)
        last.close(last.ctx);
    return fits;
}
