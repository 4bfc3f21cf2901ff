#include "document.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dimension.h"
#include "piece.h"
#include "value.h"

const char zarr_group_text[] = "{\"zarr_format\": 2}";

/* ---------------------------------------------------------------- codecs */

static bool is_known(const h5r_filter *f)
{
    return f->id == 1 || f->id == 2 || f->id == 3 || f->id == 307 || f->id == 32015 || f->id == 32001;
}

bool zarr_reads_stored(const zarr_view *v, const zarr_array *a, char *why, size_t cap)
{
    static const char *const layouts[] = {"compact", "contiguous", "chunked", "virtual", "external"};
    const h5r_dataset *d = a->d;
    unsigned rank = a->rank;

    why[0] = '\0';
    if (d->space->cls == H5R_SPACE_NULL)
        snprintf(why, cap, "there are no data");
    else if (memcmp(a->shape, a->own, rank * sizeof *a->shape) != 0)
        snprintf(why, cap, "not stored in the shape that netCDF sees");
    else if (!a->type.as_stored || (a->type.kind == ZARR_BYTES && d->type->cls != H5R_CLASS_STRING))
        snprintf(why, cap, "elements of its type are not stored as Zarr has them");
    else if (d->layout != H5R_LAYOUT_CHUNKED && d->layout != H5R_LAYOUT_CONTIGUOUS)
        snprintf(why, cap, "%s data have no place in the file that a reference could name", layouts[d->layout]);
    else if (a->object->file != v->f)
        snprintf(why, cap, "the data lie in another file, which an external link leads to");
    else if (d->raw_edges && d->n_filters > 0)
        snprintf(why, cap, "chunks across the edge are stored without filters");
    for (unsigned i = 0; i < d->n_filters && why[0] == '\0'; i++) {
        const h5r_filter *f = &d->filters[i];
        const char *name = h5r_filter_name(f->id) != NULL ? h5r_filter_name(f->id) : f->name;
        if (!is_known(f))
            snprintf(why, cap, "filter %u%s%s%s has no codec in Zarr", f->id, name[0] != '\0' ? " (" : "", name, name[0] != '\0' ? ")" : "");
    }
    return why[0] == '\0';
}

bool zarr_has_one_fill(const zarr_array *a)
{
    const h5r_dataset *d = a->d;
    size_t one = a->type.t->size;

    if (d->fill_value == NULL || d->fill != H5R_FILL_USER || d->fill_time == H5R_FILL_NEVER)
        return true;
    for (size_t i = 1; i < a->type.per_item; i++)
        if (memcmp((const uint8_t *)d->fill_value + i * one, d->fill_value, one) != 0)
            return false;
    return true;
}

unsigned zarr_checksum_bytes(const zarr_array *a)
{
    return a->d->n_filters > 0 && a->d->filters[a->d->n_filters - 1].id == 3 ? 4 : 0;
}

static void put_int(json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_int(j, v);
}

static void put_blosc(json *j, const h5r_filter *f)
{
    static const char *const names[] = {"blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"};
    const uint32_t *v = f->values;

    json_put_text(j, "cname", f->n_values > 6 && v[6] < sizeof names / sizeof *names ? names[v[6]] : "blosclz");
    put_int(j, "clevel", f->n_values > 4 ? v[4] : 5);
    put_int(j, "shuffle", f->n_values > 5 ? v[5] : 1);
    put_int(j, "blocksize", 0);
}

/* A filter as a codec of numcodecs; client data that do not matter for reading are passed on all the same. */
static void put_codec(json *j, const h5r_filter *f, uint32_t elem_size)
{
    bool has = f->n_values > 0;

    json_begin_object(j);
    switch (f->id) {
    case 1:
        json_put_text(j, "id", "zlib");
        put_int(j, "level", has ? f->values[0] : 1);
        break;
    case 2:
        json_put_text(j, "id", "shuffle");
        put_int(j, "elementsize", has ? f->values[0] : elem_size);
        break;
    case 3:
        json_put_text(j, "id", "fletcher32");
        break;
    case 307:
        json_put_text(j, "id", "bz2");
        put_int(j, "level", has ? f->values[0] : 9);
        break;
    case 32015:
        json_put_text(j, "id", "zstd");
        put_int(j, "level", has ? (int32_t)f->values[0] : 3);
        break;
    default:
        json_put_text(j, "id", "blosc");
        put_blosc(j, f);
    }
    json_end_object(j);
}

/* What came last is the compressor: of the filters GDAL expects that they do not change the size by much. */
static void put_codecs(json *j, const zarr_array *a, bool stored)
{
    const h5r_filter *f = a->d->filters;
    unsigned n = stored ? a->d->n_filters - (zarr_checksum_bytes(a) > 0) : 0;
    bool compressor = n > 0 && f[n - 1].id != 2 && f[n - 1].id != 3;

    json_key(j, "compressor");
    if (compressor)
        put_codec(j, &f[--n], a->d->type->size);
    else
        json_null(j);
    json_key(j, "filters");
    if (a->type.kind == ZARR_TEXT) {
        json_raw(j, "[{\"id\":\"vlen-utf8\"}]");
        return;
    }
    if (n == 0) {
        json_null(j);
        return;
    }
    json_begin_array(j);
    for (unsigned i = 0; i < n; i++)
        put_codec(j, &f[i], a->d->type->size);
    json_end_array(j);
}

/* ---------------------------------------------------------------- documents */

static void put_extent(json *j, const char *key, const uint64_t *v, unsigned rank)
{
    json_key(j, key);
    json_begin_array(j);
    for (unsigned i = 0; i < rank; i++)
        json_uint(j, v[i]);
    json_end_array(j);
}

const h5r_attr *zarr_attr(const zarr_view *v, const h5r_object *o, const char *name)
{
    zarr_attrs all;

    if (h5r_attrs(v->f, o, true, &all.list, &all.n, NULL, NULL) != H5R_OK)
        return NULL;
    return zarr_find_attr(&all, name);
}

char *zarr_attr_text(const zarr_view *v, const h5r_object *o, const char *name)
{
    return zarr_text_of(o->file, zarr_attr(v, o, name));
}

bool zarr_attr_number(const zarr_view *v, const h5r_object *o, const char *name, double *out)
{
    const h5r_attr *attr = zarr_attr(v, o, name);
    zarr_type z = attr != NULL ? zarr_type_of(attr->type) : (zarr_type){.kind = ZARR_TEXT};
    uint8_t value[16];

    if (z.kind != ZARR_NUMBER || z.per_item != 1 || attr->space->count != 1 || strchr("iuf", z.letter) == NULL)
        return false;
    uint8_t *elems = malloc(attr->raw_len + 1);
    bool done = elems != NULL && h5r_attr_read(attr, elems, attr->raw_len, NULL) == H5R_OK;
    if (done) {
        zarr_convert(&z, elems, 1, value);
        *out = zarr_number_of(&z, value);
    }
    free(elems);
    return done;
}

/* A number of an attribute as the array's fill value; false: it is none, or does not fit. */
static bool put_nodata(json *j, const zarr_array *a, const h5r_attr *attr)
{
    zarr_type from = attr != NULL && attr->type != NULL ? zarr_type_of(attr->type) : (zarr_type){.kind = ZARR_TEXT};
    uint8_t value[16], *elems = NULL;
    bool done = false;

    if (from.kind != ZARR_NUMBER || from.per_item != 1 || attr->space->count != 1 || a->type.kind != ZARR_NUMBER)
        return false;
    elems = malloc(attr->raw_len + 1);
    if (elems != NULL && h5r_attr_read(attr, elems, attr->raw_len, NULL) == H5R_OK) {
        zarr_convert(&from, elems, 1, value);
        done = zarr_put_number_as(j, &from, value, &a->type);
    }
    free(elems);
    return done;
}

static void put_fill(json *j, const zarr_view *v, const zarr_array *a, zarr_fill fill)
{
    json_key(j, "fill_value");
    if (fill == ZARR_FILL_NODATA) {
        if (a->is_scaled || (!put_nodata(j, a, zarr_attr(v, a->object, "_FillValue")) && !put_nodata(j, a, zarr_attr(v, a->object, "missing_value"))))
            json_null(j);
        return;
    }
    if (!zarr_has_one_fill(a) || (fill == ZARR_FILL_COMPLETE && zarr_attr(v, a->object, "_FillValue") == NULL)) {
        json_null(j);
        return;
    }
    if (a->type.kind == ZARR_TEXT) {
        json_text(j, "");
        return;
    }
    const zarr_type shown = zarr_shown_type(a);
    uint8_t *item = zarr_fill_item(a);
    if (item != NULL)
        zarr_put_fill(j, &shown, item);
    else
        json_null(j);
    free(item);
}

char *zarr_array_text(const zarr_view *v, const zarr_array *a, const uint64_t *chunk, bool stored, zarr_fill fill)
{
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);
    json j = {.out = m, .flat = true, .first = true, .replace = true};

    if (m == NULL)
        return NULL;
    json_begin_object(&j);
    put_int(&j, "zarr_format", 2);
    put_extent(&j, "shape", a->shape, a->rank);
    put_extent(&j, "chunks", chunk, a->rank);
    json_key(&j, "dtype");
    const zarr_type shown = zarr_shown_type(a);
    zarr_put_dtype(&j, &shown, stored);
    json_put_text(&j, "order", "C");
    put_codecs(&j, a, stored);
    put_fill(&j, v, a, fill);
    json_end_object(&j);
    if (fclose(m) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Attributes about what is stored, not about what is shown. */
static bool is_of_storage(const zarr_array *a, const char *name)
{
    static const char *const names[] = {"scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned", "valid_min", "valid_max", "valid_range"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return a->units != NULL && strcmp(name, "units") == 0;
}

static void put_attrs(json *j, const zarr_view *v, const zarr_array *a, const h5r_object *o, const char *path)
{
    const h5r_attr *const *list;
    const h5r_error *bad = NULL;
    char message[sizeof((h5r_error *)0)->message + 300];
    h5r_error err;
    size_t n = 0;

    if (h5r_attrs(v->f, o, true, &list, &n, &bad, &err) != H5R_OK)
        bad = &err;
    if (bad != NULL)
        v->left_out(v->ctx, path, bad->message);
    for (size_t i = 0; i < n; i++) {
        bool hidden = zarr_is_hidden(list[i]->name) || (a != NULL && a->is_scaled && is_of_storage(a, list[i]->name));
        if (hidden || zarr_put_attr(j, o->file, list[i], &err) == H5R_OK)
            continue;
        snprintf(message, sizeof message, "attribute %.250s: %s", list[i]->name, err.message);
        v->left_out(v->ctx, path, message);
    }
}

char *zarr_attrs_text(const zarr_view *v, const zarr_group *g, const zarr_array *a, const char *more)
{
    char *text = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&text, &n);
    json j = {.out = m, .flat = true, .first = true, .replace = true};

    if (m == NULL)
        return NULL;
    json_begin_object(&j);
    put_attrs(&j, v, a, a != NULL ? a->object : g->object, a != NULL ? a->path : g->path);
    if (a != NULL && a->is_scaled && a->units != NULL)
        json_put_text(&j, "units", a->units);
    if (more != NULL)
        json_raw(&j, more);
    if (a != NULL) {
        json_key(&j, "_ARRAY_DIMENSIONS");
        json_begin_array(&j);
        for (unsigned i = 0; i < a->rank; i++)
            json_text(&j, a->dims[i]);
        json_end_array(&j);
    }
    json_end_object(&j);
    if (fclose(m) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
