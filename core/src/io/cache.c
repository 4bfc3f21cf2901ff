/* Extents are slices of buffers, in order; their ends are in order too, also those of empty ones. A new buffer contributes only the parts that were absent; a view that straddles extents
 * gets a joined buffer whose slice replaces theirs, while the buffers themselves stay until the cache is freed or they are dropped. */
#include "io/cache.h"

#include <stdlib.h>
#include <string.h>

struct h5r_extent {
    uint64_t off;
    size_t len;
    const uint8_t *p;
    struct h5r_buffer *buffer; /* that p points into */
};

struct h5r_buffer {
    struct h5r_buffer *next;
    size_t size;
    uint64_t lent_to; /* the last call that borrowed bytes of it, 0: none */
    uint64_t number;  /* in the order of insertion */
    bool held;        /* bytes of it were found: it lives as long as the cache */
    bool dropped;
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
    b->number = ++c->owned;
}

static bool is_lent(const struct h5r_buffer *b)
{
    return b->lent_to > 0 && !b->held;
}

/* Notes that bytes of a buffer are given away: for good (turn 0), or to a call. */
static void give(h5r_cache *c, struct h5r_buffer *b, uint64_t turn)
{
    bool before = is_lent(b);

    b->held |= turn == 0;
    b->lent_to = turn > b->lent_to ? turn : b->lent_to;
    if (is_lent(b) && !before)
        c->lent += b->size;
    else if (before && !is_lent(b))
        c->lent -= b->size;
}

/* Copies [off, off + len), present in extents from i on. */
static void gather(const h5r_cache *c, size_t i, uint64_t off, size_t len, uint8_t *dst)
{
    for (size_t done = 0; done < len; i++) {
        const struct h5r_extent *e = &c->extents[i];
        size_t skip = (size_t)(off + done - e->off);
        size_t n = e->len - skip < len - done ? e->len - skip : len - done;
        memcpy(dst + done, e->p + skip, n);
        done += n;
    }
}

static void sweep(h5r_cache *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->extents[i].len > 0)
            c->extents[kept++] = c->extents[i];
    c->n = kept;
    c->dead = 0;
}

/* Replaces what extents have of [off, off + len), wholly present from i on, by a buffer. Those that are no longer needed stay as
 * empty ones at the end of the range until they are many: a reader that asks for every structure in two pieces would otherwise
 * move the rest of the list for each. */
static void replace(h5r_cache *c, size_t i, uint64_t off, size_t len, struct h5r_buffer *b)
{
    uint64_t end = off + len;
    struct h5r_extent joined = {off, len, b->bytes, b};
    size_t last = i; /* the last extent that begins within the range */

    while (last + 1 < c->n && c->extents[last + 1].off < end)
        last++;
    size_t slot = i;
    if (c->extents[i].off < off) {
        c->extents[i].len = (size_t)(off - c->extents[i].off);
        slot = i + 1;
    }
    struct h5r_extent *tail = &c->extents[last];
    bool has_tail = tail->off + tail->len > end;
    if (has_tail) {
        size_t cut = (size_t)(end - tail->off);
        *tail = (struct h5r_extent){end, tail->len - cut, tail->p + cut, tail->buffer};
    }
    if (slot + has_tail > last) { /* no extent lies wholly within: room was reserved */
        put_at(c, slot, joined);
        return;
    }
    c->extents[slot] = joined;
    for (size_t k = slot + 1; k + has_tail <= last; k++) {
        c->dead += c->extents[k].len > 0;
        c->extents[k] = (struct h5r_extent){end, 0, b->bytes + len, b};
    }
    if (c->dead > 64 && c->dead > c->n / 2)
        sweep(c);
}

static const uint8_t *join(h5r_cache *c, size_t i, uint64_t off, size_t len, uint64_t turn)
{
    struct h5r_buffer *b = h5r_cache_buffer(len);
    if (b == NULL || !reserve(c, 1)) {
        free(b);
        return NULL;
    }
    gather(c, i, off, len, b->bytes);
    for (size_t k = i; turn > 0 && k < c->n && c->extents[k].off < off + len; k++) /* the copy stands for what it was made of */
        give(c, c->extents[k].buffer, turn);
    replace(c, i, off, len, b);
    own(c, b);
    give(c, b, turn);
    return b->bytes;
}

/* turn 0: for good. */
static const uint8_t *find(h5r_cache *c, uint64_t off, size_t len, uint64_t limit, uint64_t turn, h5r_status *why)
{
    uint64_t hole, hole_end;
    size_t i = first_ending_after(c, off);

    *why = H5R_NEED;
    if (i < c->n && c->extents[i].off <= off && c->extents[i].len - (off - c->extents[i].off) >= len) {
        give(c, c->extents[i].buffer, turn);
        return c->extents[i].p + (off - c->extents[i].off);
    }
    if (len == 0 || h5r_cache_hole(c, off, off + len, &hole, &hole_end))
        return NULL;
    *why = H5R_ERR_LIMIT;
    if (len > limit || c->bytes > limit - len)
        return NULL;
    *why = H5R_ERR_NOMEM;
    return join(c, i, off, len, turn);
}

const uint8_t *h5r_cache_find(h5r_cache *c, uint64_t off, size_t len, uint64_t limit, h5r_status *why)
{
    return find(c, off, len, limit, 0, why);
}

const uint8_t *h5r_cache_borrow(h5r_cache *c, uint64_t off, size_t len, uint64_t limit, uint64_t turn, h5r_status *why)
{
    return find(c, off, len, limit, turn, why);
}

static int by_age(const void *a, const void *b)
{
    const struct h5r_buffer *p = *(struct h5r_buffer *const *)a, *q = *(struct h5r_buffer *const *)b;
    if (p->lent_to != q->lent_to)
        return p->lent_to < q->lent_to ? -1 : 1;
    return p->number < q->number ? -1 : p->number > q->number;
}

/* Frees the buffers that are marked, and removes the extents that point into them. */
static void remove_dropped(h5r_cache *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->n; i++)
        if (c->extents[i].len > 0 && !c->extents[i].buffer->dropped)
            c->extents[kept++] = c->extents[i];
    c->n = kept;
    c->dead = 0;
    for (struct h5r_buffer **p = &c->buffers; *p != NULL;) {
        struct h5r_buffer *b = *p;
        if (!b->dropped) {
            p = &b->next;
            continue;
        }
        *p = b->next;
        c->bytes -= b->size;
        c->lent -= b->size;
        free(b);
    }
    c->drops++;
}

void h5r_cache_drop(h5r_cache *c, uint64_t from, uint64_t to, uint64_t keep)
{
    uint64_t left = 0;
    size_t n = 0;

    if (c->lent <= keep)
        return;
    for (const struct h5r_buffer *b = c->buffers; b != NULL; b = b->next)
        if (is_lent(b) && b->lent_to >= from && b->lent_to < to) {
            left += b->size;
            n++;
        }
    struct h5r_buffer **list = left > keep ? malloc(n * sizeof *list) : NULL;
    if (list == NULL)
        return;
    n = 0;
    for (struct h5r_buffer *b = c->buffers; b != NULL; b = b->next)
        if (is_lent(b) && b->lent_to >= from && b->lent_to < to)
            list[n++] = b;
    qsort(list, n, sizeof(struct h5r_buffer *), by_age);
    for (size_t i = 0; i < n && left > keep; i++) {
        list[i]->dropped = true;
        left -= list[i]->size;
    }
    free(list);
    remove_dropped(c);
}

bool h5r_cache_copy(const h5r_cache *c, uint64_t off, size_t len, void *dst)
{
    uint64_t hole, hole_end;
    if (len > UINT64_MAX - off || h5r_cache_hole(c, off, off + len, &hole, &hole_end))
        return false;
    if (len > 0)
        gather(c, first_ending_after(c, off), off, len, dst);
    return true;
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
        *b = (struct h5r_buffer){.size = n};
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

/* A buffer counts, and takes, what was read into it: a read that came back short must not use up the limit. */
static struct h5r_buffer *trim(struct h5r_buffer *b, size_t len)
{
    if (len >= b->size)
        return b;
    struct h5r_buffer *smaller = realloc(b, sizeof *b + len);
    if (smaller == NULL)
        smaller = b;
    smaller->size = len;
    return smaller;
}

/* Appends the parts of an item that are absent, and takes its buffer over if there are any. */
static bool add_absent(h5r_cache *c, h5r_cache_item *item, struct h5r_extent **list, size_t *n, size_t *cap)
{
    uint64_t at = item->off, end = item->off + item->len, hole, hole_end;
    bool used = false;

    while (h5r_cache_hole(c, at, end, &hole, &hole_end)) {
        if (*n == *cap) {
            size_t more = *cap * 2 + 16;
            struct h5r_extent *l = realloc(*list, more * sizeof *l);
            if (l == NULL)
                return false;
            *list = l;
            *cap = more;
        }
        if (!used)
            item->buffer = trim(item->buffer, item->len);
        used = true;
        (*list)[(*n)++] = (struct h5r_extent){hole, (size_t)(hole_end - hole), item->buffer->bytes + (hole - item->off), item->buffer};
        at = hole_end;
    }
    if (!used) {
        free(item->buffer);
        item->buffer = NULL;
    }
    return true;
}

bool h5r_cache_insert_all(h5r_cache *c, h5r_cache_item *items, size_t n)
{
    struct h5r_extent *added = NULL;
    size_t k = 0, cap = 0;
    bool ok = true;

    for (size_t i = 0; i < n && ok; i++)
        if (items[i].buffer != NULL)
            ok = add_absent(c, &items[i], &added, &k, &cap);
    ok = ok && reserve(c, k);
    for (size_t i = 0; i < n; i++) {
        if (items[i].buffer == NULL)
            continue;
        if (ok)
            own(c, items[i].buffer);
        else
            free(items[i].buffer);
        items[i].buffer = NULL;
    }
    if (ok) { /* merged from the back */
        size_t old = c->n, to = c->n + k;
        c->n = to;
        for (size_t left = k; left > 0;)
            c->extents[--to] = old > 0 && c->extents[old - 1].off > added[left - 1].off ? c->extents[--old] : added[--left];
    }
    free(added);
    return ok;
}

bool h5r_cache_insert(h5r_cache *c, uint64_t off, struct h5r_buffer *b, size_t len)
{
    h5r_cache_item item = {off, b, len};
    return h5r_cache_insert_all(c, &item, 1);
}

bool h5r_cache_fill(h5r_cache *c, struct h5r_buffer *b, const h5r_cache_piece *pieces, size_t n)
{
    const uint8_t *p = b->bytes;

    if (!reserve(c, n))
        return false;
    for (size_t i = 0; i < n; p += pieces[i++].len)
        c->extents[c->n++] = (struct h5r_extent){pieces[i].off, pieces[i].len, p, b};
    own(c, b);
    give(c, b, 0);
    return true;
}

const uint8_t *h5r_cache_part(const h5r_cache *c, uint64_t off, uint64_t end, uint64_t *at, size_t *len)
{
    size_t i = first_ending_after(c, off);

    while (i < c->n && c->extents[i].len == 0)
        i++;
    if (i == c->n || c->extents[i].off >= end)
        return NULL;
    const struct h5r_extent *e = &c->extents[i];
    uint64_t from = e->off > off ? e->off : off, to = e->off + e->len < end ? e->off + e->len : end;
    *at = from;
    *len = (size_t)(to - from);
    return e->p + (from - e->off);
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
