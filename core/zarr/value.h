/* Values as JSON, the way Zarr's attributes have them: lists for arrays, objects for compounds, paths for references, pairs for complex
 * numbers, hexadecimal digits for bytes without meaning, and NaN and Infinity as NumPy's and GDAL's parsers take them. */
#ifndef H5R_ZARR_VALUE_H
#define H5R_ZARR_VALUE_H

#include <h5range/h5range.h>

#include "json.h"

/* One element in native byte order. */
void zarr_put_value(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem);

/* One element as a text: strings and references as they are, other values as JSON. */
void zarr_put_text(FILE *out, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem);

/* An attribute's elements in native byte order, with what they refer to; both are freed by the caller. */
h5r_status zarr_load_attr(h5r_file *f, const h5r_attr *a, uint8_t **elems, h5r_values **values, h5r_error *err);

/* An attribute as netCDF programs expect it: what has one element as that, text in one list. */
h5r_status zarr_put_attr(json *j, h5r_file *f, const h5r_attr *a, h5r_error *err);

#endif
