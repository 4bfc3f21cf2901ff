// Windows with steps against the whole: the same bytes, however the index came and however requests are joined.
#include "support/support.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

using namespace h5range_test;

namespace {

struct Whole {
    std::string path;
    const h5r_dataset *d;
    Bytes values;
};

void Collect(h5r_file *f, const h5r_object *group, const std::string &path, std::vector<Whole> *out)
{
    const h5r_link *const *links = nullptr;
    size_t n = 0;
    ASSERT_EQ(h5r_links(f, group, false, &links, &n, nullptr, nullptr), H5R_OK);
    for (size_t i = 0; i < n && path.size() < 100; i++) {
        const h5r_object *o = nullptr;
        const h5r_dataset *d = nullptr;
        if (links[i]->kind != H5R_LINK_HARD || h5r_object_at(f, links[i]->addr, &o, nullptr) != H5R_OK)
            continue;
        std::string child = path + "/" + links[i]->name;
        if (o->kind == H5R_GROUP)
            Collect(f, o, child, out);
        if (o->kind != H5R_DATASET || h5r_dataset_describe(f, o, &d, nullptr) != H5R_OK || d->space->rank == 0 ||
            d->space->count == 0 || d->space->count * d->type->size > (4u << 20))
            continue;
        Bytes values(d->space->count * d->type->size);
        h5r_selection sel = {};
        sel.dst = values.data();
        if (h5r_read_dataset(f, o, &sel, nullptr) == H5R_OK)
            out->push_back({child, d, values});
    }
}

struct Window {
    std::vector<uint64_t> start, count;
    std::vector<int64_t> step;
};

Window Random(std::mt19937 &random, const h5r_space *s)
{
    Window w;
    for (unsigned i = 0; i < s->rank; i++) {
        uint64_t a = random() % s->shape[i], z = random() % s->shape[i];
        uint64_t step = 1 + random() % (random() % 2 ? 3 : 50);
        w.start.push_back(a);
        w.count.push_back((a < z ? z - a : a - z) / step + 1);
        w.step.push_back(a <= z ? static_cast<int64_t>(step) : -static_cast<int64_t>(step));
    }
    return w;
}

Bytes Cut(const Whole &whole, const Window &w)
{
    const h5r_space *s = whole.d->space;
    size_t size = whole.d->type->size;
    Bytes out;
    std::function<void(unsigned, uint64_t)> dim = [&](unsigned i, uint64_t at) {
        if (i == s->rank) {
            out.insert(out.end(), whole.values.begin() + static_cast<long>(at * size), whole.values.begin() + static_cast<long>((at + 1) * size));
            return;
        }
        for (uint64_t k = 0; k < w.count[i]; k++)
            dim(i + 1, at * s->shape[i] + w.start[i] + k * static_cast<uint64_t>(w.step[i]));
    };
    dim(0, 0);
    return out;
}

} // namespace

TEST(Windows, EqualTheWholeByAnySourceAndWithTheIndexLoadedOrNot)
{
    std::mt19937 random(3);
    for (const std::string &path : DataFiles()) {
        Bytes bytes = ReadFile(path);
        TestSource plain(bytes);
        FileHandle reference = Open(plain);
        const h5r_object *root = nullptr;
        ASSERT_EQ(h5r_lookup(reference.get(), nullptr, "/", &root, nullptr), H5R_OK);
        std::vector<Whole> wholes;
        Collect(reference.get(), root, "", &wholes);
        for (int variant = 0; variant < 4; variant++) {
            TestSource source(bytes);
            source.gap = variant & 1 ? 4096 : 0;
            source.block = variant & 1 ? 512 : 0;
            h5r_options options = Starved();
            options.exact_reads = variant == 0;
            options.limits.inflight_bytes = variant == 2 ? 1000 : 1 << 20;
            FileHandle f = Open(source, &options);
            ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
            if (variant >= 2)
                ASSERT_EQ(h5r_prefetch(f.get(), root, 100, H5R_PREFETCH_INDEX, nullptr), H5R_OK);
            for (const Whole &whole : wholes) {
                const h5r_object *o = nullptr;
                ASSERT_EQ(h5r_lookup(f.get(), nullptr, whole.path.c_str(), &o, nullptr), H5R_OK);
                for (int i = 0; i < 6; i++) {
                    Window w = Random(random, whole.d->space);
                    Bytes expected = Cut(whole, w), got(expected.size());
                    h5r_selection sel = {};
                    sel.start = w.start.data();
                    sel.count = w.count.data();
                    sel.step = w.step.data();
                    sel.dst = got.data();
                    h5r_error err = {};
                    ASSERT_EQ(h5r_read_dataset(f.get(), o, &sel, &err), H5R_OK) << path << whole.path << ": " << err.message;
                    ASSERT_EQ(got, expected) << path << whole.path;
                }
            }
        }
    }
}

// Every second element of a contiguous dataset used to be a request of its own from a source that reads blocks anyway.
TEST(Windows, SmallStepsAreReadInOneRequest)
{
    size_t tried = 0;
    for (const std::string &path : DataFiles()) {
        Bytes bytes = ReadFile(path);
        TestSource plain(bytes);
        FileHandle reference = Open(plain);
        const h5r_object *root = nullptr, *o = nullptr;
        ASSERT_EQ(h5r_lookup(reference.get(), nullptr, "/", &root, nullptr), H5R_OK);
        std::vector<Whole> wholes;
        Collect(reference.get(), root, "", &wholes);
        for (const Whole &w : wholes) {
            if (w.d->layout != H5R_LAYOUT_CONTIGUOUS || w.d->space->rank != 1 || w.d->space->shape[0] < 8 ||
                w.d->storage_offset == H5R_UNDEFINED)
                continue;
            TestSource source(bytes);
            source.first_read = 16;
            source.block = 64; // small, so that the data do not come with the metadata
            FileHandle f = Open(source);
            ASSERT_EQ(h5r_lookup(f.get(), nullptr, w.path.c_str(), &o, nullptr), H5R_OK);
            const h5r_dataset *d = nullptr;
            ASSERT_EQ(h5r_dataset_describe(f.get(), o, &d, nullptr), H5R_OK);
            size_t before = source.requests();
            uint64_t start = 0, count = d->space->shape[0] / 2;
            int64_t step = 2;
            Bytes out(count * d->type->size);
            h5r_selection sel = {};
            sel.start = &start;
            sel.count = &count;
            sel.step = &step;
            sel.dst = out.data();
            ASSERT_EQ(h5r_read_dataset(f.get(), o, &sel, nullptr), H5R_OK);
            EXPECT_LE(source.requests(), before + 1) << path << w.path;
            tried += source.requests() > before;
        }
    }
    EXPECT_GT(tried, 0u);
}

TEST(ReadBytes, GivesWhatIsStoredInOneRound)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/product.nc");
    TestSource src(bytes);
    FileHandle f = Open(src);
    ASSERT_TRUE(f);
    h5r_stats before, after;
    h5r_get_stats(f.get(), &before);
    Bytes a(100), b(1);
    h5r_read reads[] = {{bytes.size() - 20000, a.size(), a.data(), 0}, {bytes.size() - 1, b.size(), b.data(), 0}};
    ASSERT_EQ(h5r_read_bytes(f.get(), reads, 2, nullptr), H5R_OK);
    h5r_get_stats(f.get(), &after);
    EXPECT_EQ(after.rounds, before.rounds + 1);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), bytes.end() - 20000));
    EXPECT_EQ(b[0], bytes.back());
}

TEST(ReadBytes, RejectsDisorderAndTheEndOfTheFile)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/product.nc"), a(64), b(64);
    TestSource src(bytes);
    FileHandle f = Open(src);
    ASSERT_TRUE(f);
    h5r_error err;
    h5r_read overlapping[] = {{0, a.size(), a.data(), 0}, {10, b.size(), b.data(), 0}};
    EXPECT_EQ(h5r_read_bytes(f.get(), overlapping, 2, &err), H5R_ERR_ARG);
    h5r_read empty[] = {{0, 0, a.data(), 0}};
    EXPECT_EQ(h5r_read_bytes(f.get(), empty, 1, &err), H5R_ERR_ARG);
    h5r_read beyond[] = {{bytes.size() - 10, a.size(), a.data(), 0}};
    EXPECT_EQ(h5r_read_bytes(f.get(), beyond, 1, &err), H5R_ERR_FORMAT);
    EXPECT_EQ(h5r_read_bytes(f.get(), nullptr, 0, &err), H5R_OK);
}
