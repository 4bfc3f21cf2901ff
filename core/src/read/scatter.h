/* Strided copies between a box of stored elements and the caller's buffer. */
#ifndef H5R_READ_SCATTER_H
#define H5R_READ_SCATTER_H

#include <h5range/h5range.h>

/* count[rank] elements of type t; strides are in bytes and may be negative. swap: from the file's byte order to the
 * machine's. */
typedef struct h5r_scatter {
    const h5r_type *type;
    unsigned rank;
    const uint64_t *count;
    const int64_t *src_stride, *dst_stride;
    bool swap;
} h5r_scatter;

void h5r_scatter_copy(const h5r_scatter *s, const uint8_t *src, uint8_t *dst);

/* Puts one element everywhere (already in the byte order wanted). */
void h5r_scatter_fill(const h5r_scatter *s, const uint8_t *element, uint8_t *dst);

#endif
