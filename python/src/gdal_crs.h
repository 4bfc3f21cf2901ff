/* The coordinate reference system of an array, as GDAL's Zarr driver takes it from an attribute "_CRS". */
#ifndef H5RANGE_GDAL_CRS_H
#define H5RANGE_GDAL_CRS_H

#include "gdal_api.h"
#include "view.h"

/* Axes that are stored in scaled integers are shown as what they mean, which GDAL does not do for axes; angles of a geostationary view in metres,
 * as its projection has them. */
void gdal_scale_axis(const zarr_view *v, const zarr_group *g, zarr_array *a);

/* "_CRS": {...} without braces around it, by the array's grid_mapping (CF) or by axes of latitude and longitude; NULL: there is none. The caller
 * frees it. */
char *gdal_crs_member(const gdal_api *api, const zarr_view *v, const zarr_group *g, const zarr_array *a);

#endif
