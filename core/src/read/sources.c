#include "read/sources.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object/others.h"
#include "object/values.h"
#include "read/convert.h"
#include "read/each.h"
#include "read/scatter.h"
#include "read/virtual.h"
#include "util/checked.h"

enum { MAX_NAME = 4096 };

/* ---------------------------------------------------------------- names */

/* %b becomes the number of a block, %% a percent sign. False when the name is too long or has another %. */
static bool expand_name(const char *pattern, uint64_t block, char *out, size_t size)
{
    size_t n = 0;

    for (const char *p = pattern; *p != '\0'; p++) {
        char one[24] = {*p, 0};
        if (*p == '%' && p[1] == 'b')
            snprintf(one, sizeof one, "%" PRIu64, block);
        else if (*p == '%' && p[1] != '%')
            return false;
        p += *p == '%';
        size_t len = strlen(one);
        if (n + len + 1 > size)
            return false;
        memcpy(out + n, one, len);
        n += len;
    }
    out[n] = '\0';
    return true;
}

bool h5r_is_numbered(const h5r_mapping *m)
{
    for (int k = 0; k < 2; k++)
        for (const char *p = k == 0 ? m->file : m->dataset; (p = strchr(p, '%')) != NULL; p += p[1] != '\0' ? 2 : 1)
            if (p[1] == 'b')
                return true;
    return false;
}

h5r_status h5r_open_origin(h5r_file *f, const h5r_mapping *m, uint64_t block, unsigned nesting, h5r_origin *out, bool *found, h5r_error *err)
{
    char file[MAX_NAME], dataset[MAX_NAME];

    *found = false;
    if (!expand_name(m->file, block, file, sizeof file) || !expand_name(m->dataset, block, dataset, sizeof dataset))
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "a virtual dataset's source named \"%.100s\" \"%.100s\"", m->file, m->dataset);
    if (nesting >= f->root->limits.nesting)
        return h5r_error_set(err, H5R_ERR_LIMIT, H5R_UNDEFINED, "virtual datasets of virtual datasets, more than %" PRIu32 " deep (limits.nesting)",
                             f->root->limits.nesting);
    h5r_status st = h5r_open_other(f, H5R_OTHER_VIRTUAL, file, &out->file, err);
    if (st == H5R_OK) {
        st = h5r_lookup(out->file, NULL, dataset, &out->object, err);
        if (st < 0 && err != NULL && out->file->root != out->file)
            h5r_error_set_file(err, out->file->source.name);
    }
    if (st == H5R_ERR_NOT_FOUND)
        return H5R_OK;
    if (st != H5R_OK)
        return st;
    out->file = out->object->file; /* another one behind an external link */
    st = h5r_describe_nested(out->file, out->object, nesting + 1, &out->d, err);
    *found = st == H5R_OK;
    return st;
}

typedef struct opening {
    h5r_file *f;
    const h5r_named_origin *list;
    unsigned nesting;
} opening;

static void open_one(void *arg, size_t i)
{
    const opening *o = arg;
    h5r_origin origin;
    h5r_error ignored;
    bool found;

    (void)h5r_open_origin(o->f, o->list[i].m, o->list[i].block, o->nesting, &origin, &found, &ignored);
}

void h5r_open_origins(h5r_file *f, const h5r_named_origin *list, size_t n, unsigned nesting)
{
    opening o = {f, list, nesting};

    if (h5r_each_width(f, n) > 1)
        h5r_each(f, n, open_one, &o);
}

/* ---------------------------------------------------------------- collecting */

/* Bytes that the elements of a read take as the source has them, or converted, whichever is more. */
static bool bytes_of(const h5r_source_read *r, const h5r_type *to, uint64_t *out)
{
    *out = h5r_max(r->type->size, to->size);
    for (unsigned i = 0; i < r->rank; i++)
        if (!h5r_mul(*out, r->count[i], out))
            return false;
    return true;
}

/* The second half of a read along its first dimension of more than one element, which r loses. False: one element. */
static bool halve(h5r_source_read *r, h5r_source_read *rest)
{
    unsigned i = 0;

    while (i < r->rank && r->count[i] < 2)
        i++;
    if (i == r->rank)
        return false;
    uint64_t half = r->count[i] / 2;
    *rest = *r;
    rest->count[i] -= half;
    rest->start[i] += half * (uint64_t)r->step[i];
    rest->dst += (int64_t)half * r->dst_stride[i];
    r->count[i] = half;
    return true;
}

/* A read whose values are converted on the way; it takes at most limits.inflight_bytes, and so do all that were collected. */
static h5r_status add_converted(h5r_source_reads *l, const h5r_source_read *r)
{
    uint64_t limit = l->f->root->limits.inflight_bytes, bytes;
    h5r_source_read first = *r, rest;

    if (!bytes_of(r, l->w->d->type, &bytes) || bytes > limit) {
        if (!halve(&first, &rest))
            return h5r_error_set(l->err, H5R_ERR_LIMIT, H5R_UNDEFINED, "elements of %" PRIu32 " bytes that are converted (limits.inflight_bytes)",
                                 r->type->size);
        h5r_status st = add_converted(l, &first);
        return st == H5R_OK ? add_converted(l, &rest) : st;
    }
    if (l->n == H5R_MAX_SOURCE_READS || bytes > limit - l->temporary_bytes) {
        h5r_status st = h5r_do_source_reads(l);
        if (st != H5R_OK)
            return st;
    }
    first.temporary = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (first.temporary == NULL)
        return h5r_error_set(l->err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    l->temporary_bytes += bytes;
    l->list[l->n++] = first;
    return H5R_OK;
}

h5r_status h5r_add_source_read(h5r_source_reads *l, const h5r_origin *o, const h5r_source_read *like)
{
    const h5r_type *from = o->d->type, *to = l->w->d->type;
    h5r_source_read r = *like;

    if (!h5r_can_convert(from, to))
        return h5r_error_set(l->err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "a virtual dataset of a type that its source's values cannot be turned into");
    bool noted = from->in_heap && to->in_heap && o->file != l->f;
    if (noted && (!h5r_can_note_file(o->file, to) || !h5r_can_note_file(l->f, to)))
        return h5r_error_set(l->err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "references, or variable-length values of sets or files whose addresses have other than 8 bytes, of another file through a virtual dataset");
    if (l->n == H5R_MAX_SOURCE_READS) {
        h5r_status st = h5r_do_source_reads(l);
        if (st != H5R_OK)
            return st;
    }
    r.file = o->file;
    r.object = o->object;
    r.type = from;
    r.temporary = NULL;
    if (noted || !h5r_same_elements(from, to))
        return add_converted(l, &r);
    l->list[l->n++] = r;
    return H5R_OK;
}

/* ---------------------------------------------------------------- reading */

/* The reads of one file. */
typedef struct group {
    h5r_file *file;
    size_t first, n; /* in the order of the groups */
    h5r_status status;
    h5r_error error;
} group;

typedef struct groups {
    const h5r_source_reads *l;
    group *list;
    size_t n;
    size_t *order;           /* reads, group by group */
    unsigned sharers;
    atomic_size_t failed;    /* the first group that did; later ones need not be read */
} groups;

static h5r_status convert_one(const h5r_source_reads *l, const h5r_source_read *r, h5r_error *err)
{
    const h5r_type *to = l->w->d->type;
    uint64_t total = 1;
    int64_t src_stride[H5R_MAX_RANK];

    for (unsigned k = r->rank; k-- > 0; total *= r->count[k])
        src_stride[k] = (int64_t)(total * to->size);
    if (r->type->in_heap && to->in_heap && r->file != l->f)
        h5r_note_file(r->file, r->type, r->temporary, total);
    uint8_t *converted = malloc((size_t)total * to->size);
    if (converted == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    h5r_convert(r->type, to, r->temporary, (size_t)total, converted);
    h5r_scatter s = {.type = to, .rank = r->rank, .count = r->count, .src_stride = src_stride, .dst_stride = r->dst_stride};
    h5r_scatter_copy(&s, converted, r->dst);
    free(converted);
    return H5R_OK;
}

static void read_group(void *arg, size_t i)
{
    groups *all = arg;
    group *g = &all->list[i];
    const h5r_source_reads *l = all->l;
    const h5r_object **objects = malloc(g->n * sizeof *objects);
    h5r_selection *sel = calloc(g->n, sizeof *sel);

    if (i > atomic_load(&all->failed)) {
        free(objects);
        free(sel);
        return;
    }
    g->status = objects != NULL && sel != NULL ? H5R_OK : h5r_error_set(&g->error, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    for (size_t k = 0; k < g->n && g->status == H5R_OK; k++) {
        const h5r_source_read *r = &l->list[all->order[g->first + k]];
        bool direct = r->temporary == NULL;
        objects[k] = r->object;
        sel[k] = (h5r_selection){.start = r->start, .count = r->count, .step = r->step, .dst_stride = direct ? r->dst_stride : NULL,
                                 .dst = direct ? r->dst : r->temporary, .fill_never = l->w->fill_never};
    }
    if (g->status == H5R_OK)
        g->status = h5r_read_nested(g->file, objects, sel, g->n, l->nesting + 1, all->sharers, &g->error);
    for (size_t k = 0; k < g->n && g->status == H5R_OK; k++) {
        const h5r_source_read *r = &l->list[all->order[g->first + k]];
        if (r->temporary != NULL)
            g->status = convert_one(l, r, &g->error);
    }
    if (g->status != H5R_OK) {
        size_t first = atomic_load(&all->failed);
        while (i < first && !atomic_compare_exchange_weak(&all->failed, &first, i))
            ;
    }
    free(objects);
    free(sel);
}

/* Groups in the order in which their files come, each with its reads in theirs. */
static void make_groups(const h5r_source_reads *l, groups *all, size_t *group_of)
{
    for (size_t i = 0; i < l->n; i++) {
        size_t g = i > 0 && l->list[i].file == l->list[i - 1].file ? group_of[i - 1] : 0;
        while (g < all->n && all->list[g].file != l->list[i].file)
            g++;
        if (g == all->n)
            all->list[all->n++] = (group){.file = l->list[i].file};
        all->list[g].n++;
        group_of[i] = g;
    }
    for (size_t g = 1; g < all->n; g++)
        all->list[g].first = all->list[g - 1].first + all->list[g - 1].n;
    for (size_t g = 0; g < all->n; g++)
        all->list[g].n = 0;
    for (size_t i = 0; i < l->n; i++) {
        group *g = &all->list[group_of[i]];
        all->order[g->first + g->n++] = i;
    }
}

h5r_status h5r_do_source_reads(h5r_source_reads *l)
{
    h5r_status st = H5R_OK;

    if (l->n == 0)
        return H5R_OK;
    groups all = {.l = l, .list = calloc(l->n, sizeof *all.list), .order = malloc(l->n * sizeof *all.order)};
    size_t *group_of = malloc(l->n * sizeof *group_of);
    if (all.list == NULL || all.order == NULL || group_of == NULL) {
        st = h5r_error_set(l->err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    } else {
        make_groups(l, &all, group_of);
        all.sharers = h5r_each_width(l->f, all.n);
        atomic_init(&all.failed, SIZE_MAX);
        h5r_each(l->f, all.n, read_group, &all);
        size_t failed = atomic_load(&all.failed);
        if (failed != SIZE_MAX) {
            st = all.list[failed].status;
            *l->err = all.list[failed].error;
        }
    }
    for (size_t i = 0; i < l->n; i++)
        free(l->list[i].temporary);
    l->n = 0;
    l->temporary_bytes = 0;
    free(group_of);
    free(all.order);
    free(all.list);
    return st;
}

void h5r_source_reads_free(h5r_source_reads *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->list[i].temporary);
    free(l->list);
}
