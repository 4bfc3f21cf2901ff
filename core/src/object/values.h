/* Variable-length values, loaded and copied out of the global heap. */
#ifndef H5R_OBJECT_VALUES_H
#define H5R_OBJECT_VALUES_H

#include "object/load.h"

/* Wants the heap objects of n elements without keeping their values: what a prefetch does. */
h5r_status h5r_want_values(h5r_ctx *x, const h5r_type *t, const uint8_t *elems, uint64_t n);

#endif
