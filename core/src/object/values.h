/* Variable-length values, loaded and copied out of the global heap. */
#ifndef H5R_OBJECT_VALUES_H
#define H5R_OBJECT_VALUES_H

#include "object/load.h"

/* Wants the heap objects of n elements without keeping their values: what a prefetch does. */
h5r_status h5r_want_values(h5r_ctx *x, const h5r_type *t, const uint8_t *elems, uint64_t n);

/* Whether elements of t in f can take such a note: sequences and strings of a file with addresses of 8 bytes that is no set, no references. */
bool h5r_can_note_file(const h5r_file *f, const h5r_type *t);

/* Notes in n elements of f that the heap objects they refer to are those of f: h5r_values_load() finds them there when a virtual dataset
 * gives the elements out as another file's of the same root. */
void h5r_note_file(const h5r_file *f, const h5r_type *t, uint8_t *elems, uint64_t n);

#endif
