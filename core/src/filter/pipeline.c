#include "filter/pipeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/codecs.h"
#include "util/error.h"

bool h5r_buf_reserve(h5r_buf *b, size_t n)
{
    if (n <= b->cap && b->bytes != NULL)
        return true;
    size_t cap = n + n / 8 + 64;
    if (cap < n)
        cap = n;
    uint8_t *bytes = malloc(cap);
    if (bytes == NULL)
        return false;
    h5r_buf_free(b);
    *b = (h5r_buf){.bytes = bytes, .cap = cap};
    return true;
}

void h5r_buf_free(h5r_buf *b)
{
    if (!b->borrowed)
        free(b->bytes);
    *b = (h5r_buf){0};
}

void h5r_pipeline_scratch_free(h5r_pipeline_scratch *s)
{
    h5r_buf_free(&s->a);
    h5r_buf_free(&s->b);
    h5r_buf_free(&s->work);
    h5r_inflater_free(s->inflater);
    s->inflater = NULL;
}

/* ---------------------------------------------------------------- for the codecs */

h5r_status h5r_stage_fail(const h5r_stage *s, h5r_status st, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return h5r_error_set(s->err, st, H5R_UNDEFINED, "%s: %s", s->name, text);
}

static h5r_status no_memory(const h5r_stage *s)
{
    return h5r_error_set(s->err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
}

h5r_status h5r_stage_room(const h5r_stage *s, uint64_t n, uint8_t **out)
{
    *out = NULL;
    if (n > s->limit)
        return H5R_STAGE_BAD(s, "%llu bytes, far above a chunk of %zu", (unsigned long long)n, s->chunk);
    if (!h5r_buf_reserve(s->dst, (size_t)n))
        return no_memory(s);
    s->dst->len = (size_t)n;
    *out = s->dst->bytes;
    return H5R_OK;
}

h5r_status h5r_stage_work(const h5r_stage *s, size_t n, uint8_t **out)
{
    *out = NULL;
    if (!h5r_buf_reserve(s->work, n))
        return no_memory(s);
    *out = s->work->bytes;
    return H5R_OK;
}

h5r_status h5r_stage_attempt(const h5r_stage *s, h5r_status (*attempt)(const h5r_stage *s, uint8_t *out, size_t cap, size_t *len))
{
    size_t len = 0;

    for (unsigned i = 0; i < 2; i++) {
        uint8_t *out;
        size_t cap = i == 0 ? s->chunk : s->limit;
        h5r_status st = h5r_stage_room(s, cap, &out);
        if (st == H5R_OK)
            st = attempt(s, out, cap, &len);
        if (st != H5R_NEED) {
            s->dst->len = len;
            return st;
        }
    }
    return H5R_STAGE_BAD(s, "more than %zu bytes, far above a chunk of %zu", s->limit, s->chunk);
}

/* ---------------------------------------------------------------- pipeline */

size_t h5r_stage_limit(uint64_t chunk)
{
    return chunk > SIZE_MAX / 2 - 65536 ? SIZE_MAX : 2 * (size_t)chunk + 65536;
}

static const h5r_codec *find_callers(const h5r_options *o, unsigned id)
{
    for (size_t i = 0; i < o->n_codecs; i++)
        if (o->codecs[i].id == id)
            return &o->codecs[i];
    return NULL;
}

static h5r_status unsupported(const h5r_filter *f, const h5r_codec_row *row, h5r_error *err)
{
    if (row != NULL && row->info.library != NULL)
        return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "filter %u (%s) not built in: build with %s", f->id, row->info.name,
                             row->info.library);
    const char *name = row != NULL ? row->info.name : f->name[0] != '\0' ? f->name : "unregistered";
    return h5r_error_set(err, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "filter %u (%s) is not supported", f->id, name);
}

/* A codec of the caller: it gets all the room the stage may use, and is believed only about how much of it it used. */
static h5r_status decode_callers(const h5r_codec *c, const h5r_stage *s, bool last)
{
    uint8_t *out;
    size_t cap = last ? s->chunk : s->limit, len = 0;
    h5r_error err = {.offset = H5R_UNDEFINED};

    h5r_status st = h5r_stage_room(s, cap, &out);
    if (st != H5R_OK)
        return st;
    h5r_decode_args a = {.struct_size = sizeof a, .filter = s->filter, .src = s->src, .src_len = s->n, .dst = out, .dst_cap = cap,
                         .chunk_bytes = s->chunk, .last = last};
    st = c->decode(c->ctx, &a, &len, &err);
    if (st == H5R_OK && len > cap)
        return h5r_stage_fail(s, H5R_ERR_INTERNAL, "the caller's codec claims %zu bytes in a buffer of %zu", len, cap);
    if (st != H5R_OK)
        return h5r_stage_fail(s, st < 0 ? st : H5R_ERR_INTERNAL, "%s", err.message[0] != '\0' ? err.message : h5r_status_name(st));
    s->dst->len = len;
    return H5R_OK;
}

/* A chunk on its way through the pipeline. */
typedef struct passage {
    const h5r_options *o;
    const h5r_filter *filters;
    unsigned n_filters;
    uint32_t skipped;
    const uint8_t *src; /* what the filters that were undone have given */
    size_t n;
    size_t chunk;
    h5r_pipeline_scratch *s;
    h5r_error *err;
} passage;

/* The filter that is undone last; n_filters when all are skipped. */
static unsigned last_filter(unsigned n_filters, uint32_t skipped)
{
    unsigned last = 0;

    while (last < n_filters && skipped >> last & 1)
        last++;
    return last;
}

/* Undoes the filters from the last one down to `down_to`; the output of that one goes to dst, unless that is NULL. */
static h5r_status undo(passage *p, unsigned down_to, h5r_buf *dst)
{
    h5r_buf *inner = &p->s->a, *other = &p->s->b;

    for (unsigned i = p->n_filters; i-- > down_to;) {
        const h5r_filter *f = &p->filters[i];
        if (p->skipped >> i & 1)
            continue;
        const h5r_codec *callers = find_callers(p->o, f->id);
        const h5r_codec_row *row = h5r_codec_find(f->id);
        if (callers == NULL && (row == NULL || !row->info.available))
            return unsupported(f, row, p->err);
        const char *name = callers != NULL ? callers->name : row->info.name;
        bool last = i == down_to && dst != NULL;
        h5r_stage stage = {.filter = f, .name = name != NULL ? name : "filter", .src = p->src, .n = p->n, .chunk = p->chunk,
                           .limit = h5r_stage_limit(p->chunk), .skip_checksums = p->o->skip_checksums, .dst = last ? dst : inner,
                           .work = &p->s->work, .inflater = &p->s->inflater, .err = p->err};
        h5r_status st;
        if (callers == NULL && row->trim != NULL) {
            st = row->trim(&stage, &p->n);
        } else {
            st = callers != NULL ? decode_callers(callers, &stage, last) : row->decode(&stage);
            p->src = stage.dst->bytes;
            p->n = stage.dst->len;
            h5r_buf *t = inner;
            inner = other;
            other = t;
        }
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

static h5r_status begin(passage *p)
{
    static const uint8_t nothing[1];

    if (p->src == NULL || p->n == 0) { /* codecs get a pointer that they can count on */
        p->src = nothing;
        p->n = 0;
    }
    if (p->n_filters > H5R_MAX_FILTERS)
        return h5r_error_set(p->err, H5R_ERR_LIMIT, H5R_UNDEFINED, "%u filters", p->n_filters);
    return H5R_OK;
}

h5r_status h5r_pipeline_decode(const h5r_options *o, const h5r_filter *filters, unsigned n_filters, uint32_t skipped,
                               const uint8_t *src, size_t n, uint8_t *dst, size_t dst_len, h5r_pipeline_scratch *s,
                               h5r_error *err)
{
    h5r_buf out = {.bytes = dst, .cap = dst_len, .borrowed = true};
    passage p = {o, filters, n_filters, skipped, src, n, dst_len, s, err};

    h5r_status st = begin(&p);
    if (st == H5R_OK)
        st = undo(&p, last_filter(n_filters, skipped), &out);
    if (st == H5R_OK && p.n < dst_len)
        st = h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "%zu bytes after its filters, a chunk has %zu", p.n, dst_len);
    if (st == H5R_OK && p.src != dst && dst_len > 0)
        memcpy(dst, p.src, dst_len);
    h5r_buf_free(&out);
    return st;
}

bool h5r_pipeline_ends_shuffled(const h5r_options *o, const h5r_filter *filters, unsigned n_filters, uint32_t skipped, size_t size)
{
    unsigned last = last_filter(n_filters, skipped);

    return last < n_filters && filters[last].id == H5R_FILTER_SHUFFLE && filters[last].n_values > 0 && filters[last].values[0] == size &&
           find_callers(o, H5R_FILTER_SHUFFLE) == NULL;
}

h5r_status h5r_pipeline_decode_planes(const h5r_options *o, const h5r_filter *filters, unsigned n_filters, uint32_t skipped,
                                      const uint8_t *src, size_t n, size_t dst_len, const uint8_t **planes, h5r_pipeline_scratch *s,
                                      h5r_error *err)
{
    passage p = {o, filters, n_filters, skipped, src, n, dst_len, s, err};

    h5r_status st = begin(&p);
    if (st == H5R_OK)
        st = undo(&p, last_filter(n_filters, skipped) + 1, NULL);
    *planes = p.n == dst_len ? p.src : NULL;
    return st;
}
