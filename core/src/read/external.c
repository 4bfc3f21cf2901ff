#include "read/external.h"

#include <string.h>

#include "object/others.h"
#include "util/checked.h"

/* The parts of the reads that lie in one slot of the stream, [from, from + slot size). */
static h5r_status read_slot(h5r_ctx *x, const h5r_external *slot, uint64_t from, h5r_read *reads, size_t n, h5r_read *parts)
{
    h5r_file *f = x->file;
    h5r_source *source;
    h5r_error err = {0};
    uint64_t end;
    size_t k = 0;

    if (slot->size == H5R_UNDEFINED || !h5r_add(from, slot->size, &end))
        end = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        uint64_t a = h5r_max(reads[i].offset, from), z = h5r_min(reads[i].offset + reads[i].len, end), at;
        if (a >= z)
            continue;
        if (!h5r_add(slot->offset, a - from, &at))
            return h5r_fail(x, H5R_ERR_FORMAT, H5R_UNDEFINED, "data at an impossible place in the external file \"%.200s\"", slot->file);
        parts[k++] = (h5r_read){.offset = at, .len = (size_t)(z - a), .dst = (uint8_t *)reads[i].dst + (a - reads[i].offset)};
    }
    if (k == 0)
        return H5R_OK;
    h5r_status st = h5r_open_raw(f, slot->file, &source, &err);
    if (st == H5R_OK) {
        st = h5r_read_source(source, &f->root->others_lock, parts, k, &err);
        h5r_count_round(f, parts, k);
    }
    return st == H5R_OK ? H5R_OK : h5r_fail_again(x, &err);
}

h5r_status h5r_fetch_external(h5r_ctx *x, const h5r_dataset *d, h5r_read *reads, size_t n)
{
    h5r_read *parts = h5r_scratch(x, n, sizeof *parts);
    uint64_t from = 0;

    if (parts == NULL)
        return H5R_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        memset(reads[i].dst, 0, reads[i].len);
        reads[i].got = reads[i].len;
    }
    for (unsigned i = 0; i < d->n_external; i++) {
        H5R_TRY(read_slot(x, &d->external[i], from, reads, n, parts));
        if (d->external[i].size == H5R_UNDEFINED || !h5r_add(from, d->external[i].size, &from))
            break;
    }
    return H5R_OK;
}
