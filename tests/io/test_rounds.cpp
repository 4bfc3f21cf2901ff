// I/O is behaviour: rounds, requests and bytes of the library's calls.
#include "support/support.h"

#include <gtest/gtest.h>

using namespace h5range_test;

static std::string Data(const char *name)
{
    return std::string(H5RANGE_TEST_DATA "/") + name;
}

TEST(Open, FlatFileTakesOneRound)
{
    TestSource src(ReadFile(Data("flat_earliest.h5")));
    src.first_read = 64 * 1024;
    FileHandle f = Open(src);
    ASSERT_TRUE(f);
    EXPECT_EQ(src.rounds(), 1);
    EXPECT_LE(src.bytes_read(), 64u * 1024);
}

TEST(Open, HeadThatTheCallerHasIsNotReadAgain)
{
    Bytes bytes = ReadFile(Data("flat_earliest.h5"));
    TestSource src(bytes);
    h5r_options o;
    h5r_options_init(&o);
    o.head = bytes.data();
    o.head_len = 2048;
    FileHandle f = Open(src, &o);
    ASSERT_TRUE(f);
    EXPECT_EQ(src.rounds(), 0);
}

TEST(Prefetch, RoundsGrowWithDepthNotWithTheNumberOfObjects)
{
    long rounds[2];
    const char *const names[] = {"flat_earliest.h5", "wide_earliest.h5"}; // 10 and 200 datasets in one group
    for (int i = 0; i < 2; i++) {
        TestSource src(ReadFile(Data(names[i])));
        src.first_read = 512;
        src.gap = 512;
        FileHandle f = Open(src);
        ASSERT_TRUE(f);
        const h5r_object *root;
        ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
        ASSERT_EQ(h5r_prefetch(f.get(), root, 10, H5R_PREFETCH_ATTRS, nullptr), H5R_OK);
        rounds[i] = src.rounds();
    }
    EXPECT_LE(rounds[1], rounds[0] + 2);
}

TEST(Rounds, NeighboursAreReadTogetherAcrossTheGap)
{
    size_t requests[2];
    for (size_t gap : {size_t{0}, size_t{64 * 1024}}) {
        TestSource src(ReadFile(Data("wide_earliest.h5")));
        src.gap = gap;
        FileHandle f = Open(src);
        const h5r_object *root;
        ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
        ASSERT_EQ(h5r_prefetch(f.get(), root, 10, 0, nullptr), H5R_OK);
        requests[gap > 0] = src.requests();
    }
    EXPECT_LT(requests[1] * 4, requests[0]);
}

TEST(Truncated, EveryCutGivesACleanErrorOrAnAnswer)
{
    Bytes bytes = ReadFile(Data("flat_earliest.h5"));
    for (size_t n = 0; n < bytes.size(); n += 97) {
        TestSource src(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(n)));
        h5r_error err = {};
        FileHandle f = Open(src, nullptr, &err);
        if (f)
            Answers(f.get());
        else
            EXPECT_NE(err.message[0], '\0') << n;
    }
}

// A byte changed anywhere never crashes; the sanitizer builds see what lies below. Every format error says where.
TEST(Damaged, AnyByteChangedGivesACleanErrorOrAnAnswer)
{
    for (const std::string &path : DataFiles()) {
        Bytes bytes = ReadFile(path);
        size_t step = std::max<size_t>(1, bytes.size() / 300);
        for (size_t at = 0; at < bytes.size(); at += step) {
            TestSource src(bytes);
            src.bytes()[at] ^= 0xff;
            h5r_error err = {};
            FileHandle f = Open(src, nullptr, &err);
            const std::string text = f ? Answers(f.get()) : err.message;
            // An address beyond 2^64 has no offset: then the message has the address.
            const size_t nowhere = text.find(" error -4 18446744073709551615");
            EXPECT_TRUE(nowhere == std::string::npos || text.find("no valid address", nowhere) < text.find('\n', nowhere))
                << path << " byte " << at << "\n" << text;
            EXPECT_TRUE(f || err.status != H5R_ERR_FORMAT || err.offset != H5R_UNDEFINED ||
                        text.find("no valid address") != std::string::npos || text.find("not an HDF5 file") == 0)
                << path << " byte " << at << ": " << text;
        }
    }
}

TEST(NotHdf5, MessageSaysWhatTheBytesLookLike)
{
    const std::pair<std::string, std::string> cases[] = {
        {"<!DOCTYPE html><html>Please log in</html>", "HTML"},
        {"CDF\x01 and so on and so on", "netCDF-3"},
        {"just some text\n", "text"},
        {"", "empty"},
    };
    for (const auto &c : cases) {
        TestSource src(Bytes(c.first.begin(), c.first.end()));
        h5r_error err = {};
        EXPECT_FALSE(Open(src, nullptr, &err));
        EXPECT_EQ(err.status, H5R_ERR_FORMAT);
        EXPECT_NE(std::string(err.message).find(c.second), std::string::npos) << err.message;
    }
}
