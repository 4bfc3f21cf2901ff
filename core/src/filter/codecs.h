/* Decoders of the built-in codecs; see h5r_codec.decode. */
#ifndef H5R_FILTER_CODECS_H
#define H5R_FILTER_CODECS_H

#include "filter/pipeline.h"

h5r_status h5r_decode_deflate(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                              bool skip_checksums, h5r_error *err);
h5r_status h5r_decode_shuffle(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                              bool skip_checksums, h5r_error *err);
h5r_status h5r_decode_fletcher32(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                                 bool skip_checksums, h5r_error *err);

/* Filters that change values when writing and nothing in their encoding. */
h5r_status h5r_decode_copy(const h5r_filter *f, const uint8_t *src, size_t n, h5r_buf *dst, size_t expected, size_t limit,
                           bool skip_checksums, h5r_error *err);

/* Fletcher-32 as the filter computes it: sums of big-endian 16-bit words. */
uint32_t h5r_fletcher32(const uint8_t *p, size_t n);

#endif
