// Files whose structures contradict themselves: crafted headers, trees and heaps behind the end of a good file.
#include "support/support.h"

extern "C" {
#include "index/index.h"
#include "object/load.h"
#include "util/lookup3.h"
}

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

using namespace h5range_test;

namespace {

// A good file (8-byte addresses, base 0) with structures appended to it.
class Crafted {
  public:
    Crafted() : m_bytes(ReadFile(H5RANGE_TEST_DATA "/flat_earliest.h5"))
    {
        while (m_bytes.size() % 8 != 0)
            m_bytes.push_back(0);
    }
    uint64_t here() const
    {
        return m_bytes.size();
    }
    Crafted &u(uint64_t v, unsigned width)
    {
        for (unsigned i = 0; i < width; i++)
            m_bytes.push_back(static_cast<unsigned char>(v >> (8 * i)));
        return *this;
    }
    Crafted &text(const char *s)
    {
        m_bytes.insert(m_bytes.end(), s, s + strlen(s));
        return *this;
    }
    Crafted &zeros(size_t n)
    {
        m_bytes.insert(m_bytes.end(), n, 0);
        return *this;
    }
    Crafted &bytes(const Bytes &b)
    {
        m_bytes.insert(m_bytes.end(), b.begin(), b.end());
        return *this;
    }
    Crafted &checksum(uint64_t from)
    {
        return u(h5r_lookup3(m_bytes.data() + from, m_bytes.size() - from, 0), 4);
    }
    // Version 1 object header: messages of type, flags and body (padded to 8).
    struct Message {
        unsigned type, flags;
        Bytes body;
    };
    uint64_t Header(const std::vector<Message> &messages)
    {
        uint64_t at = here();
        size_t size = 0;
        for (const Message &m : messages)
            size += 8 + (m.body.size() + 7) / 8 * 8;
        u(1, 1).u(0, 1).u(messages.size(), 2).u(1, 4).u(size, 4).u(0, 4);
        Messages(messages);
        return at;
    }
    uint64_t Messages(const std::vector<Message> &messages)
    {
        uint64_t at = here();
        for (const Message &m : messages) {
            size_t padded = (m.body.size() + 7) / 8 * 8;
            u(m.type, 2).u(padded, 2).u(m.flags, 1).u(0, 3).bytes(m.body).zeros(padded - m.body.size());
        }
        return at;
    }
    const Bytes &all() const
    {
        return m_bytes;
    }

  private:
    Bytes m_bytes;
};

// The body of a message, field by field.
class Body {
  public:
    Body &u(uint64_t v, unsigned width)
    {
        for (unsigned i = 0; i < width; i++)
            m_bytes.push_back(static_cast<unsigned char>(i < 8 ? v >> (8 * i) : 0));
        return *this;
    }
    operator Bytes() const
    {
        return m_bytes;
    }

  private:
    Bytes m_bytes;
};

const uint64_t UNDEF = UINT64_MAX;

Bytes Space1(uint64_t n)
{
    return Body().u(1, 1).u(1, 1).u(0, 6).u(n, 8);
}

Bytes Int32()
{
    return Body().u(0x10, 1).u(8, 3).u(4, 4).u(0, 2).u(32, 2);
}

Bytes Contiguous(uint64_t addr, uint64_t size)
{
    return Body().u(3, 1).u(1, 1).u(addr, 8).u(size, 8);
}

Bytes Chunked(uint64_t btree, uint32_t chunk)
{
    return Body().u(3, 1).u(2, 1).u(2, 1).u(btree, 8).u(chunk, 4).u(4, 4);
}

// The error of what f does on the crafted file, starved and not: both must be the same.
h5r_error ErrorOf(const Crafted &c, const std::function<h5r_status(h5r_file *, h5r_error *)> &f, h5r_options o = Starved())
{
    TestSource starved(c.all()), plain(c.all());
    FileHandle a = Open(starved, &o), b = Open(plain);
    h5r_error first = {}, second = {};
    EXPECT_TRUE(a && b);
    f(a.get(), &first);
    o.exact_reads = false;
    b = Open(plain, &o);
    f(b.get(), &second);
    EXPECT_STREQ(first.message, second.message);
    EXPECT_EQ(first.status, second.status);
    return first;
}

h5r_status ReadAll(h5r_file *f, uint64_t addr, h5r_error *err)
{
    const h5r_object *o = nullptr;
    const h5r_dataset *d = nullptr;
    h5r_status st = h5r_object_at(f, addr, &o, err);
    if (st == H5R_OK)
        st = h5r_dataset_describe(f, o, &d, err);
    if (st != H5R_OK)
        return st;
    Bytes data(d->space->count * d->type->size);
    h5r_selection sel = {};
    sel.dst = data.data();
    return h5r_read_dataset(f, o, &sel, err);
}

// A virtual dataset of 10 int32 at the end of c, with one mapping of the file's own /d000 (4 int16: 0, 1, 2, 3).
uint64_t Virtual(Crafted &c, const Bytes &source, const Bytes &target, const Bytes &space = Space1(10))
{
    Crafted list;
    uint64_t from = list.here();
    list.u(0, 1).u(1, 8).text(".").u(0, 1).text("/d000").u(0, 1).bytes(source).bytes(target).checksum(from);
    Bytes object(list.all().begin() + static_cast<long>(from), list.all().end());
    uint64_t heap = c.here();
    c.text("GCOL").u(1, 1).u(0, 3).u(4096, 8).u(1, 2).u(1, 2).u(0, 4).u(object.size(), 8).bytes(object).zeros(4096 - 32 - object.size());
    return c.Header({{1, 0, space}, {3, 0, Int32()}, {8, 0, Body().u(4, 1).u(3, 1).u(heap, 8).u(1, 4)}});
}

Bytes AllElements()
{
    return Body().u(3, 4).u(1, 4).u(0, 8);
}

// Blocks of a selection of rank 1: first and last element of each.
Bytes Blocks(const std::vector<std::pair<unsigned, unsigned>> &blocks)
{
    Body b;
    b.u(2, 4).u(1, 4).u(0, 4).u(8 + 8 * blocks.size(), 4).u(1, 4).u(blocks.size(), 4);
    for (auto &k : blocks)
        b.u(k.first, 4).u(k.second, 4);
    return b;
}

// A regular selection of rank 1, version 3.
Bytes Regular(uint64_t start, uint64_t stride, uint64_t count, uint64_t block)
{
    return Body().u(2, 4).u(3, 4).u(1, 1).u(8, 1).u(1, 4).u(start, 8).u(stride, 8).u(count, 8).u(block, 8);
}

#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

} // namespace

// The end of such a range wrapped around to the beginning of the file.
TEST(Damage, ContiguousDataNearTheEndOfTheAddressSpace)
{
    Crafted c;
    uint64_t at = c.Header({{1, 0, Space1(1000)}, {3, 0, Int32()}, {8, 0, Contiguous(UNDEF - 100, 4000)}});
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "impossible address");
}

// An implicit index stores nothing: its 2^40 chunks were listed one by one.
TEST(Damage, ImplicitIndexOfMoreChunksThanTheFileHasBytes)
{
    Crafted c;
    Bytes layout = Body().u(4, 1).u(2, 1).u(0, 1).u(2, 1).u(4, 1).u(1, 4).u(4, 4).u(2, 1).u(512, 8);
    uint64_t at = c.Header({{1, 0, Space1(UINT64_C(1) << 40)}, {3, 0, Int32()}, {8, 0, layout}});
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
        const h5r_object *o = nullptr;
        const h5r_chunk *chunks = nullptr;
        size_t n = 0;
        h5r_status st = h5r_object_at(f, at, &o, err);
        return st == H5R_OK ? h5r_chunks_all(f, o, &chunks, &n, err) : st;
    });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "beyond the end of the file");
}

// What the writer says must be understood (flag 0x80) is refused, what it marks otherwise is passed over.
TEST(Damage, MessagesOfUnknownTypes)
{
    for (unsigned flags : {0x00u, 0x08u, 0x14u, 0x34u, 0x80u}) {
        Crafted c;
        uint64_t at = c.Header({{1, 0, Space1(2)}, {3, 0, Int32()}, {0x77, flags, Body().u(1, 8)}, {8, 0, Contiguous(0, 8)}});
        h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
        EXPECT_EQ(e.status, flags == 0x80 ? H5R_ERR_UNSUPPORTED : H5R_OK) << flags << ": " << e.message;
        if (flags == 0x80)
            EXPECT_HAS(e.message, "message 119");
    }
}

TEST(Damage, FillValueOfAnotherSizeThanItsType)
{
    for (unsigned size : {2u, 4u, 8u}) {
        Crafted c;
        Bytes fill = Body().u(2, 1).u(2, 1).u(2, 1).u(1, 1).u(size, 4).u(7, size);
        uint64_t at = c.Header({{1, 0, Space1(2)}, {3, 0, Int32()}, {5, 0, fill}, {8, 0, Contiguous(UNDEF, 8)}});
        h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
        EXPECT_EQ(e.status, size == 4 ? H5R_OK : H5R_ERR_FORMAT) << size << ": " << e.message;
        if (size != 4)
            EXPECT_HAS(e.message, "fill value of");
    }
}

// The stored size was allocated as the index claims it: 4 GiB for a chunk of 40 bytes.
TEST(Damage, ChunkWhoseStoredSizeIsFarAboveADecodedOne)
{
    Crafted c;
    uint64_t tree = c.here();
    c.text("TREE").u(1, 1).u(0, 1).u(1, 2).u(UNDEF, 8).u(UNDEF, 8);
    c.u(0xffffff00, 4).u(0, 4).u(0, 8).u(0, 8).u(512, 8).u(0, 4).u(0, 4).u(10, 8).u(0, 8);
    uint64_t at = c.Header({{1, 0, Space1(10)}, {3, 0, Int32()}, {8, 0, Chunked(tree, 10)}});
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "far above");
    EXPECT_EQ(e.offset, 512u);
}

// Each level's children were one and the same node: 30^12 visits.
TEST(Damage, ChunkTreeWhoseNodesShareChildren)
{
    Crafted c;
    uint64_t child = 512;
    for (unsigned level = 0; level < 12; level++) {
        uint64_t node = c.here();
        c.text("TREE").u(1, 1).u(level, 1).u(30, 2).u(UNDEF, 8).u(UNDEF, 8);
        for (unsigned i = 0; i <= 30; i++) {
            c.u(40, 4).u(0, 4).u(10 * i, 8).u(0, 8);
            if (i < 30)
                c.u(child, 8);
        }
        child = node;
    }
    uint64_t at = c.Header({{1, 0, Space1(300)}, {3, 0, Int32()}, {8, 0, Chunked(child, 10)}});
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "child of two");
}

TEST(Damage, SymbolTableWhoseNodesShareChildren)
{
    Crafted c;
    uint64_t heap = c.here();
    c.text("HEAP").u(0, 4).u(16, 8).u(1, 8).u(heap + 32, 8).zeros(16);
    uint64_t child = c.here();
    c.text("SNOD").u(1, 1).u(0, 1).u(0, 2);
    for (unsigned level = 0; level < 12; level++) {
        uint64_t node = c.here();
        c.text("TREE").u(0, 1).u(level, 1).u(30, 2).u(UNDEF, 8).u(UNDEF, 8);
        for (unsigned i = 0; i <= 30; i++) {
            c.u(0, 8);
            if (i < 30)
                c.u(child, 8);
        }
        child = node;
    }
    uint64_t at = c.Header({{0x11, 0, Body().u(child, 8).u(heap, 8)}});
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
        const h5r_object *o = nullptr;
        const h5r_link *const *links;
        const h5r_error *bad = nullptr;
        size_t n = 0;
        h5r_status st = h5r_object_at(f, at, &o, err);
        if (st == H5R_OK)
            st = h5r_links(f, o, false, &links, &n, &bad, err);
        if (bad != nullptr)
            *err = *bad;
        return st;
    });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "child of two");
}

TEST(Damage, Version2TreeWhoseNodesShareChildren)
{
    Crafted c;
    h5r_chunked d = {};
    d.layout_version = 4;
    d.kind = H5R_INDEX_BTREE2;
    d.rank = 1;
    d.shape[0] = d.max_shape[0] = 1000;
    d.chunk[0] = 1;
    d.grid[0] = 1000;
    d.chunk_bytes = 4;
    const unsigned node_size = 512, record = 16;
    uint64_t child = c.here();
    c.text("BTLF").u(0, 1).u(10, 1).u(512, 8).u(0, 8).checksum(child);
    // Counts of records and totals take 1 byte each up to some depth, then more: read from the library's own derivation.
    unsigned total_width[9] = {0, 0};
    uint64_t max = (node_size - 10) / record, below = max;
    for (unsigned depth = 1; depth <= 8; depth++) {
        unsigned pointer = 8 + 1 + total_width[depth - 1];
        uint64_t m = (node_size - 10 - pointer) / (record + pointer);
        below = (m + 1) * below + m;
        total_width[depth] = 1;
        for (uint64_t v = below; v > 255; v >>= 8)
            total_width[depth]++;
    }
    for (unsigned depth = 1; depth <= 8; depth++) {
        uint64_t node = c.here();
        unsigned n = 10;
        c.text("BTIN").u(0, 1).u(10, 1);
        for (unsigned i = 0; i < n; i++)
            c.u(512, 8).u(i, 8);
        for (unsigned i = 0; i <= n; i++)
            c.u(child, 8).u(depth == 1 ? 1 : n, 1).u(0, total_width[depth - 1]);
        c.checksum(node);
        child = node;
    }
    d.addr = c.here();
    c.text("BTHD").u(0, 1).u(10, 1).u(node_size, 4).u(record, 2).u(8, 2).u(100, 1).u(40, 1).u(child, 8).u(10, 2).u(1, 8);
    c.checksum(d.addr);
    struct Args {
        const h5r_chunked *d;
        size_t visited;
    } args = {&d, 0};
    auto step = [](h5r_ctx *x, void *arg) -> h5r_status {
        auto *a = static_cast<Args *>(arg);
        uint64_t lo[1] = {0}, hi[1] = {999};
        auto visit = [](void *p, const uint64_t *, uint64_t, uint64_t, uint32_t) -> h5r_status {
            static_cast<Args *>(p)->visited++;
            return H5R_OK;
        };
        return h5r_index_visit(x, a->d, lo, hi, visit, a);
    };
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return h5r_run(f, "test", step, &args, err); });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "below them");
}

// A committed datatype whose message is shared from itself, and two that refer to each other: the stack used to overflow.
TEST(Damage, CommittedDatatypesThatReferToEachOther)
{
    Crafted c;
    uint64_t self = c.here();
    c.Header({{3, 2, Body().u(2, 1).u(0, 1).u(self, 8)}});
    uint64_t first = c.here(), second = first + 16 + 8 + 16;
    c.Header({{3, 2, Body().u(2, 1).u(0, 1).u(second, 8)}});
    ASSERT_EQ(c.Header({{3, 2, Body().u(2, 1).u(0, 1).u(first, 8)}}), second);
    for (uint64_t at : {self, first}) {
        h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
            const h5r_object *o = nullptr;
            return h5r_object_at(f, at, &o, err);
        });
        EXPECT_EQ(e.status, H5R_ERR_FORMAT);
        EXPECT_HAS(e.message, "refer to each other");
    }
}

// Two continuations are wrong. The first error in order counts, also when the second one is in memory already and the first one
// is not: it used to be whichever had come.
TEST(Damage, ErrorOfAContinuationWaitsForTheOneBeforeIt)
{
    Crafted c;
    uint64_t first = c.here();
    c.u(3, 2).u(5000, 2).u(0, 4).zeros(1000); // a message that leaves its block
    uint64_t second = c.here();               // also a header, so that asking for it brings its bytes
    c.u(1, 2).u(16, 2).u(0, 4).u(32, 4).zeros(12).u(0x10, 2).u(16, 2).u(0, 4).zeros(16);
    uint64_t at = c.Header({{0x10, 0, Body().u(first, 8).u(64, 8)}, {0x10, 0, Body().u(second, 8).u(48, 8)}});
    for (bool second_is_there : {false, true}) {
        h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
            const h5r_object *o = nullptr;
            if (second_is_there)
                h5r_object_at(f, second, &o, err);
            return h5r_object_at(f, at, &o, err);
        });
        EXPECT_EQ(e.status, H5R_ERR_FORMAT);
        EXPECT_HAS(e.message, "leaves its block");
    }
}

// A heap object that holds 100 references to itself, in a type nested 12 deep: 100^12 elements.
TEST(Damage, NestedSequencesThatContainThemselves)
{
    Crafted c;
    uint64_t collection = c.here();
    c.text("GCOL").u(1, 1).u(0, 3).u(16 + 16 + 1600, 8).u(1, 2).u(1, 2).u(0, 4).u(1600, 8);
    for (int i = 0; i < 100; i++)
        c.u(100, 4).u(collection, 8).u(1, 4);
    h5r_type types[13] = {};
    for (int i = 0; i < 13; i++) {
        types[i].cls = i == 12 ? H5R_CLASS_INTEGER : H5R_CLASS_VLEN;
        types[i].size = i == 12 ? 4 : 16;
        types[i].in_heap = i < 12;
        types[i].base = i < 12 ? &types[i + 1] : nullptr;
    }
    Bytes element = Body().u(100, 4).u(collection, 8).u(1, 4);
    h5r_options o = Starved();
    o.limits.vlen_bytes = 1 << 20;
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
        h5r_values *v = nullptr;
        h5r_status st = h5r_values_load(f, &types[0], element.data(), 1, &v, err);
        h5r_values_free(v);
        return st;
    }, o);
    EXPECT_EQ(e.status, H5R_ERR_LIMIT);
    EXPECT_HAS(e.message, "limits.vlen_bytes");
}

// Two heaps share the address of a direct block, and the second says that it is larger: what was remembered of the first was
// read beyond its end. A sanitizer sees it; the error must be there in any build.
TEST(Damage, HeapBlockOfTwoHeapsWithDifferentSizes)
{
    Crafted c;
    uint64_t block = c.here(), heaps[2];
    c.text("FHDB").u(0, 1).u(0, 8).u(0, 4).zeros(512 - 17);
    c.zeros(64); // fewer than the second heap's block has
    for (int i = 0; i < 2; i++) {
        heaps[i] = c.here();
        uint64_t size = i == 0 ? 512 : 4096;
        c.text("FRHP").u(0, 1).u(7, 2).u(0, 2).u(0, 1).u(4096, 4).u(0, 8).u(UNDEF, 8).u(0, 8).u(UNDEF, 8).zeros(64);
        c.u(4, 2).u(size, 8).u(65536, 8).u(32, 2).u(1, 2).u(block, 8).u(0, 2).checksum(heaps[i]);
    }
    c.zeros(32);
    struct Args {
        uint64_t heap, offset;
    };
    auto step = [](h5r_ctx *x, void *arg) -> h5r_status {
        auto *a = static_cast<Args *>(arg);
        const h5r_fractal_heap *h;
        const uint8_t *p;
        uint64_t len;
        H5R_TRY(h5r_load_fractal_heap(x, a->heap, &h));
        Bytes id = Body().u(0, 1).u(a->offset, 4).u(32, 2);
        H5R_TRY(h5r_load_heap_object(x, h, id.data(), &p, &len));
        volatile uint8_t sum = 0;
        for (uint64_t i = 0; i < len; i++)
            sum = static_cast<uint8_t>(sum + p[i]);
        return H5R_OK;
    };
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
        Args first = {heaps[0], 100}, second = {heaps[1], 4000};
        EXPECT_EQ(h5r_run(f, "test", step, &first, err), H5R_OK);
        return h5r_run(f, "test", step, &second, err);
    });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "beyond the end");
}

// Blocks too small for their own head.
TEST(Damage, HeapBlockSmallerThanItsHead)
{
    Crafted c;
    uint64_t heap = c.here();
    c.text("FRHP").u(0, 1).u(7, 2).u(0, 2).u(0, 1).u(4096, 4).u(0, 8).u(UNDEF, 8).u(0, 8).u(UNDEF, 8).zeros(64);
    c.u(4, 2).u(16, 8).u(16, 8).u(8, 2).u(1, 2).u(heap + 146 + 4, 8).u(0, 2).checksum(heap);
    ASSERT_EQ(c.here(), heap + 146);
    c.zeros(4 + 16);
    auto step = [](h5r_ctx *x, void *arg) -> h5r_status {
        const h5r_fractal_heap *h;
        H5R_TRY(h5r_load_fractal_heap(x, *static_cast<uint64_t *>(arg), &h));
        H5R_TRY(h5r_want_heap(x, h, true));
        const uint8_t *p;
        uint64_t len;
        Bytes id = Body().u(0, 1).u(14, 1).u(1, 2);
        return h5r_load_heap_object(x, h, id.data(), &p, &len);
    };
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return h5r_run(f, "test", step, &heap, err); });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_HAS(e.message, "of 16 bytes, at least 18");
}

// An empty list of blocks, as no product of patterns: it was sorted.
TEST(Damage, MappingOfNoBlocks)
{
    for (bool empty_source : {true, false}) {
        Crafted c;
        uint64_t at = Virtual(c, empty_source ? Blocks({}) : Blocks({{0, 0}, {2, 2}}), empty_source ? Blocks({{1, 1}, {3, 3}}) : Blocks({}));
        h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
        EXPECT_EQ(e.status, H5R_OK) << e.message;
    }
}

// A virtual dataset without dimensions whose selections are lists: the row of the last dimension was that of dimension -1.
TEST(Damage, MappingOfAScalarVirtualDataset)
{
    Crafted c;
    uint64_t at = Virtual(c, Blocks({{1, 1}, {3, 3}}), AllElements(), Body().u(2, 1).u(0, 1).u(0, 1).u(0, 1));
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
    EXPECT_EQ(e.status, H5R_ERR_UNSUPPORTED);
    EXPECT_HAS(e.message, "scalar");
}

// Blocks without elements, two or endlessly many: positions were divided by their length.
TEST(Damage, MappingOfEmptyBlocks)
{
    const Bytes all = AllElements(), two = Regular(0, 1, 2, 0), endless = Regular(0, 1, UNDEF, 0);
    for (const auto &[source, target] : {std::pair(two, two), {endless, endless}, {all, two}, {two, all}, {all, endless}, {endless, all}}) {
        Crafted c;
        uint64_t at = Virtual(c, source, target);
        h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) { return ReadAll(f, at, err); });
        EXPECT_EQ(e.status, H5R_OK) << e.message;
    }
}

// Looking up a path took memory each time, for links that were only passed by.
TEST(Memory, LookupsAndRetriesKeepNothing)
{
    for (const char *name : {"/links_latest.h5", "/flat_latest.h5", "/wide_earliest.h5"}) {
        TestSource source(ReadFile(std::string(H5RANGE_TEST_DATA) + name));
        FileHandle f = Open(source);
        const h5r_object *root = nullptr, *o = nullptr;
        ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
        h5r_stats before, after;
        for (int i = 0; i < 3000; i++) {
            h5r_lookup(f.get(), nullptr, "/no such thing", &o, nullptr);
            if (i == 10)
                h5r_get_stats(f.get(), &before);
        }
        h5r_get_stats(f.get(), &after);
        EXPECT_EQ(before.decoded_bytes, after.decoded_bytes) << name;
    }
}

// A read of several datasets said nothing of which one was damaged.
TEST(Errors, ReadingSeveralDatasetsNamesTheDamagedOne)
{
    Crafted c;
    uint64_t tree = c.here();
    c.text("TREE").u(1, 1).u(0, 1).u(1, 2).u(UNDEF, 8).u(UNDEF, 8);
    c.u(20, 4).u(0, 4).u(0, 8).u(0, 8).u(512, 8).u(0, 4).u(0, 4).u(10, 8).u(0, 8);
    uint64_t bad = c.Header({{1, 0, Space1(10)}, {3, 0, Int32()}, {8, 0, Chunked(tree, 10)}});
    uint64_t good = c.Header({{1, 0, Space1(10)}, {3, 0, Int32()}, {8, 0, Contiguous(0, 40)}});
    uint64_t heap = c.here();
    c.text("HEAP").u(0, 4).u(24, 8).u(1, 8).u(heap + 32, 8).zeros(8).text("bad").zeros(5).text("good").zeros(4);
    uint64_t node = c.here();
    c.text("SNOD").u(1, 1).u(0, 1).u(2, 2).u(8, 8).u(bad, 8).zeros(24).u(16, 8).u(good, 8).zeros(24);
    uint64_t names = c.here();
    c.text("TREE").u(0, 1).u(0, 1).u(1, 2).u(UNDEF, 8).u(UNDEF, 8).u(0, 8).u(node, 8).u(16, 8);
    uint64_t group = c.Header({{0x11, 0, Body().u(names, 8).u(heap, 8)}});
    h5r_error e = ErrorOf(c, [&](h5r_file *f, h5r_error *err) {
        const h5r_object *root = nullptr, *ds[2] = {};
        EXPECT_EQ(h5r_object_at(f, group, &root, err), H5R_OK);
        h5r_ctx x;
        h5r_ctx_begin(&x, f, "test");
        EXPECT_EQ(h5r_note_path(&x, bad, "/", "bad"), H5R_OK);
        h5r_ctx_end(&x, H5R_OK, nullptr);
        EXPECT_EQ(h5r_lookup(f, root, "good", &ds[0], err), H5R_OK);
        EXPECT_EQ(h5r_lookup(f, root, "bad", &ds[1], err), H5R_OK);
        unsigned char out[2][40];
        h5r_selection sel[2] = {};
        sel[0].dst = out[0];
        sel[1].dst = out[1];
        return h5r_read_many(f, ds, sel, 2, err);
    });
    EXPECT_EQ(e.status, H5R_ERR_FORMAT);
    EXPECT_STREQ(e.path, "/bad");
    EXPECT_EQ(e.offset, 512u);
}

// What was recorded with an attribute or a group lacked the path of its object, and the attribute's name.
TEST(Errors, RecordedErrorsNameTheirObject)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/product.nc");
    TestSource good(bytes);
    FileHandle f = Open(good);
    const h5r_object *root = nullptr;
    const h5r_attr *const *attrs = nullptr;
    size_t n = 0;
    ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
    ASSERT_EQ(h5r_attrs(f.get(), root, false, &attrs, &n, nullptr, nullptr), H5R_OK);
    ASSERT_GT(n, 0u);
    /* The attribute's datatype lies before its name is over by a few bytes: every byte of its neighbourhood in turn. */
    size_t found = 0;
    for (size_t at = 0; at + 1 < bytes.size() && found == 0; at++) {
        if (memcmp(bytes.data() + at, attrs[0]->name, strlen(attrs[0]->name) + 1) != 0)
            continue;
        for (size_t k = at + strlen(attrs[0]->name) + 1; k < at + strlen(attrs[0]->name) + 16; k++) {
            TestSource damaged(bytes);
            damaged.bytes()[k] = 0xff;
            h5r_options o = Starved();
            o.skip_checksums = true;
            FileHandle d = Open(damaged, &o);
            const h5r_attr *const *list = nullptr;
            size_t m = 0;
            if (!d || h5r_lookup(d.get(), nullptr, "/", &root, nullptr) != H5R_OK ||
                h5r_attrs(d.get(), root, false, &list, &m, nullptr, nullptr) != H5R_OK)
                continue;
            for (size_t i = 0; i < m; i++) {
                if (list[i]->error == nullptr)
                    continue;
                found++;
                EXPECT_STREQ(list[i]->error->path, "/");
                EXPECT_HAS(list[i]->error->message, list[i]->name);
            }
        }
    }
    EXPECT_GT(found, 0u);
}

// A writer that closed a file with its metadata cache in it: the root group's header is zeros in place. No such file is small
// enough to ship; this one is a good file whose header was moved to an image.
TEST(CacheImage, OverridesWhatStandsInPlace)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/flat_latest.h5");
    TestSource good(bytes);
    FileHandle reference = Open(good);
    ASSERT_TRUE(reference);
    const h5r_file_info *info = h5r_get_info(reference.get());
    ASSERT_GE(info->superblock, 2u);
    ASSERT_EQ(info->base, 0u);
    size_t root = info->root, prefix = 6 + (bytes[root + 5] & 0x20 ? 16 : 0) + (bytes[root + 5] & 0x10 ? 4 : 0);
    size_t width = size_t{1} << (bytes[root + 5] & 3), chunk0 = 0;
    for (size_t i = 0; i < width; i++)
        chunk0 |= size_t{bytes[root + prefix + i]} << (8 * i);
    Bytes header(bytes.begin() + static_cast<long>(root), bytes.begin() + static_cast<long>(root + prefix + width + chunk0 + 4));

    auto put = [&](uint64_t v, unsigned n) {
        for (unsigned i = 0; i < n; i++)
            bytes.push_back(static_cast<unsigned char>(v >> (8 * i)));
    };
    auto sum = [&](size_t from) { put(h5r_lookup3(bytes.data() + from, bytes.size() - from, 0), 4); };
    auto text = [&](const char *s) { bytes.insert(bytes.end(), s, s + 4); };
    uint64_t image = bytes.size(), len = 4 + 1 + 1 + 8 + 4 + 30 + header.size() + 4;
    text("MDCI");
    put(0, 1);
    put(0, 1);
    put(len, 8);
    put(1, 4);
    put(0, 1 + 1 + 1 + 1); // type, flags, ring, age
    put(0, 2 + 2 + 2);     // children, dirty ones, parents
    put(0, 4);
    put(info->root, 8);
    put(header.size(), 8);
    bytes.insert(bytes.end(), header.begin(), header.end());
    sum(image);
    ASSERT_EQ(bytes.size(), image + len);
    uint64_t extension = bytes.size();
    text("OHDR");
    put(2, 1);
    put(0, 1);
    put(4 + 17, 1);
    put(0x18, 1);
    put(17, 2);
    put(0, 1);
    put(0, 1);
    put(image, 8);
    put(len, 8);
    sum(extension);
    for (size_t i = 0; i < 8; i++)
        bytes[20 + i] = static_cast<unsigned char>(extension >> (8 * i));
    uint32_t s = h5r_lookup3(bytes.data(), 44, 0);
    for (size_t i = 0; i < 4; i++)
        bytes[44 + i] = static_cast<unsigned char>(s >> (8 * i));

    const std::string expected = Answers(reference.get());
    for (bool zeros : {false, true}) {
        if (zeros)
            std::fill(bytes.begin() + static_cast<long>(root), bytes.begin() + static_cast<long>(root + header.size()), 0);
        for (bool starved : {false, true}) {
            TestSource source(bytes);
            h5r_options o = Starved();
            h5r_error err = {};
            FileHandle f = Open(source, starved ? &o : nullptr, &err);
            ASSERT_TRUE(f) << err.message;
            EXPECT_EQ(Answers(f.get()), expected);
        }
    }
    bytes[image + 40] ^= 1;
    TestSource damaged(bytes);
    h5r_error err = {};
    EXPECT_FALSE(Open(damaged, nullptr, &err));
    EXPECT_HAS(err.message, "metadata cache image");
}
