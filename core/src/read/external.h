/* Contiguous data in external raw files. */
#ifndef H5R_READ_EXTERNAL_H
#define H5R_READ_EXTERNAL_H

#include "io/ctx.h"

/* Reads bytes of the stream that a dataset's external files make, one behind the other. Reads are sorted and do not overlap; all of
 * each arrives. What lies beyond the end of a file is zero; a file that is missing is an error. No lock is held. */
h5r_status h5r_fetch_external(h5r_ctx *x, const h5r_dataset *d, h5r_read *reads, size_t n);

#endif
