#include "filter/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "util/error.h"

bool h5r_buf_reserve(h5r_buf *b, size_t n)
{
    if (n <= b->cap && b->bytes != NULL)
        return true;
    size_t cap = n + n / 8 + 64;
    uint8_t *bytes = malloc(cap < n ? n : cap);
    if (bytes == NULL)
        return false;
    free(b->bytes);
    b->bytes = bytes;
    b->cap = cap < n ? n : cap;
    b->len = 0;
    return true;
}

void h5r_buf_free(h5r_buf *b)
{
    free(b->bytes);
    *b = (h5r_buf){0};
}

void h5r_pipeline_scratch_free(h5r_pipeline_scratch *s)
{
    h5r_buf_free(&s->a);
    h5r_buf_free(&s->b);
}

static h5r_status unsupported(const h5r_filter *f, h5r_error *err)
{
    const char *name = h5r_filter_name(f->id);
    if (name == NULL)
        name = f->name[0] != '\0' ? f->name : "unregistered";
    return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "filter %u (%s) is not built in", f->id, name);
}

size_t h5r_stage_limit(uint64_t chunk)
{
    return chunk > SIZE_MAX / 2 - 65536 ? SIZE_MAX : 2 * (size_t)chunk + 65536;
}

h5r_status h5r_pipeline_decode(const h5r_filter *filters, unsigned n_filters, uint32_t skipped, const uint8_t *src,
                               size_t n, uint8_t *dst, size_t dst_len, bool skip_checksums, h5r_pipeline_scratch *s,
                               h5r_error *err)
{
    h5r_buf *out = &s->a, *other = &s->b;

    for (unsigned i = n_filters; i-- > 0;) {
        if (skipped >> i & 1)
            continue;
        const h5r_codec *codec = h5r_codec_find(filters[i].id);
        if (codec == NULL)
            return unsupported(&filters[i], err);
        h5r_status st = codec->decode(&filters[i], src, n, out, dst_len, h5r_stage_limit(dst_len), skip_checksums, err);
        if (st != H5R_OK)
            return st;
        src = out->bytes;
        n = out->len;
        h5r_buf *t = out;
        out = other;
        other = t;
    }
    if (n < dst_len)
        return h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "%zu bytes after its filters, a chunk has %zu", n, dst_len);
    if (dst_len > 0)
        memcpy(dst, src, dst_len);
    return H5R_OK;
}
