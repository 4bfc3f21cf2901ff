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
            bool all = true;
            h5r_status why;
            for (size_t k = 0; k < n; k++)
                all = all && have[off + k];
            const uint8_t *p = h5r_cache_find(&c, off, n, UINT64_MAX, &why);
            ASSERT_EQ(p != nullptr, all);
            std::vector<uint8_t> copy(n);
            ASSERT_EQ(h5r_cache_copy(&c, off, n, copy.data()), all);
            if (all)
                EXPECT_EQ(memcmp(copy.data(), file.data() + off, n), 0);
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

// A batch lands between, before and behind what is there, and around parts of it.
TEST(Cache, InsertsABatchAsIfOneByOne)
{
    std::mt19937 random(2);
    std::vector<uint8_t> file(4000);
    for (auto &b : file)
        b = static_cast<uint8_t>(random());
    for (int trial = 0; trial < 100; trial++) {
        h5r_cache c = {};
        std::vector<bool> have(file.size());
        for (int batch = 0; batch < 5; batch++) {
            std::vector<h5r_cache_item> items;
            for (size_t at = random() % 200; at + 100 < file.size(); at += 100 + random() % 400) {
                size_t n = random() % 100;
                struct h5r_buffer *b = h5r_cache_buffer(n);
                memcpy(h5r_cache_bytes(b), file.data() + at, n);
                items.push_back({at, b, n});
                std::fill(have.begin() + static_cast<long>(at), have.begin() + static_cast<long>(at + n), true);
            }
            ASSERT_TRUE(h5r_cache_insert_all(&c, items.data(), items.size()));
        }
        for (size_t i = 0; i < file.size(); i++) {
            h5r_status why;
            const uint8_t *p = h5r_cache_find(&c, i, 1, UINT64_MAX, &why);
            ASSERT_EQ(p != nullptr, have[i]);
            if (p != nullptr)
                ASSERT_EQ(*p, file[i]);
        }
        h5r_cache_free(&c);
    }
}

// A read that came back short used to count with all that was asked for, and could use up the limit of a whole file.
TEST(Cache, CountsWhatWasReadNotWhatWasAskedFor)
{
    h5r_cache c = {};
    struct h5r_buffer *b = h5r_cache_buffer(1 << 20);
    memset(h5r_cache_bytes(b), 7, 100);
    ASSERT_TRUE(h5r_cache_insert(&c, 0, b, 100));
    EXPECT_EQ(c.bytes, 100u);
    h5r_cache_free(&c);
}

// Overlapping views over a seam used to be joined without end: each costs a copy.
TEST(Cache, JoinsNoMoreThanTheLimit)
{
    h5r_cache c = {};
    std::vector<uint8_t> file(2000, 1);
    ASSERT_TRUE(Insert(&c, file, 0, 1000));
    ASSERT_TRUE(Insert(&c, file, 1000, 1000));
    h5r_status why;
    EXPECT_NE(h5r_cache_find(&c, 500, 1000, 3000, &why), nullptr);
    EXPECT_EQ(h5r_cache_find(&c, 0, 2000, 3000, &why), nullptr);
    EXPECT_EQ(why, H5R_ERR_LIMIT);
    h5r_cache_free(&c);
}

// Against a model that knows for each byte whether it may be gone, and for each buffer who it was lent to.
TEST(Cache, DropsOnlyWhatWasLentAndMayGo)
{
    std::mt19937 random(3);
    std::vector<uint8_t> file(4000);
    for (auto &b : file)
        b = static_cast<uint8_t>(random());
    for (int trial = 0; trial < 200; trial++) {
        struct View {
            const uint8_t *p;
            uint64_t off;
            size_t n;
            uint64_t turn; // 0: for good
        };
        h5r_cache c = {};
        std::vector<View> views;
        for (uint64_t turn = 1; turn < 80; turn++) {
            uint64_t off = random() % file.size();
            size_t n = 1 + random() % std::min<size_t>(file.size() - off, 300);
            ASSERT_TRUE(Insert(&c, file, off, n));
            h5r_status why;
            off = random() % file.size();
            n = 1 + random() % std::min<size_t>(file.size() - off, 100);
            const bool good = turn % 7 == 0;
            const uint8_t *p = good ? h5r_cache_find(&c, off, n, UINT64_MAX, &why) : h5r_cache_borrow(&c, off, n, UINT64_MAX, turn, &why);
            if (p != nullptr)
                views.push_back({p, off, n, good ? 0 : turn});
            EXPECT_LE(c.lent, c.bytes);
            if (turn % 10 != 0)
                continue;
            const uint64_t from = 1 + random() % turn, to = from + random() % 20, keep = random() % 2 * 500, before = c.bytes;
            h5r_cache_drop(&c, from, to, keep);
            EXPECT_LE(c.bytes, before);
            std::vector<View> left;
            for (const View &v : views)
                if (v.turn == 0 || v.turn >= to)
                    left.push_back(v);
            views = left; // those of turns in the range and before it may be gone with a buffer that was lent again
            for (const View &v : views)
                ASSERT_EQ(memcmp(v.p, file.data() + v.off, v.n), 0);
        }
        h5r_cache_drop(&c, 1, UINT64_MAX, 0);
        EXPECT_EQ(c.lent, 0u);
        for (const View &v : views) {
            if (v.turn == 0)
                EXPECT_EQ(memcmp(v.p, file.data() + v.off, v.n), 0);
        }
        for (size_t i = 0; i < file.size(); i++) {
            uint8_t byte;
            if (h5r_cache_copy(&c, i, 1, &byte))
                EXPECT_EQ(byte, file[i]);
        }
        h5r_cache_free(&c);
    }
}

TEST(Cache, DropsWhatWasLentLongestAgoFirst)
{
    h5r_cache c = {};
    std::vector<uint8_t> file(4000, 1);
    h5r_status why;
    for (uint64_t i = 0; i < 4; i++) {
        ASSERT_TRUE(Insert(&c, file, 1000 * i, 1000));
        ASSERT_NE(h5r_cache_borrow(&c, 1000 * i, 10, UINT64_MAX, i + 1, &why), nullptr);
    }
    ASSERT_NE(h5r_cache_borrow(&c, 0, 10, UINT64_MAX, 5, &why), nullptr);
    h5r_cache_drop(&c, 1, UINT64_MAX, 2000);
    EXPECT_EQ(c.bytes, 2000u);
    EXPECT_EQ(c.lent, 2000u);
    for (uint64_t i = 0; i < 4; i++)
        EXPECT_EQ(h5r_cache_borrow(&c, 1000 * i, 10, UINT64_MAX, 6, &why) != nullptr, i == 0 || i == 3) << i;
    h5r_cache_free(&c);
}
