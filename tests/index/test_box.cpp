// Box arithmetic against brute force.
extern "C" {
#include "index/box.h"
}

#include <gtest/gtest.h>

#include <random>

TEST(Box, NextIsTheSmallestPointNotBeforeTheKey)
{
    std::mt19937 random(11);
    for (int trial = 0; trial < 20000; trial++) {
        unsigned rank = 1 + random() % 3;
        uint64_t lo[3], hi[3], key[3], out[3] = {}, best[3] = {};
        for (unsigned i = 0; i < rank; i++) {
            lo[i] = random() % 4;
            hi[i] = lo[i] + random() % 3;
            key[i] = random() % 8;
        }
        bool found = false;
        uint64_t at[3] = {};
        for (uint64_t n = 0; n < 512; n++) { // all points of an 8-cube in row-major order
            uint64_t rest = n;
            for (unsigned i = 3; i-- > 0; rest /= 8)
                at[i] = rest % 8;
            const uint64_t *p = at + 3 - rank;
            if (!found && n < (1u << (3 * rank)) && h5r_box_contains(rank, lo, hi, p) && h5r_box_compare(rank, p, key) >= 0) {
                found = true;
                std::copy(p, p + rank, best);
            }
        }
        ASSERT_EQ(h5r_box_next(rank, lo, hi, key, out), found);
        for (unsigned i = 0; found && i < rank; i++)
            ASSERT_EQ(out[i], best[i]);
    }
}

TEST(Numbering, UsesTheMaximalShapeWithTheUnlimitedDimensionInFront)
{
    h5r_chunked d = {};
    d.rank = 2;
    d.chunk[0] = d.chunk[1] = 2;
    d.shape[0] = 4, d.shape[1] = 6;
    d.grid[0] = 2, d.grid[1] = 3;
    d.max_shape[0] = 8, d.max_shape[1] = 10;
    h5r_numbering m;
    ASSERT_TRUE(h5r_numbering_init(&m, &d, false));
    uint64_t p[2] = {1, 0};
    EXPECT_EQ(h5r_number_of(&m, p), 5u);
    d.max_shape[1] = H5R_UNDEFINED; // extensible array: columns are slowest then
    ASSERT_TRUE(h5r_numbering_init(&m, &d, true));
    EXPECT_EQ(m.dim[0], 1u);
    uint64_t q[2] = {2, 3}, back[2];
    EXPECT_EQ(h5r_number_of(&m, q), 11u);
    h5r_point_of(&m, 11, back);
    EXPECT_EQ(back[0], 2u);
    EXPECT_EQ(back[1], 3u);
}
