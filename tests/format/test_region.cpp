// Selections as files store them.
#include "support/support.h"

#include <gtest/gtest.h>

namespace {

// Bytes, field by field.
class Builder {
  public:
    Builder &Put(uint64_t v, unsigned width)
    {
        for (unsigned i = 0; i < width; i++)
            m_bytes.push_back(static_cast<unsigned char>(i < 8 ? v >> (8 * i) : 0));
        return *this;
    }
    // The region borrows the builder's bytes.
    h5r_status Decode(h5r_region *r) const
    {
        return h5r_region_decode(m_bytes.data(), m_bytes.size(), r);
    }

  private:
    std::vector<unsigned char> m_bytes;
};

Builder Head(unsigned kind, unsigned version)
{
    Builder b;
    b.Put(kind, 4).Put(version, 4);
    return b;
}

// A regular hyperslab of version 3: start, stride, count, block of one dimension.
Builder Regular(uint64_t start, uint64_t stride, uint64_t count, uint64_t block, unsigned width = 4)
{
    Builder b = Head(2, 3);
    b.Put(1, 1).Put(width, 1).Put(1, 4).Put(start, width).Put(stride, width).Put(count, width).Put(block, width);
    return b;
}

} // namespace

TEST(Region, WholeAndNone)
{
    h5r_region r;
    ASSERT_EQ(Head(3, 1).Put(0, 8).Decode(&r), H5R_OK);
    EXPECT_EQ(r.kind, H5R_REGION_ALL);
    EXPECT_EQ(h5r_region_count(&r), H5R_UNDEFINED);
    ASSERT_EQ(Head(0, 1).Put(0, 8).Decode(&r), H5R_OK);
    EXPECT_EQ(h5r_region_count(&r), 0u);
}

TEST(Region, PointsOfBothVersions)
{
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK];
    h5r_region r;
    Builder one = Head(1, 1), two = Head(1, 2);
    one.Put(0, 8).Put(2, 4).Put(2, 4).Put(5, 4).Put(6, 4).Put(1, 4).Put(2, 4);
    ASSERT_EQ(one.Decode(&r), H5R_OK);
    EXPECT_EQ(h5r_region_count(&r), 2u);
    h5r_region_item(&r, 1, first, last);
    EXPECT_EQ(first[0], 1u);
    EXPECT_EQ(last[1], 2u);
    two.Put(2, 1).Put(1, 4).Put(3, 2).Put(9, 2).Put(8, 2).Put(7, 2);
    ASSERT_EQ(two.Decode(&r), H5R_OK);
    h5r_region_item(&r, 2, first, last);
    EXPECT_EQ(first[0], 7u);
}

TEST(Region, RejectsMorePointsThanBytes)
{
    h5r_region r;
    EXPECT_EQ(Head(1, 1).Put(0, 8).Put(2, 4).Put(0x7fffffff, 4).Put(5, 4).Decode(&r), H5R_ERR_FORMAT);
}

TEST(Region, ListOfBlocks)
{
    h5r_region r;
    Builder b = Head(2, 1);
    b.Put(0, 8).Put(1, 4).Put(2, 4).Put(0, 4).Put(3, 4).Put(10, 4).Put(10, 4);
    ASSERT_EQ(b.Decode(&r), H5R_OK);
    EXPECT_FALSE(r.regular);
    EXPECT_EQ(h5r_region_count(&r), 5u);
    Builder backwards = Head(2, 1);
    backwards.Put(0, 8).Put(1, 4).Put(1, 4).Put(4, 4).Put(3, 4);
    EXPECT_EQ(backwards.Decode(&r), H5R_ERR_FORMAT);
}

TEST(Region, RegularHyperslab)
{
    h5r_region r;
    ASSERT_EQ(Regular(2, 5, 3, 2).Decode(&r), H5R_OK);
    EXPECT_TRUE(r.regular);
    EXPECT_EQ(r.unlimited_dim, -1);
    EXPECT_EQ(h5r_region_count(&r), 6u);
}

TEST(Region, AllOnesOfTheirWidthAreUnlimited)
{
    h5r_region r;
    ASSERT_EQ(Regular(0, 4, 0xffff, 2, 2).Decode(&r), H5R_OK);
    EXPECT_EQ(r.unlimited_dim, 0);
    EXPECT_EQ(r.count[0], H5R_UNDEFINED);
    EXPECT_EQ(h5r_region_count(&r), H5R_UNDEFINED);
}

TEST(Region, RejectsBlocksThatOverlapOrWrap)
{
    h5r_region r;
    EXPECT_EQ(Regular(0, 1, 3, 2).Decode(&r), H5R_ERR_FORMAT);
    EXPECT_EQ(Regular(0, 0, 3, 0).Decode(&r), H5R_ERR_FORMAT);
    EXPECT_EQ(Regular(UINT64_MAX - 4, 8, 3, 2, 8).Decode(&r), H5R_ERR_FORMAT);
}

TEST(Region, UnknownVersionIsUnsupported)
{
    h5r_region r;
    EXPECT_EQ(Head(2, 4).Put(0, 16).Decode(&r), H5R_ERR_UNSUPPORTED);
    EXPECT_EQ(Head(4, 1).Put(0, 16).Decode(&r), H5R_ERR_FORMAT);
}
