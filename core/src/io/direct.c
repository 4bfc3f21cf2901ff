#include "io/direct.h"

#include <inttypes.h>

h5r_status h5r_short_read(const h5r_file *f, const h5r_read *r, h5r_error *err)
{
    if (f->info.driver[0] != '\0' && !f->is_set)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, r->offset,
                             "%zu bytes of data at byte %" PRIu64 " lie in another file of a %s set, which %s",
                             r->len, r->offset, f->info.driver, h5r_set_advice(f));
    return h5r_error_set(err, H5R_ERR_FORMAT, r->offset,
                         "%zu bytes of data at byte %" PRIu64 ", but the file ends at byte %" PRIu64 ": the file is truncated",
                         r->len, r->offset, r->offset + r->got);
}

h5r_status h5r_fetch_direct(h5r_file *f, h5r_read *reads, size_t n, h5r_error *err)
{
    h5r_status st = h5r_read_source(&f->source, &f->io_lock, reads, n, err);

    for (size_t i = 0; i < n && st == H5R_OK; i++)
        if (reads[i].got < reads[i].len)
            st = h5r_short_read(f, &reads[i], err);
    return st;
}

void h5r_count_direct(h5r_file *f, uint64_t requests, uint64_t bytes, uint64_t chunks)
{
    pthread_mutex_lock(&f->lock);
    f->stats.rounds += requests > 0;
    f->stats.requests += requests;
    f->stats.bytes += bytes;
    f->stats.chunks += chunks;
    pthread_mutex_unlock(&f->lock);
}
