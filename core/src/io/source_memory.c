#include <stdlib.h>
#include <string.h>

#include "util/error.h"

typedef struct memory {
    const uint8_t *bytes;
    size_t n;
} memory;

static h5r_status read_ranges(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
{
    const memory *m = ctx;
    (void)err;

    for (size_t i = 0; i < n; i++) {
        h5r_read *r = &reads[i];
        size_t left = r->offset < m->n ? m->n - (size_t)r->offset : 0;
        r->got = r->len < left ? r->len : left;
        if (r->got > 0)
            memcpy(r->dst, m->bytes + r->offset, r->got);
    }
    return H5R_OK;
}

h5r_status h5r_source_open_memory(const void *bytes, size_t n, h5r_source *out, h5r_error *err)
{
    if (out == NULL || (bytes == NULL && n > 0))
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_source_open_memory: NULL argument");
    memory *m = malloc(sizeof *m);
    if (m == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    *m = (memory){bytes, n};
    h5r_source_init(out);
    out->ctx = m;
    out->read_ranges = read_ranges;
    out->close = free;
    out->size = n;
    out->direct = true;
    memcpy(out->name, "memory", sizeof "memory");
    return H5R_OK;
}
