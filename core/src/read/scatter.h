/* Strided copies between a box of stored elements and the caller's buffer. */
#ifndef H5R_READ_SCATTER_H
#define H5R_READ_SCATTER_H

#include <h5range/h5range.h>

/* count[rank] elements of type t; strides are in bytes and may be negative. swap: from the file's byte order to the
 * machine's. The source may be byte planes: then innermost elements lie next to each other on both sides, and a type
 * that is swapped has just one part. */
typedef struct h5r_scatter {
    const h5r_type *type;
    unsigned rank;
    const uint64_t *count;
    const int64_t *src_stride, *dst_stride;
    bool swap;
    size_t plane; /* not 0: src is the place of the first element in the first plane, planes are that many bytes apart, and src_stride
                   * is in elements */
} h5r_scatter;

/* Whether elements of a type are numbers whose bytes are just reversed when they are swapped. */
bool h5r_is_atomic(const h5r_type *t);

void h5r_scatter_copy(const h5r_scatter *s, const uint8_t *src, uint8_t *dst);

/* Puts one element everywhere (already in the byte order wanted). */
void h5r_scatter_fill(const h5r_scatter *s, const uint8_t *element, uint8_t *dst);

#endif
