#include "gdal_crs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "value.h"

static const zarr_array *array_of(const zarr_group *g, const char *name, size_t n)
{
    for (size_t i = 0; i < g->n_arrays; i++)
        if (strncmp(g->arrays[i]->name, name, n) == 0 && g->arrays[i]->name[n] == '\0')
            return g->arrays[i];
    return NULL;
}

/* An array of that name in the group or the nearest one above it that has one. */
static const zarr_array *find_near(const zarr_group *g, const char *name, size_t n)
{
    const zarr_array *a = NULL;

    for (; g != NULL && a == NULL; g = g->parent)
        a = array_of(g, name, n);
    return a;
}

/* The variable of an array's grid mapping: the first name, "crs" of "crs: x y" as well. */
static const zarr_array *mapping_of(const zarr_view *v, const zarr_group *g, const zarr_array *a)
{
    char *text = zarr_attr_text(v, a->object, "grid_mapping");
    const zarr_array *found = NULL;

    if (text != NULL) {
        const char *name = text + strspn(text, " ");
        size_t n = strcspn(name, " :");
        for (const char *slash; (slash = memchr(name, '/', n)) != NULL;) { /* of a path the last part */
            n -= (size_t)(slash + 1 - name);
            name = slash + 1;
        }
        found = n > 0 ? find_near(g, name, n) : NULL;
    }
    free(text);
    return found;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static bool is_axis(const zarr_view *v, const zarr_group *g, const char *dim, const char *standard_name, const char *const *units)
{
    const zarr_array *axis = find_near(g, dim, strlen(dim));
    char *unit = axis != NULL ? zarr_attr_text(v, axis->object, "units") : NULL;
    char *name = axis != NULL ? zarr_attr_text(v, axis->object, "standard_name") : NULL;

    bool is = (unit != NULL && is_one_of(unit, units)) || (name != NULL && strcmp(name, standard_name) == 0);
    free(unit);
    free(name);
    return is;
}

static bool is_geographic(const zarr_view *v, const zarr_group *g, const zarr_array *a)
{
    static const char *const north[] = {"degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN", NULL};
    static const char *const east[] = {"degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE", NULL};

    return is_axis(v, g, a->dims[a->rank - 2], "latitude", north) && is_axis(v, g, a->dims[a->rank - 1], "longitude", east);
}

/* Height of the satellite above the ellipsoid, by a grid mapping of the group or of one above it; 0: there is none. */
static double view_height(const zarr_view *v, const zarr_group *g)
{
    double height;

    for (; g != NULL; g = g->parent)
        for (size_t i = 0; i < g->n_arrays; i++)
            if (zarr_attr_number(v, g->arrays[i]->object, "perspective_point_height", &height))
                return height;
    return 0;
}

void gdal_scale_axis(const zarr_view *v, const zarr_group *g, zarr_array *a)
{
    static const char *const angles[] = {"rad", "radian", "radians", NULL};

    if (a->rank != 1 || strcmp(a->dims[0], a->name) != 0 || a->type.kind != ZARR_NUMBER || strchr("iuf", a->type.letter) == NULL)
        return;
    a->scale = 1;
    bool has_scale = zarr_attr_number(v, a->object, "scale_factor", &a->scale);
    bool has_offset = zarr_attr_number(v, a->object, "add_offset", &a->offset);
    char *units = zarr_attr_text(v, a->object, "units"), *name = zarr_attr_text(v, a->object, "standard_name");
    bool is_view = units != NULL && is_one_of(units, angles) && name != NULL && strncmp(name, "projection_", 11) == 0;
    double height = is_view ? view_height(v, g) : 0;
    if (height > 0) {
        a->scale *= height;
        a->offset *= height;
        a->units = "m";
    }
    a->is_scaled = has_scale || has_offset || height > 0;
    free(units);
    free(name);
}

/* {"wkt": "..."}, a text that GDAL reads, or {"url": ...} */
static char *member(const char *key, const char *text)
{
    char *out = NULL;
    size_t n = 0;
    FILE *m = open_memstream(&out, &n);
    json j = {.out = m, .flat = true, .first = true, .replace = true};

    if (m == NULL)
        return NULL;
    json_key(&j, "_CRS");
    json_begin_object(&j);
    json_put_text(&j, key, text);
    json_end_object(&j);
    fclose(m);
    return out;
}

/* "name=value" of every attribute that has text or numbers. */
static char **key_values(const gdal_api *api, const zarr_view *v, const zarr_array *mapping)
{
    const h5r_attr *const *list;
    char **out = NULL;
    size_t n = 0;

    if (h5r_attrs(v->f, mapping->object, true, &list, &n, NULL, NULL) != H5R_OK)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        h5r_values *values;
        uint8_t *elems;
        char *text = NULL;
        size_t len = 0;
        if (zarr_is_hidden(list[i]->name) || zarr_load_attr(mapping->object->file, list[i], &elems, &values, &(h5r_error){0}) != H5R_OK)
            continue;
        FILE *m = open_memstream(&text, &len);
        if (m != NULL) {
            fprintf(m, "%s=", list[i]->name);
            for (uint64_t k = 0; k < list[i]->space->count; k++) {
                if (k > 0)
                    fputc(',', m);
                zarr_put_text(m, mapping->object->file, values, list[i]->type, elems + k * list[i]->type->size);
            }
            fclose(m);
            out = api->CSLAddString(out, text);
        }
        free(text);
        h5r_values_free(values);
        free(elems);
    }
    return out;
}

/* By the parameters of a CF grid mapping: GDAL's own reading of them, from 3.9 on. Its own form of WKT, the default, has what others lose: the
 * sweep axis of a geostationary view. */
static char *from_parameters(const gdal_api *api, const zarr_view *v, const zarr_group *g, const zarr_array *a, const zarr_array *mapping)
{
    if (api->OSRImportFromCF1 == NULL)
        return NULL;
    const zarr_array *x = find_near(g, a->dims[a->rank - 1], strlen(a->dims[a->rank - 1]));
    char *units = x == NULL ? NULL : x->units != NULL ? strdup(x->units) : zarr_attr_text(v, x->object, "units"), *wkt = NULL, *out = NULL;
    char **pairs = key_values(api, v, mapping);
    void *srs = api->OSRNewSpatialReference(NULL);

    api->CPLPushErrorHandler(api->CPLQuietErrorHandler);
    if (srs != NULL && pairs != NULL && api->OSRImportFromCF1(srs, (const char *const *)pairs, units) == 0 &&
        api->OSRExportToWktEx(srs, &wkt, NULL) == 0 && wkt != NULL && wkt[0] != '\0')
        out = member("wkt", wkt);
    api->CPLPopErrorHandler();
    api->VSIFree(wkt);
    if (srs != NULL)
        api->OSRDestroySpatialReference(srs);
    api->CSLDestroy(pairs);
    free(units);
    return out;
}

char *gdal_crs_member(const gdal_api *api, const zarr_view *v, const zarr_group *g, const zarr_array *a)
{
    char *out = NULL;

    if (a->rank < 2)
        return NULL;
    const zarr_array *mapping = mapping_of(v, g, a);
    const h5r_object *o = mapping != NULL ? mapping->object : a->object;
    char *wkt = zarr_attr_text(v, o, "crs_wkt");
    if (wkt == NULL || wkt[0] == '\0') {
        free(wkt);
        wkt = zarr_attr_text(v, o, "spatial_ref");
    }
    if (wkt != NULL && wkt[0] != '\0')
        out = member("wkt", wkt);
    else if (mapping != NULL)
        out = from_parameters(api, v, g, a, mapping);
    free(wkt);
    if (out == NULL && mapping == NULL && is_geographic(v, g, a))
        out = member("url", "http://www.opengis.net/def/crs/EPSG/0/4326");
    return out;
}
