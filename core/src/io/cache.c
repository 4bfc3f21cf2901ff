/* Extents are slices of buffers. A new buffer contributes only the parts that were absent; a view that straddles extents
 * gets a joined buffer whose slice replaces theirs, while the buffers themselves stay until the cache is freed. */
#include "io/cache.h"

#include <stdlib.h>
#include <string.h>

struct h5r_extent {
    uint64_t off;
    size_t len;
    const uint8_t *p;
};

struct h5r_buffer {
    struct h5r_buffer *next;
    size_t size;
    uint8_t bytes[];
};

/* Index of the first extent that ends after off. */
static size_t first_ending_after(const h5r_cache *c, uint64_t off)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->extents[mid].off + c->extents[mid].len > off)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static bool reserve(h5r_cache *c, size_t more)
{
    if (c->n + more <= c->cap)
        return true;
    size_t cap = c->cap * 2 + more + 16;
    struct h5r_extent *e = realloc(c->extents, cap * sizeof *e);
    if (e == NULL)
        return false;
    c->extents = e;
    c->cap = cap;
    return true;
}

static void put_at(h5r_cache *c, size_t i, struct h5r_extent e)
{
    memmove(&c->extents[i + 1], &c->extents[i], (c->n - i) * sizeof e);
    c->extents[i] = e;
    c->n++;
}

static void own(h5r_cache *c, struct h5r_buffer *b)
{
    b->next = c->buffers;
    c->buffers = b;
    c->bytes += b->size;
}

/* Removes [off, off + len), which is wholly present, from the extents. */
static void carve(h5r_cache *c, uint64_t off, size_t len)
{
    uint64_t end = off + len;
    size_t i = first_ending_after(c, off), from = i;
    struct h5r_extent head = c->extents[i];

    while (i < c->n && c->extents[i].off + c->extents[i].len <= end)
        i++;
    size_t to = i; /* [from, to) end within the range; [to] may reach beyond it */
    if (to < c->n && c->extents[to].off < end) {
        struct h5r_extent *e = &c->extents[to];
        size_t cut = (size_t)(end - e->off);
        e->p += cut;
        e->len -= cut;
        e->off = end;
    }
    if (head.off < off) {
        struct h5r_extent e = {head.off, (size_t)(off - head.off), head.p};
        c->extents[from++] = e; /* the view straddles, so head ends within the range and its slot is free */
    }
    memmove(&c->extents[from], &c->extents[to], (c->n - to) * sizeof *c->extents);
    c->n -= to - from;
}

static const uint8_t *join(h5r_cache *c, size_t i, uint64_t off, size_t len, bool *nomem)
{
    struct h5r_buffer *b = h5r_cache_buffer(len);
    if (b == NULL || !reserve(c, 2)) {
        free(b);
        *nomem = true;
        return NULL;
    }
    for (size_t done = 0; done < len; i++) {
        const struct h5r_extent *e = &c->extents[i];
        size_t skip = (size_t)(off + done - e->off);
        size_t n = e->len - skip < len - done ? e->len - skip : len - done;
        memcpy(b->bytes + done, e->p + skip, n);
        done += n;
    }
    carve(c, off, len);
    own(c, b);
    put_at(c, first_ending_after(c, off), (struct h5r_extent){off, len, b->bytes});
    return b->bytes;
}

const uint8_t *h5r_cache_find(h5r_cache *c, uint64_t off, size_t len, bool *nomem)
{
    uint64_t hole, hole_end;
    size_t i = first_ending_after(c, off);

    *nomem = false;
    if (i < c->n && c->extents[i].off <= off && c->extents[i].len - (off - c->extents[i].off) >= len)
        return c->extents[i].p + (off - c->extents[i].off);
    if (len == 0 || h5r_cache_hole(c, off, off + len, &hole, &hole_end))
        return NULL;
    return join(c, i, off, len, nomem);
}

bool h5r_cache_hole(const h5r_cache *c, uint64_t off, uint64_t end, uint64_t *hole, uint64_t *hole_end)
{
    size_t i = first_ending_after(c, off);

    for (; i < c->n && off < end && c->extents[i].off <= off; i++)
        off = c->extents[i].off + c->extents[i].len;
    if (off >= end)
        return false;
    *hole = off;
    *hole_end = i < c->n && c->extents[i].off < end ? c->extents[i].off : end;
    return true;
}

struct h5r_buffer *h5r_cache_buffer(size_t n)
{
    struct h5r_buffer *b = n > SIZE_MAX - sizeof *b ? NULL : malloc(sizeof *b + n);
    if (b != NULL)
        b->size = n;
    return b;
}

uint8_t *h5r_cache_bytes(struct h5r_buffer *b)
{
    return b->bytes;
}

void h5r_cache_discard(struct h5r_buffer *b)
{
    free(b);
}

bool h5r_cache_insert(h5r_cache *c, uint64_t off, struct h5r_buffer *b, size_t len)
{
    uint64_t at = off, end = off + len, hole, hole_end;
    bool used = false;

    while (h5r_cache_hole(c, at, end, &hole, &hole_end)) {
        if (!reserve(c, 1)) {
            if (used)
                own(c, b);
            else
                free(b);
            return false;
        }
        struct h5r_extent e = {hole, (size_t)(hole_end - hole), b->bytes + (hole - off)};
        put_at(c, first_ending_after(c, hole), e);
        used = true;
        at = hole_end;
    }
    if (used)
        own(c, b);
    else
        free(b);
    return true;
}

void h5r_cache_free(h5r_cache *c)
{
    while (c->buffers != NULL) {
        struct h5r_buffer *next = c->buffers->next;
        free(c->buffers);
        c->buffers = next;
    }
    free(c->extents);
    *c = (h5r_cache){0};
}
