/* From a chunk as it is stored to its elements. */
#ifndef H5R_READ_DECODE_H
#define H5R_READ_DECODE_H

#include "filter/pipeline.h"
#include "io/ctx.h"

/* dst takes d->chunk_bytes, in file byte order. Knows that chunks across the edge may have been stored without filters. */
h5r_status h5r_decode_stored(const h5r_file *f, const h5r_dataset *d, const uint64_t *coords, uint32_t skipped, const uint8_t *src,
                             size_t n, uint8_t *dst, h5r_pipeline_scratch *scratch, h5r_error *err);

#endif
