// Every file of tests/data: starved, failing and out of memory. Values are compared with h5py's by tests/cli/test_data.py.
#include "support/support.h"

#include <gtest/gtest.h>

using namespace h5range_test;

class Files : public testing::TestWithParam<std::string> {};

static std::string Name(const testing::TestParamInfo<std::string> &info)
{
    std::string name = info.param.substr(info.param.rfind('/') + 1);
    for (char &c : name)
        if (!isalnum(static_cast<unsigned char>(c)))
            c = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Data, Files, testing::ValuesIn(DataFiles()), Name);

TEST_P(Files, StarvedReaderGivesTheSameAnswersAndErrors)
{
    TestSource plain(ReadFile(GetParam())), starved(ReadFile(GetParam()));
    h5r_options options = Starved();
    starved.first_read = 8;
    FileHandle a = Open(plain), b = Open(starved, &options);
    ASSERT_TRUE(a);
    ASSERT_TRUE(b);
    EXPECT_EQ(Answers(a.get()), Answers(b.get()));
    EXPECT_LE(starved.bytes_read(), plain.bytes().size() * 4);
}

TEST_P(Files, PrefetchChangesNoAnswer)
{
    TestSource plain(ReadFile(GetParam())), walked(ReadFile(GetParam()));
    FileHandle a = Open(plain), b = Open(walked);
    ASSERT_TRUE(a);
    ASSERT_TRUE(b);
    const h5r_object *root = nullptr;
    ASSERT_EQ(h5r_lookup(b.get(), nullptr, "/", &root, nullptr), H5R_OK);
    ASSERT_EQ(h5r_prefetch(b.get(), root, 100, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX | H5R_PREFETCH_SCALES, nullptr), H5R_OK);
    EXPECT_EQ(Answers(a.get()), Answers(b.get()));
}

TEST_P(Files, SameCallsCostTheSameRoundsRequestsAndBytes)
{
    long rounds[2];
    size_t requests[2], bytes[2];
    for (int i = 0; i < 2; i++) {
        TestSource s(ReadFile(GetParam()));
        FileHandle f = Open(s);
        ASSERT_TRUE(f);
        Answers(f.get());
        rounds[i] = s.rounds();
        requests[i] = s.requests();
        bytes[i] = s.bytes_read();
    }
    EXPECT_EQ(rounds[0], rounds[1]);
    EXPECT_EQ(requests[0], requests[1]);
    EXPECT_EQ(bytes[0], bytes[1]);
}

// The k-th round fails, for each k: a clean status then, and all the answers when asked again.
TEST_P(Files, SurvivesAnyFailingRound)
{
    Bytes bytes = ReadFile(GetParam());
    h5r_options options = Starved();
    TestSource good(bytes);
    FileHandle reference = Open(good, &options);
    ASSERT_TRUE(reference);
    std::string expected = Answers(reference.get());
    long rounds = good.rounds(), step = std::max(1L, rounds / 40);
    for (long k = 0; k < rounds; k += step) {
        TestSource s(bytes);
        s.FailAt(k);
        h5r_error err = {};
        FileHandle f = Open(s, &options, &err);
        if (!f) {
            EXPECT_EQ(err.status, H5R_ERR_IO) << "round " << k;
            continue;
        }
        h5r_status failed;
        Answers(f.get(), &failed);
        EXPECT_EQ(failed, H5R_ERR_IO) << "round " << k;
        EXPECT_EQ(Answers(f.get()), expected) << "round " << k;
    }
}

// The k-th allocation fails: NOMEM or an answer, never anything else, and all the answers when asked again.
TEST_P(Files, SurvivesAnyFailingAllocation)
{
    Bytes bytes = ReadFile(GetParam());
    TestSource good(bytes);
    FileHandle reference = Open(good);
    ASSERT_TRUE(reference);
    std::string expected = Answers(reference.get());
    const h5r_object *root = nullptr;
    for (long k = 0, misses = 0; k < 4000 && misses == 0; k += 1 + k / 20) {
        TestSource s(bytes);
        FileHandle f;
        h5r_error err = {};
        h5r_status st = H5R_OK;
        {
            FailingAllocation fail(k);
            f = Open(s, nullptr, &err);
            st = f ? h5r_lookup(f.get(), nullptr, "/", &root, &err) : err.status;
            if (st == H5R_OK)
                st = h5r_prefetch(f.get(), root, 100, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX, &err);
            misses += !fail.happened();
        }
        EXPECT_TRUE(st == H5R_OK || st == H5R_ERR_NOMEM) << "allocation " << k << ": " << err.message;
        if (f)
            EXPECT_EQ(Answers(f.get()), expected) << "allocation " << k;
    }
}
