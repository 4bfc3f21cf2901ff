/* The context of a call: its failure, its memory, what it holds of heaps. */
#include "io/ctx.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/checked.h"

void h5r_ctx_begin(h5r_ctx *x, h5r_file *f, const char *call)
{
    *x = (h5r_ctx){.file = f, .call = call, .sharers = 1, .error = {.offset = H5R_UNDEFINED}};
}

h5r_status h5r_ctx_end(h5r_ctx *x, h5r_status st, h5r_error *err)
{
    if (st < 0 && err != NULL) {
        *err = x->error;
        if (err->status != st)
            h5r_error_set(err, st, H5R_UNDEFINED, "%s: %s", x->call, h5r_status_name(st));
    }
    h5r_arena_free(&x->scratch);
    free(x->wants.list);
    return st;
}

/* ---------------------------------------------------------------- errors */

static uint64_t offset_of(const h5r_ctx *x, uint64_t addr)
{
    uint64_t off;
    return addr == H5R_UNDEFINED || !h5r_add(addr, x->file->info.base, &off) ? H5R_UNDEFINED : off;
}

h5r_status h5r_fail(h5r_ctx *x, h5r_status st, uint64_t addr, const char *format, ...)
{
    char text[sizeof x->error.message];

    if (x->error.status != H5R_OK)
        return st;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return h5r_error_set(&x->error, st, offset_of(x, addr), "%s", text);
}

h5r_status h5r_fail_structure(h5r_ctx *x, h5r_status st, uint64_t addr, const char *what, const char *signature, const uint8_t *p)
{
    if (st == H5R_ERR_NOMEM)
        return h5r_nomem(x);
    if (signature != NULL && memcmp(p, signature, 4) != 0)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "%s should be here: bytes \"%s\" expected, %02x %02x %02x %02x found", what, signature,
                        p[0], p[1], p[2], p[3]);
    if (st == H5R_ERR_UNSUPPORTED)
        return h5r_fail(x, st, addr, "%s of version %u, which is not known", what, p[4]);
    return h5r_fail(x, st, addr, "%s (version %u) whose fields contradict each other", what, p[4]);
}

h5r_status h5r_fail_message(h5r_ctx *x, h5r_status st, uint64_t at, const char *what, const uint8_t *body, size_t len)
{
    if (st == H5R_ERR_NOMEM)
        return h5r_nomem(x);
    if (len == 0)
        return h5r_fail(x, st, at, "%s without content", what);
    if (st == H5R_ERR_UNSUPPORTED)
        return h5r_fail(x, st, at, "%s of version %u, which is not known", what, body[0]);
    return h5r_fail(x, st, at, "%s of version %u and %zu bytes that is cut short or contradicts itself", what, body[0], len);
}

h5r_status h5r_fail_again(h5r_ctx *x, const h5r_error *e)
{
    if (x->error.status == H5R_OK)
        x->error = *e;
    return e->status;
}

const h5r_error *h5r_take_error(h5r_ctx *x, const char *path)
{
    h5r_error e = x->error;
    if (path != NULL)
        h5r_error_set_path(&e, path);
    x->error.status = H5R_OK;
    h5r_error *copy = h5r_alloc(x, 1, sizeof *copy);
    if (copy != NULL)
        *copy = e;
    return copy;
}

h5r_status h5r_nomem(h5r_ctx *x)
{
    return h5r_fail(x, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
}

/* ---------------------------------------------------------------- memory */

void *h5r_alloc(h5r_ctx *x, uint64_t n, size_t size)
{
    h5r_file *f = x->file;
    uint64_t bytes, total;

    if (!h5r_mul(n, size, &bytes) || !h5r_add(bytes, f->arena.used + f->meta.bytes, &total) ||
        total > f->limits.metadata_bytes) {
        h5r_fail(x, H5R_ERR_LIMIT, H5R_UNDEFINED, "more than %" PRIu64 " bytes of metadata (limits.metadata_bytes)",
                 f->limits.metadata_bytes);
        return NULL;
    }
    void *p = h5r_arena_array(&f->arena, n, size);
    if (p == NULL)
        h5r_nomem(x);
    return p;
}

void *h5r_scratch(h5r_ctx *x, uint64_t n, size_t size)
{
    void *p = h5r_arena_array(&x->scratch, n, size);
    if (p == NULL)
        h5r_nomem(x);
    return p;
}

const void *h5r_memo_get(const h5r_ctx *x, uint32_t kind, uint64_t addr)
{
    return h5r_map_get(&x->file->memo, kind, addr);
}

h5r_status h5r_memo_put(h5r_ctx *x, uint32_t kind, uint64_t addr, const void *src, size_t size, const void **out)
{
    void *p = h5r_alloc(x, 1, size);
    if (p == NULL)
        return x->error.status;
    memcpy(p, src, size);
    if (!h5r_map_put(&x->file->memo, kind, addr, p))
        return h5r_nomem(x);
    if (out != NULL)
        *out = p;
    return H5R_OK;
}

/* ---------------------------------------------------------------- heap cache */

void h5r_heap_enter(h5r_file *f)
{
    pthread_mutex_lock(&f->lock);
    f->heap_users++;
    pthread_mutex_unlock(&f->lock);
}

/* Values are copied out of the heap cache, so it can be dropped whenever no call is using it. A quarter of the limit is
 * kept for the next call. */
void h5r_heap_leave(h5r_file *f)
{
    pthread_mutex_lock(&f->lock);
    bool unused = --f->heap_users == 0;
    /* Others may be between two passes: they ask again for what they had. With many threads it is never unused. */
    if (f->heap.bytes > (unused ? f->limits.heap_bytes / 4 : f->limits.heap_bytes / 2)) {
        h5r_cache_free(&f->heap);
        h5r_map_free(&f->heap_memo);
        h5r_arena_free(&f->heap_arena);
    }
    pthread_mutex_unlock(&f->lock);
}
