// Parts of a file that lie in other files: what is opened for them, and what is not.
#include "support/folder.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

using namespace h5range_test;

namespace {

const h5r_object *Lookup(const FileHandle &f, const char *path, h5r_error *err = nullptr)
{
    const h5r_object *o = nullptr;
    return h5r_lookup(f.get(), nullptr, path, &o, err) == H5R_OK ? o : nullptr;
}

template <class T> std::vector<T> Read(const FileHandle &f, const char *path, size_t n, h5r_error *err = nullptr)
{
    std::vector<T> values(n);
    h5r_selection sel{};
    sel.dst = values.data();
    const h5r_object *o = Lookup(f, path, err);
    if (o == nullptr || h5r_read_dataset(f.get(), o, &sel, err) != H5R_OK)
        values.clear();
    return values;
}

// Any window of a dataset is what the whole has there.
void ExpectWindowsEqualTheWhole(const FileHandle &f, std::initializer_list<const char *> paths)
{
    std::mt19937 random(7);
    for (const char *path : paths) {
        const h5r_object *o = Lookup(f, path);
        const h5r_dataset *d;
        ASSERT_EQ(h5r_dataset_describe(f.get(), o, &d, nullptr), H5R_OK) << path;
        size_t size = d->type->size;
        std::vector<unsigned char> whole = Read<unsigned char>(f, path, static_cast<size_t>(d->space->count) * size);
        ASSERT_FALSE(whole.empty()) << path;
        for (int round = 0; round < 50; round++) {
            uint64_t start[3], count[3];
            int64_t step[3];
            size_t n = 1;
            for (unsigned i = 0; i < d->space->rank; i++) {
                uint64_t shape = d->space->shape[i];
                start[i] = random() % shape;
                step[i] = static_cast<int64_t>(random() % 5) - 2;
                step[i] = step[i] == 0 ? 1 : step[i];
                uint64_t way = static_cast<uint64_t>(std::abs(step[i])), most = step[i] > 0 ? (shape - 1 - start[i]) / way + 1 : start[i] / way + 1;
                count[i] = 1 + random() % most;
                n *= static_cast<size_t>(count[i]);
            }
            std::vector<unsigned char> got(n * size), expected;
            h5r_selection sel{};
            sel.start = start;
            sel.count = count;
            sel.step = step;
            sel.dst = got.data();
            ASSERT_EQ(h5r_read_dataset(f.get(), o, &sel, nullptr), H5R_OK) << path;
            for (size_t k = 0; k < n; k++) {
                size_t rest = k, at = 0, stride = 1;
                for (unsigned i = d->space->rank; i-- > 0; stride *= static_cast<size_t>(d->space->shape[i])) {
                    at += static_cast<size_t>(start[i] + static_cast<uint64_t>(static_cast<int64_t>(rest % count[i]) * step[i])) * stride;
                    rest /= static_cast<size_t>(count[i]);
                }
                expected.insert(expected.end(), whole.begin() + static_cast<long>(at * size), whole.begin() + static_cast<long>((at + 1) * size));
            }
            EXPECT_EQ(got, expected) << path;
        }
    }
}

#define VIRTUAL                                                                                                \
    {                                                                                                          \
        "virtual.h5", "virtual_source_0.h5", "virtual_source_1.h5", "virtual_source_2.h5", "linked.h5"         \
    }

} // namespace

TEST(Others, EachFileIsOpenedOnceAndClosed)
{
    Folder folder(VIRTUAL);
    {
        FileHandle f = folder.Open("virtual.h5");
        EXPECT_EQ(Read<int>(f, "/stacked", 48)[13], 101);
        size_t asked = folder.asked.size();
        EXPECT_EQ(Read<int>(f, "/stacked", 48)[25], 201);
        EXPECT_EQ(folder.asked.size(), asked); // the missing one is not asked for again either
        EXPECT_EQ(folder.m_open, 4);
    }
    EXPECT_EQ(folder.m_open, 0);
}

TEST(Others, MissingSourceOfAVirtualDatasetIsFillValue)
{
    Folder folder({"virtual.h5", "virtual_source_1.h5"});
    FileHandle f = folder.Open("virtual.h5");
    std::vector<int> v = Read<int>(f, "/stacked", 48);
    ASSERT_EQ(v.size(), 48u);
    EXPECT_EQ(v[0], -7);
    EXPECT_EQ(v[12], 100);
    EXPECT_EQ(v[47], -7);
}

TEST(Others, SourceThatCannotBeReadIsAnErrorNotFillValue)
{
    Folder folder(VIRTUAL);
    folder.fails = true;
    FileHandle f = folder.Open("virtual.h5");
    h5r_error err{};
    EXPECT_TRUE(Read<int>(f, "/stacked", 48, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_IO);
    EXPECT_STREQ(err.message, "no permission");
    EXPECT_STREQ(err.path, "/stacked");
}

TEST(Others, NoneIsOpenedWhenForbidden)
{
    Folder folder(VIRTUAL);
    FileHandle f = folder.Open("virtual.h5", H5R_OTHERS_NO);
    h5r_error err{};
    EXPECT_TRUE(Read<int>(f, "/stacked", 48, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_UNSUPPORTED);
    EXPECT_NE(std::string(err.message).find("virtual_source_0.h5"), std::string::npos);
    EXPECT_EQ(Read<uint16_t>(f, "/here", 12).size(), 12u); // its own datasets are no other file
    EXPECT_TRUE(folder.asked.empty());
}

TEST(Others, RemoteFilesStayInTheirFolder)
{
    Folder folder(VIRTUAL);
    folder.remote = true;
    FileHandle f = folder.Open("linked.h5");
    h5r_error err{};
    EXPECT_EQ(Lookup(f, "/outside", &err), nullptr);
    EXPECT_EQ(err.status, H5R_ERR_UNSUPPORTED);
    EXPECT_NE(std::string(err.message).find("outside this file's folder"), std::string::npos);
    EXPECT_TRUE(folder.asked.empty());
    ASSERT_NE(Lookup(f, "/absolute", &err), nullptr) << err.message;
    EXPECT_EQ(folder.asked, std::vector<std::string>{"virtual_source_2.h5"});
}

TEST(Others, LocalFilesAreLookedForAsLibhdf5Does)
{
    Folder folder(VIRTUAL);
    FileHandle f = folder.Open("linked.h5");
    ASSERT_NE(Lookup(f, "/absolute"), nullptr);
    EXPECT_EQ(folder.asked, (std::vector<std::string>{"=/no/such/folder/virtual_source_2.h5", "virtual_source_2.h5"}));
    folder.asked.clear();
    setenv("HDF5_EXT_PREFIX", "/elsewhere:${ORIGIN}/sub", 1);
    h5r_error err{};
    EXPECT_EQ(Lookup(f, "/nowhere", &err), nullptr);
    unsetenv("HDF5_EXT_PREFIX");
    EXPECT_EQ(err.status, H5R_ERR_NOT_FOUND);
    EXPECT_EQ(folder.asked, (std::vector<std::string>{"=/elsewhere/nowhere.h5", "sub/nowhere.h5", "nowhere.h5", "=nowhere.h5"}));
}

TEST(Others, ExternalLinksLeadToObjectsOfTheirOwnFile)
{
    Folder folder(VIRTUAL);
    FileHandle f = folder.Open("linked.h5");
    const h5r_object *line = Lookup(f, "/soft"), *block = Lookup(f, "/twice");
    ASSERT_NE(line, nullptr);
    ASSERT_NE(block, nullptr);
    EXPECT_NE(line->file, f.get());
    EXPECT_EQ(Lookup(f, "/file/line"), line);
    EXPECT_EQ(Lookup(f, "/block"), block);
    EXPECT_EQ(Read<int16_t>(f, "/soft", 10)[3], 13);
    const h5r_object *const both[] = {line, block};
    std::vector<int16_t> a(10);
    std::vector<int> b(12);
    h5r_selection sel[2]{};
    sel[0].dst = a.data();
    sel[1].dst = b.data();
    ASSERT_EQ(h5r_read_many(f.get(), both, sel, 2, nullptr), H5R_OK); // of two files
    EXPECT_EQ(a[9], 19);
    EXPECT_EQ(b[11], 11);
}

TEST(Others, LinksThatLoopAreALimit)
{
    Folder folder(VIRTUAL);
    FileHandle f = folder.Open("linked.h5");
    h5r_error err{};
    EXPECT_EQ(Lookup(f, "/loop", &err), nullptr);
    EXPECT_EQ(err.status, H5R_ERR_LIMIT);
    EXPECT_EQ(folder.m_open, 1); // the file itself is not opened again
}

TEST(Others, TheirNumberIsLimited)
{
    Folder folder(VIRTUAL);
    folder.other_files = 2;
    FileHandle f = folder.Open("virtual.h5");
    h5r_error err{};
    EXPECT_TRUE(Read<int>(f, "/stacked", 48, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_LIMIT);
}

TEST(Virtual, ExtentFollowsTheSources)
{
    const h5r_dataset *d;
    Folder folder(VIRTUAL);
    FileHandle f = folder.Open("virtual.h5");
    ASSERT_EQ(h5r_dataset_describe(f.get(), Lookup(f, "/numbered"), &d, nullptr), H5R_OK);
    EXPECT_EQ(d->space->shape[0], 9u);
    folder.m_files.erase("virtual_source_1.h5"); // the first gap ends it
    f = folder.Open("virtual.h5");
    ASSERT_EQ(h5r_dataset_describe(f.get(), Lookup(f, "/numbered"), &d, nullptr), H5R_OK);
    EXPECT_EQ(d->space->shape[0], 3u);
    EXPECT_EQ(Read<int>(f, "/numbered", 12)[11], 11);
}

// Values of other types are converted in parts of at most limits.inflight_bytes; an element above that is refused.
TEST(Virtual, ConvertedPartByPart)
{
    Folder folder(VIRTUAL);
    FileHandle f = folder.Open("virtual.h5");
    std::vector<double> expected = Read<double>(f, "/mixed", 24);
    ASSERT_EQ(expected.size(), 24u);
    for (uint64_t limit : {8, 9, 31, 64, 100}) {
        folder.inflight_bytes = limit;
        f = folder.Open("virtual.h5");
        EXPECT_EQ(Read<double>(f, "/mixed", 24), expected) << limit;
    }
    folder.inflight_bytes = 7;
    f = folder.Open("virtual.h5");
    h5r_error err{};
    EXPECT_TRUE(Read<double>(f, "/mixed", 24, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_LIMIT) << err.message;
}

TEST(Virtual, WindowsWithStepsEqualTheWhole)
{
    Folder folder(VIRTUAL);
    ExpectWindowsEqualTheWhole(folder.Open("virtual.h5"), {"/stacked", "/numbered", "/mixed", "/flattened", "/grown", "/here", "/nested"});
}

// Numbered sources of other extents than the first one has, and unlimited selections along other dimensions.
TEST(Virtual, UnlimitedMappingsOfUnequalSelections)
{
    Folder folder({"unequal.h5"});
    FileHandle f = folder.Open("unequal.h5");
    int at = Read<int>(f, "/wider_1", 12)[0];
    std::vector<int> v = Read<int>(f, "/numbered_wider", 18);
    ASSERT_EQ(v.size(), 18u);
    EXPECT_EQ(std::vector<int>(v.begin() + 6, v.begin() + 12), (std::vector<int>{at, at + 1, at + 2, at + 4, at + 5, at + 6}));
    ExpectWindowsEqualTheWhole(f, {"/numbered_taller", "/numbered_wider", "/numbered_shorter", "/numbered_turned", "/numbered_line", "/numbered_gap",
                                   "/numbered_aside", "/axis", "/axis_apart", "/axis_cut", "/axis_last", "/axis_middle", "/slices"});
}

// A row that a shrunken source no longer has is not taken from the next one: it is fill.
TEST(Virtual, ShrunkenSourceIsFill)
{
    Folder folder({"unequal.h5"});
    FileHandle f = folder.Open("unequal.h5");
    int one = Read<int>(f, "/shorter_1", 3)[0], two = Read<int>(f, "/shorter_2", 6)[0];
    std::vector<int> v = Read<int>(f, "/numbered_shorter", 18);
    ASSERT_EQ(v.size(), 18u);
    EXPECT_EQ(std::vector<int>(v.begin() + 6, v.end()), (std::vector<int>{one, one + 1, one + 2, 0, 0, 0, two, two + 1, 0, two + 2, two + 3, 0}));
}

// Compounds, arrays and half floats part by part, each part converted at once with others or alone.
TEST(Virtual, MembersPairByName)
{
    struct Turned { // as the file has it, packed: b is a half float
        char s[4];
        unsigned char b[2], a[8];
    };
    Folder folder({"retyped.h5", "retyped_source.h5"});
    for (uint64_t limit : {0, 14, 20, 64}) { // of limits.inflight_bytes: 14 is one element
        folder.inflight_bytes = limit;
        FileHandle f = folder.Open("retyped.h5");
        std::vector<Turned> v = Read<Turned>(f, "/record_turned", 2);
        ASSERT_EQ(v.size(), 2u) << limit;
        int64_t a;
        uint16_t b;
        memcpy(&a, v[1].a, sizeof a);
        memcpy(&b, v[1].b, sizeof b);
        EXPECT_EQ(std::string(v[1].s, 4), std::string("cd\0\0", 4));
        EXPECT_EQ(a, -3);
        EXPECT_EQ(b, 0x4480); // 4.5
    }
    FileHandle f = folder.Open("retyped.h5");
    ExpectWindowsEqualTheWhole(f, {"/real_half", "/complex_swapped", "/record_more", "/nested_turned", "/array_wide", "/text_left"});
}

TEST(Virtual, RefusesTypesThatHaveNothingInCommon)
{
    Folder folder({"retyped_source.h5"});
    FileHandle f = folder.Open("retyped_source.h5");
    for (const char *path : {"/number_to_text", "/other_extent", "/record_to_number"}) {
        h5r_error err{};
        EXPECT_TRUE(Read<unsigned char>(f, path, 64, &err).empty()) << path;
        EXPECT_EQ(err.status, H5R_ERR_UNSUPPORTED) << path;
        EXPECT_NE(std::string(err.message).find("cannot be turned into"), std::string::npos) << err.message;
    }
}

TEST(External, MissingFileIsAnErrorAndAShortOneZeros)
{
    Folder folder({"external.h5", "external_1.raw"});
    FileHandle f = folder.Open("external.h5");
    h5r_error err{};
    EXPECT_TRUE(Read<int16_t>(f, "/data", 36, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_NOT_FOUND);
    EXPECT_NE(std::string(err.message).find("external_0.raw"), std::string::npos);
    std::vector<int16_t> v = Read<int16_t>(f, "/short", 30);
    ASSERT_EQ(v.size(), 30u);
    EXPECT_EQ(v[23], 39);
    EXPECT_EQ(v[24], 0);
}

TEST(Set, FamilyIsOneFile)
{
    Folder folder({"family_00000.h5", "family_00001.h5", "family_00002.h5", "family_00003.h5", "family_00004.h5"});
    FileHandle f = folder.Open("family_00000.h5");
    EXPECT_STREQ(h5r_get_info(f.get())->driver, "family");
    EXPECT_EQ(Read<int>(f, "/x", 600)[599], 599);
    f.reset();
    EXPECT_EQ(folder.m_open, 0);
    folder.m_files.erase("family_00001.h5");
    f = folder.Open("family_00000.h5");
    h5r_error err{};
    EXPECT_TRUE(Read<int>(f, "/x", 600, &err).empty());
    EXPECT_NE(std::string(err.message).find("family_00001.h5"), std::string::npos) << err.message;
}

// HDF5 1.6 wrote no driver information into families: the sizes of the files tell.
TEST(Set, FamilyThatDoesNotSaySo)
{
    Folder folder({});
    folder.tells_size = true;
    Bytes whole = ReadFile(H5RANGE_TEST_DATA "/plain.h5");
    for (size_t i = 0; i * 3000 < whole.size(); i++)
        folder.m_files["old_0" + std::to_string(i) + ".h5"] =
            Bytes(whole.begin() + static_cast<long>(i * 3000), whole.begin() + static_cast<long>(std::min(whole.size(), (i + 1) * 3000)));
    std::string last = folder.m_files.rbegin()->first;
    ASSERT_EQ(folder.m_files.size(), (whole.size() + 2999) / 3000);
    FileHandle f = folder.Open("old_00.h5");
    EXPECT_STREQ(h5r_get_info(f.get())->driver, "family");
    EXPECT_EQ(Read<int16_t>(f, "/chunked", 1000)[999], 999);
    f.reset();
    EXPECT_EQ(folder.m_open, 0);
    // nothing is guessed when the caller wants no other files, or when the last file has other bytes than are left
    EXPECT_STREQ(h5r_get_info(folder.Open("old_00.h5", H5R_OTHERS_NO).get())->driver, "");
    folder.m_files[last].push_back(0);
    f = folder.Open("old_00.h5");
    EXPECT_STREQ(h5r_get_info(f.get())->driver, "");
    h5r_error err{};
    EXPECT_TRUE(Read<int16_t>(f, "/chunked", 1000, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_FORMAT);
}

TEST(Set, NameThatDoesNotTellTheOthersSaysSo)
{
    Folder folder({"split-m.h5", "split-r.h5"});
    FileHandle f = folder.Open("split-m.h5");
    EXPECT_STREQ(h5r_get_info(f.get())->driver, "split");
    EXPECT_EQ(Read<int>(f, "/x", 100)[99], 99);
    folder.m_files["renamed.h5"] = folder.m_files["split-m.h5"];
    f = folder.Open("renamed.h5");
    h5r_error err{};
    EXPECT_TRUE(Read<int>(f, "/x", 100, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_UNSUPPORTED);
}

// The first file of a subfiling set: superblock and driver information; the root group is in a subfile.
TEST(Set, SubfilingIsNamed)
{
    Bytes stub = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0, 0, 0, 0, 0, 8, 8, 0};
    auto u = [&stub](uint64_t v, unsigned width) {
        for (unsigned i = 0; i < width; i++)
            stub.push_back(static_cast<unsigned char>(v >> (8 * i)));
    };
    for (uint64_t v : {UINT64_C(0x100004), UINT64_C(0), UINT64_MAX, UINT64_C(44993600), UINT64_C(96), UINT64_C(0), UINT64_C(211), UINT64_C(1),
                       UINT64_C(251), UINT64_C(795)})
        u(v, 8); // K, base, free space, end, driver information; root: name, header, its kind, B-tree, heap
    u(0, 4);
    u(99, 4);
    for (char ch : std::string("Subfilin"))
        stub.push_back(static_cast<unsigned char>(ch));
    for (uint64_t v : {UINT64_C(0x1fed01331), UINT64_C(0x0157421d00000001), UINT64_C(0x0000000200000000)})
        u(v, 8);
    stub.resize(211);
    Folder folder({});
    folder.m_files["stub.h5"] = stub;
    FileHandle f = folder.Open("stub.h5");
    ASSERT_TRUE(f);
    EXPECT_STREQ(h5r_get_info(f.get())->driver, "subfiling");
    h5r_error err{};
    EXPECT_TRUE(Read<int>(f, "/x", 100, &err).empty());
    EXPECT_EQ(err.status, H5R_ERR_UNSUPPORTED);
    EXPECT_NE(std::string(err.message).find("h5fuse"), std::string::npos) << err.message;
}
