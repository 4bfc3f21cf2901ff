/* Byte ranges through GDAL's virtual file systems, so that credentials, proxies and options are GDAL's. */
#ifndef H5RANGE_GDAL_SOURCE_H
#define H5RANGE_GDAL_SOURCE_H

#include <h5range/h5range.h>

#include "gdal_api.h"

/* A file of the network: what GDAL remembers of it is not asked for again. */
bool gdal_is_network(const char *name);

h5r_status gdal_source_open(const gdal_api *api, const char *name, h5r_source *out, h5r_error *err);

#endif
