/* bzip2: one stream, which says nothing about its size. */
#include "filter/codecs.h"

#include <bzlib.h>
#include <limits.h>

static unsigned clamp(size_t n)
{
    return n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

static h5r_status run(const h5r_stage *s, bz_stream *z, uint8_t *out, size_t cap, size_t *len)
{
    size_t left = s->n, done = 0;

    z->next_in = (char *)(uintptr_t)s->src; /* not written to */
    for (;;) {
        unsigned given = clamp(left), room = clamp(cap - done);
        char end;
        z->avail_in = given;
        z->next_out = cap > done ? (char *)out + done : &end;
        z->avail_out = room;
        int rc = BZ2_bzDecompress(z);
        left -= given - z->avail_in;
        done += room - z->avail_out;
        if (rc == BZ_STREAM_END) {
            *len = done;
            return H5R_OK;
        }
        if (rc == BZ_MEM_ERROR)
            return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
        if (rc != BZ_OK)
            return H5R_STAGE_BAD(s, "damaged stream");
        if (given == z->avail_in && room == z->avail_out) /* no progress */
            return done == cap ? H5R_NEED : H5R_STAGE_BAD(s, "stream ends after %zu bytes of output", done);
    }
}

static h5r_status attempt(const h5r_stage *s, uint8_t *out, size_t cap, size_t *len)
{
    bz_stream z = {0};

    if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "out of memory");
    h5r_status st = run(s, &z, out, cap, len);
    BZ2_bzDecompressEnd(&z);
    return st;
}

h5r_status h5r_decode_bzip2(const h5r_stage *s)
{
    return h5r_stage_attempt(s, attempt);
}
