// What finding things costs, exactly: an optimisation that is lost shows here. Files of some 300 KB stand for files of some 80 MB: the source is
// a remote one whose blocks are 1/256 of the real ones.
#include "support/support.h"

#include <gtest/gtest.h>

#include <set>

using namespace h5range_test;

namespace {

constexpr unsigned OBJECT = H5R_PREFETCH_ATTRS | H5R_PREFETCH_SCALES;
constexpr size_t BLOCK = 4096;

struct Cost {
    const char *file, *task;
    long rounds;
    size_t requests, bytes;
};

// Prints as the row of the table that it should be.
std::ostream &operator<<(std::ostream &out, const Cost &c)
{
    return out << "Cost{\"" << c.file << "\", \"" << c.task << "\", " << c.rounds << ", " << c.requests << ", " << c.bytes << "}";
}

bool operator==(const Cost &a, const Cost &b)
{
    return a.rounds == b.rounds && a.requests == b.requests && a.bytes == b.bytes;
}

std::string PathOf(const char *file)
{
    return std::string(H5RANGE_TEST_DATA "/") + file;
}

void SetRemote(TestSource &src)
{
    src.remote = true;
    src.block = src.first_read = BLOCK;
    src.gap = BLOCK / 16;
}

const h5r_object *Find(h5r_file *f, const char *path)
{
    const h5r_object *o = nullptr;
    EXPECT_EQ(h5r_lookup(f, nullptr, path, &o, nullptr), H5R_OK) << path;
    return o;
}

// The first chunk, or (contiguous data) element.
void ReadOneChunk(h5r_file *f, const h5r_object *o)
{
    const h5r_dataset *d;
    ASSERT_EQ(h5r_dataset_describe(f, o, &d, nullptr), H5R_OK);
    std::vector<uint64_t> start(d->space->rank, 0), count(d->space->rank, 1);
    Bytes element(d->type->size);
    h5r_selection s = {};
    s.start = start.data();
    s.count = count.data();
    s.dst = element.data();
    ASSERT_EQ(h5r_read_dataset(f, o, &s, nullptr), H5R_OK);
}

void ReadWhole(h5r_file *f, const std::vector<const char *> &paths)
{
    std::vector<const h5r_object *> objects;
    std::vector<h5r_selection> selections(paths.size());
    std::vector<std::vector<uint64_t>> starts(paths.size());
    std::vector<Bytes> values(paths.size());
    for (size_t i = 0; i < paths.size(); i++) {
        const h5r_dataset *d;
        objects.push_back(Find(f, paths[i]));
        ASSERT_EQ(h5r_dataset_describe(f, objects[i], &d, nullptr), H5R_OK);
        starts[i].resize(d->space->rank, 0);
        values[i].resize(d->space->count * d->type->size);
        selections[i] = {};
        selections[i].start = starts[i].data();
        selections[i].count = d->space->shape;
        selections[i].dst = values[i].data();
    }
    ASSERT_EQ(h5r_read_many(f, objects.data(), selections.data(), objects.size(), nullptr), H5R_OK);
}

// "list", "list one level", "open", "open and read one chunk", "chunk index" of a path, and some that name what they do.
void Do(h5r_file *f, const std::string &task)
{
    const auto of = [&task](const char *verb) { return task.compare(0, strlen(verb), verb) == 0 ? task.c_str() + strlen(verb) : nullptr; };

    if (const char *all = of("list all ")) {
        ASSERT_EQ(h5r_prefetch_path(f, all, 64, OBJECT, nullptr), H5R_OK);
    } else if (const char *one = of("list one level ")) {
        ASSERT_EQ(h5r_prefetch(f, Find(f, one), 1, OBJECT, nullptr), H5R_OK);
    } else if (const char *stepwise = of("look up, then open ")) {
        ASSERT_EQ(h5r_prefetch(f, Find(f, stepwise), 0, OBJECT, nullptr), H5R_OK);
    } else if (const char *with = of("open with its groups ")) {
        ASSERT_EQ(h5r_prefetch_path(f, with, 0, OBJECT | H5R_PREFETCH_GROUPS, nullptr), H5R_OK);
    } else if (const char *path = of("open ")) {
        ASSERT_EQ(h5r_prefetch_path(f, path, 0, OBJECT, nullptr), H5R_OK);
        const h5r_dataset *d;
        ASSERT_EQ(h5r_dataset_describe(f, Find(f, path), &d, nullptr), H5R_OK);
    } else if (const char *chunk = of("read one chunk ")) {
        ASSERT_EQ(h5r_prefetch_path(f, chunk, 0, OBJECT, nullptr), H5R_OK);
        ReadOneChunk(f, Find(f, chunk));
    } else if (task == "read three arrays as one plan") {
        ReadWhole(f, {"/beam1/heights/variable_1", "/beam1/heights/variable_3", "/beam1/heights/variable_5"});
    } else if (task == "read three arrays one by one") {
        for (const char *name : {"/beam1/heights/variable_1", "/beam1/heights/variable_3", "/beam1/heights/variable_5"})
            ReadWhole(f, {name});
    } else if (task == "all chunk indexes") {
        ASSERT_EQ(h5r_prefetch_path(f, "/", 64, H5R_PREFETCH_INDEX, nullptr), H5R_OK);
    } else if (const char *index = of("chunk index ")) {
        const h5r_chunk *chunks;
        size_t n;
        ASSERT_EQ(h5r_chunks_all(f, Find(f, index), &chunks, &n, nullptr), H5R_OK) << task;
        EXPECT_GT(n, 0u);
    } else {
        FAIL() << task;
    }
}

Cost Measure(const char *file, const char *task)
{
    TestSource src(ReadFile(PathOf(file)));
    SetRemote(src);
    h5r_options o;
    h5r_options_init(&o);
    o.threads = 1;
    FileHandle f = Open(src, &o);
    EXPECT_TRUE(f) << file;
    if (f)
        Do(f.get(), task);
    return {file, task, src.rounds(), src.requests(), src.bytes_read()};
}

class Gates : public testing::TestWithParam<Cost> {};

} // namespace

TEST_P(Gates, CostsWhatItDid)
{
    EXPECT_EQ(Measure(GetParam().file, GetParam().task), GetParam());
}

TEST_P(Gates, CostsTheSameEachTime)
{
    const Cost first = Measure(GetParam().file, GetParam().task);
    EXPECT_EQ(Measure(GetParam().file, GetParam().task), first);
}

// The first number to look at is that of the rounds: it follows the depth of what is asked for in the file's structures.
INSTANTIATE_TEST_SUITE_P(
    Files, Gates,
    testing::Values(
        // Old groups, whose headers are chains of continuations.
        Cost{"scattered/earliest.h5", "list all /", 4, 13, 60952},
        Cost{"scattered/earliest.h5", "list one level /", 5, 6, 36864},
        Cost{"scattered/earliest.h5", "open /beam1/heights/variable_5", 5, 11, 52760},
        Cost{"scattered/earliest.h5", "look up, then open /beam1/heights/variable_5", 5, 11, 56856},
        Cost{"scattered/earliest.h5", "open with its groups /beam1/heights/variable_5", 5, 11, 52760},
        Cost{"scattered/earliest.h5", "read one chunk /beam1/heights/variable_5", 7, 13, 58056},
        Cost{"scattered/earliest.h5", "read three arrays as one plan", 6, 19, 93312},
        Cost{"scattered/earliest.h5", "read three arrays one by one", 9, 23, 109696},
        Cost{"scattered/earliest.h5", "all chunk indexes", 4, 28, 142872},
        // New groups.
        Cost{"scattered/latest.h5", "list all /", 5, 12, 58420},
        Cost{"scattered/latest.h5", "list one level /", 3, 6, 49152},
        Cost{"scattered/latest.h5", "open /beam1/heights/variable_5", 8, 11, 69632},
        Cost{"scattered/latest.h5", "open with its groups /beam1/heights/variable_5", 8, 11, 69632},
        Cost{"scattered/latest.h5", "read one chunk /beam1/heights/variable_5", 8, 11, 69632},
        Cost{"scattered/latest.h5", "read three arrays as one plan", 7, 14, 78016},
        Cost{"scattered/latest.h5", "all chunk indexes", 4, 10, 50228},
        // Pages of metadata apart from those of data.
        Cost{"scattered/paged.h5", "list all /", 4, 5, 32768},
        Cost{"scattered/paged.h5", "open /beam1/heights/variable_5", 6, 6, 32768},
        Cost{"scattered/paged.h5", "read one chunk /beam1/heights/variable_5", 7, 7, 33968},
        Cost{"scattered/paged.h5", "all chunk indexes", 3, 3, 24576},
        // Scales whose attributes lie elsewhere: wanted before it is known whose scales they are.
        Cost{"scattered/scales.h5", "open /product/values", 5, 6, 23028},
        Cost{"scattered/scales.h5", "look up, then open /product/values", 6, 6, 23028},
        // Many members, many attributes.
        Cost{"wide_earliest.h5", "list all /", 4, 7, 78008},
        Cost{"wide_earliest.h5", "open /d150", 4, 4, 20480},
        Cost{"links_latest.h5", "list all /", 3, 3, 12298},
        Cost{"attributes.h5", "list all /", 3, 4, 88438},
        // Chunk indexes of each kind.
        Cost{"btree1.h5", "chunk index /deep", 2, 2, 16384},
        Cost{"btree1.h5", "read one chunk /deep", 3, 3, 12288},
        Cost{"chunk_indexes.h5", "chunk index /filtered/single", 3, 3, 12288},
        Cost{"chunk_indexes.h5", "chunk index /filtered/fixed", 4, 4, 16384},
        Cost{"chunk_indexes.h5", "chunk index /filtered/fixed_paged", 5, 6, 45056},
        Cost{"chunk_indexes.h5", "chunk index /filtered/extensible", 4, 4, 16384},
        Cost{"chunk_indexes.h5", "chunk index /filtered/extensible_sparse", 7, 7, 39916},
        Cost{"chunk_indexes.h5", "read one chunk /filtered/extensible_sparse", 5, 5, 20480},
        Cost{"chunk_indexes.h5", "chunk index /filtered/btree2", 4, 4, 16384},
        Cost{"implicit.h5", "chunk index /implicit", 1, 1, 2408}),
    [](const testing::TestParamInfo<Cost> &i) {
        std::string name = std::string(i.param.file) + "_" + i.param.task;
        for (char &c : name)
            c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
        return name;
    });

// ---------------------------------------------------------------- what is read ahead changes no answer

namespace {

void Describe(h5r_file *f, const h5r_object *o, const std::string &path, std::set<uint64_t> &seen, std::string &out)
{
    const h5r_attr *const *attrs;
    const h5r_link *const *links;
    size_t n;

    if (!seen.insert(o->addr).second)
        return;
    out += path + " " + std::to_string(o->kind) + "\n";
    ASSERT_EQ(h5r_attrs(f, o, false, &attrs, &n, nullptr, nullptr), H5R_OK) << path;
    for (size_t i = 0; i < n; i++)
        out += std::string(attrs[i]->name) + "=" + std::string(static_cast<const char *>(attrs[i]->raw), attrs[i]->raw_len) + "\n";
    if (o->kind == H5R_DATASET) {
        const h5r_chunk *chunks;
        const h5r_dataset *d;
        ASSERT_EQ(h5r_dataset_describe(f, o, &d, nullptr), H5R_OK) << path;
        if (d->layout == H5R_LAYOUT_CHUNKED) {
            ASSERT_EQ(h5r_chunks_all(f, o, &chunks, &n, nullptr), H5R_OK) << path;
            out += std::to_string(n) + " chunks\n";
        }
    }
    if (o->kind != H5R_GROUP)
        return;
    ASSERT_EQ(h5r_links(f, o, false, &links, &n, nullptr, nullptr), H5R_OK) << path;
    for (size_t i = 0; i < n; i++) {
        const h5r_object *child;
        if (links[i]->kind != H5R_LINK_HARD)
            continue;
        ASSERT_EQ(h5r_object_at(f, links[i]->addr, &child, nullptr), H5R_OK) << path;
        EXPECT_NE(h5r_known_path(f, links[i]->addr), nullptr);
        Describe(f, child, path + "/" + links[i]->name, seen, out);
    }
}

std::string DescribeAll(const char *file, bool remote, const char *ahead)
{
    TestSource src(ReadFile(PathOf(file)));
    if (remote)
        SetRemote(src);
    FileHandle f = Open(src);
    std::set<uint64_t> seen;
    std::string out;
    EXPECT_TRUE(f) << file;
    if (f && ahead[0] != '\0')
        (void)h5r_prefetch_path(f.get(), ahead, 64, OBJECT | H5R_PREFETCH_GROUPS | H5R_PREFETCH_INDEX, nullptr);
    if (f)
        Describe(f.get(), Find(f.get(), "/"), "", seen, out);
    return out;
}

class ReadAhead : public testing::TestWithParam<const char *> {};

} // namespace

TEST_P(ReadAhead, TellsTheSame)
{
    const std::string expected = DescribeAll(GetParam(), false, "");
    EXPECT_FALSE(expected.empty());
    for (const char *ahead : {"", "/", "/beam1/heights/variable_5", "/outer/turned/later2", "/outer/nothing", "//.", "beam1/"})
        EXPECT_EQ(DescribeAll(GetParam(), true, ahead), expected) << ahead;
}

// converted.h5: the entry of a group in its parent still names the symbol table that the group had before a name in UTF-8 turned it into a new one.
INSTANTIATE_TEST_SUITE_P(Files, ReadAhead,
                         testing::Values("scattered/earliest.h5", "scattered/latest.h5", "scattered/paged.h5", "scattered/converted.h5", "scattered/scales.h5",
                                         "links_earliest.h5", "links_latest.h5", "attributes.h5", "wide_earliest.h5", "product.nc", "conventions.nc",
                                         "userblock.h5", "sizes4.h5"),
                         [](const testing::TestParamInfo<const char *> &i) {
                             std::string name = i.param;
                             for (char &c : name)
                                 c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
                             return name;
                         });

TEST(ReadAhead, AGroupThatWasTurnedIntoANewOneIsReadAsThat)
{
    TestSource src(ReadFile(PathOf("scattered/converted.h5")));
    SetRemote(src);
    FileHandle f = Open(src);
    ASSERT_TRUE(f);
    ASSERT_EQ(h5r_prefetch_path(f.get(), "/outer/turned/later3", 0, OBJECT, nullptr), H5R_OK);
    EXPECT_EQ(Find(f.get(), "/outer/turned/later3")->kind, H5R_DATASET);
    const h5r_link *const *links;
    size_t n;
    ASSERT_EQ(h5r_links(f.get(), Find(f.get(), "/outer/turned"), false, &links, &n, nullptr, nullptr), H5R_OK);
    EXPECT_EQ(n, 9u);
}

namespace {

const std::vector<const char *> VARIABLES = {"/beam1/heights/variable_1", "/beam1/heights/variable_2", "/beam1/heights/time", "/beam1/heights/variable_3",
                                             "/beam1/heights/variable_4", "/beam1/heights/variable_5", "/beam0/geolocation/variable_1",
                                             "/beam0/geolocation/variable_2", "/beam0/geolocation/variable_5"};

Bytes ReadVariables(const char *file, TestSource &src, unsigned threads)
{
    h5r_options o;
    h5r_options_init(&o);
    o.threads = threads;
    FileHandle f = Open(src, &o);
    Bytes all;
    EXPECT_TRUE(f) << file;
    for (const char *path : VARIABLES) {
        if (!f)
            break;
        const h5r_object *object = Find(f.get(), path);
        const h5r_dataset *d;
        EXPECT_EQ(h5r_prefetch(f.get(), object, 0, OBJECT, nullptr), H5R_OK);
        EXPECT_EQ(h5r_dataset_describe(f.get(), object, &d, nullptr), H5R_OK);
        Bytes values(d->space->count * d->type->size);
        const uint64_t start = 0;
        h5r_selection s = {};
        s.start = &start;
        s.count = d->space->shape;
        s.dst = values.data();
        EXPECT_EQ(h5r_read_dataset(f.get(), object, &s, nullptr), H5R_OK) << path;
        all.insert(all.end(), values.begin(), values.end());
    }
    return all;
}

} // namespace

// From the second dataset of a group on, metadata of the others come along with data.
TEST(ReadAlong, ValuesAreThoseOfAPlainRead)
{
    for (const char *file : {"scattered/earliest.h5", "scattered/latest.h5", "scattered/paged.h5"}) {
        TestSource plain(ReadFile(PathOf(file)));
        const Bytes expected = ReadVariables(file, plain, 1);
        for (size_t block : {size_t(0), size_t(512), BLOCK, size_t(1) << 16}) {
            for (unsigned threads : {1u, 3u}) {
                TestSource src(ReadFile(PathOf(file)));
                SetRemote(src);
                src.block = block;
                src.on_read = [](const h5r_read *reads, size_t n) {
                    for (size_t i = 1; i < n; i++)
                        EXPECT_LE(reads[i - 1].offset + reads[i - 1].len, reads[i].offset); // what h5r_source promises
                };
                EXPECT_EQ(ReadVariables(file, src, threads), expected) << file << " " << block;
            }
        }
    }
}

TEST(ReadAlong, TheThirdDatasetTakesNoRoundToOpen)
{
    TestSource src(ReadFile(PathOf("scattered/earliest.h5")));
    SetRemote(src);
    FileHandle f = Open(src);
    ASSERT_TRUE(f);
    for (const char *path : {"/beam1/heights/variable_1", "/beam1/heights/variable_2"})
        ReadWhole(f.get(), {path});
    const long before = src.rounds();
    for (const char *path : {"/beam1/heights/variable_3", "/beam1/heights/variable_4", "/beam1/heights/variable_5"})
        ASSERT_EQ(h5r_prefetch(f.get(), Find(f.get(), path), 0, OBJECT, nullptr), H5R_OK);
    EXPECT_EQ(src.rounds(), before);
}

TEST(ReadAlong, AFailedRoundIsAnErrorOnce)
{
    for (long k = 0; k < 16; k++) {
        TestSource src(ReadFile(PathOf("scattered/latest.h5")));
        SetRemote(src);
        FileHandle f = Open(src);
        ASSERT_TRUE(f);
        src.FailAt(src.rounds() + k);
        int failures = 0;
        for (int again = 0; again < 2; again++)
            for (const char *path : VARIABLES) {
                const h5r_object *object;
                const h5r_dataset *d;
                uint16_t value;
                const uint64_t start = 0, count = 1;
                h5r_selection s = {};
                s.start = &start;
                s.count = &count;
                s.dst = &value;
                h5r_status st = h5r_lookup(f.get(), nullptr, path, &object, nullptr);
                if (st == H5R_OK)
                    st = h5r_dataset_describe(f.get(), object, &d, nullptr);
                if (st == H5R_OK)
                    st = h5r_read_dataset(f.get(), object, &s, nullptr);
                EXPECT_TRUE(st == H5R_OK || st == H5R_ERR_IO) << path << " " << k;
                failures += st != H5R_OK;
            }
        EXPECT_EQ(failures, src.rounds() > k + 1) << k;
    }
}

// ---------------------------------------------------------------- budgets and blocks

TEST(Budget, RoundsAreCutToTheBytesInFlight)
{
    TestSource src(ReadFile(PathOf("scattered/earliest.h5")));
    SetRemote(src);
    size_t most = 0;
    src.on_read = [&most](const h5r_read *reads, size_t n) {
        size_t bytes = 0;
        for (size_t i = 0; i < n; i++)
            bytes += reads[i].len;
        most = std::max(most, bytes);
    };
    h5r_options o;
    h5r_options_init(&o);
    o.limits.inflight_bytes = 16 * 1024;
    FileHandle f = Open(src, &o);
    ASSERT_TRUE(f);
    Do(f.get(), "list all /");
    EXPECT_LE(most, 16u * 1024);
    EXPECT_GT(src.rounds(), Measure("scattered/earliest.h5", "list all /").rounds);
}

TEST(Budget, GapsAreReadOnlyWhereRequestsAreMany)
{
    size_t requests[2], bytes[2];
    for (uint32_t most : {4u, 1000u}) {
        TestSource src(ReadFile(PathOf("scattered/earliest.h5")));
        src.remote = true;
        src.gap = 16 * 1024;
        h5r_options o;
        h5r_options_init(&o);
        o.limits.inflight_requests = most;
        FileHandle f = Open(src, &o);
        ASSERT_TRUE(f);
        Do(f.get(), "list all /");
        requests[most > 4] = src.requests();
        bytes[most > 4] = src.bytes_read();
    }
    EXPECT_LT(requests[0], requests[1]);
    EXPECT_GT(bytes[0], bytes[1]);
}

// Through GDAL the first 16 KiB are there before anything is asked for.
TEST(Budget, AWalkThatLeadsOnlyToTheFrontReadsAQuarterOfABlock)
{
    const Bytes file = ReadFile(PathOf("sst_global.nc"));
    TestSource src(file);
    src.remote = true;
    src.block = 1 << 20;
    h5r_options o;
    h5r_options_init(&o);
    o.head = file.data();
    o.head_len = 1024;
    FileHandle f = Open(src, &o);
    ASSERT_TRUE(f);
    Do(f.get(), "list all /");
    EXPECT_EQ(src.rounds(), 1);
    EXPECT_EQ(src.bytes_read(), 255u << 10);
}

TEST(Tune, BlocksGrowWithLatencyTimesBandwidth)
{
    h5r_source s;
    h5r_source_init(&s);
    h5r_source_tune(&s, 0, 0);
    EXPECT_EQ(s.block, 1u << 20);
    h5r_source_tune(&s, 0.001, 100e6);
    EXPECT_EQ(s.block, 64u << 10);
    h5r_source_tune(&s, 0.2, 1e9);
    EXPECT_EQ(s.block, 4u << 20);
    EXPECT_EQ(s.first_read, s.block);
    EXPECT_EQ(s.max_request, 2 * s.block) << "on the way no longer than half of what it waits for its first byte";
}

// ---------------------------------------------------------------- nothing is parsed again and again

namespace {

struct Effort {
    size_t views;
    long rounds;
};

// Structures looked at in a listing, in as many rounds as the bytes in flight allow.
Effort List(const char *file, uint64_t inflight_bytes)
{
    TestSource src(ReadFile(PathOf(file)));
    SetRemote(src);
    src.max_request = BLOCK;
    Effort e = {};
    h5r_options o;
    h5r_options_init(&o);
    o.limits.inflight_bytes = inflight_bytes;
    o.viewed = [](void *ctx, uint64_t, const uint8_t *, size_t) { ++*static_cast<size_t *>(ctx); };
    o.viewed_ctx = &e.views;
    FileHandle f = Open(src, &o);
    EXPECT_TRUE(f) << file;
    if (f)
        Do(f.get(), "list all /");
    e.rounds = src.rounds();
    return e;
}

} // namespace

TEST(Walk, LooksAtAMemberAsOftenInAWideGroupAsInANarrowOne)
{
    const size_t narrow = List("flat_earliest.h5", 1 << 20).views, wide = List("wide_earliest.h5", 1 << 20).views;
    EXPECT_LE(wide, narrow * 200 / 10);
}

TEST(Walk, DoesNotParseAgainWhatIsThereWhenItTakesManyRounds)
{
    for (const char *file : {"wide_earliest.h5", "attributes.h5", "scattered/earliest.h5", "scattered/latest.h5"}) {
        const Effort few = List(file, 1 << 20), many = List(file, 8192);
        EXPECT_GT(many.rounds, few.rounds) << file;
        EXPECT_LE(many.views, few.views * 3) << file << ", " << many.rounds << " rounds for " << few.rounds;
    }
}
