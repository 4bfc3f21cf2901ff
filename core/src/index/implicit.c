/* Chunks allocated at once, one behind the other, without filters. Specification VII.B. Nothing is stored of this index: only the end
 * of the file tells how many chunks there can be, and a file of some hundred bytes claims millions. */
#include <inttypes.h>

#include "index/box.h"
#include "util/checked.h"

static h5r_status find(h5r_ctx *x, const void *array, uint64_t number, h5r_element *out)
{
    const h5r_chunked *d = array;
    uint64_t offset, end, stop = h5r_known_end(x->file);

    if (stop == H5R_UNDEFINED) /* a source that does not know its size */
        stop = x->file->info.end;
    if (!h5r_mul(number, d->chunk_bytes, &offset) || !h5r_add(offset, d->addr, &out->addr) ||
        !h5r_add(out->addr, d->chunk_bytes, &end) || !h5r_add(end, x->file->info.base, &end))
        return h5r_fail(x, H5R_ERR_FORMAT, d->addr, "implicit chunk index beyond 2^64 bytes");
    if (end > stop && x->file->info.driver[0] == '\0')
        return h5r_fail(x, H5R_ERR_FORMAT, out->addr, "chunk %" PRIu64 " ends at byte %" PRIu64 ", beyond the end of the file at byte %" PRIu64
                        ": the file is truncated or damaged", number, end, stop);
    out->size = d->chunk_bytes;
    return H5R_OK;
}

h5r_status h5r_index_implicit(h5r_ctx *x, const h5r_chunked *d, const uint64_t *lo, const uint64_t *hi,
                              h5r_chunk_visit visit, void *arg)
{
    return h5r_array_walk(x, d, false, lo, hi, find, d, visit, arg);
}
