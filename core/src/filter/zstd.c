/* Zstandard: one frame (or several), with or without the size of its content. */
#include "filter/codecs.h"

#include <zstd.h>
#include <zstd_errors.h>

static h5r_status attempt(const h5r_stage *s, uint8_t *out, size_t cap, size_t *len)
{
    size_t n = ZSTD_decompress(out, cap, s->src, s->n);

    if (!ZSTD_isError(n)) {
        *len = n;
        return H5R_OK;
    }
    switch (ZSTD_getErrorCode(n)) {
    case ZSTD_error_dstSize_tooSmall:
        return H5R_NEED;
    case ZSTD_error_memory_allocation:
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    default:
        return H5R_STAGE_BAD(s, "%s", ZSTD_getErrorName(n));
    }
}

h5r_status h5r_decode_zstd(const h5r_stage *s)
{
    return h5r_stage_attempt(s, attempt);
}
