// The range cache against a plain array: extents never move, joins keep what was there.
extern "C" {
#include "io/cache.h"
}

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

static bool Insert(h5r_cache *c, const std::vector<uint8_t> &file, uint64_t off, size_t n)
{
    struct h5r_buffer *b = h5r_cache_buffer(n);
    memcpy(h5r_cache_bytes(b), file.data() + off, n);
    return h5r_cache_insert(c, off, b, n);
}

TEST(Cache, AnswersAnySubrangeOfWhatWasInserted)
{
    std::mt19937 random(1);
    std::vector<uint8_t> file(4000);
    for (auto &b : file)
        b = static_cast<uint8_t>(random());
    for (int trial = 0; trial < 200; trial++) {
        h5r_cache c = {};
        std::vector<bool> have(file.size());
        struct View {
            const uint8_t *p;
            uint64_t off;
            size_t n;
        };
        std::vector<View> views;
        for (int i = 0; i < 60; i++) {
            uint64_t off = random() % file.size();
            size_t n = 1 + random() % std::min<size_t>(file.size() - off, 300);
            if (i % 2 == 0) {
                ASSERT_TRUE(Insert(&c, file, off, n));
                std::fill(have.begin() + static_cast<long>(off), have.begin() + static_cast<long>(off + n), true);
                continue;
            }
            bool all = true, nomem;
            for (size_t k = 0; k < n; k++)
                all = all && have[off + k];
            const uint8_t *p = h5r_cache_find(&c, off, n, &nomem);
            ASSERT_EQ(p != nullptr, all);
            if (p != nullptr)
                views.push_back({p, off, n});
            uint64_t hole, hole_end;
            ASSERT_EQ(h5r_cache_hole(&c, off, off + n, &hole, &hole_end), !all);
            if (!all) {
                EXPECT_FALSE(have[hole]);
                EXPECT_TRUE(hole_end == off + n || have[hole_end]);
            }
        }
        for (const View &v : views) // also those taken before later joins
            EXPECT_EQ(memcmp(v.p, file.data() + v.off, v.n), 0);
        h5r_cache_free(&c);
    }
}
