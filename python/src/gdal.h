/* /vsih5zarr/{FILE}/...: an HDF5 file as a Zarr 2 hierarchy in a GDAL of this process. */
#ifndef H5RANGE_GDAL_H
#define H5RANGE_GDAL_H

#include <stdbool.h>
#include <stddef.h>

/* Adds the file system to the libgdal of that path, once. *version (cap bytes) gets GDAL's. False: why says why not. */
bool gdal_install(const char *path, char *version, size_t version_cap, char *why, size_t cap);

#endif
