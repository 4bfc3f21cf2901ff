/* What fixed and extensible arrays share: headers that name their element size, blocks that are verified once, and pages. */
#ifndef H5R_INDEX_ARRAY_BLOCK_H
#define H5R_INDEX_ARRAY_BLOCK_H

#include "index/box.h"

/* Views [addr, addr + n + 4), n bytes and their checksum; verifies it the first time. signature may be NULL (pages). */
h5r_status h5r_view_block(h5r_ctx *x, uint64_t addr, uint64_t n, const char *signature, const char *what,
                          const uint8_t **out);

/* FORMAT unless an index header's element size and client are what the dataset calls for. */
h5r_status h5r_check_elements(h5r_ctx *x, const h5r_chunked *d, unsigned client, unsigned elem_size);

/* Bit number n of a bitmap, most significant bit first. */
static inline bool h5r_bit(const uint8_t *bitmap, uint64_t n)
{
    return bitmap[n / 8] >> (7 - n % 8) & 1;
}

#endif
