/* Mappings of a virtual dataset. */
#ifndef H5R_FORMAT_MAPPINGS_H
#define H5R_FORMAT_MAPPINGS_H

#include <h5range/h5range.h>

#include "format/cursor.h"
#include "util/arena.h"

/* The global heap object of a virtual dataset (specification VII.B, and version 1 of HDF5 2.0). Names and selections borrow from the
 * cursor's bytes. The cursor stops at the checksum: the caller verifies it. *what says what is wrong. */
h5r_status h5r_decode_mappings(h5r_cursor *c, h5r_widths w, h5r_arena *arena, const h5r_mapping **out, size_t *n, const char **what);

#endif
