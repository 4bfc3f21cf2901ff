extern "C" {
#include "util/arena.h"
#include "util/checked.h"
#include "util/lookup3.h"
#include "util/map.h"
}

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

// Values that Bob Jenkins' own driver prints for hashlittle().
TEST(Lookup3, AgreesWithItsAuthor)
{
    EXPECT_EQ(h5r_lookup3("", 0, 0), 0xdeadbeefu);
    EXPECT_EQ(h5r_lookup3("", 0, 0xdeadbeef), 0xbd5b7ddeu);
    EXPECT_EQ(h5r_lookup3("Four score and seven years ago", 30, 0), 0x17770551u);
    EXPECT_EQ(h5r_lookup3("Four score and seven years ago", 30, 1), 0xcd628161u);
}

TEST(Map, KeepsWhatWasPut)
{
    h5r_map m = {};
    std::map<std::pair<uint32_t, uint64_t>, void *> expected;
    std::mt19937_64 random(7);
    for (int i = 0; i < 5000; i++) {
        uint32_t kind = static_cast<uint32_t>(random() % 3);
        uint64_t key = random() % 2000 * 8;
        void *value = reinterpret_cast<void *>(static_cast<uintptr_t>(random() | 1));
        ASSERT_TRUE(h5r_map_put(&m, kind, key, value));
        expected[{kind, key}] = value;
    }
    for (uint32_t kind = 0; kind < 3; kind++)
        for (uint64_t key = 0; key < 16000; key += 8) {
            auto it = expected.find({kind, key});
            EXPECT_EQ(h5r_map_get(&m, kind, key), it == expected.end() ? nullptr : it->second);
        }
    h5r_map_free(&m);
}

TEST(Arena, GivesZeroedAlignedMemoryThatStays)
{
    h5r_arena a = {};
    std::vector<std::pair<unsigned char *, size_t>> all;
    for (size_t n : {1u, 7u, 4000u, 100000u, 16u, 70000u, 3u}) {
        auto *p = static_cast<unsigned char *>(h5r_arena_alloc(&a, n));
        ASSERT_NE(p, nullptr);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 16, 0u);
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(p[i], 0);
        memset(p, static_cast<int>(n & 0xff), n);
        all.push_back({p, n});
    }
    for (auto [p, n] : all)
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(p[i], n & 0xff);
    EXPECT_EQ(h5r_arena_array(&a, UINT64_MAX / 2, 8), nullptr);
    h5r_arena_free(&a);
}

TEST(Checked, EncodedSizes)
{
    EXPECT_EQ(h5r_enc_size(0), 1u);
    EXPECT_EQ(h5r_enc_size(255), 1u);
    EXPECT_EQ(h5r_enc_size(256), 2u);
    EXPECT_EQ(h5r_enc_size(65536), 3u);
    EXPECT_EQ(h5r_log2(1), 0u);
    EXPECT_EQ(h5r_log2(400), 8u);
}
