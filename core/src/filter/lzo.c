/* LZO: an LZO1X stream as PyTables writes it; later versions put an Adler-32 of four bytes behind it. */
#include "filter/codecs.h"

#include <lzo/lzo1x.h>

static h5r_status attempt(const h5r_stage *s, uint8_t *out, size_t cap, size_t *len)
{
    lzo_uint n = cap;
    int rc = lzo1x_decompress_safe(s->src, s->n, out, &n, NULL);

    if (rc == LZO_E_OUTPUT_OVERRUN)
        return H5R_NEED;
    if (rc != LZO_E_OK && rc != LZO_E_INPUT_NOT_CONSUMED)
        return H5R_STAGE_BAD(s, "damaged stream");
    *len = n;
    return H5R_OK;
}

h5r_status h5r_decode_lzo(const h5r_stage *s)
{
    return h5r_stage_attempt(s, attempt);
}
