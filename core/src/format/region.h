/* Decoding of stored selections. */
#ifndef H5R_FORMAT_REGION_H
#define H5R_FORMAT_REGION_H

#include <h5range/h5range.h>

#include "format/cursor.h"

/* One selection; the cursor moves behind it. The result borrows from the cursor's bytes. */
h5r_status h5r_decode_region(h5r_cursor *c, h5r_region *out);

#endif
