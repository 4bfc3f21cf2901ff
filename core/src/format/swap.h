/* Whether elements of a type differ between the file and the machine. */
#ifndef H5R_FORMAT_SWAP_H
#define H5R_FORMAT_SWAP_H

#include <h5range/h5range.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define H5R_NATIVE_ORDER H5R_ORDER_BE
#else
#define H5R_NATIVE_ORDER H5R_ORDER_LE
#endif

bool h5r_needs_swap(const h5r_type *t);

/* n elements of size bytes with the bytes of each in reverse order; src may be dst. */
void h5r_reverse_copy(const uint8_t *src, uint8_t *dst, size_t n, size_t size);

#endif
