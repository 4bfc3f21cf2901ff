/* Elements of one type as elements of another: what a virtual dataset needs whose sources have another type. */
#ifndef H5R_READ_CONVERT_H
#define H5R_READ_CONVERT_H

#include <h5range/h5range.h>

/* Whether elements in native byte order mean the same in both types. */
bool h5r_same_elements(const h5r_type *a, const h5r_type *b);

/* Whether h5r_convert() knows how. */
bool h5r_can_convert(const h5r_type *from, const h5r_type *to);

/* n packed elements in native byte order. Numbers out of range become the nearest number, or infinite where there is
 * such; fractions are cut, NaN becomes 0 in an integer; text is cut or padded. Members of compounds pair by name; those that the source
 * lacks are zero, as in libhdf5. */
void h5r_convert(const h5r_type *from, const h5r_type *to, const void *src, size_t n, void *dst);

#endif
