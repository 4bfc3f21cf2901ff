/* Blosc: one buffer of c-blosc 1, which says everything about itself. */
#include "filter/codecs.h"

#include <blosc.h>

h5r_status h5r_decode_blosc(const h5r_stage *s)
{
    size_t total = 0;
    uint8_t *out;

    if (blosc_cbuffer_validate(s->src, s->n, &total) < 0)
        return H5R_STAGE_BAD(s, "no Blosc buffer of %zu bytes", s->n);
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK || total == 0)
        return st;
    int n = blosc_decompress_ctx(s->src, out, total, 1);
    if (n < 0 || (size_t)n != total)
        return H5R_STAGE_BAD(s, "damaged buffer, or a codec that libblosc lacks");
    return H5R_OK;
}
