#include "io/index_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/cache_folder.h"
#include "io/used.h"
#include "util/checked.h"
#include "util/lookup3.h"

/* LARGE: chunks of a list that is worth keeping of a local file, whose bytes are as near as the cache's own. HEAP: variable-length data are
 * kept that lie in as much of it; values of attributes are no more. DATA: bytes of coordinates that a process adds. SHARE: of the budget, at most,
 * for one file. */
enum { VERSION = 1, HEAD = 24, MAX_IDENTITY = 512, LARGE = 4096, HEAP = 4 * 1024 * 1024, DATA = 4 * 1024 * 1024, SHARE = 4 };

/* A list in the file that was loaded, or of this process. */
typedef struct chunk_list {
    h5r_index_key key;
    uint64_t n;
    const uint8_t *encoded; /* or NULL: */
    const h5r_chunk *chunks;
    size_t len;             /* of encoded */
} chunk_list;

struct h5r_index_cache {
    char *folder;
    uint64_t budget;
    char name[17];                /* of its file */
    char identity[MAX_IDENTITY];  /* of the source when it was opened; "" while it is unknown */
    uint8_t *loaded;              /* a whole file; lists point into it */
    uint64_t loaded_bytes;        /* of its ranges */
    uint64_t data_bytes;          /* that this process has added */
    h5r_used used;
    chunk_list *lists;
    size_t n, cap;
    h5r_map by_addr;              /* address of an index -> its list's place, from 1 */
    uint64_t *grids;              /* of the lists that were loaded */
    bool more;                    /* a list that the folder does not have */
    bool failed;                  /* memory was out: what is there is kept as it is */
};

/* ---------------------------------------------------------------- writing */

typedef struct sink {
    h5r_file *f;
    uint8_t *bytes;
    size_t n, cap;
    uint64_t ranges, total, limit, last; /* total: bytes of the ranges; last: end of the one before */
    bool ok;
    bool counting; /* lengths of ranges are put, else their bytes */
} sink;

static void put(sink *s, const void *p, size_t n)
{
    if (!s->ok || n > s->limit - s->n) {
        s->ok = false;
        return;
    }
    if (n > s->cap - s->n) {
        size_t cap = s->cap * 2 + n + 4096;
        uint8_t *bytes = realloc(s->bytes, cap);
        if (bytes == NULL) {
            s->ok = false;
            return;
        }
        s->bytes = bytes;
        s->cap = cap;
    }
    if (n > 0)
        memcpy(s->bytes + s->n, p, n);
    s->n += n;
}

static void store_uint(uint8_t *p, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void put_uint(sink *s, uint64_t v, unsigned width)
{
    uint8_t p[8];

    store_uint(p, v, width);
    put(s, p, width);
}

static void put_varint(sink *s, uint64_t v)
{
    uint8_t p[10];
    unsigned n = 0;

    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    put(s, p, n);
}

static void put_text(sink *s, const char *text)
{
    put_uint(s, strlen(text), 4);
    put(s, text, strlen(text));
}

static uint64_t zigzag(uint64_t v)
{
    return v << 1 ^ (0 - (v >> 63));
}

/* The parts of a marked run that are in a cache. What the metadata cache lacks lies among the variable-length data. */
static void put_run(sink *s, uint64_t off, uint64_t end)
{
    const h5r_cache *caches[] = {&s->f->meta, &s->f->heap};

    while (off < end && s->ok) {
        const uint8_t *p = NULL;
        uint64_t at = end;
        size_t len = 0;
        for (unsigned i = 0; i < 2 && at > off; i++) {
            uint64_t here;
            size_t n;
            const uint8_t *q = h5r_cache_part(caches[i], off, at, &here, &n);
            if (q != NULL && here < at) {
                p = q;
                at = here;
                len = n;
            }
        }
        if (p == NULL)
            return;
        if (s->counting) {
            put_varint(s, at - s->last);
            put_varint(s, len);
            s->ranges++;
            s->total += len;
        } else {
            put(s, p, len);
        }
        s->last = off = at + len;
    }
}

static bool visit_run(void *arg, uint64_t off, uint64_t end)
{
    sink *s = arg;

    put_run(s, off, end);
    return s->ok;
}

static void put_chunks(sink *s, const h5r_chunk *c, uint64_t n)
{
    uint64_t number = 0, expected = 0, size = 0;

    for (uint64_t i = 0; i < n; i++) {
        put_varint(s, c[i].number - number);
        put_varint(s, zigzag(c[i].offset - expected));
        put_varint(s, zigzag(c[i].size - size));
        put_varint(s, c[i].skipped);
        number = c[i].number;
        expected = c[i].offset + c[i].size;
        size = c[i].size;
    }
}

static void put_list(sink *s, const chunk_list *l)
{
    put_uint(s, l->key.addr, 8);
    put_uint(s, l->key.kind, 4);
    put_uint(s, l->key.rank, 4);
    for (uint32_t i = 0; i < l->key.rank; i++)
        put_uint(s, l->key.grid[i], 8);
    put_uint(s, l->n, 8);
    size_t at = s->n;
    put_uint(s, l->len, 8);
    if (l->encoded != NULL) {
        put(s, l->encoded, l->len);
        return;
    }
    put_chunks(s, l->chunks, l->n);
    if (s->ok)
        store_uint(s->bytes + at, s->n - at - 8, 8);
}

static void checksums(const uint8_t *bytes, size_t n, uint32_t *a, uint32_t *b)
{
    *a = h5r_lookup3(bytes + HEAD, n - HEAD, 0);
    *b = h5r_lookup3(bytes + HEAD, n - HEAD, 1);
}

/* The whole file, or no bytes when nothing is new. */
static sink make(h5r_file *f, struct h5r_index_cache *k)
{
    static const uint8_t nothing[HEAD];
    sink s = {.f = f, .limit = k->budget / SHARE, .ok = true};
    uint32_t a, b;

    put(&s, nothing, HEAD);
    put_text(&s, f->source.name);
    put_text(&s, k->identity);
    size_t at = s.n;
    put_uint(&s, 0, 8);
    s.counting = true;
    s.ok = h5r_used_runs(&k->used, visit_run, &s) && s.ok;
    if (s.ok)
        store_uint(s.bytes + at, s.ranges, 8);
    s.ok = s.ok && (s.total > k->loaded_bytes || k->more); /* what was loaded is among it */
    at = s.n;
    put_uint(&s, 0, 8);
    s.counting = false;
    s.ok = s.ok && h5r_used_runs(&k->used, visit_run, &s) && s.ok;
    if (s.ok)
        store_uint(s.bytes + at, s.n - at - 8, 8);
    put_uint(&s, k->n, 8);
    for (size_t i = 0; i < k->n; i++)
        put_list(&s, &k->lists[i]);
    if (!s.ok) {
        free(s.bytes);
        s.bytes = NULL;
        return s;
    }
    memcpy(s.bytes, "H5RX", 4);
    store_uint(s.bytes + 4, VERSION, 4);
    store_uint(s.bytes + 8, s.n, 8);
    checksums(s.bytes, s.n, &a, &b);
    store_uint(s.bytes + 16, a, 4);
    store_uint(s.bytes + 20, b, 4);
    return s;
}

/* ---------------------------------------------------------------- reading */

static uint64_t get_varint(h5r_cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = h5r_take(c, 1);
        if (p == NULL)
            return 0;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p < 0x80)
            return v;
    }
    c->overrun = true;
    return 0;
}

static uint64_t unzigzag(uint64_t v)
{
    return v >> 1 ^ (0 - (v & 1));
}

static bool get_text_is(h5r_cursor *c, const char *text)
{
    uint64_t n = h5r_get_u32(c);
    const uint8_t *p = h5r_take(c, n);

    return p != NULL && n == strlen(text) && memcmp(p, text, (size_t)n) == 0;
}

/* Whether bytes are a whole, undamaged file of this version for the source's name; *c is behind that. */
static bool is_for(const h5r_file *f, const uint8_t *bytes, size_t n, h5r_cursor *c)
{
    uint32_t a, b;

    *c = h5r_cursor_at(bytes, n);
    const uint8_t *magic = h5r_take(c, 4);
    if (magic == NULL || memcmp(magic, "H5RX", 4) != 0 || h5r_get_u32(c) != VERSION || h5r_get_u64(c) != n || n < HEAD)
        return false;
    checksums(bytes, n, &a, &b);
    return h5r_get_u32(c) == a && h5r_get_u32(c) == b && get_text_is(c, f->source.name);
}

/* Puts the ranges into the metadata cache, which is empty. */
static bool load_ranges(h5r_file *f, struct h5r_index_cache *k, h5r_cursor *c)
{
    uint64_t n = h5r_get_u64(c), at = 0, total = 0;

    if (n > h5r_left(c) / 2)
        return false;
    h5r_cursor lengths = *c;
    for (uint64_t i = 0; i < n; i++) {
        (void)get_varint(c);
        if (!h5r_add(total, get_varint(c), &total))
            return false;
    }
    if (h5r_get_u64(c) != total || total > f->limits.metadata_bytes / 2)
        return false;
    const uint8_t *bytes = h5r_take(c, total);
    if (bytes == NULL)
        return false;
    struct h5r_buffer *b = h5r_cache_buffer((size_t)total);
    h5r_cache_piece *pieces = calloc((size_t)n + 1, sizeof *pieces);
    bool ok = b != NULL && pieces != NULL;
    if (ok)
        memcpy(h5r_cache_bytes(b), bytes, (size_t)total);
    for (uint64_t i = 0; ok && i < n; i++) {
        uint64_t skip = get_varint(&lengths), len = get_varint(&lengths), off;
        ok = h5r_add(at, skip, &off) && h5r_add(off, len, &at) && len > 0;
        pieces[i] = (h5r_cache_piece){off, (size_t)len};
        if (ok)
            h5r_used_mark(&k->used, off, at);
    }
    ok = ok && h5r_cache_fill(&f->meta, b, pieces, (size_t)n);
    if (!ok)
        h5r_cache_discard(b);
    free(pieces);
    k->loaded_bytes = total;
    return ok;
}

static bool add_list(struct h5r_index_cache *k, const chunk_list *l)
{
    if (k->n == k->cap) {
        size_t cap = k->cap * 2 + 16;
        chunk_list *lists = realloc(k->lists, cap * sizeof *lists);
        if (lists == NULL)
            return false;
        k->lists = lists;
        k->cap = cap;
    }
    k->lists[k->n] = *l;
    return h5r_map_put(&k->by_addr, 0, l->key.addr, (void *)(uintptr_t)++k->n);
}

static bool load_lists(struct h5r_index_cache *k, h5r_cursor *c)
{
    uint64_t n = h5r_get_u64(c);

    if (n > h5r_left(c) / 32)
        return false;
    k->grids = calloc((size_t)n + 1, H5R_MAX_RANK * sizeof *k->grids);
    if (k->grids == NULL)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t *grid = k->grids + i * H5R_MAX_RANK;
        chunk_list l = {.key = {.addr = h5r_get_u64(c), .grid = grid}};
        l.key.kind = h5r_get_u32(c);
        l.key.rank = h5r_get_u32(c);
        if (l.key.rank > H5R_MAX_RANK)
            return false;
        for (uint32_t d = 0; d < l.key.rank; d++)
            grid[d] = h5r_get_u64(c);
        l.n = h5r_get_u64(c);
        uint64_t len = h5r_get_u64(c);
        l.encoded = h5r_take(c, len);
        l.len = (size_t)len;
        if (l.encoded == NULL || l.n > len / 4 || !add_list(k, &l))
            return false;
    }
    return !c->overrun && h5r_left(c) == 0;
}

/* The source's word for its version, "" when it has none. */
static void identify(h5r_file *f, char *out)
{
    out[0] = '\0';
    if (f->source.identity != NULL && !f->source.identity(f->source.ctx, out, MAX_IDENTITY))
        out[0] = '\0';
    out[MAX_IDENTITY - 1] = '\0';
}

/* Reads the file's first bytes so that the source learns its version. */
static h5r_status ask(h5r_file *f, h5r_error *err)
{
    uint8_t bytes[8];
    h5r_read r = {.offset = 0, .len = sizeof bytes, .dst = bytes};
    h5r_ctx x;

    h5r_ctx_begin(&x, f, "h5r_open");
    h5r_status st = h5r_ctx_end(&x, h5r_fetch(&x, &r, 1), err);
    return st == H5R_ERR_FORMAT ? H5R_OK : st; /* shorter than that: opening says so */
}

static void forget(h5r_file *f, struct h5r_index_cache *k)
{
    h5r_cache_free(&f->meta);
    h5r_used_free(&k->used);
    h5r_map_free(&k->by_addr);
    free(k->grids);
    free(k->loaded);
    k->grids = NULL;
    k->loaded = NULL;
    k->loaded_bytes = k->n = 0;
}

static h5r_status load(h5r_file *f, struct h5r_index_cache *k, h5r_error *err)
{
    h5r_cursor c;
    size_t n = 0;

    k->loaded = h5r_folder_read(k->folder, k->name, k->budget, &n);
    if (k->loaded == NULL)
        return H5R_OK;
    h5r_status st = H5R_OK;
    bool ok = is_for(f, k->loaded, n, &c);
    if (ok && k->identity[0] == '\0' && f->source.remote) {
        st = ask(f, err);
        identify(f, k->identity);
    }
    ok = ok && st == H5R_OK && k->identity[0] != '\0' && get_text_is(&c, k->identity) && load_ranges(f, k, &c) && load_lists(k, &c);
    if (!ok)
        forget(f, k);
    return st;
}

/* ---------------------------------------------------------------- the file's life */

static void free_cache(h5r_file *f)
{
    struct h5r_index_cache *k = f->index_cache;

    h5r_used_free(&k->used);
    h5r_map_free(&k->by_addr);
    free(k->lists);
    free(k->grids);
    free(k->loaded);
    free(k->folder);
    free(k);
    f->index_cache = NULL;
    f->options.index_cache = NULL;
}

h5r_status h5r_index_cache_open(h5r_file *f, h5r_error *err)
{
    const char *folder = f->options.index_cache, *name = f->source.name;

    f->options.index_cache = NULL;
    /* A name that fills its field may have been cut. */
    if (folder == NULL || folder[0] == '\0' || f->source.read_ranges == NULL || f->source.identity == NULL || name[0] == '\0' ||
        strlen(name) + 1 >= sizeof f->source.name)
        return H5R_OK;
    struct h5r_index_cache *k = calloc(1, sizeof *k);
    if (k == NULL)
        return H5R_OK;
    f->index_cache = k;
    k->budget = f->options.index_cache_bytes;
    k->folder = malloc(strlen(folder) + 1);
    if (k->folder == NULL) {
        free_cache(f);
        return H5R_OK;
    }
    strcpy(k->folder, folder);
    f->options.index_cache = k->folder; /* for files that are opened for parts of this one */
    snprintf(k->name, sizeof k->name, "%08" PRIx32 "%08" PRIx32, h5r_lookup3(name, strlen(name), 0), h5r_lookup3(name, strlen(name), 1));
    identify(f, k->identity);
    return load(f, k, err);
}

void h5r_index_cache_write(h5r_file *f)
{
    struct h5r_index_cache *k = f != NULL ? f->index_cache : NULL;
    char now[MAX_IDENTITY];
    sink s = {0};

    if (k == NULL || !f->opened || f->is_set || f->info.driver[0] != '\0')
        return;
    identify(f, now);
    pthread_mutex_lock(&f->lock);
    if (k->identity[0] == '\0') /* all that was read belongs to one version: the source sees to that */
        memcpy(k->identity, now, sizeof now);
    if (now[0] != '\0' && strcmp(k->identity, now) == 0 && !k->failed && !k->used.failed)
        s = make(f, k);
    if (s.bytes != NULL) { /* also when it cannot be written: the next try would not be better */
        k->loaded_bytes = s.total;
        k->more = false;
    }
    pthread_mutex_unlock(&f->lock);
    if (s.bytes != NULL)
        (void)h5r_folder_write(k->folder, k->name, s.bytes, s.n, k->budget);
    free(s.bytes);
}

void h5r_index_cache_close(h5r_file *f)
{
    if (f->index_cache == NULL)
        return;
    h5r_index_cache_write(f);
    free_cache(f);
}

void h5r_index_cache_mark(h5r_file *f, uint64_t off, uint64_t end, bool heap)
{
    if (f->source.remote && (!heap || f->heap.bytes <= HEAP))
        h5r_used_mark(&f->index_cache->used, off, end);
}

void h5r_index_cache_keep_data(h5r_file *f, const h5r_read *reads, size_t n)
{
    struct h5r_index_cache *k = f->index_cache;

    for (size_t i = 0; i < n; i++) {
        uint64_t end = reads[i].offset + reads[i].len, hole, hole_end;
        if (h5r_used_has(&k->used, reads[i].offset, end))
            continue;
        if (reads[i].len > DATA - k->data_bytes || f->meta.bytes + reads[i].len > f->limits.metadata_bytes)
            return;
        if (h5r_cache_hole(&f->meta, reads[i].offset, end, &hole, &hole_end)) {
            struct h5r_buffer *b = h5r_cache_buffer(reads[i].len);
            if (b == NULL)
                return;
            memcpy(h5r_cache_bytes(b), reads[i].dst, reads[i].len);
            if (!h5r_cache_insert(&f->meta, reads[i].offset, b, reads[i].len))
                return;
        }
        h5r_used_mark(&k->used, reads[i].offset, end);
        k->data_bytes += reads[i].len;
    }
}

/* ---------------------------------------------------------------- chunk lists */

static const chunk_list *find(const struct h5r_index_cache *k, const h5r_index_key *key)
{
    uintptr_t place = (uintptr_t)h5r_map_get(&k->by_addr, 0, key->addr);
    const chunk_list *l = place > 0 ? &k->lists[place - 1] : NULL;
    bool same = l != NULL && l->key.kind == key->kind && l->key.rank == key->rank && memcmp(l->key.grid, key->grid, key->rank * sizeof *key->grid) == 0;

    return same ? l : NULL;
}

h5r_status h5r_index_cache_find(h5r_ctx *x, const h5r_index_key *key, const h5r_chunk **out, size_t *n)
{
    const struct h5r_index_cache *k = x->file->index_cache;
    const chunk_list *l = k != NULL ? find(k, key) : NULL;
    uint64_t number = 0, expected = 0, size = 0, total = 1;

    *out = NULL;
    if (l == NULL || l->encoded == NULL)
        return H5R_OK;
    for (uint32_t i = 0; i < key->rank; i++)
        if (!h5r_mul(total, key->grid[i], &total))
            return H5R_OK;
    h5r_chunk *list = h5r_scratch(x, l->n, sizeof *list);
    if (list == NULL)
        return H5R_ERR_NOMEM;
    h5r_cursor c = h5r_cursor_at(l->encoded, l->len);
    for (uint64_t i = 0; i < l->n; i++) {
        uint64_t step = get_varint(&c);
        number += step;
        expected += unzigzag(get_varint(&c));
        size += unzigzag(get_varint(&c));
        uint64_t mask = get_varint(&c), end;
        if (number >= total || (i > 0 && step == 0) || step > total || mask > UINT32_MAX || !h5r_add(expected, size, &end))
            return H5R_OK;
        list[i] = (h5r_chunk){.offset = expected, .size = size, .number = number, .skipped = (uint32_t)mask};
        expected = end;
    }
    if (c.overrun || h5r_left(&c) != 0)
        return H5R_OK;
    *out = list;
    *n = (size_t)l->n;
    return H5R_OK;
}

void h5r_index_cache_keep(h5r_file *f, const h5r_index_key *key, const h5r_chunk *chunks, size_t n)
{
    struct h5r_index_cache *k = f->index_cache;
    chunk_list l = {.key = *key, .n = n, .chunks = chunks};

    if (k == NULL || (!f->source.remote && n < LARGE) || h5r_map_get(&k->by_addr, 0, key->addr) != NULL)
        return;
    if (add_list(k, &l))
        k->more = true;
    else
        k->failed = true;
}
