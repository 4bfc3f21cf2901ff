/* Snappy: a raw snappy stream, which begins with its size. */
#include "filter/codecs.h"

#include <snappy-c.h>

h5r_status h5r_decode_snappy(const h5r_stage *s)
{
    size_t total = 0;
    uint8_t *out;

    if (snappy_uncompressed_length((const char *)s->src, s->n, &total) != SNAPPY_OK)
        return H5R_STAGE_BAD(s, "no snappy stream");
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK)
        return st;
    if (snappy_uncompress((const char *)s->src, s->n, (char *)out, &total) != SNAPPY_OK || total != s->dst->len)
        return H5R_STAGE_BAD(s, "damaged stream");
    return H5R_OK;
}
