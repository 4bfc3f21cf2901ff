/* How a long read is cut along one dimension. */
#ifndef H5R_CLI_SLAB_H
#define H5R_CLI_SLAB_H

#include <h5range/h5range.h>

enum { SLAB = 64 * 1024 * 1024, LARGE_SLAB = 3 * SLAB }; /* bytes */

/* Rows of dimension dim to read at once, of left > 0 rows that begin at row in steps of step (not 0), each of bytes of memory: some SLAB bytes that
 * end where chunks end, so that none is read for two slabs. Where a chunk does not end within SLAB bytes the slab may be larger. */
uint64_t slab_rows(const h5r_dataset *d, unsigned dim, uint64_t row, int64_t step, uint64_t left, uint64_t bytes);

#endif
