// One structure on arbitrary bytes. Input: which structure (u8, see the table at the end), the sizes of addresses and lengths (u8: 2^(1 +
// its low nibble % 3) and 2^(1 + its high nibble % 3)), options (u8), then what that structure takes. Decoders get the bytes; loaders, which follow addresses,
// get a file that consists of a superblock (12 + 4 * size of addresses + 4 bytes) and the bytes behind it. Checksums are not looked at,
// unless an option says so.
extern "C" {
#include "format/btree2.h"
#include "format/driver_info.h"
#include "format/heaps.h"
#include "format/mappings.h"
#include "format/messages.h"
#include "format/msg_datatype.h"
#include "format/object_header.h"
#include "format/region.h"
#include "format/superblock.h"
#include "index/index.h"
#include "object/btree2.h"
#include "object/load.h"
#include "object/values.h"
#include "read/convert.h"
#include "read/pattern.h"
}

#include <algorithm>
#include <cstring>
#include <vector>

namespace {

enum { MAX_ITEMS = 64, MAX_BYTES = 1 << 14, DEPTH = 12 };
enum Options { CHECKSUMS = 1, WIDE_READS = 2 };

volatile uint64_t sum;

void Touch(const void *p, size_t n)
{
    if (p != nullptr && n > 0)
        sum = sum + static_cast<const uint8_t *>(p)[0] + static_cast<const uint8_t *>(p)[n - 1];
}

struct Input {
    h5r_widths w;
    unsigned options;
    h5r_cursor c;
    h5r_arena arena;
};

// ---------------------------------------------------------------- decoders

void Superblock(Input &in)
{
    h5r_superblock s;
    h5r_identify(in.c.p, in.c.len);
    sum = sum + h5r_superblock_size(in.c.p, in.c.len);
    h5r_decode_superblock(&in.c, &s);
}

void TouchType(const h5r_type *t, unsigned depth)
{
    for (uint32_t i = 0; i < t->n_members && i < MAX_ITEMS; i++) {
        if (t->cls == H5R_CLASS_COMPOUND) {
            sum = sum + strlen(t->members[i].name);
            if (depth < DEPTH)
                TouchType(t->members[i].type, depth + 1);
        } else {
            sum = sum + strlen(t->names[i]);
            Touch(t->values + i * size_t{t->base->size}, t->base->size);
        }
    }
    if (t->base != nullptr && depth < DEPTH)
        TouchType(t->base, depth + 1);
}

const h5r_type *GetType(Input &in)
{
    const h5r_type *t = nullptr;
    const char *what;
    if (h5r_decode_datatype(&in.c, in.w, DEPTH, &in.arena, &t, &what) != H5R_OK)
        return nullptr;
    TouchType(t, 0);
    return t;
}

// A datatype and elements of it.
void Datatype(Input &in)
{
    const h5r_type *t = GetType(in);
    if (t == nullptr || t->size == 0)
        return;
    std::vector<uint8_t> elems(in.c.p + in.c.pos, in.c.p + in.c.len);
    size_t n = std::min<size_t>(elems.size() / t->size, MAX_ITEMS);
    h5r_swap(t, elems.data(), n);
    h5r_number number = h5r_type_number(t, nullptr);
    std::vector<uint8_t> dst(n * h5r_number_size(number));
    if (number != H5R_NO_NUMBER && n > 0)
        h5r_to_numbers(t, elems.data(), n, dst.data());
}

// Two datatypes and elements of the first.
void Convert(Input &in)
{
    const h5r_type *from = GetType(in), *to = from != nullptr ? GetType(in) : nullptr;
    if (to == nullptr || from->size == 0 || to->size == 0 || to->size > MAX_BYTES)
        return;
    sum = sum + h5r_same_elements(from, to);
    if (!h5r_can_convert(from, to))
        return;
    std::vector<uint8_t> src(in.c.p + in.c.pos, in.c.p + in.c.len);
    size_t n = std::min<size_t>({src.size() / from->size, MAX_ITEMS, MAX_BYTES / to->size});
    std::vector<uint8_t> dst(n * to->size);
    if (n > 0)
        h5r_convert(from, to, src.data(), n, dst.data());
}

void Attribute(Input &in)
{
    h5r_attribute_frame f;
    if (h5r_decode_attribute(&in.c, &f) != H5R_OK)
        return;
    sum = sum + strlen(f.name);
    Touch(f.type, f.type_len);
    Touch(f.space, f.space_len);
    Touch(f.data, f.data_len);
}

// A message body of a type (u8).
void Message(Input &in)
{
    unsigned type = h5r_get_u8(&in.c);
    h5r_cursor *c = &in.c;
    const char *what;
    switch (type % (H5R_MSG_LAST + 1)) {
    case H5R_MSG_DATASPACE: {
        h5r_space s;
        h5r_decode_dataspace(c, in.w, &s);
        break;
    }
    case H5R_MSG_LINK_INFO:
    case H5R_MSG_ATTRIBUTE_INFO: {
        h5r_dense_info d;
        h5r_cursor again = *c;
        h5r_decode_link_info(c, in.w, &d);
        h5r_decode_attribute_info(&again, in.w, &d);
        break;
    }
    case H5R_MSG_OLD_FILL:
    case H5R_MSG_FILL: {
        h5r_fill fill = {};
        h5r_cursor again = *c;
        if (h5r_decode_fill(c, &fill) == H5R_OK)
            Touch(fill.value, fill.len);
        if (h5r_decode_old_fill(&again, &fill) == H5R_OK)
            Touch(fill.value, fill.len);
        break;
    }
    case H5R_MSG_LINK: {
        h5r_link l;
        if (h5r_decode_link(c, in.w, &in.arena, &l) != H5R_OK)
            break;
        sum = sum + strlen(l.name) + (l.target != nullptr ? strlen(l.target) : 0) + (l.file != nullptr ? strlen(l.file) : 0);
        break;
    }
    case H5R_MSG_EXTERNAL: {
        h5r_external_list l;
        if (h5r_decode_external_list(c, in.w, &in.arena, &l) == H5R_OK)
            Touch(l.slots, l.n * sizeof *l.slots);
        break;
    }
    case H5R_MSG_LAYOUT: {
        h5r_layout l;
        if (h5r_decode_layout(c, in.w, &l, &what) == H5R_OK && l.compact != nullptr)
            Touch(l.compact, static_cast<size_t>(l.size));
        break;
    }
    case H5R_MSG_FILTERS: {
        const h5r_filter *filters;
        unsigned n;
        if (h5r_decode_filters(c, &in.arena, &filters, &n) != H5R_OK)
            break;
        for (unsigned i = 0; i < n; i++) {
            sum = sum + strlen(filters[i].name);
            Touch(filters[i].values, filters[i].n_values * sizeof(uint32_t));
        }
        break;
    }
    case H5R_MSG_OLD_MTIME:
        sum = sum + h5r_decode_old_mtime(c);
        break;
    case H5R_MSG_SYMBOL_TABLE: {
        h5r_symbol_table t;
        h5r_decode_symbol_table(c, in.w, &t);
        break;
    }
    case H5R_MSG_DRIVER_INFO: {
        h5r_driver_info d;
        if (h5r_decode_driver_info(c, &d) == H5R_OK)
            for (unsigned i = 0; i < d.n; i++)
                sum = sum + strlen(d.member[i].name);
        break;
    }
    default: {
        h5r_shared s;
        if (h5r_decode_shared(c, in.w, &s) == H5R_OK)
            Touch(s.heap_id, s.in_heap ? 8 : 0);
    }
    }
}

void TouchRegion(const h5r_region &r)
{
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK], shape[H5R_MAX_RANK];
    h5r_pattern patterns[H5R_MAX_RANK];
    sum = sum + h5r_region_count(&r);
    for (uint64_t i = 0; i < r.n && i < MAX_ITEMS; i++)
        h5r_region_item(&r, i % 2 == 0 ? i : r.n - 1 - i, first, last);
    for (unsigned i = 0; i < r.rank; i++)
        shape[i] = i % 2 == 0 ? 100 : UINT64_MAX - 1;
    if (!h5r_region_patterns(&r, r.rank, shape, patterns))
        return;
    for (unsigned i = 0; i < r.rank; i++) {
        bool selected;
        if (patterns[i].total == 0)
            continue;
        uint64_t at = h5r_pattern_at(&patterns[i], patterns[i].total == H5R_UNDEFINED ? 3 : patterns[i].total - 1);
        sum = sum + h5r_pattern_below(&patterns[i], at, &selected);
    }
}

void Region(Input &in)
{
    h5r_region r;
    if (h5r_decode_region(&in.c, &r) == H5R_OK)
        TouchRegion(r);
    if (h5r_region_decode(in.c.p, in.c.len, &r) == H5R_OK)
        TouchRegion(r);
}

void Mappings(Input &in)
{
    const h5r_mapping *list;
    size_t n;
    const char *what;
    if (h5r_decode_mappings(&in.c, in.w, &in.arena, &list, &n, &what) != H5R_OK)
        return;
    for (size_t i = 0; i < n && i < MAX_ITEMS; i++) {
        sum = sum + strlen(list[i].file) + strlen(list[i].dataset);
        TouchRegion(list[i].source);
        TouchRegion(list[i].target);
    }
}

void GlobalHeap(Input &in)
{
    uint64_t size;
    h5r_collection_object o;
    if (h5r_decode_collection_size(&in.c, in.w, &size) != H5R_OK)
        return;
    while (h5r_next_collection_object(&in.c, in.w, &o))
        Touch(o.data, static_cast<size_t>(o.size));
}

void HeapHeaders(Input &in)
{
    h5r_cursor a = in.c, b = in.c;
    h5r_local_heap local;
    h5r_btree2 tree;
    h5r_fractal_heap heap;
    h5r_decode_local_heap(&a, in.w, &local);
    h5r_decode_btree2(&b, in.w, &tree);
    if (h5r_decode_fractal_heap(&in.c, in.w, &heap) != H5R_OK)
        return;
    for (unsigned shift = 0; shift < 64; shift++) {
        unsigned row, col;
        h5r_fractal_heap_locate(&heap, UINT64_MAX >> shift, &row, &col);
        sum = sum + h5r_fractal_heap_rows_of(&heap, UINT64_C(1) << shift);
    }
}

void HeaderChunk(Input &in)
{
    h5r_header_prefix prefix;
    h5r_message m;
    h5r_status st;
    if (h5r_decode_header_prefix(&in.c, &prefix) != H5R_OK)
        return;
    while (h5r_next_message(&in.c, prefix.version, prefix.attr_tracked, &m, &st))
        Touch(m.body, m.len);
}

// ---------------------------------------------------------------- loaders

using Step = h5r_status (*)(h5r_ctx *x, void *arg);

// Runs a step over the file that the rest of the input is. args: the input's bytes that the step takes itself.
void OnFile(const Input &in, Step step, void *arg)
{
    uint8_t super[12 + 4 * 8 + 4] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 2, in.w.offset, in.w.length, 0};
    size_t size = 12U + 4U * in.w.offset + 4U, left = h5r_left(&in.c);
    uint8_t *p = super + 12;
    memset(p + in.w.offset, 0xff, 2U * in.w.offset); /* extension and end: undefined */
    p[3 * in.w.offset] = static_cast<uint8_t>(size);
    std::vector<uint8_t> bytes(super, super + size);
    bytes.insert(bytes.end(), in.c.p + in.c.pos, in.c.p + in.c.pos + left);

    h5r_options o;
    h5r_options_init(&o);
    h5r_limits &l = o.limits;
    l.metadata_bytes = 8 << 20;
    l.heap_bytes = l.vlen_bytes = l.header_bytes = 1 << 20;
    l.chunk_bytes = 1 << 18;
    l.links = l.attributes = 256;
    l.header_chunks = 32;
    l.depth = DEPTH;
    l.rounds = 200;
    o.skip_checksums = (in.options & CHECKSUMS) == 0;
    o.exact_reads = (in.options & WIDE_READS) == 0;
    h5r_source source;
    h5r_file *f = nullptr;
    h5r_error err;
    if (h5r_source_open_memory(bytes.data(), bytes.size(), &source, &err) != H5R_OK || h5r_open(&source, &o, &f, &err) != H5R_OK)
        return;
    h5r_heap_enter(f);
    h5r_run(f, "fuzz", step, arg, &err);
    h5r_heap_leave(f);
    h5r_close(f);
}

// Numbers for a step: as many as wanted, zeros where the input ends.
struct Numbers {
    explicit Numbers(Input &in) : w(in.w)
    {
        for (uint64_t &v : u)
            v = h5r_get_u16(&in.c);
        memset(bytes, 0, sizeof bytes);
        const uint8_t *p = h5r_take(&in.c, sizeof bytes);
        if (p != nullptr)
            memcpy(bytes, p, sizeof bytes);
        in.c.overrun = false;
    }
    h5r_widths w;
    uint64_t u[4];
    uint8_t bytes[32];
};

// Heap objects by identifiers. u16: address of the heap, identifier of 32 bytes.
void FractalHeap(Input &in)
{
    Numbers n(in);
    OnFile(in, [](h5r_ctx *x, void *arg) {
        const Numbers *a = static_cast<const Numbers *>(arg);
        const h5r_fractal_heap *h;
        const uint8_t *p;
        uint64_t len;
        H5R_TRY(h5r_load_fractal_heap(x, a->u[0], &h));
        if (h->id_len > sizeof a->bytes)
            return H5R_OK;
        H5R_TRY(h5r_load_heap_object(x, h, a->bytes, &p, &len));
        Touch(p, static_cast<size_t>(len));
        return H5R_OK;
    }, &n);
}

h5r_status TouchRecord(void *, const uint8_t *record, size_t len)
{
    Touch(record, len);
    return H5R_OK;
}

// All records of a tree. u16: its address, type.
void Btree2(Input &in)
{
    Numbers n(in);
    OnFile(in, [](h5r_ctx *x, void *arg) {
        const Numbers *a = static_cast<const Numbers *>(arg);
        return h5r_btree2_visit(x, a->u[0], static_cast<unsigned>(a->u[1]), nullptr, TouchRecord, nullptr);
    }, &n);
}

// Chunks of a box. u16: address of the index, kind and rank and layout version, whether there are filters, bytes of a chunk; then for up
// to 4 dimensions shape (u16: 65535 is unlimited), chunk (u8), first and last chunk of the box (u8).
struct Grid {
    h5r_chunked d;
    uint64_t lo[H5R_MAX_RANK], hi[H5R_MAX_RANK];
    unsigned n;
};

void ChunkIndex(Input &in)
{
    Numbers n(in);
    Grid g = {};
    h5r_chunked &d = g.d;
    d.addr = n.u[0];
    d.kind = static_cast<h5r_index_kind>(n.u[1] % 6);
    d.rank = 1 + n.u[1] / 6 % 4;
    d.layout_version = d.kind == H5R_INDEX_BTREE1 ? 3 : 4 + n.u[1] / 24 % 2;
    d.filtered = n.u[2] % 2 != 0;
    d.page_bits = n.u[2] / 2 % 16;
    d.chunk_bytes = n.u[3] + 1;
    d.single_size = n.u[3] / 2;
    for (unsigned i = 0; i < d.rank; i++) {
        h5r_cursor c = h5r_cursor_at(n.bytes + i * 8, 8);
        uint64_t max = h5r_get_u16(&c);
        d.shape[i] = max == UINT16_MAX ? h5r_get_u16(&c) : max;
        d.max_shape[i] = max == UINT16_MAX && (d.kind == H5R_INDEX_BTREE1 || d.kind == H5R_INDEX_BTREE2 || d.kind == H5R_INDEX_EXTENSIBLE_ARRAY) ? H5R_UNDEFINED : max;
        d.chunk[i] = h5r_get_u8(&c) + 1U;
        d.grid[i] = (d.shape[i] + d.chunk[i] - 1) / d.chunk[i];
        if (d.grid[i] == 0)
            return;
        g.lo[i] = h5r_get_u8(&c) % d.grid[i];
        g.hi[i] = g.lo[i] + h5r_get_u8(&c) % (d.grid[i] - g.lo[i]);
    }
    OnFile(in, [](h5r_ctx *x, void *arg) {
        Grid *a = static_cast<Grid *>(arg);
        a->n = 0;
        return h5r_index_visit(x, &a->d, a->lo, a->hi, [](void *grid, const uint64_t *, uint64_t, uint64_t, uint32_t) {
            return ++static_cast<Grid *>(grid)->n > 10000 ? H5R_ERR_LIMIT : H5R_OK;
        }, a);
    }, &g);
}

// An object with its links, attributes and description. u16: address of its header.
void Object(Input &in)
{
    Numbers n(in);
    OnFile(in, [](h5r_ctx *x, void *arg) {
        const Numbers *a = static_cast<const Numbers *>(arg);
        const h5r_header *h;
        const h5r_link_list *links;
        const h5r_link *link;
        const h5r_attr_list *attrs;
        const h5r_dataset *d;
        h5r_status st = H5R_OK;
        H5R_TRY(h5r_load_header(x, a->u[0], &h));
        H5R_ALSO(st, h5r_load_link(x, h, reinterpret_cast<const char *>(a->bytes), strnlen(reinterpret_cast<const char *>(a->bytes), 31), &link));
        H5R_ALSO(st, h5r_load_attrs(x, h, &attrs));
        if (h->pub.kind == H5R_GROUP)
            H5R_ALSO(st, h5r_load_links(x, h, &links));
        if (h->pub.kind == H5R_DATASET)
            H5R_ALSO(st, h5r_load_dataset(x, h, &d));
        return st;
    }, &n);
}

// An object of a collection. u16: address, index.
void GlobalObject(Input &in)
{
    Numbers n(in);
    OnFile(in, [](h5r_ctx *x, void *arg) {
        const Numbers *a = static_cast<const Numbers *>(arg);
        const uint8_t *p;
        uint64_t len;
        H5R_TRY(h5r_load_global_object(x, a->u[0], static_cast<uint32_t>(a->u[1]), &p, &len));
        Touch(p, static_cast<size_t>(len));
        return H5R_OK;
    }, &n);
}

// A datatype in the input's first bytes (u16: how many), and the variable-length parts of one element of 32 bytes.
void Values(Input &in)
{
    Numbers n(in);
    const uint8_t *p = h5r_take(&in.c, n.u[0] % 256);
    if (p == nullptr)
        return;
    Input type = in;
    type.c = h5r_cursor_at(p, n.u[0] % 256);
    const h5r_type *t = GetType(type);
    in.arena = type.arena;
    struct Element {
        const h5r_type *t;
        const uint8_t *bytes;
    } element = {t, n.bytes};
    if (t == nullptr || t->size == 0 || t->size > sizeof n.bytes)
        return;
    OnFile(in, [](h5r_ctx *x, void *arg) {
        const Element *e = static_cast<const Element *>(arg);
        return h5r_want_values(x, e->t, e->bytes, 1);
    }, &element);
}

// A message in the heap of shared messages. u16: address of the table, its indexes; identifier of 8 bytes.
void SharedMessage(Input &in)
{
    Numbers n(in);
    OnFile(in, [](h5r_ctx *x, void *arg) {
        const Numbers *a = static_cast<const Numbers *>(arg);
        const h5r_fractal_heap *h;
        const uint8_t *p;
        uint64_t len;
        x->file->params.sohm_table = a->u[0];
        x->file->params.sohm_indexes = static_cast<unsigned>(a->u[1] % 256);
        H5R_TRY(h5r_load_sohm_heap(x, static_cast<unsigned>(a->u[2] % 32), &h));
        if (h->id_len > sizeof a->bytes)
            return H5R_OK;
        H5R_TRY(h5r_load_heap_object(x, h, a->bytes, &p, &len));
        Touch(p, static_cast<size_t>(len));
        return H5R_OK;
    }, &n);
}

void (*const structures[])(Input &) = {
    Superblock, HeaderChunk, Message, Datatype, Convert, Attribute, Region, Mappings, GlobalHeap, HeapHeaders,
    FractalHeap, Btree2, ChunkIndex, Object, GlobalObject, Values, SharedMessage,
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n < 3)
        return 0;
    // An exact allocation, so that a byte too far is seen.
    std::vector<uint8_t> bytes(p + 3, p + n);
    bytes.shrink_to_fit();
    Input in = {};
    in.w = {static_cast<uint8_t>(2U << (p[1] & 15) % 3), static_cast<uint8_t>(2U << (p[1] >> 4) % 3)};
    in.options = p[2];
    in.c = h5r_cursor_at(bytes.data(), bytes.size());
    structures[p[0] % (sizeof structures / sizeof *structures)](in);
    h5r_arena_free(&in.arena);
    return 0;
}
