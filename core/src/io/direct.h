/* Data read by several threads at once, from sources whose reads cost no round trip. */
#ifndef H5R_IO_DIRECT_H
#define H5R_IO_DIRECT_H

#include "io/ctx.h"

/* Reads a sorted batch; a short read is FORMAT. No lock is held, nothing is counted. */
h5r_status h5r_fetch_direct(h5r_file *f, h5r_read *reads, size_t n, h5r_error *err);

/* Adds what was read to the file's counts, as one round, and chunks that were decoded. */
void h5r_count_direct(h5r_file *f, uint64_t requests, uint64_t bytes, uint64_t chunks);

/* Describes a read that came back short. */
h5r_status h5r_short_read(const h5r_file *f, const h5r_read *r, h5r_error *err);

#endif
