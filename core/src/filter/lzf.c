/* LZF: a bare liblzf stream. */
#include "filter/codecs.h"

#include <errno.h>
#include <limits.h>
#include <lzf.h>

static h5r_status attempt(const h5r_stage *s, uint8_t *out, size_t cap, size_t *len)
{
    if (s->n == 0)
        return H5R_STAGE_BAD(s, "no bytes");
    errno = 0;
    *len = lzf_decompress(s->src, (unsigned)s->n, out, (unsigned)(cap < UINT_MAX ? cap : UINT_MAX));
    if (*len > 0)
        return H5R_OK;
    return errno == E2BIG ? H5R_NEED : H5R_STAGE_BAD(s, "damaged stream");
}

h5r_status h5r_decode_lzf(const h5r_stage *s)
{
    if (s->n > UINT_MAX)
        return H5R_STAGE_BAD(s, "a stored chunk above 4 GiB");
    return h5r_stage_attempt(s, attempt);
}
