/* "cat": values, as text, as an .npy array, or as raw bytes in the machine's byte order. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "paths.h"
#include "slab.h"
#include "text.h"

typedef struct window {
    unsigned rank;
    uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK];
    int64_t step[H5R_MAX_RANK];
    bool dropped[H5R_MAX_RANK]; /* a single index: no dimension of the result */
} window;

static bool get_number(const char **p, int64_t *v)
{
    char *end;

    errno = 0;
    long long n = strtoll(*p, &end, 10);
    if (end == *p || errno != 0)
        return false;
    *v = n;
    *p = end;
    return true;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* One part of a slice with NumPy's rules: "5", "a:b:s" with any of them left out, negative ones counted from the end. */
static bool parse_part(const char **p, uint64_t extent, window *w, unsigned i)
{
    int64_t n = (int64_t)extent, start = 0, stop = 0, step = 1;
    bool has_start = get_number(p, &start), has_stop = false;

    if (**p != ':') {
        if (!has_start)
            return false;
        start += start < 0 ? n : 0;
        if (start < 0 || start >= n)
            return false;
        w->start[i] = (uint64_t)start;
        w->count[i] = 1;
        w->step[i] = 1;
        w->dropped[i] = true;
        return true;
    }
    ++*p;
    has_stop = get_number(p, &stop);
    if (**p == ':') {
        ++*p;
        if (!get_number(p, &step) && **p != ',' && **p != '\0')
            return false;
    }
    if (step == 0 || step == INT64_MIN)
        return false;
    if (has_start && start < 0)
        start += n;
    if (has_stop && stop < 0)
        stop += n;
    start = has_start ? clamp(start, step > 0 ? 0 : -1, step > 0 ? n : n - 1) : step > 0 ? 0 : n - 1;
    stop = has_stop ? clamp(stop, step > 0 ? 0 : -1, step > 0 ? n : n - 1) : step > 0 ? n : -1;
    int64_t way = step > 0 ? stop - start : start - stop, s = step > 0 ? step : -step;
    w->count[i] = way > 0 ? (uint64_t)((way - 1) / s + 1) : 0;
    w->start[i] = w->count[i] > 0 ? (uint64_t)start : 0;
    w->step[i] = step;
    return true;
}

static bool parse_slice(const char *text, const h5r_space *space, window *w)
{
    w->rank = space->rank;
    for (unsigned i = 0; i < w->rank; i++) {
        w->start[i] = 0;
        w->count[i] = space->shape[i];
        w->step[i] = 1;
        w->dropped[i] = false;
    }
    for (unsigned i = 0; text != NULL && *text != '\0'; i++) {
        if (i >= w->rank || !parse_part(&text, space->shape[i], w, i))
            return false;
        if (*text == ',')
            text++;
        else if (*text != '\0')
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- .npy */

static bool put_descr(FILE *out, const h5r_type *t);

static bool put_field(FILE *out, const char *name, const h5r_type *t)
{
    fputs("('", out);
    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '\'' || *p == '\\')
            fputc('\\', out);
        fputc(*p, out);
    }
    fputs("', ", out);
    bool ok = put_descr(out, t->cls == H5R_CLASS_ARRAY ? t->base : t);
    if (t->cls == H5R_CLASS_ARRAY) {
        fputs(", (", out);
        for (uint32_t i = 0; i < t->n_dims; i++)
            fprintf(out, "%" PRIu32 ",", t->dims[i]);
        fputc(')', out);
    }
    fputs("), ", out);
    return ok;
}

/* Members in order of offset, gaps as void fields without a name. */
static bool put_compound(FILE *out, const h5r_type *t)
{
    uint32_t at = 0;
    bool ok = true;

    fputc('[', out);
    for (uint32_t n = 0; n < t->n_members; n++) {
        const h5r_member *next = NULL;
        for (uint32_t i = 0; i < t->n_members; i++)
            if (t->members[i].offset >= at && (next == NULL || t->members[i].offset < next->offset))
                next = &t->members[i];
        if (next == NULL)
            return false; /* members that overlap */
        if (next->offset > at)
            fprintf(out, "('', '|V%" PRIu32 "'), ", next->offset - at);
        ok = put_field(out, next->name, next->type) && ok;
        at = next->offset + next->type->size;
    }
    if (at < t->size)
        fprintf(out, "('', '|V%" PRIu32 "'), ", t->size - at);
    fputc(']', out);
    return ok;
}

static bool put_descr(FILE *out, const h5r_type *t)
{
    const uint16_t probe = 1;
    char order = *(const uint8_t *)&probe == 1 ? '<' : '>';
    bool power = t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8;

    switch (t->cls) {
    case H5R_CLASS_INTEGER:
    case H5R_CLASS_BITFIELD:
    case H5R_CLASS_TIME:
        if (!power || t->precision != 8 * t->size)
            return false;
        fprintf(out, "'%c%c%" PRIu32 "'", t->size == 1 ? '|' : order, t->is_signed ? 'i' : 'u', t->size);
        return true;
    case H5R_CLASS_ENUM:
        return put_descr(out, t->base);
    case H5R_CLASS_FLOAT:
        if (!((t->size == 2 && t->exp_size == 5) || (t->size == 4 && t->exp_size == 8) || (t->size == 8 && t->exp_size == 11)) ||
            t->order == H5R_ORDER_VAX || t->precision != 8 * t->size)
            return false;
        fprintf(out, "'%cf%" PRIu32 "'", order, t->size);
        return true;
    case H5R_CLASS_COMPLEX:
        if (t->size != 8 && t->size != 16)
            return false;
        fprintf(out, "'%cc%" PRIu32 "'", order, t->size);
        return true;
    case H5R_CLASS_STRING:
        fprintf(out, "'|S%" PRIu32 "'", t->size);
        return true;
    case H5R_CLASS_OPAQUE:
        fprintf(out, "'|V%" PRIu32 "'", t->size);
        return true;
    case H5R_CLASS_COMPOUND:
        return put_compound(out, t);
    default:
        return false;
    }
}

/* Header of version 1.0 or, above 64 KiB, 2.0: magic, length, a Python literal padded with blanks to 64 bytes. */
static bool put_npy_header(FILE *out, const h5r_type *t, const window *w)
{
    char *text = NULL;
    size_t n = 0;
    const h5r_type *elem = t->cls == H5R_CLASS_ARRAY ? t->base : t;
    FILE *m = open_memstream(&text, &n);

    if (m == NULL)
        return false;
    fputs("{'descr': ", m);
    bool ok = put_descr(m, elem);
    fputs(", 'fortran_order': False, 'shape': (", m);
    for (unsigned i = 0; i < w->rank; i++)
        if (!w->dropped[i])
            fprintf(m, "%" PRIu64 ",", w->count[i]);
    for (uint32_t i = 0; t->cls == H5R_CLASS_ARRAY && i < t->n_dims; i++)
        fprintf(m, "%" PRIu32 ",", t->dims[i]);
    fputs("), }", m);
    fclose(m);
    bool large = n > 60000;
    size_t head = large ? 12 : 10, pad = 64 - (head + n + 1) % 64, len = n + pad + 1;
    if (ok) {
        fwrite(large ? "\x93NUMPY\x02\x00" : "\x93NUMPY\x01\x00", 1, 8, out);
        for (unsigned i = 0; i < head - 8; i++)
            fputc((int)(len >> (8 * i) & 0xff), out);
        fwrite(text, 1, n, out);
        for (size_t i = 0; i < pad; i++)
            fputc(' ', out);
        fputc('\n', out);
    }
    free(text);
    return ok;
}

/* ---------------------------------------------------------------- output */

typedef enum format { TEXT, NPY, RAW, JSON } format;

typedef struct output {
    h5r_file *f;
    const options *o;
    format format;
    json j;
    const h5r_dataset *d;
    unsigned n_dims;                /* of the result: those that no single index dropped */
    uint64_t nested[H5R_MAX_RANK];  /* elements below one index of each dimension before it: products of the counts from there on */
    uint64_t done;                  /* elements written */
    char *head;                     /* of an .npy file; written before the first values, so that a failure leaves no file of half sense */
    size_t head_len;
} output;

static void set_shape(output *out, const window *w)
{
    uint64_t n = 1;

    for (unsigned i = w->rank; i-- > 0;)
        if (!w->dropped[i])
            out->n_dims++;
    for (unsigned i = w->rank, k = out->n_dims; i-- > 0;) {
        if (w->dropped[i])
            continue;
        n *= w->count[i];
        out->nested[--k] = n;
    }
}

/* Numbers stand in rows of the last dimension; what is longer than a word has a line for each element. */
static bool has_rows(const output *out)
{
    h5r_class c = out->d->type->cls;
    return out->n_dims > 0 && (c == H5R_CLASS_INTEGER || c == H5R_CLASS_FLOAT || c == H5R_CLASS_ENUM || c == H5R_CLASS_BITFIELD ||
                               c == H5R_CLASS_TIME);
}

static void put_text(output *out, const h5r_values *values, const void *elem)
{
    if (out->done > 0)
        putchar(!has_rows(out) || out->done % out->nested[out->n_dims - 1] == 0 ? '\n' : ' ');
    put_value(stdout, out->f, values, out->d->type, elem);
}

/* Lists nested as deep as the result has dimensions. */
static void put_json(output *out, const h5r_values *values, const void *elem)
{
    for (unsigned k = 0; k < out->n_dims; k++)
        if (out->done % out->nested[k] == 0)
            json_begin_array(&out->j);
    json_value(&out->j, out->f, values, out->d->type, elem);
    for (unsigned k = 0; k < out->n_dims; k++)
        if ((out->done + 1) % out->nested[k] == 0)
            json_end_array(&out->j);
}

static h5r_status lost(h5r_error *err)
{
    *err = (h5r_error){.status = H5R_ERR_IO, .offset = H5R_UNDEFINED, .message = "cannot write the output"};
    return H5R_ERR_IO;
}

static h5r_status put_slab(output *out, const uint8_t *elems, uint64_t n, h5r_error *err)
{
    const h5r_type *t = out->d->type;
    h5r_values *values = NULL;

    if (out->format == NPY || out->format == RAW) {
        if (out->done == 0 && out->head_len > 0)
            fwrite(out->head, 1, out->head_len, stdout);
        fwrite(elems, t->size, n, stdout);
        out->done += n;
        return output_ok(out->o) ? H5R_OK : lost(err);
    }
    if (t->in_heap) {
        h5r_status st = h5r_values_load(out->f, t, elems, n, &values, err);
        if (st != H5R_OK)
            return st;
    }
    for (uint64_t i = 0; i < n && output_ok(out->o); i++, out->done++) {
        if (out->format == JSON)
            put_json(out, values, elems + i * t->size);
        else
            put_text(out, values, elems + i * t->size);
    }
    h5r_values_free(values);
    return output_ok(out->o) ? H5R_OK : lost(err);
}

/* Reads the window in pieces along its first dimensions. */
static h5r_status put_window(output *out, const h5r_object *o, const window *w, h5r_error *err)
{
    uint64_t bytes = out->d->type->size, start[H5R_MAX_RANK], count[H5R_MAX_RANK], at[H5R_MAX_RANK] = {0};
    unsigned dim = w->rank;

    for (unsigned i = 0; i < w->rank; i++)
        if (w->count[i] == 0)
            return H5R_OK;
    while (dim > 0 && bytes <= SLAB / w->count[dim - 1])
        bytes *= w->count[--dim];
    /* dim: first dimension that is read whole; dim - 1 is cut into pieces, those before go one by one */
    for (;;) {
        uint64_t n = 1;
        for (unsigned i = 0; i < w->rank; i++) {
            start[i] = w->start[i] + at[i] * (uint64_t)w->step[i];
            count[i] = i >= dim ? w->count[i] : i + 1 < dim ? 1 : slab_rows(out->d, i, start[i], w->step[i], w->count[i] - at[i], bytes);
            n *= count[i];
        }
        uint8_t *buffer = malloc(n * out->d->type->size);
        if (buffer == NULL) {
            *err = (h5r_error){.status = H5R_ERR_NOMEM, .offset = H5R_UNDEFINED, .message = "out of memory"};
            return H5R_ERR_NOMEM;
        }
        h5r_selection sel = {.start = start, .count = count, .step = w->step, .dst = buffer};
        h5r_status st = h5r_read_dataset(out->f, o, &sel, err);
        if (st == H5R_OK)
            st = put_slab(out, buffer, n, err);
        free(buffer);
        if (st != H5R_OK)
            return st;
        unsigned i = dim;
        while (i-- > 0) {
            at[i] += count[i];
            if (at[i] < w->count[i])
                break;
            at[i] = 0;
        }
        if (i == UINT32_MAX)
            return H5R_OK;
    }
}

static bool npy_head(output *out, const window *w)
{
    FILE *m = open_memstream(&out->head, &out->head_len);

    if (m == NULL)
        return false;
    bool ok = put_npy_header(m, out->d->type, w);
    if (fclose(m) == 0 && ok)
        return true;
    free(out->head);
    out->head = NULL;
    return false;
}

/* No values at all. */
static void put_empty(const output *out)
{
    if (out->format == NPY)
        fwrite(out->head, 1, out->head_len, stdout);
    if (out->format == JSON)
        fputs(out->d->space->cls == H5R_SPACE_NULL ? "null" : "[]", stdout);
}

static bool has_reference(const h5r_type *t)
{
    if (t->cls == H5R_CLASS_REFERENCE)
        return true;
    for (uint32_t i = 0; t->cls == H5R_CLASS_COMPOUND && i < t->n_members; i++)
        if (has_reference(t->members[i].type))
            return true;
    return (t->cls == H5R_CLASS_ARRAY || t->cls == H5R_CLASS_VLEN) && t->base != NULL && has_reference(t->base);
}

/* What references point to is named by its path where the file's groups are known; by its address where they cannot be read. */
static void learn_all_paths(h5r_file *f)
{
    const h5r_object *root;

    if (h5r_lookup(f, NULL, "/", &root, NULL) == H5R_OK)
        (void)h5r_prefetch(f, root, MAX_DEPTH, 0, NULL);
}

static int wrong_slice(const options *o, const h5r_space *space)
{
    h5r_error err = {.status = H5R_ERR_ARG, .offset = H5R_UNDEFINED};
    char shape[200] = "";
    FILE *m = fmemopen(shape, sizeof shape - 1, "w");

    if (m != NULL) {
        put_shape(m, space);
        fclose(m);
    }
    snprintf(err.message, sizeof err.message, "--slice %s does not fit the shape %s: a part for each dimension, as 0:10,5,::-1", o->slice, shape);
    return report(o, &err);
}

static int fail(const options *o, h5r_status st, const char *message)
{
    h5r_error err = {.status = st, .offset = H5R_UNDEFINED};

    snprintf(err.message, sizeof err.message, "%s", message);
    return report(o, &err);
}

int cmd_cat(h5r_file *f, const options *o)
{
    output out = {.f = f, .o = o, .j = {.out = stdout, .flat = true, .first = true}};
    const h5r_object *object;
    window w;
    h5r_error err;

    if (o->json)
        out.format = JSON;
    else if (o->format == NULL || strcmp(o->format, "text") == 0)
        out.format = TEXT;
    else if (strcmp(o->format, "npy") == 0)
        out.format = NPY;
    else if (strcmp(o->format, "raw") == 0)
        out.format = RAW;
    else
        return fail(o, H5R_ERR_ARG, "--format is text, npy or raw");
    if (o->path == NULL)
        return fail(o, H5R_ERR_ARG, "which dataset? Name it as URI#/path");
    h5r_status st = find_object(f, o, &object, &err);
    if (st == H5R_OK && object->kind != H5R_DATASET)
        return fail(o, H5R_ERR_ARG, "not a dataset");
    if (st == H5R_OK)
        st = h5r_dataset_describe(f, object, &out.d, &err);
    if (st != H5R_OK)
        return report(o, &err);
    if (!parse_slice(o->slice, out.d->space, &w))
        return wrong_slice(o, out.d->space);
    set_shape(&out, &w);
    if (out.format == NPY && (out.d->space->cls == H5R_SPACE_NULL || !npy_head(&out, &w)))
        return fail(o, H5R_ERR_UNSUPPORTED, "values of this type have no place in an .npy file; use --format text or raw");
    if ((out.format == TEXT || out.format == JSON) && has_reference(out.d->type))
        learn_all_paths(f);
    if (out.d->space->cls != H5R_SPACE_NULL)
        st = put_window(&out, object, &w, &err);
    if (st == H5R_OK && out.done == 0)
        put_empty(&out);
    if ((out.format == JSON && st == H5R_OK) || ((out.format == TEXT || out.format == JSON) && out.done > 0))
        putchar('\n');
    free(out.head);
    if (!output_ok(o))
        return EXIT_IO; /* the reason is told at the end */
    return st == H5R_OK ? 0 : report(o, &err);
}
