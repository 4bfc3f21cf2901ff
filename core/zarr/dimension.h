/* The attributes that tie datasets to their dimensions. */
#ifndef H5R_ZARR_DIMENSION_H
#define H5R_ZARR_DIMENSION_H

#include "view.h"

typedef struct zarr_attrs {
    const h5r_attr *const *list;
    size_t n;
} zarr_attrs;

const h5r_attr *zarr_find_attr(const zarr_attrs *a, const char *name);

/* The attribute's value when it is one text; the caller frees it. a may be NULL. */
char *zarr_text_of(h5r_file *f, const h5r_attr *a);

/* Whether a text is the attribute's, or a part of it. */
bool zarr_attr_is(h5r_file *f, const h5r_attr *a, const char *text);
bool zarr_attr_has(h5r_file *f, const h5r_attr *a, const char *part);

/* Integers of an attribute: at most cap; returns how many there are. */
size_t zarr_attr_integers(const h5r_attr *a, int64_t *out, size_t cap);

/* The scale of each dimension by its address, H5R_UNDEFINED where there is none (of several the last, as netCDF takes it). Returns how many
 * there are, 0 when none has a scale. */
size_t zarr_attr_scales(h5r_file *f, const h5r_attr *a, uint64_t *out, size_t cap);

/* How long an unlimited dimension is: as its longest variable, by the scale's REFERENCE_LIST. */
uint64_t zarr_unlimited_size(const h5r_object *scale, uint64_t size, const h5r_attr *users);

#endif
