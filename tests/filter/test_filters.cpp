extern "C" {
#include "filter/codecs.h"
}

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <random>
#include <string>

namespace {

std::vector<uint8_t> Random(size_t n, unsigned seed)
{
    std::mt19937 random(seed);
    std::vector<uint8_t> v(n);
    for (auto &b : v)
        b = static_cast<uint8_t>(random() % 7);
    return v;
}

std::vector<uint8_t> Deflate(const std::vector<uint8_t> &in)
{
    uLongf n = compressBound(in.size());
    std::vector<uint8_t> out(n);
    compress(out.data(), &n, in.data(), in.size());
    out.resize(n);
    return out;
}

std::vector<uint8_t> Shuffle(const std::vector<uint8_t> &in, size_t size)
{
    std::vector<uint8_t> out(in);
    size_t n = in.size() / size;
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < size; b++)
            out[b * n + i] = in[i * size + b];
    return out;
}

struct Result {
    h5r_status status;
    std::string message;
    std::vector<uint8_t> bytes;
};

Result Decode(const std::vector<h5r_filter> &filters, const std::vector<uint8_t> &src, size_t n, uint32_t skipped = 0)
{
    h5r_pipeline_scratch scratch = {};
    h5r_error err = {};
    Result r;
    r.bytes.resize(n);
    h5r_options options;
    h5r_options_init(&options);
    r.status = h5r_pipeline_decode(&options, filters.data(), static_cast<unsigned>(filters.size()), skipped, src.data(), src.size(),
                                   r.bytes.data(), n, &scratch, &err);
    r.message = err.message;
    h5r_pipeline_scratch_free(&scratch);
    return r;
}

h5r_filter Filter(unsigned id, const uint32_t *values = nullptr, unsigned n = 0)
{
    return {id, 0, "", n, values};
}

} // namespace

TEST(Pipeline, UndoesShuffleAndDeflateOfEverySize)
{
    for (uint32_t size : {1u, 2u, 3u, 4u, 8u, 12u, 16u})
        for (size_t n : {0u, 1u, 7u, 16u, 4096u, 100003u}) {
            auto data = Random(n, size);
            auto stored = Deflate(Shuffle(data, size));
            Result r = Decode({Filter(2, &size, 1), Filter(1)}, stored, n);
            ASSERT_EQ(r.status, H5R_OK) << r.message;
            EXPECT_EQ(r.bytes, data);
        }
}

TEST(Pipeline, SkippedFiltersAreNotUndone)
{
    uint32_t size = 4;
    auto data = Random(64, 9);
    Result r = Decode({Filter(2, &size, 1), Filter(1)}, Shuffle(data, 4), 64, 2);
    EXPECT_EQ(r.status, H5R_OK);
    EXPECT_EQ(r.bytes, data);
    EXPECT_EQ(Decode({Filter(2, &size, 1), Filter(1)}, data, 64, 3).bytes, data);
}

TEST(Pipeline, NamesTheFilterThatIsNotBuiltIn)
{
    Result r = Decode({Filter(32017)}, Random(10, 1), 10);
    EXPECT_EQ(r.status, H5R_ERR_UNSUPPORTED);
    EXPECT_EQ(r.message, "filter 32017 (SZ) is not supported");
    EXPECT_EQ(Decode({Filter(60000)}, Random(10, 1), 10).message, "filter 60000 (unregistered) is not supported");
}

TEST(Deflate, StopsAtABomb)
{
    auto stored = Deflate(std::vector<uint8_t>(64 << 20));
    Result r = Decode({Filter(1)}, stored, 1024);
    EXPECT_EQ(r.status, H5R_ERR_FORMAT);
}

TEST(Deflate, ReportsCutAndDamagedStreams)
{
    auto data = Random(10000, 4), stored = Deflate(data);
    auto cut = stored;
    cut.resize(cut.size() / 2);
    EXPECT_EQ(Decode({Filter(1)}, cut, data.size()).status, H5R_ERR_FORMAT);
    auto damaged = stored;
    damaged[damaged.size() - 2] ^= 0xff; // the Adler-32 of zlib
    EXPECT_EQ(Decode({Filter(1)}, damaged, data.size()).status, H5R_ERR_FORMAT);
    EXPECT_EQ(Decode({Filter(1)}, {}, 10).status, H5R_ERR_FORMAT);
}

TEST(Pipeline, ShortResultIsAnError)
{
    auto data = Random(100, 4);
    EXPECT_EQ(Decode({Filter(1)}, Deflate(data), 101).status, H5R_ERR_FORMAT);
}

TEST(Fletcher32, AcceptsBothByteOrdersAndRejectsDamage)
{
    for (size_t n : {0u, 1u, 2u, 719u, 720u, 721u, 5001u}) {
        auto data = Random(n, 5), stored = data;
        uint32_t sum = h5r_fletcher32(data.data(), n);
        for (unsigned i = 0; i < 4; i++)
            stored.push_back(static_cast<uint8_t>(sum >> (8 * i)));
        EXPECT_EQ(Decode({Filter(3)}, stored, n).bytes, data);
        std::swap(stored[n], stored[n + 1]);
        std::swap(stored[n + 2], stored[n + 3]);
        EXPECT_EQ(Decode({Filter(3)}, stored, n).status, H5R_OK);
        if (n > 0) {
            stored[n / 2] ^= 1;
            Result r = Decode({Filter(3)}, stored, n);
            EXPECT_EQ(r.status, H5R_ERR_FORMAT);
            EXPECT_NE(r.message.find("checksum"), std::string::npos);
        }
    }
}
