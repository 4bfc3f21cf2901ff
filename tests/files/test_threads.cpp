// Several threads on one file: equal answers, and nobody holds up the others' I/O.
#include "support/support.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

using namespace h5range_test;

namespace {

const unsigned ALL = H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX | H5R_PREFETCH_SCALES;

void RunThreads(int n, const std::function<void(int)> &f)
{
    std::vector<std::thread> threads;
    for (int i = 0; i < n; i++)
        threads.emplace_back(f, i);
    for (auto &t : threads)
        t.join();
}

struct Dataset {
    const h5r_object *object;
    std::string path;
    Bytes values;
};

void Collect(h5r_file *f, const h5r_object *group, const std::string &path, std::vector<Dataset> *out)
{
    const h5r_link *const *links = nullptr;
    size_t n = 0;
    if (h5r_links(f, group, false, &links, &n, nullptr, nullptr) != H5R_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        const h5r_object *o = nullptr;
        if (links[i]->kind != H5R_LINK_HARD || h5r_object_at(f, links[i]->addr, &o, nullptr) != H5R_OK)
            continue;
        std::string child = path + "/" + links[i]->name;
        const h5r_dataset *d = nullptr;
        if (o->kind == H5R_GROUP && child.size() < 100)
            Collect(f, o, child, out);
        if (o->kind != H5R_DATASET || h5r_dataset_describe(f, o, &d, nullptr) != H5R_OK)
            continue;
        Bytes values(d->space->count * d->type->size);
        h5r_selection sel = {};
        sel.dst = values.data();
        if (!values.empty() && values.size() < (8u << 20) && h5r_read_dataset(f, o, &sel, nullptr) == H5R_OK)
            out->push_back({o, child, values});
    }
}

std::vector<Dataset> Datasets(h5r_file *f)
{
    std::vector<Dataset> found;
    const h5r_object *root = nullptr;
    if (h5r_lookup(f, nullptr, "/", &root, nullptr) == H5R_OK)
        Collect(f, root, "", &found);
    return found;
}

} // namespace

// Eight threads read the same and different datasets, list, and prefetch at once.
TEST(Threads, ReadListAndPrefetchOneFileAtTheSameTime)
{
    for (const std::string &path : DataFiles()) {
        SCOPED_TRACE(path);
        Bytes bytes = ReadFile(path);
        TestSource plain(bytes);
        FileHandle a = Open(plain);
        ASSERT_TRUE(a);
        const std::string expected = Answers(a.get());
        const std::vector<Dataset> datasets = Datasets(a.get());
        for (bool one_at_a_time : {false, true}) {
            TestSource shared(bytes);
            shared.one_at_a_time = one_at_a_time;
            h5r_options options = Starved(); // many rounds: many meetings
            FileHandle f = Open(shared, &options);
            ASSERT_TRUE(f);
            RunThreads(8, [&](int t) {
                const h5r_object *root = nullptr;
                switch (t % 4) {
                case 0:
                    EXPECT_EQ(Answers(f.get()), expected);
                    break;
                case 1:
                    ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
                    EXPECT_EQ(h5r_prefetch(f.get(), root, 100, ALL, nullptr), H5R_OK);
                    break;
                default: // each from another one on
                    for (size_t i = 0; i < 2 * datasets.size(); i++) {
                        const Dataset &d = datasets[(i + static_cast<size_t>(t)) % datasets.size()];
                        const h5r_object *o = nullptr;
                        Bytes got(d.values.size());
                        h5r_selection sel = {};
                        sel.dst = got.data();
                        ASSERT_EQ(h5r_lookup(f.get(), nullptr, d.path.c_str(), &o, nullptr), H5R_OK) << d.path;
                        ASSERT_EQ(h5r_read_dataset(f.get(), o, &sel, nullptr), H5R_OK) << d.path;
                        EXPECT_EQ(got, d.values) << d.path;
                    }
                }
            });
            EXPECT_EQ(Answers(f.get()), expected);
        }
    }
}

// While one thread waits for a slow read another one's read is answered: no lock is held during I/O.
TEST(Threads, AWaitingReadHoldsUpNoOther)
{
    using namespace std::chrono;
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/chunk_indexes.h5");
    for (bool one_at_a_time : {false, true}) {
        TestSource source(bytes);
        source.first_read = 64;
        source.one_at_a_time = one_at_a_time;
        FileHandle f = Open(source);
        std::vector<Dataset> d = Datasets(f.get());
        ASSERT_GE(d.size(), 8u);
        std::atomic<int> inside{0}, most{0};
        source.on_read = [&](const h5r_read *, size_t) {
            int now = ++inside, seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            std::this_thread::sleep_for(milliseconds(60));
            --inside;
        };
        RunThreads(8, [&](int t) {
            Bytes got(d[static_cast<size_t>(t)].values.size());
            h5r_selection sel = {};
            sel.dst = got.data();
            EXPECT_EQ(h5r_read_dataset(f.get(), d[static_cast<size_t>(t)].object, &sel, nullptr), H5R_OK);
            EXPECT_EQ(got, d[static_cast<size_t>(t)].values);
        });
        if (one_at_a_time)
            EXPECT_EQ(most, 1);
        else
            EXPECT_GT(most, 3);
    }
}

// What one thread is reading another one waits for instead of reading it again.
TEST(Threads, ARangeInFlightIsNotReadTwice)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/wide_earliest.h5");
    auto prefetch = [](h5r_file *f) {
        const h5r_object *root = nullptr;
        EXPECT_EQ(h5r_lookup(f, nullptr, "/", &root, nullptr), H5R_OK);
        EXPECT_EQ(h5r_prefetch(f, root, 100, ALL, nullptr), H5R_OK);
    };
    TestSource alone(bytes), shared(bytes);
    h5r_options options = Starved();
    FileHandle a = Open(alone, &options), f = Open(shared, &options);
    prefetch(a.get());
    shared.on_read = [](const h5r_read *, size_t) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
    RunThreads(8, [&](int) { prefetch(f.get()); });
    EXPECT_EQ(shared.bytes_read(), alone.bytes_read());
}

// A heap limit that one call can live with must do for many at once: the cache is never without users then.
TEST(Threads, VariableLengthValuesOfManyCallsShareTheLimit)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/types.h5");
    TestSource plain(bytes), shared(bytes);
    h5r_options options = Starved();
    options.limits.heap_bytes = 32 * 1024;
    FileHandle a = Open(plain), f = Open(shared, &options);
    const std::string expected = Answers(a.get());
    RunThreads(8, [&](int) {
        for (int i = 0; i < 5; i++)
            EXPECT_EQ(Answers(f.get()), expected);
    });
}
