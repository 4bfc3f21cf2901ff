// Nodes of chunk indexes: lent, dropped when they are many or no longer needed, read and verified again when they are asked for again.
#include "support/support.h"

#include <gtest/gtest.h>

#include <thread>

using namespace h5range_test;

namespace {

struct Indexed {
    const char *file, *path;
};

const Indexed INDEXES[] = {{"large/nodes_v1.h5", "/btree1"}, {"large/nodes.h5", "/fixed"}, {"large/nodes.h5", "/extensible"}, {"large/nodes.h5", "/btree2"}};

Bytes Read(const Indexed &i)
{
    return ReadFile(std::string(H5RANGE_TEST_DATA "/") + i.file);
}

struct Dataset {
    const h5r_object *object = nullptr;
    const h5r_dataset *d = nullptr;
};

Dataset Find(h5r_file *f, const char *path)
{
    Dataset s;
    EXPECT_EQ(h5r_lookup(f, nullptr, path, &s.object, nullptr), H5R_OK) << path;
    EXPECT_EQ(h5r_dataset_describe(f, s.object, &s.d, nullptr), H5R_OK) << path;
    return s;
}

std::vector<h5r_chunk> List(h5r_file *f, const Dataset &s)
{
    const h5r_chunk *chunks = nullptr;
    size_t n = 0;
    EXPECT_EQ(h5r_chunks_all(f, s.object, &chunks, &n, nullptr), H5R_OK);
    return {chunks, chunks + n};
}

h5r_status One(h5r_file *f, const Dataset &s, uint64_t number, h5r_chunk *c, h5r_error *err = nullptr)
{
    uint64_t at[H5R_MAX_RANK], one[H5R_MAX_RANK];
    h5r_chunk_coords(s.d, number, at);
    std::fill(one, one + H5R_MAX_RANK, 1);
    return h5r_chunks(f, s.object, at, one, c, err);
}

uint64_t Cached(h5r_file *f)
{
    h5r_stats s;
    h5r_get_stats(f, &s);
    return s.cached_bytes;
}

bool Same(const h5r_chunk &a, const h5r_chunk &b)
{
    return a.offset == b.offset && a.size == b.size && a.number == b.number && a.skipped == b.skipped;
}

// A budget of 16 KiB for nodes: less than each of the indexes has.
const uint64_t BUDGET = 16 * 1024;

h5r_options Tight(uint64_t budget = BUDGET)
{
    h5r_options o = Starved();
    o.limits.metadata_bytes = 16 * budget;
    return o;
}

} // namespace

// The list is what is left: 32 bytes a chunk.
TEST(Nodes, AreDroppedWhenTheIndexIsAList)
{
    for (const Indexed &i : INDEXES) {
        TestSource source(Read(i));
        source.first_read = 64;
        FileHandle f = Open(source);
        const Dataset s = Find(f.get(), i.path);
        h5r_stats before, after;
        h5r_get_stats(f.get(), &before);
        const size_t n = List(f.get(), s).size();
        h5r_get_stats(f.get(), &after);
        EXPECT_LE(after.cached_bytes, before.cached_bytes) << i.path;
        EXPECT_LE(after.decoded_bytes - before.decoded_bytes, 32 * n + 64 * 1024) << i.path; // decoded_bytes counts blocks of the arena
        EXPECT_GT(n, 0u);
        const long rounds = source.rounds();
        h5r_chunk c;
        EXPECT_EQ(One(f.get(), s, 0, &c), H5R_OK);
        EXPECT_EQ(source.rounds(), rounds); // from the list
    }
}

// Of a remote file four blocks stay, in which the caller may find what it asks for next.
TEST(Nodes, OfARemoteFileStayInFourBlocksAtMost)
{
    for (const Indexed &i : INDEXES) {
        TestSource source(Read(i));
        source.remote = true;
        source.block = source.first_read = 512;
        FileHandle f = Open(source);
        const Dataset s = Find(f.get(), i.path);
        const uint64_t before = Cached(f.get());
        List(f.get(), s);
        EXPECT_LE(Cached(f.get()), before + 4 * 512) << i.path;
    }
}

TEST(Nodes, ThatWereLentLongestAgoAreDroppedWhenTheyAreMany)
{
    for (const Indexed &i : INDEXES) {
        TestSource plain(Read(i)), source(Read(i));
        source.first_read = 64;
        h5r_options o = Tight();
        FileHandle a = Open(plain), f = Open(source, &o);
        const std::vector<h5r_chunk> all = List(a.get(), Find(a.get(), i.path));
        const Dataset s = Find(f.get(), i.path);
        const uint64_t before = Cached(f.get());
        for (size_t k = 0; k < all.size(); k++) {
            const h5r_chunk &expected = all[k * 7919 % all.size()];
            h5r_chunk c;
            ASSERT_EQ(One(f.get(), s, expected.number, &c), H5R_OK) << i.path;
            ASSERT_TRUE(Same(c, expected)) << i.path << " " << expected.number;
            ASSERT_LE(Cached(f.get()), before + BUDGET) << i.path;
        }
        EXPECT_GT(source.bytes_read(), 2 * source.bytes().size()) << i.path; // most were read again and again
        // What was used last is still there.
        const long rounds = source.rounds();
        h5r_chunk c;
        ASSERT_EQ(One(f.get(), s, all[(all.size() - 1) * 7919 % all.size()].number, &c), H5R_OK);
        EXPECT_EQ(source.rounds(), rounds) << i.path;
    }
}

// What was verified once must not be believed after it was read again.
TEST(Nodes, ThatAreReadAgainAreVerifiedAgain)
{
    for (const Indexed &i : {INDEXES[1], INDEXES[2], INDEXES[3]}) { // version 1 B-trees have no checksums
        TestSource plain(Read(i)), source(Read(i));
        source.first_read = 64;
        h5r_options o = Tight();
        FileHandle a = Open(plain), f = Open(source, &o);
        const std::vector<h5r_chunk> all = List(a.get(), Find(a.get(), i.path));
        const Dataset s = Find(f.get(), i.path);
        h5r_chunk c;
        for (const h5r_chunk &chunk : all)
            ASSERT_EQ(One(f.get(), s, chunk.number, &c), H5R_OK);
        for (size_t at = 0; at < source.bytes().size(); at += 16)
            source.bytes()[at] ^= 0x55; // what is in memory stays good
        unsigned failed = 0;
        for (const h5r_chunk &chunk : all) {
            h5r_error err = {};
            const h5r_status st = One(f.get(), s, chunk.number, &c, &err);
            EXPECT_TRUE(st == H5R_ERR_FORMAT || (st == H5R_OK && Same(c, chunk))) << i.path << ": " << err.message;
            failed += st != H5R_OK;
        }
        EXPECT_GT(failed, 0u) << i.path;
    }
}

// Nothing that a call which is still running has borrowed is dropped: it needs no round that it would not need alone.
TEST(Nodes, OfCallsThatAreRunningStay)
{
    for (const Indexed &i : INDEXES) {
        TestSource plain(Read(i)), source(Read(i));
        source.first_read = 64;
        h5r_options o = Tight(2 * BUDGET); // with room for a list
        FileHandle a = Open(plain), f = Open(source, &o);
        const std::vector<h5r_chunk> all = List(a.get(), Find(a.get(), i.path));
        const Dataset s = Find(f.get(), i.path);
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < 8; t++)
            threads.emplace_back([&, t] {
                for (size_t k = 0; k < 300; k++) {
                    const h5r_chunk &expected = all[(k * 7919 + t * 131) % all.size()];
                    h5r_chunk c;
                    ASSERT_EQ(One(f.get(), s, expected.number, &c), H5R_OK);
                    ASSERT_TRUE(Same(c, expected));
                    if (k == 150 && t == 0)
                        EXPECT_EQ(List(f.get(), s).size(), all.size());
                }
            });
        for (auto &t : threads)
            t.join();
    }
}

// Push mode: a call that wants bytes is not over, and finds what was fed for it before.
TEST(Nodes, ThatWereFedStayUntilTheCallIsDone)
{
    for (const Indexed &i : INDEXES) {
        const Bytes bytes = Read(i);
        TestSource plain(bytes);
        FileHandle a = Open(plain);
        const std::vector<h5r_chunk> all = List(a.get(), Find(a.get(), i.path));
        h5r_source source;
        h5r_source_init(&source);
        h5r_options o = Tight(2 * BUDGET); // with room for a list
        h5r_file *file = nullptr;
        ASSERT_EQ(h5r_open(&source, &o, &file, nullptr), H5R_OK);
        FileHandle f(file);
        size_t fed = 0;
        const auto feed = [&] {
            h5r_read wanted[64];
            const size_t n = std::min<size_t>(h5r_wanted(file, wanted, 64), 64);
            ASSERT_GT(n, 0u);
            for (size_t k = 0; k < n; k++) {
                const size_t len = std::min(wanted[k].len, bytes.size() - static_cast<size_t>(wanted[k].offset));
                ASSERT_EQ(h5r_feed(file, wanted[k].offset, bytes.data() + wanted[k].offset, len, len < wanted[k].len, nullptr), H5R_OK);
                fed += len;
            }
        };
        h5r_status st;
        while ((st = h5r_open_continue(file, nullptr)) == H5R_NEED)
            feed();
        ASSERT_EQ(st, H5R_OK);
        Dataset s;
        while ((st = h5r_lookup(file, nullptr, i.path, &s.object, nullptr)) == H5R_NEED)
            feed();
        while ((st = h5r_dataset_describe(file, s.object, &s.d, nullptr)) == H5R_NEED)
            feed();
        ASSERT_EQ(st, H5R_OK);
        const uint64_t before = Cached(file);
        const h5r_chunk *chunks;
        size_t n;
        fed = 0;
        while ((st = h5r_chunks_all(file, s.object, &chunks, &n, nullptr)) == H5R_NEED)
            feed();
        ASSERT_EQ(st, H5R_OK);
        ASSERT_EQ(n, all.size());
        for (size_t k = 0; k < n; k++)
            ASSERT_TRUE(Same(chunks[k], all[k]));
        EXPECT_LE(Cached(file), before + 4096) << i.path; // heads of nodes that an earlier run of the call looked at
        EXPECT_LE(fed, bytes.size()); // nothing twice
    }
}
