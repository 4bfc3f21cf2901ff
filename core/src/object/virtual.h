/* Mappings of virtual datasets. */
#ifndef H5R_OBJECT_VIRTUAL_H
#define H5R_OBJECT_VIRTUAL_H

#include <stdatomic.h>

#include "object/load.h"

typedef struct h5r_mapping_list {
    const h5r_mapping *list;
    size_t n;
    bool unlimited; /* some have an unlimited selection: the extent depends on the sources */
    atomic_bool *opened; /* of each mapping: its source has been opened, all that takes waiting is done */
} h5r_mapping_list;

h5r_status h5r_load_mappings(h5r_ctx *x, const h5r_header *h, const h5r_mapping_list **out);

#endif
