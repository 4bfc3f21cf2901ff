/* Mappings of a virtual dataset whose selections are not alike: element k of the one is element k of the other. */
#ifndef H5R_READ_VIRTUAL_ROWS_H
#define H5R_READ_VIRTUAL_ROWS_H

#include "read/sources.h"

/* Adds the reads that fill reads->w from o. target and source: patterns of each dimension, without end in none of them, where the
 * selection is a product, else NULL. Either may reach beyond its dataset: what is outside is not read. */
h5r_status h5r_map_rows(h5r_source_reads *reads, const h5r_origin *o, const h5r_region *target_region, const h5r_pattern *target,
                        const h5r_region *source_region, const h5r_pattern *source);

#endif
