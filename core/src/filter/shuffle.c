/* Shuffle: all first bytes of the elements, then all second bytes, ...; what is left over of the last element follows as it
 * is. */
#include "filter/codecs.h"

#include <string.h>

#include "filter/transpose.h"

h5r_status h5r_decode_shuffle(const h5r_stage *s)
{
    uint8_t *out;

    if (s->filter->n_values < 1 || s->filter->values[0] == 0)
        return H5R_STAGE_BAD(s, "no element size");
    h5r_status st = h5r_stage_room(s, s->n, &out);
    if (st != H5R_OK)
        return st;
    size_t size = s->filter->values[0], elems = s->n / size, rest = s->n % size;
    h5r_unshuffle(s->src, out, elems, size);
    if (rest > 0)
        memcpy(out + elems * size, s->src + elems * size, rest);
    return H5R_OK;
}
