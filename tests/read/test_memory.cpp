// What is held, and who waits for whom: memory that does not grow with what was read, threads that share a file.
#include "support/support.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <gtest/gtest.h>
#include <malloc.h>
#include <mutex>
#include <thread>

using namespace h5range_test;

namespace {

const char *const LARGE = H5RANGE_TEST_DATA "/large/chunks.h5";

// The sanitizers have allocators of their own; that of addresses looks for leaks itself.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
const bool MEASURED = true;

size_t Held()
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}
#else
const bool MEASURED = false;

size_t Held()
{
    return 0;
}
#endif

const h5r_object *Find(h5r_file *f, const char *path)
{
    const h5r_object *o = nullptr;
    h5r_error err = {};
    EXPECT_EQ(h5r_lookup(f, nullptr, path, &o, &err), H5R_OK) << err.message;
    return o;
}

} // namespace

TEST(Memory, OpeningAndListingLeavesNothingBehind)
{
    size_t before = 0;
    for (int i = 0; i < 200; i++) {
        const auto files = DataFiles();
        TestSource source(ReadFile(files[static_cast<size_t>(i) % files.size()]));
        FileHandle f = Open(source);
        if (!f)
            continue;
        const h5r_object *root = Find(f.get(), "/");
        EXPECT_EQ(h5r_prefetch(f.get(), root, 64, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX | H5R_PREFETCH_SCALES, nullptr), H5R_OK);
        f.reset();
        source.bytes() = Bytes();
        if (i == static_cast<int>(files.size()))
            before = Held();
    }
    if (MEASURED) {
        EXPECT_LT(Held(), before + 64 * 1024);
    }
}

// Of batches whose bytes wait to be decoded, and of decoded chunks, no more than the limits say, however much is read.
TEST(Memory, ReadingKeepsWithinItsBudgets)
{
    const size_t inflight = 100000, cache = 300000;
    for (bool direct : {false, true}) {
        TestSource source(ReadFile(LARGE));
        source.direct = direct;
        h5r_options o;
        h5r_options_init(&o);
        o.threads = 3;
        o.limits.inflight_bytes = inflight;
        o.chunk_cache_bytes = cache;
        FileHandle f = Open(source, &o);
        ASSERT_TRUE(f);
        const h5r_object *le4 = Find(f.get(), "/le4"), *be8 = Find(f.get(), "/be8");
        Bytes dst(1000 * 700 * 4);
        h5r_selection sel = {};
        sel.dst = dst.data();
        ASSERT_EQ(h5r_read_dataset(f.get(), le4, &sel, nullptr), H5R_OK); // indexes, threads
        ASSERT_EQ(h5r_read_dataset(f.get(), be8, &sel, nullptr), H5R_OK);
        const size_t before = Held();
        std::atomic<size_t> most{0};
        source.on_read = [&](const h5r_read *, size_t) {
            size_t now = Held(), seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now))
                ;
        };
        const size_t read = 20 * (1000 * 700 * 4 + 200000 * 8);
        for (int i = 0; i < 20; i++) {
            const uint64_t start[2] = {static_cast<uint64_t>(i), 5}, count[2] = {900, 600}; // parts of chunks, which are kept
            h5r_selection part = sel;
            part.start = start;
            part.count = count;
            ASSERT_EQ(h5r_read_dataset(f.get(), le4, &part, nullptr), H5R_OK);
            ASSERT_EQ(h5r_read_dataset(f.get(), be8, &sel, nullptr), H5R_OK);
        }
        EXPECT_GT(read, 50u << 20);
        if (MEASURED) {
            // three threads have the stored and the decoded bytes of a chunk, twice, beside that
            EXPECT_LT(most, before + 2 * inflight + cache + 3 * 4 * 80000 + 256 * 1024);
            EXPECT_LT(Held(), before + cache + 3 * 4 * 80000 + 64 * 1024);
        }
    }
}

// Eight threads on one file: each gets its request on the wire while those of all others are there.
TEST(Threads, NobodyWaitsForTheReadsOfOthers)
{
    for (bool direct : {false, true}) {
        enum { THREADS = 8 };
        TestSource source(ReadFile(LARGE));
        source.direct = direct;
        h5r_options o;
        h5r_options_init(&o);
        o.threads = 1;
        o.chunk_cache_bytes = 0;
        FileHandle f = Open(source, &o);
        const h5r_object *data = Find(f.get(), "/be8");
        const h5r_chunk *chunks;
        size_t n;
        ASSERT_EQ(h5r_chunks_all(f.get(), data, &chunks, &n, nullptr), H5R_OK);
        ASSERT_GE(n, static_cast<size_t>(THREADS));

        std::mutex lock;
        std::condition_variable all;
        int inside = 0, late = 0;
        source.on_read = [&](const h5r_read *, size_t) {
            std::unique_lock<std::mutex> l(lock);
            inside++;
            all.notify_all();
            if (!all.wait_for(l, std::chrono::seconds(20), [&] { return inside >= THREADS; }))
                late++;
        };
        std::vector<std::thread> threads;
        std::vector<h5r_status> status(THREADS, H5R_ERR_INTERNAL);
        for (unsigned i = 0; i < THREADS; i++)
            threads.emplace_back([&, i] {
                const uint64_t start = 10000 * i, count = 10000;
                Bytes dst(count * 8);
                h5r_selection sel = {};
                sel.start = &start;
                sel.count = &count;
                sel.dst = dst.data();
                status[i] = h5r_read_dataset(f.get(), data, &sel, nullptr);
            });
        for (auto &t : threads)
            t.join();
        for (const h5r_status st : status)
            EXPECT_EQ(st, H5R_OK);
        EXPECT_EQ(late, 0);
        EXPECT_EQ(inside, static_cast<int>(THREADS));
    }
}

// Metadata that are there are given while another thread waits for some that are not.
TEST(Threads, WhatIsInMemoryIsGivenWhileOthersRead)
{
    TestSource source(ReadFile(H5RANGE_TEST_DATA "/wide_earliest.h5"));
    source.first_read = 512;
    FileHandle f = Open(source);
    const h5r_object *root = Find(f.get(), "/");
    const h5r_link *const *links;
    size_t n;
    ASSERT_EQ(h5r_links(f.get(), root, false, &links, &n, nullptr, nullptr), H5R_OK);
    ASSERT_GT(n, 0u);

    std::mutex lock;
    std::condition_variable change;
    bool reading = false, given = false, late = false;
    source.on_read = [&](const h5r_read *, size_t) {
        std::unique_lock<std::mutex> l(lock);
        reading = true;
        change.notify_all();
        late |= !change.wait_for(l, std::chrono::seconds(20), [&] { return given; });
    };
    std::thread reader([&] { (void)h5r_prefetch(f.get(), root, 8, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX, nullptr); });
    {
        std::unique_lock<std::mutex> l(lock);
        ASSERT_TRUE(change.wait_for(l, std::chrono::seconds(20), [&] { return reading; }));
    }
    EXPECT_EQ(h5r_links(f.get(), root, false, &links, &n, nullptr, nullptr), H5R_OK);
    {
        std::lock_guard<std::mutex> l(lock);
        given = true;
        change.notify_all();
    }
    reader.join();
    EXPECT_FALSE(late);
}

namespace {

enum Work { PATH, INDEX, ONE_CHUNK, DATA, OTHER_DATA };

h5r_status DoOn(h5r_file *f, Work w, const h5r_object *object, bool first)
{
    const h5r_object *found = nullptr;
    const h5r_chunk *chunks = nullptr;
    const uint64_t start = first ? 0 : 30000, count = 10000;
    const uint64_t at = start / count, one = 1;
    h5r_chunk chunk;
    size_t n = 0;
    Bytes dst(count * 8);
    h5r_selection sel = {};
    sel.start = &start;
    sel.count = &count;
    sel.dst = dst.data();
    switch (w) {
    case PATH:
        return h5r_prefetch_path(f, first ? "/le4" : "/be2", 0, H5R_PREFETCH_ATTRS, nullptr);
    case INDEX:
        return h5r_chunks_all(f, object, &chunks, &n, nullptr);
    case ONE_CHUNK:
        return h5r_chunks(f, object, &at, &one, &chunk, nullptr);
    case OTHER_DATA:
        EXPECT_EQ(h5r_lookup(f, nullptr, "/deflate_be", &found, nullptr), H5R_OK);
        return h5r_read_dataset(f, found, &sel, nullptr);
    default:
        return h5r_read_dataset(f, object, &sel, nullptr);
    }
}

} // namespace

// One thread's read does not come back until another thread has done something else on the same file: metadata, index or data.
TEST(Threads, ASlowReadDelaysNoOtherThread)
{
    for (bool direct : {false, true}) {
        for (Work slow : {INDEX, DATA}) {
            for (Work other : {PATH, ONE_CHUNK, DATA, OTHER_DATA}) {
                if (slow == INDEX && other == OTHER_DATA) // would need what the slow read brings
                    continue;
                TestSource source(ReadFile(LARGE));
                source.direct = direct;
                source.first_read = 512;
                h5r_options o;
                h5r_options_init(&o);
                o.threads = 1;
                FileHandle f = Open(source, &o);
                const h5r_object *be8 = Find(f.get(), "/be8"), *deflate = Find(f.get(), "/deflate_be");
                const h5r_dataset *d;
                ASSERT_EQ(h5r_dataset_describe(f.get(), be8, &d, nullptr), H5R_OK);
                ASSERT_EQ(h5r_dataset_describe(f.get(), deflate, &d, nullptr), H5R_OK);
                if (slow == DATA)
                    ASSERT_EQ(DoOn(f.get(), INDEX, be8, true), H5R_OK);

                std::mutex lock;
                std::condition_variable change;
                bool reading = false, done = false, late = false;
                std::thread::id slow_thread;
                source.on_read = [&](const h5r_read *, size_t) {
                    std::unique_lock<std::mutex> l(lock);
                    if (std::this_thread::get_id() != slow_thread)
                        return;
                    reading = true;
                    change.notify_all();
                    late |= !change.wait_for(l, std::chrono::seconds(20), [&] { return done; });
                };
                h5r_status st = H5R_ERR_INTERNAL;
                std::thread reader([&] {
                    {
                        std::lock_guard<std::mutex> l(lock);
                        slow_thread = std::this_thread::get_id();
                    }
                    st = DoOn(f.get(), slow, slow == INDEX ? deflate : be8, true);
                });
                {
                    std::unique_lock<std::mutex> l(lock);
                    ASSERT_TRUE(change.wait_for(l, std::chrono::seconds(20), [&] { return reading; }));
                }
                EXPECT_EQ(DoOn(f.get(), other, be8, false), H5R_OK) << slow << " " << other;
                {
                    std::lock_guard<std::mutex> l(lock);
                    done = true;
                    change.notify_all();
                }
                reader.join();
                EXPECT_EQ(st, H5R_OK);
                EXPECT_FALSE(late) << slow << " " << other;
            }
        }
    }
}
