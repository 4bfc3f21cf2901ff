// Decoders on bytes built here; each test breaks one field.
extern "C" {
#include "format/messages.h"
#include "format/msg_datatype.h"
#include "format/object_header.h"
#include "format/superblock.h"
}

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

const h5r_widths W8 = {8, 8};

struct Builder {
    std::vector<uint8_t> bytes;
    Builder &u(uint64_t v, unsigned width)
    {
        for (unsigned i = 0; i < width; i++)
            bytes.push_back(static_cast<uint8_t>(i < 8 ? v >> (8 * i) : v == UINT64_MAX ? 0xff : 0));
        return *this;
    }
    Builder &text(const char *s, size_t padded)
    {
        size_t n = strlen(s);
        for (size_t i = 0; i < padded; i++)
            bytes.push_back(i < n ? static_cast<uint8_t>(s[i]) : 0);
        return *this;
    }
    h5r_cursor cursor() const
    {
        return h5r_cursor_at(bytes.data(), bytes.size());
    }
};

Builder Int32Type(uint8_t flags = 8)
{
    return Builder().u(0x10, 1).u(flags, 3).u(4, 4).u(0, 2).u(32, 2);
}

h5r_status DecodeType(const Builder &b, const h5r_type **t, h5r_arena *arena)
{
    h5r_cursor c = b.cursor();
    const char *what = nullptr;
    return h5r_decode_datatype(&c, W8, 32, arena, t, &what);
}

} // namespace

TEST(Dataspace, Version1And2)
{
    h5r_space s;
    Builder v1 = Builder().u(1, 1).u(2, 1).u(1, 1).u(0, 5).u(4, 8).u(6, 8).u(8, 8).u(UINT64_MAX, 8);
    h5r_cursor c = v1.cursor();
    ASSERT_EQ(h5r_decode_dataspace(&c, W8, &s), H5R_OK);
    EXPECT_EQ(s.count, 24u);
    EXPECT_EQ(s.max_shape[0], 8u);
    EXPECT_EQ(s.max_shape[1], H5R_UNDEFINED);
    Builder null = Builder().u(2, 1).u(0, 1).u(0, 1).u(2, 1);
    c = null.cursor();
    ASSERT_EQ(h5r_decode_dataspace(&c, W8, &s), H5R_OK);
    EXPECT_EQ(s.cls, H5R_SPACE_NULL);
    EXPECT_EQ(s.count, 0u);
}

TEST(Dataspace, UnlimitedIsWidenedFromItsOwnWidth)
{
    h5r_space s;
    Builder b = Builder().u(2, 1).u(1, 1).u(1, 1).u(1, 1).u(3, 4).u(0xffffffff, 4);
    h5r_cursor c = b.cursor();
    ASSERT_EQ(h5r_decode_dataspace(&c, h5r_widths{4, 4}, &s), H5R_OK);
    EXPECT_EQ(s.max_shape[0], H5R_UNDEFINED);
}

TEST(Dataspace, RejectsProductsThatOverflowAndRanksAbove32)
{
    h5r_space s;
    Builder big = Builder().u(2, 1).u(2, 1).u(0, 1).u(1, 1).u(UINT64_MAX / 2, 8).u(3, 8);
    h5r_cursor c = big.cursor();
    EXPECT_EQ(h5r_decode_dataspace(&c, W8, &s), H5R_ERR_FORMAT);
    Builder rank = Builder().u(2, 1).u(33, 1).u(0, 1).u(1, 1).u(0, 300);
    c = rank.cursor();
    EXPECT_EQ(h5r_decode_dataspace(&c, W8, &s), H5R_ERR_FORMAT);
}

TEST(Datatype, SignedInteger)
{
    h5r_arena arena = {};
    const h5r_type *t = nullptr;
    ASSERT_EQ(DecodeType(Int32Type(), &t, &arena), H5R_OK);
    EXPECT_EQ(t->cls, H5R_CLASS_INTEGER);
    EXPECT_TRUE(t->is_signed);
    EXPECT_EQ(t->precision, 32u);
    h5r_arena_free(&arena);
}

// Fewer bits than half of the size are legal, whatever a library thinks of them.
TEST(Datatype, FewBitsInALargeInteger)
{
    h5r_arena arena = {};
    const h5r_type *t = nullptr;
    ASSERT_EQ(DecodeType(Builder().u(0x10, 1).u(8, 3).u(8, 4).u(1, 2).u(3, 2), &t, &arena), H5R_OK);
    EXPECT_EQ(t->size, 8u);
    EXPECT_EQ(t->precision, 3u);
    EXPECT_EQ(t->bit_offset, 1u);
    h5r_arena_free(&arena);
}

TEST(Datatype, RejectsIntegersWhoseBitsLeaveTheirSize)
{
    h5r_arena arena = {};
    const h5r_type *t = nullptr;
    EXPECT_EQ(DecodeType(Builder().u(0x10, 1).u(0, 3).u(4, 4).u(8, 2).u(32, 2), &t, &arena), H5R_ERR_FORMAT);
    EXPECT_EQ(DecodeType(Builder().u(0x10, 1).u(0, 3).u(0, 4).u(0, 2).u(32, 2), &t, &arena), H5R_ERR_FORMAT);
    h5r_arena_free(&arena);
}

TEST(Datatype, RejectsCompoundMembersOutsideTheCompound)
{
    h5r_arena arena = {};
    const h5r_type *t = nullptr;
    for (uint32_t offset : {0u, 4u, 5u, 8u}) {
        Builder b = Builder().u(0x36, 1).u(1, 3).u(8, 4).text("x", 2).u(offset, 1);
        Builder member = Int32Type();
        b.bytes.insert(b.bytes.end(), member.bytes.begin(), member.bytes.end());
        EXPECT_EQ(DecodeType(b, &t, &arena), offset <= 4 ? H5R_OK : H5R_ERR_FORMAT) << offset;
    }
    h5r_arena_free(&arena);
}

TEST(Datatype, RejectsNestingBeyondTheLimit)
{
    h5r_arena arena = {};
    const h5r_type *t = nullptr;
    Builder b;
    for (int i = 0; i < 100; i++) // sequences of sequences
        b.u(0x19, 1).u(0, 3).u(16, 4);
    Builder last = Int32Type();
    b.bytes.insert(b.bytes.end(), last.bytes.begin(), last.bytes.end());
    EXPECT_EQ(DecodeType(b, &t, &arena), H5R_ERR_LIMIT);
    h5r_arena_free(&arena);
}

// Wherever a valid message is cut, the decoder notices.
TEST(Datatype, AnyCutIsAnError)
{
    h5r_arena arena = {};
    const h5r_type *t = nullptr;
    Builder b = Builder().u(0x38, 1).u(2, 3).u(4, 4); // enum of two
    Builder base = Int32Type();
    b.bytes.insert(b.bytes.end(), base.bytes.begin(), base.bytes.end());
    b.text("red", 4).text("blue", 5).u(1, 4).u(2, 4);
    ASSERT_EQ(DecodeType(b, &t, &arena), H5R_OK);
    EXPECT_STREQ(t->names[1], "blue");
    while (!b.bytes.empty()) {
        b.bytes.pop_back();
        EXPECT_NE(DecodeType(b, &t, &arena), H5R_OK) << b.bytes.size();
    }
    h5r_arena_free(&arena);
}

TEST(Layout, ChunkDimensionOfZeroIsRejected)
{
    h5r_layout l;
    const char *what = nullptr;
    for (uint32_t dim : {0u, 5u}) {
        Builder b = Builder().u(3, 1).u(2, 1).u(2, 1).u(1000, 8).u(dim, 4).u(4, 4);
        h5r_cursor c = b.cursor();
        EXPECT_EQ(h5r_decode_layout(&c, W8, &l, &what), dim == 0 ? H5R_ERR_FORMAT : H5R_OK);
    }
}

// Versions 1 and 2 say nothing of how long contiguous data are, and put the size of an element behind the chunk.
TEST(Layout, Versions1And2)
{
    h5r_layout l;
    const char *what = nullptr;
    for (unsigned version : {1u, 2u}) {
        Builder chunked = Builder().u(version, 1).u(3, 1).u(2, 1).u(0, 5).u(1000, 8).u(10, 4).u(20, 4).u(4, 4);
        h5r_cursor c = chunked.cursor();
        ASSERT_EQ(h5r_decode_layout(&c, W8, &l, &what), H5R_OK) << what;
        EXPECT_EQ(l.cls, H5R_LAYOUT_CHUNKED);
        EXPECT_EQ(l.rank, 2u);
        EXPECT_EQ(l.chunk[1], 20u);
        EXPECT_EQ(l.elem_size, 4u);
        EXPECT_EQ(l.addr, 1000u);
        Builder contiguous = Builder().u(version, 1).u(2, 1).u(1, 1).u(0, 5).u(1000, 8).u(10, 4).u(20, 4);
        c = contiguous.cursor();
        ASSERT_EQ(h5r_decode_layout(&c, W8, &l, &what), H5R_OK) << what;
        EXPECT_EQ(l.cls, H5R_LAYOUT_CONTIGUOUS);
        EXPECT_EQ(l.addr, 1000u);
        EXPECT_EQ(l.size, H5R_UNDEFINED);
        Builder compact = Builder().u(version, 1).u(1, 1).u(0, 1).u(0, 5).u(3, 4).u(3, 4).text("abc", 3);
        c = compact.cursor();
        ASSERT_EQ(h5r_decode_layout(&c, W8, &l, &what), H5R_OK) << what;
        EXPECT_EQ(l.cls, H5R_LAYOUT_COMPACT);
        ASSERT_EQ(l.size, 3u);
        EXPECT_EQ(l.compact[2], 'c');
        compact.bytes.pop_back();
        c = compact.cursor();
        EXPECT_EQ(h5r_decode_layout(&c, W8, &l, &what), H5R_ERR_FORMAT);
    }
}

TEST(Layout, ChunksAbove4GiB)
{
    h5r_layout l;
    const char *what = nullptr;
    Builder b = Builder().u(5, 1).u(2, 1).u(2, 1).u(2, 1).u(5, 1).u(UINT64_C(0x1234567890), 5).u(8, 5).u(1, 1).u(UINT64_C(0x2345678901), 8).u(0, 4).u(4096, 8);
    h5r_cursor c = b.cursor();
    ASSERT_EQ(h5r_decode_layout(&c, W8, &l, &what), H5R_OK) << what;
    EXPECT_EQ(l.chunk[0], UINT64_C(0x1234567890));
    EXPECT_EQ(l.single_size, UINT64_C(0x2345678901));
    EXPECT_EQ(l.addr, 4096u);
}

TEST(Layout, UnknownClassIsUnsupportedNotCorrupt)
{
    h5r_layout l;
    const char *what = nullptr;
    Builder b = Builder().u(4, 1).u(4, 1).u(0, 30);
    h5r_cursor c = b.cursor();
    EXPECT_EQ(h5r_decode_layout(&c, W8, &l, &what), H5R_ERR_UNSUPPORTED);
}

TEST(Fill, ValueAndUndefinedExcludeEachOther)
{
    h5r_fill f;
    Builder both = Builder().u(3, 1).u(0x30, 1).u(4, 4).u(7, 4);
    h5r_cursor c = both.cursor();
    EXPECT_EQ(h5r_decode_fill(&c, &f), H5R_ERR_FORMAT);
    Builder value = Builder().u(3, 1).u(0x2a, 1).u(4, 4).u(7, 4);
    c = value.cursor();
    ASSERT_EQ(h5r_decode_fill(&c, &f), H5R_OK);
    EXPECT_EQ(f.status, H5R_FILL_USER);
    EXPECT_EQ(f.time, H5R_FILL_IFSET);
    EXPECT_EQ(f.len, 4u);
}

TEST(Attribute, NameNeedsItsEnd)
{
    h5r_attribute_frame a;
    for (char last : {'\0', 'x'}) {
        Builder b = Builder().u(3, 1).u(0, 1).u(3, 2).u(1, 2).u(1, 2).u(0, 1).text("ab", 2).u(static_cast<uint8_t>(last), 1).u(0, 2);
        h5r_cursor c = b.cursor();
        EXPECT_EQ(h5r_decode_attribute(&c, &a), last == '\0' ? H5R_OK : H5R_ERR_FORMAT);
    }
}

TEST(Link, EveryKind)
{
    h5r_arena arena = {};
    h5r_link l;
    Builder soft = Builder().u(1, 1).u(8, 1).u(1, 1).u(1, 1).text("s", 1).u(4, 2).text("/a/b", 4);
    h5r_cursor c = soft.cursor();
    ASSERT_EQ(h5r_decode_link(&c, W8, &arena, &l), H5R_OK);
    EXPECT_EQ(l.kind, H5R_LINK_SOFT);
    EXPECT_STREQ(l.target, "/a/b");
    Builder external = Builder().u(1, 1).u(8, 1).u(64, 1).u(1, 1).text("e", 1).u(8, 2).u(0, 1).text("f.h5", 5).text("/", 2);
    c = external.cursor();
    ASSERT_EQ(h5r_decode_link(&c, W8, &arena, &l), H5R_OK);
    EXPECT_STREQ(l.file, "f.h5");
    EXPECT_STREQ(l.target, "/");
    h5r_arena_free(&arena);
}

TEST(Superblock, Version0And2)
{
    h5r_superblock s;
    Builder b;
    for (uint8_t byte : {0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a})
        b.u(byte, 1);
    Builder v2 = b;
    b.u(0, 5).u(8, 1).u(8, 1).u(0, 1).u(4, 2).u(16, 2).u(0, 4).u(0, 8).u(UINT64_MAX, 8).u(2048, 8).u(UINT64_MAX, 8);
    b.u(0, 8).u(96, 8).u(1, 4).u(0, 4).u(136, 8).u(680, 8);
    ASSERT_EQ(h5r_superblock_size(b.bytes.data(), b.bytes.size()), b.bytes.size());
    h5r_cursor c = b.cursor();
    ASSERT_EQ(h5r_decode_superblock(&c, &s), H5R_OK);
    EXPECT_EQ(s.root, 96u);
    EXPECT_EQ(s.root_btree, 136u);
    v2.u(2, 1).u(8, 1).u(8, 1).u(0, 1).u(0, 8).u(UINT64_MAX, 8).u(500, 8).u(48, 8).u(0, 4);
    c = v2.cursor();
    ASSERT_EQ(h5r_decode_superblock(&c, &s), H5R_OK);
    EXPECT_EQ(s.end, 500u);
    v2.bytes[9] = 3; // offsets of 3 bytes
    c = v2.cursor();
    EXPECT_EQ(h5r_decode_superblock(&c, &s), H5R_ERR_FORMAT);
}

// Random bytes: an answer or an error, within the bytes given.
TEST(Decoders, SurviveRandomBytes)
{
    std::mt19937 random(3);
    for (int i = 0; i < 200000; i++) {
        std::vector<uint8_t> bytes(random() % 80);
        for (auto &b : bytes)
            b = random() % 3 == 0 ? static_cast<uint8_t>(random()) : static_cast<uint8_t>(random() % 8);
        h5r_arena arena = {};
        const char *what = nullptr;
        const h5r_type *t;
        const h5r_filter *filters;
        unsigned n;
        h5r_space space;
        h5r_layout layout;
        h5r_link link;
        h5r_attribute_frame attribute;
        h5r_fill fill;
        h5r_shared shared;
        auto cursor = [&] { return h5r_cursor_at(bytes.data(), bytes.size()); };
        h5r_cursor c = cursor();
        h5r_decode_datatype(&c, W8, 32, &arena, &t, &what);
        c = cursor();
        h5r_decode_filters(&c, &arena, &filters, &n);
        c = cursor();
        h5r_decode_dataspace(&c, W8, &space);
        c = cursor();
        h5r_decode_layout(&c, W8, &layout, &what);
        c = cursor();
        h5r_decode_link(&c, W8, &arena, &link);
        c = cursor();
        h5r_decode_attribute(&c, &attribute);
        c = cursor();
        h5r_decode_fill(&c, &fill);
        c = cursor();
        h5r_decode_shared(&c, W8, &shared);
        h5r_arena_free(&arena);
    }
}
