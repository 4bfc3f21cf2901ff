/* Object headers: chunk 0, the chunks its continuation messages name (breadth first), and the messages in all of them. */
#include "object/load.h"

#include <inttypes.h>
#include <stdio.h>

#include "format/msg_datatype.h"
#include "object/btree2.h"
#include "util/checked.h"

/* Chunks of a header, found so far. */
typedef struct header_chunk {
    uint64_t addr, len;
    const uint8_t *bytes; /* messages, NULL while absent */
} header_chunk;

typedef struct header_chunks {
    header_chunk *list;
    unsigned n, cap;
    uint64_t bytes;
} header_chunks;

static h5r_status add_chunk(h5r_ctx *x, uint64_t header, header_chunks *cs, uint64_t addr, uint64_t len)
{
    const h5r_limits *limits = &x->file->limits;

    for (unsigned i = 0; i < cs->n; i++)
        if (cs->list[i].addr == addr)
            return h5r_fail(x, H5R_ERR_FORMAT, addr, "object header at %" PRIu64 ": its continuations form a loop", header);
    if (cs->n >= limits->header_chunks)
        return h5r_fail(x, H5R_ERR_LIMIT, header, "object header with more than %" PRIu32 " continuations (limits.header_chunks)",
                        limits->header_chunks);
    if (len > limits->header_bytes - cs->bytes)
        return h5r_fail(x, H5R_ERR_LIMIT, header, "object header of more than %" PRIu64 " bytes (limits.header_bytes)",
                        limits->header_bytes);
    if (cs->n == cs->cap) {
        unsigned cap = cs->cap * 2 + 8;
        header_chunk *list = h5r_scratch(x, cap, sizeof *list);
        if (list == NULL)
            return H5R_ERR_NOMEM;
        if (cs->n > 0)
            memcpy(list, cs->list, cs->n * sizeof *list);
        cs->list = list;
        cs->cap = cap;
    }
    cs->bytes += len;
    cs->list[cs->n++] = (header_chunk){addr, len, NULL};
    return H5R_OK;
}

/* Messages and length of a continuation chunk: a version 2 one has a signature and a checksum around them. */
static h5r_status view_continuation(h5r_ctx *x, unsigned version, const header_chunk *k, unsigned number, const uint8_t **messages,
                                    uint64_t *len)
{
    const uint8_t *p;

    /* Attributes that were added now and then while data were written have each their chunk, one behind the other in the file: from the
     * second on the next block is read, too. */
    H5R_TRY(h5r_view_on(x, k->addr, k->len, number > 1, &p));
    *messages = p;
    *len = k->len;
    if (version == 1)
        return H5R_OK;
    if (k->len < 8 || memcmp(p, "OCHK", 4) != 0)
        return h5r_fail(x, H5R_ERR_FORMAT, k->addr, "an object header continuation block (OCHK) of %" PRIu64 " bytes should be here", k->len);
    H5R_TRY(h5r_verify(x, k->addr, p, k->len - 4, "object header continuation block"));
    *messages = p + 4;
    *len = k->len - 8;
    return H5R_OK;
}

static h5r_status load_prefix(h5r_ctx *x, uint64_t addr, h5r_header_prefix *out, const uint8_t **messages)
{
    const uint8_t *p;
    size_t need = H5R_HEADER_PREFIX_MIN;

    H5R_TRY(h5r_view(x, addr, need, 512, &p));
    if (p[0] == 'O' && p[4] == 2) { /* flags decide how long the prefix is */
        need = 6U + (p[5] & 0x20 ? 16 : 0) + (p[5] & 0x10 ? 4 : 0) + (1U << (p[5] & 3));
        H5R_TRY(h5r_view(x, addr, need, 512, &p));
    }
    h5r_cursor c = h5r_cursor_at(p, need);
    h5r_status st = h5r_decode_header_prefix(&c, out);
    if (st == H5R_ERR_UNSUPPORTED)
        return h5r_fail(x, st, addr, "object header of version %u; 1 and 2 are known", p[4]);
    if (st != H5R_OK)
        return h5r_fail(x, st, addr, "an object header should be here: 01 or \"OHDR\" expected, %02x %02x %02x %02x found", p[0], p[1], p[2], p[3]);
    if (out->chunk0 > x->file->limits.header_bytes)
        return h5r_fail(x, H5R_ERR_LIMIT, addr, "object header of %" PRIu64 " bytes (limits.header_bytes)", out->chunk0);

    uint64_t size = out->prefix + out->chunk0 + (out->version == 2 ? 4 : 0);
    H5R_TRY(h5r_view(x, addr, size, 0, &p));
    if (out->version == 2)
        H5R_TRY(h5r_verify(x, addr, p, size - 4, "object header"));
    *messages = p + out->prefix;
    return H5R_OK;
}

/* Calls for each message of the chunks present; continuation messages enlarge the list while it is walked. */
static h5r_status collect(h5r_ctx *x, uint64_t addr, const h5r_header_prefix *prefix, header_chunks *cs,
                          h5r_message *out, unsigned *n)
{
    h5r_status acc = H5R_OK, st = H5R_OK;
    h5r_widths w = x->file->widths;

    for (unsigned i = 0; i < cs->n; i++) {
        const uint8_t *p = cs->list[i].bytes;
        uint64_t len = cs->list[i].len;
        h5r_message m;
        if (p == NULL) {
            h5r_status seen = view_continuation(x, prefix->version, &cs->list[i], i, &p, &len);
            H5R_ALSO(acc, seen);
            if (seen != H5R_OK)
                continue;
        }
        cs->list[i].bytes = p;
        cs->list[i].len = len;
        h5r_cursor c = h5r_cursor_at(p, (size_t)len);
        while (h5r_next_message(&c, prefix->version, prefix->attr_tracked, &m, &st)) {
            if (m.type == H5R_MSG_CONTINUATION) {
                h5r_cursor b = h5r_cursor_at(m.body, m.len);
                uint64_t to = h5r_get_addr(&b, w), size = h5r_get_length(&b, w);
                st = b.overrun || size == 0 ? h5r_fail(x, H5R_ERR_FORMAT, addr, "object header with a continuation of no size")
                                            : add_chunk(x, addr, cs, to, size);
                H5R_ALSO(acc, st); /* an error waits for the chunks before it */
                if (st != H5R_OK)
                    return acc;
            } else if (m.type != H5R_MSG_NIL) {
                if (m.type > H5R_MSG_LAST && (m.flags & H5R_MSG_FAIL_UNKNOWN))
                    H5R_ALSO(acc, h5r_fail(x, H5R_ERR_UNSUPPORTED, addr,
                                           "object header message %u, which its writer says must be understood", m.type));
                if (out != NULL)
                    out[*n] = m;
                ++*n;
            }
        }
        if (st != H5R_OK)
            H5R_ALSO(acc, h5r_fail(x, st, addr, "object header message of type %u and %zu bytes that leaves its block", m.type, m.len));
    }
    return acc;
}

static h5r_status ignore_record(void *arg, const uint8_t *record, size_t len)
{
    (void)arg;
    (void)record;
    (void)len;
    return H5R_OK;
}

/* While continuations are on their way: dense links and attributes that the chunks at hand lead to. Errors are left to who reads them. */
static void want_dense(h5r_ctx *x, const h5r_header_prefix *prefix, const header_chunks *cs)
{
    const h5r_error before = x->error;
    h5r_widths w = x->file->widths;

    for (unsigned i = 0; i < cs->n && (x->wants_attrs || x->reach != H5R_REACH_OBJECT); i++) {
        h5r_cursor c = h5r_cursor_at(cs->list[i].bytes, (size_t)cs->list[i].len);
        h5r_status st;
        h5r_message m;
        while (cs->list[i].bytes != NULL && h5r_next_message(&c, prefix->version, prefix->attr_tracked, &m, &st)) {
            bool links = m.type == H5R_MSG_LINK_INFO && x->reach != H5R_REACH_OBJECT;
            h5r_cursor b = h5r_cursor_at(m.body, m.len);
            const h5r_fractal_heap *heap;
            h5r_dense_info d;
            if (!links && !(m.type == H5R_MSG_ATTRIBUTE_INFO && x->wants_attrs))
                continue;
            st = links ? h5r_decode_link_info(&b, w, &d) : h5r_decode_attribute_info(&b, w, &d);
            if (st != H5R_OK || d.heap == H5R_UNDEFINED)
                continue;
            if (h5r_load_fractal_heap(x, d.heap, &heap) == H5R_OK)
                (void)h5r_want_heap(x, heap, true);
            (void)h5r_btree2_visit(x, d.by_name, links ? 5 : 8, NULL, ignore_record, NULL);
        }
    }
    x->error = before;
}

h5r_status h5r_note_symbols(h5r_ctx *x, uint64_t addr, const h5r_symbol_table *t)
{
    if (addr == H5R_UNDEFINED || h5r_memo_get(x, H5R_MEMO_CACHED_SYMBOLS, addr) != NULL)
        return H5R_OK;
    return h5r_memo_put(x, H5R_MEMO_CACHED_SYMBOLS, addr, t, sizeof *t, NULL);
}

/* Whether a version 1 header is a group's whose links can be read without the continuations that it has. */
static bool is_old_group(const h5r_header_prefix *prefix, const uint8_t *messages)
{
    h5r_cursor c = h5r_cursor_at(messages, (size_t)prefix->chunk0);
    bool symbols = false, continued = false;
    h5r_status st;
    h5r_message m;

    if (prefix->version != 1)
        return false;
    while (h5r_next_message(&c, 1, false, &m, &st)) {
        symbols |= m.type == H5R_MSG_SYMBOL_TABLE && (m.flags & H5R_MSG_SHARED) == 0;
        continued |= m.type == H5R_MSG_CONTINUATION;
    }
    return symbols && continued;
}

/* The messages of the first chunk, without continuations. */
static h5r_status load_first_messages(h5r_ctx *x, uint64_t addr, const h5r_header_prefix *prefix, const uint8_t *messages, h5r_header *h)
{
    h5r_cursor c = h5r_cursor_at(messages, (size_t)prefix->chunk0);
    h5r_message *list = h5r_alloc(x, prefix->chunk0 / 8 + 1, sizeof *list); /* a message takes at least 8 bytes */
    h5r_status st = H5R_OK;

    if (list == NULL)
        return x->error.status;
    h->messages = list;
    h->first_only = true;
    while (h5r_next_message(&c, 1, false, &list[h->n_messages], &st))
        if (list[h->n_messages].type != H5R_MSG_NIL && list[h->n_messages].type != H5R_MSG_CONTINUATION)
            h->n_messages++;
    return st == H5R_OK ? st : h5r_fail(x, st, addr, "object header message of type %u and %zu bytes that leaves its block",
                                        list[h->n_messages].type, list[h->n_messages].len);
}

static h5r_status load_messages(h5r_ctx *x, uint64_t addr, bool whole, h5r_header_prefix *prefix, h5r_header *h)
{
    header_chunks cs = {0};
    const uint8_t *messages = NULL;
    unsigned n = 0;

    H5R_TRY(load_prefix(x, addr, prefix, &messages));
    if (!whole && is_old_group(prefix, messages))
        return load_first_messages(x, addr, prefix, messages, h);
    H5R_TRY(add_chunk(x, addr, &cs, addr, prefix->chunk0));
    cs.list[0].bytes = messages;
    h5r_status st = collect(x, addr, prefix, &cs, NULL, &n);
    if (st == H5R_NEED)
        want_dense(x, prefix, &cs);
    H5R_TRY(st);

    h5r_message *list = h5r_alloc(x, n, sizeof *list);
    if (list == NULL)
        return x->error.status;
    cs.n = 1;
    cs.bytes = prefix->chunk0;
    h->n_messages = 0;
    H5R_TRY(collect(x, addr, prefix, &cs, list, &h->n_messages));
    h->messages = list;
    return H5R_OK;
}

const h5r_message *h5r_find_message(const h5r_header *h, unsigned type)
{
    for (unsigned i = 0; i < h->n_messages; i++)
        if (h->messages[i].type == type)
            return &h->messages[i];
    return NULL;
}

static h5r_kind kind_of(const h5r_header *h)
{
    if (h5r_find_message(h, H5R_MSG_SYMBOL_TABLE) || h5r_find_message(h, H5R_MSG_LINK_INFO) ||
        h5r_find_message(h, H5R_MSG_GROUP_INFO))
        return H5R_GROUP;
    bool type = h5r_find_message(h, H5R_MSG_DATATYPE) != NULL;
    if (h5r_find_message(h, H5R_MSG_LAYOUT) || (type && h5r_find_message(h, H5R_MSG_DATASPACE)))
        return H5R_DATASET;
    return type ? H5R_DATATYPE : H5R_UNKNOWN;
}

static h5r_tracking tracking(bool tracked, bool indexed)
{
    return indexed ? H5R_INDEXED : tracked ? H5R_TRACKED : H5R_NOT_TRACKED;
}

/* Messages that every object may have, and those that tell where links and attributes are. */
static h5r_status interpret(h5r_ctx *x, h5r_header *h, const h5r_message *m)
{
    h5r_cursor c = h5r_cursor_at(m->body, m->len);
    h5r_status st = H5R_OK;

    switch (m->type) {
    case H5R_MSG_LINK_INFO:
    case H5R_MSG_ATTRIBUTE_INFO: {
        h5r_dense_info *d = h5r_alloc(x, 1, sizeof *d);
        if (d == NULL)
            return x->error.status;
        bool links = m->type == H5R_MSG_LINK_INFO;
        st = links ? h5r_decode_link_info(&c, x->file->widths, d) : h5r_decode_attribute_info(&c, x->file->widths, d);
        if (st == H5R_OK && links) {
            h->link_info = d;
            h->pub.link_order = tracking(d->tracked, d->indexed);
        } else if (st == H5R_OK) {
            h->attr_info = d;
        }
        break;
    }
    case H5R_MSG_SYMBOL_TABLE: {
        h5r_symbol_table *t = h5r_alloc(x, 1, sizeof *t);
        if (t == NULL)
            return x->error.status;
        st = h5r_decode_symbol_table(&c, x->file->widths, t);
        h->symbols = t;
        break;
    }
    case H5R_MSG_COMMENT: {
        const uint8_t *end = m->len > 0 ? memchr(m->body, 0, m->len) : NULL;
        size_t n = end != NULL ? (size_t)(end - m->body) : m->len;
        char *text = h5r_alloc(x, n + 1, 1);
        if (text == NULL)
            return x->error.status;
        memcpy(text, m->body, n);
        h->comment = text;
        break;
    }
    case H5R_MSG_OLD_MTIME:
        h->modified = h5r_decode_old_mtime(&c);
        break;
    case H5R_MSG_MTIME:
        h5r_skip(&c, 4);
        h->modified = h5r_get_u32(&c);
        break;
    case H5R_MSG_REFCOUNT:
        h5r_skip(&c, 1);
        h->pub.refcount = h5r_get_u32(&c);
        break;
    default:
        return H5R_OK;
    }
    if (st == H5R_OK && !c.overrun)
        return H5R_OK;
    char what[48];
    snprintf(what, sizeof what, "an object header message of type %u", m->type);
    return h5r_fail_message(x, st == H5R_OK ? H5R_ERR_FORMAT : st, h->pub.addr, what, m->body, m->len);
}

static h5r_status load_new_header(h5r_ctx *x, uint64_t addr, bool whole, const h5r_header **out)
{
    h5r_header h = {.pub = {.addr = addr, .file = x->file}};
    h5r_header_prefix prefix;

    H5R_TRY(load_messages(x, addr, whole, &prefix, &h));
    h.pub.header_version = prefix.version;
    h.pub.refcount = prefix.refcount;
    h.modified = prefix.modified;
    h.pub.attr_order = tracking(prefix.attr_tracked, prefix.attr_indexed);
    h.pub.kind = kind_of(&h);
    for (unsigned i = 0; i < h.n_messages; i++)
        H5R_TRY(interpret(x, &h, &h.messages[i]));
    if (h.pub.kind == H5R_DATATYPE) {
        const h5r_message *m = h5r_find_message(&h, H5R_MSG_DATATYPE);
        h5r_cursor c = h5r_cursor_at(m->body, m->len);
        const h5r_type *t = NULL;
        const char *what = "shared";
        bool shared = (m->flags & H5R_MSG_SHARED) != 0;
        h5r_status st = shared ? h5r_load_type(x, addr, true, m->body, m->len, &t)
                               : h5r_decode_datatype(&c, x->file->widths, x->file->limits.depth, &x->file->arena, &t, &what);
        if (st == H5R_NEED)
            return st;
        if (st < 0)
            return h5r_fail(x, st, addr, "%s", what);
        ((h5r_type *)(uintptr_t)t)->committed = addr; /* still ours: not published yet */
        h.pub.type = t;
    }
    return h5r_memo_put(x, whole ? H5R_MEMO_WHOLE_HEADER : H5R_MEMO_HEADER, addr, &h, sizeof h, (const void **)out);
}

uint64_t h5r_header_behind(h5r_ctx *x, uint64_t addr)
{
    const uint8_t *p = h5r_peek(x, addr, H5R_HEADER_PREFIX_MAX), *behind;
    h5r_header_prefix prefix;
    uint64_t next;

    if (p == NULL || memcmp(p, "OHDR", 4) != 0)
        return H5R_UNDEFINED;
    h5r_cursor c = h5r_cursor_at(p, H5R_HEADER_PREFIX_MAX);
    if (h5r_decode_header_prefix(&c, &prefix) != H5R_OK || !h5r_add(addr, prefix.prefix + 4, &next) || !h5r_add(next, prefix.chunk0, &next))
        return H5R_UNDEFINED;
    behind = h5r_peek(x, next, 4);
    return behind != NULL && memcmp(behind, "OHDR", 4) == 0 ? next : H5R_UNDEFINED;
}

bool h5r_peek_space(h5r_ctx *x, uint64_t addr, h5r_space *out)
{
    const uint8_t *p = h5r_peek(x, addr, H5R_HEADER_PREFIX_MAX);
    h5r_header_prefix prefix;
    h5r_message m;
    h5r_status st;
    uint64_t size;

    if (p == NULL)
        return false;
    h5r_cursor c = h5r_cursor_at(p, H5R_HEADER_PREFIX_MAX);
    if (h5r_decode_header_prefix(&c, &prefix) != H5R_OK || !h5r_add(prefix.prefix, prefix.chunk0, &size) || (p = h5r_peek(x, addr, size)) == NULL)
        return false;
    c = h5r_cursor_at(p + prefix.prefix, (size_t)prefix.chunk0);
    while (h5r_next_message(&c, prefix.version, prefix.attr_tracked, &m, &st)) {
        h5r_cursor body = h5r_cursor_at(m.body, m.len);
        if (m.type == H5R_MSG_DATASPACE && (m.flags & H5R_MSG_SHARED) == 0)
            return h5r_decode_dataspace(&body, x->file->widths, out) == H5R_OK;
    }
    return false;
}

h5r_status h5r_load_header(h5r_ctx *x, uint64_t addr, const h5r_header **out)
{
    enum { DEEPEST = 4 }; /* a committed datatype may be shared through the heap of shared messages, and no further */

    *out = h5r_memo_get(x, H5R_MEMO_HEADER, addr);
    if (*out != NULL)
        return H5R_OK;
    if (x->nested >= DEEPEST)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "committed datatypes that refer to each other where one should hold the type");
    x->nested++;
    h5r_status st = load_new_header(x, addr, false, out);
    x->nested--;
    return st;
}

h5r_status h5r_load_whole_header(h5r_ctx *x, const h5r_header *h, const h5r_header **out)
{
    *out = h->first_only ? h5r_memo_get(x, H5R_MEMO_WHOLE_HEADER, h->pub.addr) : h;
    return *out != NULL ? H5R_OK : load_new_header(x, h->pub.addr, true, out);
}

/* ---------------------------------------------------------------- shared messages and types */

h5r_status h5r_load_body(h5r_ctx *x, uint64_t at, unsigned type, bool shared, const uint8_t *body, size_t len,
                         const uint8_t **out, size_t *out_len, uint64_t *committed)
{
    h5r_cursor c = h5r_cursor_at(body, len);
    h5r_shared s;

    *committed = H5R_UNDEFINED;
    *out = body;
    *out_len = len;
    if (!shared)
        return H5R_OK;
    h5r_status st = h5r_decode_shared(&c, x->file->widths, &s);
    if (st != H5R_OK)
        return h5r_fail_message(x, st, at, "a reference to a shared message", body, len);
    if (s.in_heap) {
        const h5r_fractal_heap *heap;
        uint64_t n;
        H5R_TRY(h5r_load_sohm_heap(x, type, &heap));
        if (heap->id_len != 8)
            return h5r_fail(x, H5R_ERR_FORMAT, heap->addr, "heap of shared messages with identifiers of %u bytes, not 8",
                            heap->id_len);
        H5R_TRY(h5r_load_heap_object(x, heap, s.heap_id, out, &n));
        *out_len = (size_t)n;
        return H5R_OK;
    }
    const h5r_header *h;
    H5R_TRY(h5r_load_header(x, s.addr, &h));
    const h5r_message *m = h5r_find_message(h, type);
    if (m == NULL || (m->flags & H5R_MSG_SHARED))
        return h5r_fail(x, H5R_ERR_FORMAT, s.addr, "shared message of type %u is not in the object it should be in", type);
    *committed = s.addr;
    *out = m->body;
    *out_len = m->len;
    return H5R_OK;
}

h5r_status h5r_load_type(h5r_ctx *x, uint64_t at, bool shared, const uint8_t *body, size_t len, const h5r_type **out)
{
    uint64_t committed;
    const char *what = "";

    if (shared) { /* a committed type is decoded once, with its object */
        h5r_cursor s = h5r_cursor_at(body, len);
        h5r_shared ref;
        if (h5r_decode_shared(&s, x->file->widths, &ref) == H5R_OK && !ref.in_heap && ref.addr != at) {
            const h5r_header *h;
            H5R_TRY(h5r_load_header(x, ref.addr, &h));
            if (h->pub.kind == H5R_DATATYPE) {
                *out = h->pub.type;
                return H5R_OK;
            }
        }
    }
    H5R_TRY(h5r_load_body(x, at, H5R_MSG_DATATYPE, shared, body, len, &body, &len, &committed));
    /* Bodies do not move while the file is open, so a type is decoded once however often its owner is asked for. */
    uint64_t key = (uint64_t)(uintptr_t)body;
    *out = h5r_memo_get(x, H5R_MEMO_TYPE, key);
    if (*out != NULL)
        return H5R_OK;
    h5r_cursor c = h5r_cursor_at(body, len);
    const h5r_type *t;
    h5r_status st = h5r_decode_datatype(&c, x->file->widths, x->file->limits.depth, &x->file->arena, &t, &what);
    if (st != H5R_OK)
        return h5r_fail(x, st, at, "%s", what);
    ((h5r_type *)(uintptr_t)t)->committed = committed; /* still ours: not published yet */
    if (!h5r_map_put(&x->file->memo, H5R_MEMO_TYPE, key, (void *)(uintptr_t)t))
        return h5r_nomem(x);
    *out = t;
    return H5R_OK;
}
