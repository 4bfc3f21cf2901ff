/* Reads chunks back through what "refs" wrote, the way a reader of Zarr does: by the documents and byte ranges in the output alone. */
#include "refs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "scan.h"

enum { LARGEST = 16 << 20 }; /* bytes of a chunk that is read back: all of them are in memory together */

static h5r_status nomem(h5r_error *err)
{
    return refs_fail(err, H5R_ERR_NOMEM, "", "%s", "out of memory");
}

static h5r_status differs(const refs_sample *s, const char *what, h5r_error *err)
{
    char key[ZARR_KEY_BYTES], message[sizeof err->message];

    zarr_chunk_key(s->at, s->a->rank, key, sizeof key);
    snprintf(message, sizeof message, "chunk %.200s reads otherwise through the output (%s): please report this", key, what);
    return refs_fail(err, H5R_ERR_FORMAT, s->a->path, "%s", message);
}

/* ---------------------------------------------------------------- samples */

static void drop(refs_sample *s)
{
    free(s->key);
    free(s->document);
    free(s->bytes);
    free(s->want);
    *s = (refs_sample){0};
}

void refs_sample_chunk(refs *r, const char *key, const zarr_array *a, const uint64_t *at)
{
    size_t place = r->n_samples;

    if ((a->type.kind != ZARR_NUMBER && a->type.kind != ZARR_BYTES) || (a->d->layout == H5R_LAYOUT_CHUNKED && a->d->chunk_bytes > LARGEST))
        return;
    r->seen++;
    if (place == REFS_SAMPLES) { /* each chunk seen is as likely as any other to be kept; the same ones in each run */
        r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t pick = (r->random >> 16) % r->seen;
        if (pick >= REFS_SAMPLES)
            return;
        place = (size_t)pick;
        drop(&r->samples[place]);
    } else {
        r->n_samples++;
    }
    r->samples[place] = (refs_sample){.key = strdup(key), .a = a};
    memcpy(r->samples[place].at, at, a->rank * sizeof *at);
}

void refs_forget_samples(refs *r, const zarr_array *a)
{
    for (size_t i = r->n_samples; i-- > 0;)
        if (a == NULL || r->samples[i].a == a) {
            drop(&r->samples[i]);
            r->samples[i] = r->samples[--r->n_samples];
            r->samples[r->n_samples] = (refs_sample){0};
        }
}

/* ---------------------------------------------------------------- what a document says */

typedef struct recipe {
    uint64_t chunk[ZARR_MAX_RANK];
    unsigned rank;
    bool big_endian;
    size_t size; /* bytes of an element */
    size_t bytes; /* of a chunk */
    char filters[H5R_MAX_FILTERS][16];
    uint64_t element_size[H5R_MAX_FILTERS]; /* of shuffle */
    unsigned n_filters;
} recipe;

static bool read_codec(scan *at, recipe *c)
{
    scan member;

    if (at->p == at->end || *at->p != '{')
        return false;
    char *id = scan_member(at, "id", &member) ? scan_text(&member) : NULL;
    snprintf(c->filters[c->n_filters], sizeof c->filters[0], "%s", id != NULL ? id : "");
    free(id);
    if (scan_member(at, "elementsize", &member))
        scan_number(&member, &c->element_size[c->n_filters]);
    c->n_filters++;
    scan_skip(at);
    return true;
}

static bool read_recipe(const char *document, recipe *out)
{
    scan doc = {document, document + strlen(document)}, at;
    recipe c = {.bytes = 1};

    if (!scan_member(&doc, "chunks", &at) || !scan_mark(&at, '['))
        return false;
    while (c.rank < ZARR_MAX_RANK && scan_number(&at, &c.chunk[c.rank])) {
        if (c.chunk[c.rank] == 0 || c.bytes > SIZE_MAX / c.chunk[c.rank])
            return false;
        c.bytes *= (size_t)c.chunk[c.rank++];
        scan_mark(&at, ',');
    }
    char *dtype = scan_member(&doc, "dtype", &at) ? scan_text(&at) : NULL;
    if (dtype != NULL && strlen(dtype) > 2) {
        c.big_endian = dtype[0] == '>';
        c.size = (size_t)strtoull(dtype + 2, NULL, 10);
    }
    free(dtype);
    if (c.size == 0 || c.bytes > SIZE_MAX / c.size)
        return false;
    c.bytes *= c.size;
    if (scan_member(&doc, "filters", &at) && scan_mark(&at, '['))
        while (c.n_filters < H5R_MAX_FILTERS - 1 && read_codec(&at, &c))
            scan_mark(&at, ',');
    if (scan_member(&doc, "compressor", &at))
        (void)read_codec(&at, &c);
    *out = c;
    return true;
}

/* ---------------------------------------------------------------- undoing filters */

static bool inflate_to(const uint8_t *src, size_t n, uint8_t *dst, size_t *dst_len)
{
    uLongf len = (uLongf)*dst_len;

    if (uncompress(dst, &len, src, (uLong)n) != Z_OK)
        return false;
    *dst_len = (size_t)len;
    return true;
}

static bool unshuffle_to(const uint8_t *src, size_t n, size_t elem, uint8_t *dst, size_t *dst_len)
{
    if (elem == 0 || n > *dst_len)
        return false;
    size_t count = n / elem;
    memcpy(dst, src, n); /* what is left over behind the last element is as it was */
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < elem; k++)
            dst[i * elem + k] = src[k * count + i];
    *dst_len = n;
    return true;
}

static bool is_ours(const recipe *c)
{
    for (unsigned i = 0; i < c->n_filters; i++)
        if (strcmp(c->filters[i], "zlib") != 0 && strcmp(c->filters[i], "shuffle") != 0 && strcmp(c->filters[i], "fletcher32") != 0)
            return false;
    return true;
}

/* Filter mask of what the output leaves out. */
static uint32_t left_out(const zarr_array *a)
{
    return zarr_checksum_bytes(a) > 0 ? UINT32_C(1) << (a->d->n_filters - 1) : 0;
}

/* The sample's bytes become the decoded chunk. Codecs that need other libraries are undone by the reader's own. */
static h5r_status decode(const refs *r, refs_sample *s, const recipe *c, h5r_error *err)
{
    size_t room = c->bytes + 4 * H5R_MAX_FILTERS; /* checksums */

    if (!is_ours(c)) {
        uint8_t *chunk = malloc((size_t)s->a->d->chunk_bytes + 1);
        h5r_status st = chunk != NULL ? h5r_decode_chunk(r->view.f, s->a->object, s->bytes, s->n, left_out(s->a), chunk, (size_t)s->a->d->chunk_bytes, err) : nomem(err);
        free(s->bytes);
        s->bytes = chunk;
        s->n = (size_t)s->a->d->chunk_bytes;
        return st;
    }
    for (unsigned i = c->n_filters; i-- > 0;) {
        uint8_t *next = malloc(room);
        size_t n = room;
        if (next == NULL)
            return nomem(err);
        bool sound = c->filters[i][0] == 'z'   ? inflate_to(s->bytes, s->n, next, &n)
                     : c->filters[i][0] == 's' ? unshuffle_to(s->bytes, s->n, (size_t)c->element_size[i], next, &n)
                                               : s->n >= 4 && s->n - 4 <= room;
        if (sound && c->filters[i][0] == 'f') {
            n = s->n - 4;
            memcpy(next, s->bytes, n);
        }
        free(s->bytes);
        s->bytes = next;
        s->n = n;
        if (!sound)
            return differs(s, c->filters[i], err);
    }
    return H5R_OK;
}

/* ---------------------------------------------------------------- comparing */

/* Numbers of n bytes in the other byte order, in place. */
static void turn(uint8_t *p, size_t bytes, size_t n)
{
    for (size_t at = 0; at + n <= bytes; at += n)
        for (size_t i = 0; i < n / 2; i++) {
            uint8_t byte = p[at + i];
            p[at + i] = p[at + n - 1 - i];
            p[at + n - 1 - i] = byte;
        }
}

/* The elements of all samples, read by the library as one plan; those of s->want become Zarr's. */
static h5r_status read_wanted(refs *r, const recipe *c, h5r_error *err)
{
    const h5r_object *objects[REFS_SAMPLES];
    h5r_selection sel[REFS_SAMPLES] = {{0}};
    uint64_t start[REFS_SAMPLES][H5R_MAX_RANK];
    size_t n = 0;
    h5r_status st = H5R_OK;

    for (size_t k = 0; st == H5R_OK && k < r->n_samples; k++) {
        refs_sample *s = &r->samples[k];
        const h5r_space *space = s->a->d->space;
        s->n_want = 1;
        for (unsigned i = 0; i < space->rank; i++) {
            start[k][i] = s->at[i] * c[k].chunk[i];
            uint64_t left = start[k][i] < space->shape[i] ? space->shape[i] - start[k][i] : 0;
            s->count[i] = left < c[k].chunk[i] ? left : c[k].chunk[i];
            s->n_want *= s->count[i];
        }
        s->want = malloc((size_t)s->n_want * s->a->d->type->size + 1);
        if (s->want == NULL)
            st = nomem(err);
        objects[n] = s->a->object;
        sel[n] = (h5r_selection){.start = start[k], .count = s->count, .dst = s->want};
        n += s->n_want > 0;
    }
    if (st == H5R_OK && n > 0)
        st = h5r_read_many(r->view.f, objects, sel, n, err);
    for (size_t k = 0; st == H5R_OK && k < r->n_samples; k++) {
        refs_sample *s = &r->samples[k];
        size_t count = (size_t)s->n_want * s->a->type.per_item;
        uint8_t *elems = s->want;
        s->want = malloc(count * s->a->type.size + 1);
        if (s->want != NULL)
            zarr_convert(&s->a->type, elems, count, s->want);
        else
            st = nomem(err);
        free(elems);
    }
    return st;
}

/* Bytes of the row of the box at index, in the chunk. */
static const uint8_t *row_at(const refs_sample *s, const recipe *c, const uint64_t *index, size_t item)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < s->a->d->space->rank; i++)
        at = at * c->chunk[i] + index[i];
    return s->bytes + at * item;
}

static h5r_status compare(const refs *r, refs_sample *s, const recipe *c, h5r_error *err)
{
    const zarr_type *z = &s->a->type;
    unsigned rank = s->a->d->space->rank;
    uint64_t index[H5R_MAX_RANK] = {0};

    h5r_status st = decode(r, s, c, err);
    if (st != H5R_OK)
        return st;
    if (s->n < c->bytes)
        return differs(s, "too short", err);
    size_t part = z->letter == 'c' ? z->size / 2 : z->size, item = (size_t)z->size * z->per_item;
    if (c->big_endian)
        turn(s->bytes, c->bytes, part);
    size_t row = rank > 0 ? (size_t)s->count[rank - 1] : 1;
    for (uint64_t done = 0; st == H5R_OK && done < s->n_want; done += row) {
        const uint8_t *from = row_at(s, c, index, item);
        if (memcmp(from, s->want + done * item, row * item) != 0)
            st = differs(s, "values", err);
        for (unsigned i = rank > 0 ? rank - 1 : 0; i-- > 0;) {
            if (++index[i] < s->count[i])
                break;
            index[i] = 0;
        }
    }
    return st;
}

static h5r_status compare_all(refs *r, h5r_error *err)
{
    recipe *c = calloc(REFS_SAMPLES, sizeof *c);
    h5r_status st = c != NULL ? H5R_OK : nomem(err);

    for (size_t i = 0; st == H5R_OK && i < r->n_samples; i++) {
        const refs_sample *s = &r->samples[i];
        if (s->document == NULL || s->bytes == NULL)
            st = differs(s, s->document == NULL ? "no document" : "no chunk", err);
        else if (!read_recipe(s->document, &c[i]) || c[i].rank != s->a->rank || c[i].size != s->a->type.size)
            st = differs(s, "the document", err);
    }
    if (st == H5R_OK)
        st = read_wanted(r, c, err);
    for (size_t i = 0; st == H5R_OK && i < r->n_samples; i++) {
        st = compare(r, &r->samples[i], &c[i], err);
        r->checked += st == H5R_OK;
    }
    free(c);
    return st;
}

/* ---------------------------------------------------------------- reading the output */

static char *read_file(const char *path, size_t *n)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    long size = in != NULL && fseek(in, 0, SEEK_END) == 0 ? ftell(in) : -1;

    if (size >= 0 && fseek(in, 0, SEEK_SET) == 0)
        text = malloc((size_t)size + 1);
    if (text != NULL) {
        *n = fread(text, 1, (size_t)size, in);
        text[*n] = '\0';
    }
    if (in != NULL)
        fclose(in);
    return text;
}

/* The chunk's place by the references: [url, offset, length]. */
static h5r_status locate(refs_sample *s, scan *value, h5r_error *err)
{
    uint64_t length = 0;

    if (scan_mark(value, '[')) {
        free(scan_text(value));
        if (!scan_mark(value, ',') || !scan_number(value, &s->offset) || !scan_mark(value, ',') || !scan_number(value, &length))
            length = 0;
    }
    s->n = (size_t)length;
    return length > 0 ? H5R_OK : differs(s, "no byte range", err);
}

static int by_offset(const void *a, const void *b)
{
    const refs_sample *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* All samples in one round. Left out: all of a large contiguous array, and what overlaps (of a damaged file). */
static h5r_status fetch(refs *r, h5r_error *err)
{
    h5r_read reads[REFS_SAMPLES];
    size_t n = 0;

    qsort(r->samples, r->n_samples, sizeof *r->samples, by_offset);
    for (size_t i = 0; i < r->n_samples; i++) {
        refs_sample *s = &r->samples[i];
        bool overlaps = n > 0 && s->n > 0 && s->offset < reads[n - 1].offset + reads[n - 1].len;
        if (s->n > LARGEST || overlaps) {
            drop(s);
            continue;
        }
        if (s->n > 0 && (s->bytes = malloc(s->n)) == NULL)
            return nomem(err);
        r->samples[n] = *s;
        if (n != i)
            *s = (refs_sample){0};
        reads[n] = (h5r_read){.offset = r->samples[n].offset, .len = r->samples[n].n, .dst = r->samples[n].bytes};
        if (reads[n].len == 0)
            return differs(&r->samples[n], "no chunk", err);
        n++;
    }
    r->n_samples = n;
    return n > 0 ? h5r_read_bytes(r->view.f, reads, n, err) : H5R_OK;
}

/* Whether a key of the references is "KEY/name". */
static bool is_key(const char *found, const char *key, const char *name)
{
    size_t n = strlen(key);

    return strncmp(found, key, n) == 0 && found[n] == '/' && strcmp(found + n + 1, name) == 0;
}

static h5r_status find_samples(refs *r, const char *text, size_t n, h5r_error *err)
{
    scan all = {text, text + n}, at;
    h5r_status st = H5R_OK;
    char key[ZARR_KEY_BYTES], *found;

    if (!scan_member(&all, "refs", &at) || !scan_mark(&at, '{'))
        return refs_fail(err, H5R_ERR_FORMAT, "", "%s", "the references that were written are not there: please report this");
    while (st == H5R_OK && (found = scan_next(&at)) != NULL) {
        for (size_t i = 0; st == H5R_OK && i < r->n_samples; i++) {
            refs_sample *s = &r->samples[i];
            scan value = at;
            if (s->key == NULL)
                continue;
            zarr_chunk_key(s->at, s->a->rank, key, sizeof key);
            if (s->document == NULL && is_key(found, s->key, ".zarray"))
                s->document = scan_text(&value);
            else if (s->n == 0 && is_key(found, s->key, key))
                st = locate(s, &value, err);
        }
        free(found);
        scan_skip(&at);
    }
    return st;
}

h5r_status refs_check_json(refs *r, h5r_error *err)
{
    size_t n = 0;
    char *text = read_file(r->to.path, &n);

    if (text == NULL)
        return refs_fail(err, H5R_ERR_IO, "", "cannot read the references back: %s", strerror(errno));
    h5r_status st = find_samples(r, text, n, err);
    free(text);
    if (st == H5R_OK)
        st = fetch(r, err);
    return st == H5R_OK ? compare_all(r, err) : st;
}

h5r_status refs_check_zarr(refs *r, h5r_error *err)
{
    char key[ZARR_KEY_BYTES];

    for (size_t i = 0; i < r->n_samples; i++) {
        refs_sample *s = &r->samples[i];
        size_t n = 0, cap = strlen(r->to.path) + strlen(s->key != NULL ? s->key : "") + sizeof key + 3;
        char *path = s->key != NULL ? malloc(cap) : NULL;
        if (path == NULL)
            return nomem(err);
        snprintf(path, cap, "%s/%s/.zarray", r->to.path, s->key);
        s->document = read_file(path, &n);
        zarr_chunk_key(s->at, s->a->rank, key, sizeof key);
        snprintf(path, cap, "%s/%s/%s", r->to.path, s->key, key);
        s->bytes = (uint8_t *)read_file(path, &s->n);
        free(path);
    }
    return compare_all(r, err);
}
