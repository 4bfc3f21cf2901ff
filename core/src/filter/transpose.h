/* Byte and bit transpositions that shuffle, bitshuffle and Blosc2 share. Buffers never overlap. */
#ifndef H5R_FILTER_TRANSPOSE_H
#define H5R_FILTER_TRANSPOSE_H

#include <stddef.h>
#include <stdint.h>

/* From byte planes (all first bytes, all second bytes, ...) to elements of size bytes. */
void h5r_unshuffle(const uint8_t *src, uint8_t *dst, size_t elems, size_t size);

/* The same for elems of the elements: the planes, the first of which begins at src, are plane bytes apart. With the last plane as
 * src and a negative distance the bytes of each element come out in reverse order. */
void h5r_unshuffle_part(const uint8_t *src, ptrdiff_t plane, uint8_t *dst, size_t elems, size_t size);

/* The same for rows of elems elements, whose first ones lie src_step and dst_step bytes apart. */
void h5r_unshuffle_rows(const uint8_t *src, ptrdiff_t plane, ptrdiff_t src_step, uint8_t *dst, ptrdiff_t dst_step, size_t rows, size_t elems,
                        size_t size);

/* From bit planes to elements: row r holds bit r of every element (bit 0 is the least significant one of byte 0), eight
 * elements a byte. elems is a multiple of 8; tmp has room for elems * size bytes. */
void h5r_unbitshuffle(const uint8_t *src, uint8_t *dst, uint8_t *tmp, size_t elems, size_t size);

#endif
