// Chunks read and decoded by several threads: the same bytes and the same errors as by one, whatever the source and the limits are.
#include "support/support.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <thread>

using namespace h5range_test;

namespace {

const char *const NAMES[] = {"le4", "be2", "be4", "be8", "deflate", "deflate_be", "compound", "raw", "raw_be", "contiguous", "contiguous_be"};

Bytes LargeFile()
{
    return ReadFile(H5RANGE_TEST_DATA "/large/chunks.h5");
}

// Element k of every dataset is (k / 50) % 1000, see tests/data/make.py.
void PutNumber(const h5r_type *t, uint64_t v, unsigned char *p)
{
    auto put = [p](auto value) { std::memcpy(p, &value, sizeof value); };
    if (t->cls == H5R_CLASS_COMPOUND)
        for (uint32_t i = 0; i < t->n_members; i++)
            PutNumber(t->members[i].type, v, p + t->members[i].offset);
    else if (t->cls == H5R_CLASS_FLOAT && t->size == 4)
        put(static_cast<float>(v));
    else if (t->cls == H5R_CLASS_FLOAT)
        put(static_cast<double>(v));
    else if (t->size == 2)
        put(static_cast<uint16_t>(v));
    else
        put(static_cast<uint32_t>(v));
}

struct Window {
    std::vector<uint64_t> start, count;
    std::vector<int64_t> step;
    size_t Count() const
    {
        size_t n = 1;
        for (uint64_t c : count)
            n *= c;
        return n;
    }
};

Window Whole(const h5r_space *s)
{
    Window w;
    for (unsigned i = 0; i < s->rank; i++) {
        w.start.push_back(0);
        w.count.push_back(s->shape[i]);
        w.step.push_back(1);
    }
    return w;
}

// Mostly plain boxes, some with steps and backwards.
Window Random(std::mt19937 &random, const h5r_space *s)
{
    Window w;
    for (unsigned i = 0; i < s->rank; i++) {
        uint64_t a = random() % s->shape[i], z = random() % s->shape[i], step = random() % 4 ? 1 : 1 + random() % 5;
        bool back = random() % 5 == 0;
        if (back != (a > z))
            std::swap(a, z);
        if (random() % 3 == 0 && !back) {
            a = 0;
            z = s->shape[i] - 1;
        }
        w.start.push_back(a);
        w.count.push_back((a < z ? z - a : a - z) / step + 1);
        w.step.push_back(a <= z ? static_cast<int64_t>(step) : -static_cast<int64_t>(step));
    }
    return w;
}

// The elements from 0 to n - 1 of a type, made once: whole rows are cut out of them.
const Bytes &Numbers(const h5r_type *t, size_t n)
{
    static std::mutex lock;
    static std::map<std::string, Bytes> made;
    std::lock_guard<std::mutex> guard(lock);
    Bytes &b = made[std::to_string(t->cls) + "/" + std::to_string(t->size) + "/" + std::to_string(n)];
    if (b.empty()) {
        b.resize(n * t->size);
        for (size_t k = 0; k < n; k++)
            PutNumber(t, k / 50 % 1000, b.data() + k * t->size);
    }
    return b;
}

Bytes Expected(const h5r_dataset *d, const Window &w)
{
    const size_t size = d->type->size, in = d->space->rank - 1, row = w.count[in];
    const Bytes &numbers = Numbers(d->type, d->space->count);
    Bytes out(w.Count() * size);
    for (size_t k = 0; k < w.Count(); k += row) {
        size_t rest = k / row, number = w.start[in], stride = d->space->shape[in];
        for (size_t i = in; i-- > 0; stride *= d->space->shape[i]) {
            number += (w.start[i] + (rest % w.count[i]) * static_cast<uint64_t>(w.step[i])) * stride;
            rest /= w.count[i];
        }
        if (w.step[in] == 1)
            std::memcpy(&out[k * size], &numbers[number * size], row * size);
        else
            for (size_t j = 0; j < row; j++)
                std::memcpy(&out[(k + j) * size], &numbers[(number + j * static_cast<uint64_t>(w.step[in])) * size], size);
    }
    return out;
}

h5r_selection Select(const Window &w, void *dst)
{
    h5r_selection sel = {};
    sel.start = w.start.data();
    sel.count = w.count.data();
    sel.step = w.step.data();
    sel.dst = dst;
    return sel;
}

struct Dataset {
    const h5r_object *object = nullptr;
    const h5r_dataset *d = nullptr;
};

Dataset Find(h5r_file *f, const char *name)
{
    Dataset s;
    EXPECT_EQ(h5r_lookup(f, nullptr, name, &s.object, nullptr), H5R_OK);
    EXPECT_EQ(h5r_dataset_describe(f, s.object, &s.d, nullptr), H5R_OK);
    return s;
}

void ExpectWindow(h5r_file *f, const char *name, const Window &w)
{
    Dataset s = Find(f, name);
    Bytes got(w.Count() * s.d->type->size);
    h5r_selection sel = Select(w, got.data());
    h5r_error err = {};
    ASSERT_EQ(h5r_read_dataset(f, s.object, &sel, &err), H5R_OK) << name << ": " << err.message;
    ASSERT_TRUE(got == Expected(s.d, w)) << name;
}

h5r_options Options(unsigned threads, uint64_t inflight = 64 << 20, uint64_t cache = 0)
{
    h5r_options o;
    h5r_options_init(&o);
    o.threads = threads;
    o.limits.inflight_bytes = inflight;
    o.chunk_cache_bytes = cache;
    return o;
}

void RunThreads(int n, const std::function<void(int)> &f)
{
    std::vector<std::thread> threads;
    for (int i = 0; i < n; i++)
        threads.emplace_back(f, i);
    for (auto &t : threads)
        t.join();
}

size_t ThreadsOfProcess()
{
    size_t n = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task"))
        n += entry.is_directory();
    return n;
}

// A source of each kind: batches, batches with gaps and split requests, batches one at a time, direct.
void Prepare(TestSource &source, int kind)
{
    source.gap = kind == 1 ? 20000 : 0;
    source.block = kind == 1 ? 4096 : 0;
    source.max_request = kind == 1 ? 50000 : 0;
    source.one_at_a_time = kind == 2;
    source.direct = kind == 3;
}
const int KINDS = 4;

} // namespace

TEST(Threads, WindowsAreRightHoweverDataAreRead)
{
    const Bytes bytes = LargeFile();
    std::mt19937 random(5);
    const std::pair<unsigned, uint64_t> limits[] = {{1, 64 << 20}, {2, 50000}, {8, 1}}; // threads, bytes in flight
    for (int kind = 0; kind < KINDS; kind++)
        for (auto [threads, inflight] : limits) {
            SCOPED_TRACE("kind " + std::to_string(kind) + ", threads " + std::to_string(threads) + ", in flight " + std::to_string(inflight));
            TestSource source(bytes);
            Prepare(source, kind);
            h5r_options o = Options(threads, inflight, random() % 2 ? 1 << 20 : 0);
            FileHandle f = Open(source, &o);
            ASSERT_TRUE(f);
            for (const char *name : NAMES) {
                const h5r_space *space = Find(f.get(), name).d->space;
                ExpectWindow(f.get(), name, Whole(space));
                for (int i = 0; i < 3; i++)
                    ExpectWindow(f.get(), name, Random(random, space));
            }
        }
}

// Rows with room between them, planes in another order, a band in a pixel-interleaved buffer.
TEST(Threads, StridedDestinations)
{
    TestSource source(LargeFile());
    source.direct = true;
    h5r_options o = Options(4);
    FileHandle f = Open(source, &o);
    for (const char *name : NAMES) {
        Dataset s = Find(f.get(), name);
        const unsigned rank = s.d->space->rank;
        const size_t size = s.d->type->size;
        Window w = Whole(s.d->space);
        for (size_t spread : {size_t{1}, size_t{3}}) // between elements
            for (bool transposed : {false, true}) {
                std::vector<int64_t> stride(rank);
                int64_t n = static_cast<int64_t>(size * spread);
                for (unsigned k = 0; k < rank; k++) {
                    unsigned i = transposed ? k : rank - 1 - k;
                    stride[i] = n;
                    n *= static_cast<int64_t>(w.count[i]);
                    n += k == 0 ? static_cast<int64_t>(5 * size) : 0;
                }
                Bytes got(static_cast<size_t>(n));
                h5r_selection sel = Select(w, got.data());
                sel.dst_stride = stride.data();
                ASSERT_EQ(h5r_read_dataset(f.get(), s.object, &sel, nullptr), H5R_OK);
                Bytes expected = Expected(s.d, w);
                for (size_t k = 0; k < w.Count(); k += 7) {
                    size_t rest = k, at = 0;
                    for (unsigned i = rank; i-- > 0; rest /= w.count[i])
                        at += static_cast<size_t>(stride[i]) * (rest % w.count[i]);
                    ASSERT_EQ(std::memcmp(&got[at], &expected[k * size], size), 0) << name << " element " << k;
                }
            }
    }
}

TEST(Threads, EightOnOneHandleReadTheSameAndDifferentArrays)
{
    const Bytes bytes = LargeFile();
    for (int kind = 0; kind < KINDS; kind++)
        for (uint64_t cache : {uint64_t{0}, uint64_t{100000}, uint64_t{64} << 20}) {
            TestSource source(bytes);
            Prepare(source, kind);
            h5r_options o = Options(4, 300000, cache);
            FileHandle f = Open(source, &o);
            RunThreads(8, [&](int t) {
                std::mt19937 random(static_cast<unsigned>(t));
                for (int i = 0; i < 4; i++) {
                    const char *name = t < 4 ? "le4" : NAMES[random() % (sizeof NAMES / sizeof *NAMES)];
                    ExpectWindow(f.get(), name, i == 0 ? Whole(Find(f.get(), name).d->space) : Random(random, Find(f.get(), name).d->space));
                }
            });
        }
}

TEST(Threads, SeveralDatasetsAreOnePlan)
{
    const Bytes bytes = LargeFile();
    for (int kind = 0; kind < KINDS; kind++)
        for (uint64_t inflight : {uint64_t{100000}, uint64_t{64} << 20}) {
            TestSource source(bytes);
            Prepare(source, kind);
            h5r_options o = Options(8, inflight);
            FileHandle f = Open(source, &o);
            std::vector<const h5r_object *> objects;
            std::vector<h5r_selection> selections;
            std::vector<Window> windows;
            std::vector<Bytes> got, expected;
            for (int twice = 0; twice < 2; twice++) // what overlaps cannot be read straight into two places
                for (const char *name : NAMES) {
                    Dataset s = Find(f.get(), name);
                    objects.push_back(s.object);
                    windows.push_back(Whole(s.d->space));
                    expected.push_back(Expected(s.d, windows.back()));
                    got.emplace_back(expected.back().size());
                }
            for (size_t i = 0; i < objects.size(); i++)
                selections.push_back(Select(windows[i], got[i].data()));
            h5r_error err = {};
            ASSERT_EQ(h5r_read_many(f.get(), objects.data(), selections.data(), objects.size(), &err), H5R_OK) << err.message;
            for (size_t i = 0; i < objects.size(); i++)
                EXPECT_TRUE(got[i] == expected[i]) << NAMES[i % (sizeof NAMES / sizeof *NAMES)];
        }
}

TEST(Threads, ASourceThatFailsInTheMiddleIsACleanError)
{
    const Bytes bytes = LargeFile();
    for (int kind = 0; kind < KINDS; kind++) {
        int failures = 0;
        for (long at = 0;; at++) {
            TestSource source(bytes);
            Prepare(source, kind);
            source.keeps_failing = true;
            h5r_options o = Options(4, 30000);
            FileHandle f = Open(source, &o);
            Dataset s = Find(f.get(), "le4");
            Window w = Whole(s.d->space);
            const h5r_chunk *chunks = nullptr;
            size_t n = 0;
            ASSERT_EQ(h5r_chunks_all(f.get(), s.object, &chunks, &n, nullptr), H5R_OK);
            Bytes got(w.Count() * s.d->type->size);
            h5r_selection sel = Select(w, got.data());
            h5r_error err = {};
            source.FailAt(source.rounds() + at);
            h5r_status st = h5r_read_dataset(f.get(), s.object, &sel, &err);
            if (st == H5R_OK)
                break;
            failures++;
            EXPECT_EQ(st, H5R_ERR_IO);
            EXPECT_STREQ(err.message, "made to fail");
            EXPECT_STREQ(err.path, "/le4");
            source.FailAt(-1);
            ExpectWindow(f.get(), "le4", w);
        }
        EXPECT_GT(failures, 2) << kind; // several batches
    }
}

// Later chunks are decoded at the same time, and may fail first.
TEST(Threads, TheFirstDamagedChunkInTheFileIsReported)
{
    TestSource intact(LargeFile());
    FileHandle g = Open(intact);
    Dataset s = Find(g.get(), "le4");
    const h5r_chunk *chunks = nullptr;
    size_t n = 0;
    ASSERT_EQ(h5r_chunks_all(g.get(), s.object, &chunks, &n, nullptr), H5R_OK);
    std::vector<h5r_chunk> order(chunks, chunks + n);
    std::sort(order.begin(), order.end(), [](const h5r_chunk &a, const h5r_chunk &b) { return a.offset < b.offset; });
    Bytes damaged = LargeFile();
    for (size_t i = 20; i < n; i++)
        damaged[order[i].offset] ^= 0xff; // no zlib header
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < 4; i++) {
            TestSource source(damaged);
            Prepare(source, kind);
            h5r_options o = Options(8, i % 2 ? 100000 : 64 << 20);
            FileHandle f = Open(source, &o);
            Dataset t = Find(f.get(), "le4");
            Window w = Whole(t.d->space);
            Bytes got(w.Count() * t.d->type->size);
            h5r_selection sel = Select(w, got.data());
            h5r_error err = {};
            EXPECT_EQ(h5r_read_dataset(f.get(), t.object, &sel, &err), H5R_ERR_FORMAT);
            EXPECT_EQ(err.offset, order[20].offset);
            EXPECT_NE(std::string(err.message).find("chunk " + std::to_string(order[20].number) + " "), std::string::npos) << err.message;
        }
}

// A chunk that is damaged and one behind the end of the file: the first in the file, not the read, decides.
TEST(Threads, DamageBeforeATruncationIsReported)
{
    TestSource intact(LargeFile());
    FileHandle g = Open(intact);
    Dataset s = Find(g.get(), "le4");
    const h5r_chunk *chunks = nullptr;
    size_t n = 0;
    ASSERT_EQ(h5r_chunks_all(g.get(), s.object, &chunks, &n, nullptr), H5R_OK);
    std::vector<h5r_chunk> order(chunks, chunks + n);
    std::sort(order.begin(), order.end(), [](const h5r_chunk &a, const h5r_chunk &b) { return a.offset < b.offset; });
    TestSource source(LargeFile());
    source.direct = true;
    h5r_options o = Options(4);
    FileHandle f = Open(source, &o);
    Dataset t = Find(f.get(), "le4");
    ASSERT_EQ(h5r_chunks_all(f.get(), t.object, &chunks, &n, nullptr), H5R_OK); // while the file is whole
    source.bytes()[order[5].offset] ^= 0xff;
    source.bytes().resize(order[9].offset + 1);
    Window w = Whole(t.d->space);
    Bytes got(w.Count() * t.d->type->size);
    h5r_selection sel = Select(w, got.data());
    h5r_error err = {};
    EXPECT_EQ(h5r_read_dataset(f.get(), t.object, &sel, &err), H5R_ERR_FORMAT);
    EXPECT_EQ(err.offset, order[5].offset) << err.message;
}

TEST(Threads, SurviveAnyFailingAllocationOfTheCaller)
{
    const Bytes bytes = LargeFile();
    for (int kind = 0; kind < KINDS; kind++)
        for (long at = 0, happened = 1; happened; at++) {
            TestSource source(bytes);
            Prepare(source, kind);
            h5r_options o = Options(3, 200000, 1 << 20);
            FileHandle f = Open(source, &o);
            Dataset s = Find(f.get(), "be2");
            Window w = Whole(s.d->space);
            w.start[0] = 30;
            w.count[0] -= 60;
            Bytes got(w.Count() * s.d->type->size);
            h5r_selection sel = Select(w, got.data());
            h5r_error err = {};
            h5r_status st;
            {
                FailingAllocation fail(at);
                st = h5r_read_dataset(f.get(), s.object, &sel, &err);
                happened = fail.happened();
            }
            if (st != H5R_OK)
                EXPECT_EQ(st, H5R_ERR_NOMEM) << err.message;
            else
                EXPECT_TRUE(got == Expected(s.d, w));
            ExpectWindow(f.get(), "be2", w);
        }
}

TEST(Threads, StartOnlyWhenThereIsWorkForThem)
{
    TestSource source(LargeFile());
    source.direct = true;
    std::thread([] {}).join(); // the first thread of a process brings the one of ThreadSanitizer's own
    size_t before = ThreadsOfProcess();
    h5r_options o = Options(4), alone = Options(1);
    FileHandle f = Open(source, &o), g = Open(source, &alone);
    Window one = Whole(Find(f.get(), "le4").d->space);
    one.count = {128, 128};
    ExpectWindow(f.get(), "le4", one);
    ExpectWindow(f.get(), "raw_be", Whole(Find(f.get(), "raw_be").d->space));
    EXPECT_EQ(ThreadsOfProcess(), before);
    ExpectWindow(g.get(), "le4", Whole(Find(g.get(), "le4").d->space));
    EXPECT_EQ(ThreadsOfProcess(), before);
    ExpectWindow(f.get(), "le4", Whole(Find(f.get(), "le4").d->space));
    EXPECT_EQ(ThreadsOfProcess(), before + 3);
    f.reset();
    EXPECT_EQ(ThreadsOfProcess(), before);
}

// The next batch is asked for before the one before it has been decoded: what is in flight and what waits keep within the limit.
TEST(Threads, BatchesKeepWithinTheLimit)
{
    TestSource source(LargeFile());
    h5r_options o = Options(4, 100000);
    FileHandle f = Open(source, &o);
    Dataset s = Find(f.get(), "be8");
    const h5r_chunk *chunks = nullptr;
    size_t n = 0, total = 0;
    ASSERT_EQ(h5r_chunks_all(f.get(), s.object, &chunks, &n, nullptr), H5R_OK);
    for (size_t i = 0; i < n; i++)
        total += chunks[i].size;
    long before = source.rounds();
    source.on_read = [](const h5r_read *reads, size_t k) {
        size_t bytes = 0;
        for (size_t i = 0; i < k; i++)
            bytes += reads[i].len;
        EXPECT_LE(bytes, 50000u);
    };
    ExpectWindow(f.get(), "be8", Whole(s.d->space));
    EXPECT_GE(source.rounds() - before, static_cast<long>(total / 50000));

    TestSource once(LargeFile());
    h5r_options wide = Options(4, total);
    FileHandle g = Open(once, &wide);
    ASSERT_EQ(h5r_chunks_all(g.get(), Find(g.get(), "be8").object, &chunks, &n, nullptr), H5R_OK);
    before = once.rounds();
    ExpectWindow(g.get(), "be8", Whole(s.d->space));
    EXPECT_EQ(once.rounds() - before, 1); // all that fits in is one batch
}

TEST(Straight, UnfilteredDataAreReadIntoTheCallersBuffer)
{
    for (bool direct : {false, true})
        for (const char *name : {"contiguous", "contiguous_be", "raw"}) {
            TestSource source(LargeFile());
            source.direct = direct;
            h5r_options o = Options(1);
            FileHandle f = Open(source, &o);
            Dataset s = Find(f.get(), name);
            Window w = Whole(s.d->space);
            if (s.d->layout == H5R_LAYOUT_CHUNKED) { // one chunk, packed
                h5r_chunk chunk;
                uint64_t first[] = {1, 1}, one[] = {1, 1};
                ASSERT_EQ(h5r_chunks(f.get(), s.object, first, one, &chunk, nullptr), H5R_OK);
                w.start = {100, 50};
                w.count = {100, 50};
            }
            Bytes got(w.Count() * s.d->type->size);
            size_t outside = 0, inside = 0;
            std::mutex lock;
            source.on_read = [&](const h5r_read *reads, size_t k) {
                std::lock_guard<std::mutex> guard(lock);
                for (size_t i = 0; i < k; i++) {
                    auto p = static_cast<unsigned char *>(reads[i].dst);
                    (p >= got.data() && p < got.data() + got.size() ? inside : outside) += reads[i].len;
                }
            };
            h5r_selection sel = Select(w, got.data());
            ASSERT_EQ(h5r_read_dataset(f.get(), s.object, &sel, nullptr), H5R_OK);
            EXPECT_TRUE(got == Expected(s.d, w)) << name;
            EXPECT_EQ(inside, got.size()) << name;
            EXPECT_EQ(outside, 0u) << name;
        }
}

TEST(Straight, OnlyTheSelectedRowsOfAnUnfilteredChunkAreRead)
{
    TestSource source(LargeFile());
    FileHandle f = Open(source);
    Dataset s = Find(f.get(), "raw"); // chunks of 100 x 50
    const h5r_chunk *chunks = nullptr;
    size_t n = 0;
    ASSERT_EQ(h5r_chunks_all(f.get(), s.object, &chunks, &n, nullptr), H5R_OK);
    size_t before = source.bytes_read();
    Window w = Whole(s.d->space);
    w.start = {110, 10};
    w.count = {7, 150};
    ExpectWindow(f.get(), "raw", w);
    EXPECT_EQ(source.bytes_read() - before, 7u * 150 * 4);
}

// limits.chunk_bytes is about what has to be held: an unfiltered chunk of any size is read piece by piece.
TEST(Straight, UnfilteredChunksAboveTheLimit)
{
    for (int kind = 0; kind < KINDS; kind++) {
        TestSource source(LargeFile());
        Prepare(source, kind);
        h5r_options o = Options(2);
        o.limits.chunk_bytes = 1000;
        FileHandle f = Open(source, &o);
        for (const char *name : {"raw", "raw_be"}) {
            Window w = Whole(Find(f.get(), name).d->space);
            ExpectWindow(f.get(), name, w);
            w.start = {110, 150};
            w.count = {7, 10};
            w.step = {-3, -7};
            ExpectWindow(f.get(), name, w);
        }
        Dataset s = Find(f.get(), "le4");
        Bytes got(s.d->space->count * s.d->type->size);
        h5r_selection sel = {};
        sel.dst = got.data();
        EXPECT_EQ(h5r_read_dataset(f.get(), s.object, &sel, nullptr), H5R_ERR_LIMIT);
    }
}

TEST(ChunkCache, RowsOfAChunkAreDecodedOnce)
{
    const Bytes bytes = LargeFile();
    uint64_t decoded[3];
    const uint64_t budgets[] = {0, 70000, 64 << 20}; // none; one chunk of 64 KiB; all
    for (int i = 0; i < 3; i++) {
        TestSource source(bytes);
        source.direct = i % 2;
        h5r_options o = Options(2, 64 << 20, budgets[i]);
        FileHandle f = Open(source, &o);
        for (uint64_t row = 0; row < 256; row++) {
            Window w = Whole(Find(f.get(), "le4").d->space);
            w.start[0] = row;
            w.count[0] = 1;
            ExpectWindow(f.get(), "le4", w);
        }
        h5r_stats stats;
        h5r_get_stats(f.get(), &stats);
        decoded[i] = stats.chunks;
    }
    EXPECT_EQ(decoded[0], 256u * 6);
    EXPECT_LT(decoded[1], decoded[0]);
    EXPECT_EQ(decoded[2], 2u * 6);
}

TEST(ChunkCache, HoldsForAllThatIsReadOfAFile)
{
    const Bytes bytes = LargeFile();
    for (uint64_t budget : {uint64_t{1}, uint64_t{70000}, uint64_t{300000}, uint64_t{64} << 20}) {
        TestSource source(bytes);
        h5r_options o = Options(2, 64 << 20, budget);
        FileHandle f = Open(source, &o);
        std::mt19937 random(8);
        for (int i = 0; i < 200; i++) {
            const char *name = NAMES[random() % (sizeof NAMES / sizeof *NAMES)];
            ExpectWindow(f.get(), name, Random(random, Find(f.get(), name).d->space));
        }
    }
}

// The child has none of the parent's threads: it reads alone, and closes without waiting for them.
TEST(Fork, AChildReadsWithAnOpenFile)
{
    TestSource source(LargeFile());
    source.direct = true;
    h5r_options o = Options(4);
    h5r_file *f = Open(source, &o).release();
    ExpectWindow(f, "le4", Whole(Find(f, "le4").d->space));
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ExpectWindow(f, "be2", Whole(Find(f, "be2").d->space));
        h5r_close(f);
        _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ExpectWindow(f, "be2", Whole(Find(f, "be2").d->space));
    h5r_close(f);
}
