// Codecs whose writers are no HDF5 plugins of the data files (tests/data/filters_*.h5 has the others): encoded here by the same
// libraries. And what holds for all: damaged chunks are errors, inner stages may be larger than a chunk.
extern "C" {
#include "filter/codecs.h"
#include "filter/transpose.h"
}

#include "support/support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <zlib.h>

#if H5R_HAVE_BZIP2
#include <bzlib.h>
#endif
#if H5R_HAVE_CHARLS
#include <charls/charls.h>
#endif
#if H5R_HAVE_JPEG
#include <cstdio>
#include <jpeglib.h>
#endif
#if H5R_HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#if H5R_HAVE_OPENJPEG
#include <openjpeg.h>
#endif
#if H5R_HAVE_SNAPPY
#include <snappy-c.h>
#endif
#if H5R_HAVE_ZSTD
#include <zstd.h>
#endif

using h5range_test::Bytes;

namespace {

struct Result {
    h5r_status status;
    std::string message;
    Bytes bytes;
};

Result Decode(const std::vector<h5r_filter> &filters, const Bytes &src, size_t n, const h5r_options *o = nullptr)
{
    h5r_options options;
    h5r_options_init(&options);
    h5r_pipeline_scratch scratch = {};
    h5r_error err = {};
    Result r;
    r.bytes.resize(n);
    r.status = h5r_pipeline_decode(o != nullptr ? o : &options, filters.data(), static_cast<unsigned>(filters.size()), 0, src.data(), src.size(),
                                   r.bytes.data(), n, &scratch, &err);
    r.message = err.message;
    h5r_pipeline_scratch_free(&scratch);
    return r;
}

h5r_filter Filter(unsigned id, const std::vector<uint32_t> &values = {})
{
    return {id, 0, "", static_cast<unsigned>(values.size()), values.data()};
}

Bytes Smooth(size_t n)
{
    Bytes b(n);
    for (size_t i = 0; i < n; i++)
        b[i] = static_cast<uint8_t>(120 + 100 * std::sin(static_cast<double>(i) / 50));
    return b;
}

Bytes Random(size_t n, unsigned seed)
{
    std::mt19937 random(seed);
    Bytes b(n);
    for (auto &v : b)
        v = static_cast<uint8_t>(random());
    return b;
}

// The whole is decoded; a part of it, and none of it, is an error.
void ExpectDecodes(const h5r_filter &filter, const Bytes &stored, const Bytes &expected)
{
    Result r = Decode({filter}, stored, expected.size());
    ASSERT_EQ(r.status, H5R_OK) << r.message;
    EXPECT_EQ(r.bytes, expected);
    Bytes half(stored.begin(), stored.begin() + static_cast<long>(stored.size() / 2));
    EXPECT_EQ(Decode({filter}, half, expected.size()).status, H5R_ERR_FORMAT);
    EXPECT_EQ(Decode({filter}, {}, expected.size()).status, H5R_ERR_FORMAT);
    EXPECT_EQ(Decode({filter}, Random(200, 3), expected.size()).status, H5R_ERR_FORMAT);
}

void Put32(Bytes &b, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        b.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

Bytes Fletcher(Bytes b)
{
    Put32(b, h5r_fletcher32(b.data(), b.size()));
    return b;
}

} // namespace

// Rows of every length around those of vectors, of numbers of every size, in both byte orders.
TEST(Transpose, RowsOfByteplanes)
{
    for (size_t size = 1; size <= 9; size++)
        for (size_t elems : {0, 1, 7, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 180})
            for (bool reversed : {false, true}) {
                const size_t rows = 3, gap = 5, count = rows * (elems + gap);
                std::vector<uint8_t> planes(size * count), got(rows * (elems * size + 3), 0xee), expected = got;
                for (size_t i = 0; i < planes.size(); i++)
                    planes[i] = static_cast<uint8_t>(i * 2654435761U >> 13);
                for (size_t r = 0; r < rows; r++)
                    for (size_t i = 0; i < elems; i++)
                        for (size_t b = 0; b < size; b++)
                            expected[r * (elems * size + 3) + i * size + (reversed ? size - 1 - b : b)] = planes[b * count + r * (elems + gap) + i];
                const auto plane = static_cast<ptrdiff_t>(count);
                h5r_unshuffle_rows(planes.data() + (reversed ? (size - 1) * count : 0), reversed ? -plane : plane, static_cast<ptrdiff_t>(elems + gap),
                                   got.data(), static_cast<ptrdiff_t>(elems * size + 3), rows, elems, size);
                ASSERT_EQ(got, expected) << size << " bytes, " << elems << " elements, reversed " << reversed;
            }
}

TEST(Transpose, UnshuffleIsTheDefinition)
{
    for (size_t size = 1; size <= 20; size++)
        for (size_t n : {0u, 1u, 7u, 15u, 16u, 17u, 31u, 33u, 257u, 600u}) {
            Bytes src = Random(n * size, 1), dst(n * size), expected(n * size);
            for (size_t i = 0; i < n; i++)
                for (size_t b = 0; b < size; b++)
                    expected[i * size + b] = src[b * n + i];
            h5r_unshuffle(src.data(), dst.data(), n, size);
            ASSERT_EQ(dst, expected) << size << " " << n;
        }
}

TEST(Transpose, UnbitshuffleIsTheDefinition)
{
    for (size_t size = 1; size <= 20; size++)
        for (size_t n : {0u, 8u, 16u, 120u, 128u, 136u, 264u, 1024u}) {
            Bytes src = Random(n * size, 2), dst(n * size), tmp(n * size), expected(n * size);
            for (size_t i = 0; i < n; i++)
                for (size_t bit = 0; bit < 8 * size; bit++)
                    expected[i * size + bit / 8] |= static_cast<uint8_t>((src[bit * (n / 8) + i / 8] >> (i % 8) & 1) << (bit % 8));
            h5r_unbitshuffle(src.data(), dst.data(), tmp.data(), n, size);
            ASSERT_EQ(dst, expected) << size << " " << n;
        }
}

#if H5R_HAVE_SZIP
// Seven big-endian integers of 6 bytes and 37 bits: pixels of 8 bytes, of which the writer leaves out the last one, cut by the chunk's end.
TEST(Szip, LosesWhatIsLessThanAPixel)
{
    Bytes stored = {0x2a, 0, 0, 0, 0x0a, 0x1c, 0x0a, 0x70, 0x50, 0xe0, 0xa1, 0xc9, 0xca, 0x44,
                    0x38, 0x28, 0x72, 0x30, 0x29, 0xc1, 0x43, 0x82, 0x14, 0x66, 0x88, 0x2a, 0x28};
    Bytes expected;
    for (uint8_t last : {4, 3, 3, 4, 3, 4, 0})
        for (uint8_t b : {uint8_t(0), uint8_t(0), uint8_t(0), uint8_t(0), uint8_t(last > 0 ? 7 : 0), last})
            expected.push_back(b);
    Result r = Decode({Filter(4, {149, 2, 64, 7})}, stored, expected.size());
    ASSERT_EQ(r.status, H5R_OK) << r.message;
    EXPECT_EQ(r.bytes, expected);
}
#endif

// The codec of a bitshuffle filter that was set twice: what its writer does not know it stores plain.
TEST(Bitshuffle, UnknownCodecs)
{
    Bytes src = Random(16, 5), tmp(16), expected(16);
    h5r_unbitshuffle(src.data(), expected.data(), tmp.data(), 8, 2);
    Result r = Decode({Filter(32008, {0, 4, 2, 0, 4})}, src, 16);
    ASSERT_EQ(r.status, H5R_OK) << r.message;
    EXPECT_EQ(r.bytes, expected);
    src.pop_back();
    r = Decode({Filter(32008, {0, 4, 2, 0, 4})}, src, 16);
    EXPECT_EQ(r.status, H5R_ERR_UNSUPPORTED);
    EXPECT_NE(r.message.find("codec 4"), std::string::npos) << r.message;
}

TEST(Registry, ListsEveryFilterOnceByIdAndSaysWhatIsMissing)
{
    unsigned before = 0;
    for (size_t i = 0; h5r_filter_at(i) != nullptr; i++) {
        const h5r_filter_info *f = h5r_filter_at(i);
        EXPECT_GT(f->id, before);
        before = f->id;
        EXPECT_STREQ(h5r_filter_name(f->id), f->name);
        EXPECT_EQ(h5r_filter_available(f->id), f->available);
        Result r = Decode({Filter(f->id)}, {}, 8);
        std::string filter = "filter " + std::to_string(f->id) + " (" + f->name + ") ";
        if (f->available)
            EXPECT_EQ(r.status, H5R_ERR_FORMAT) << f->name;
        else if (f->library != nullptr)
            EXPECT_EQ(r.message, filter + "not built in: build with " + f->library);
        else
            EXPECT_EQ(r.message, filter + "is not supported");
        if (!f->available)
            EXPECT_EQ(r.status, H5R_ERR_UNSUPPORTED);
    }
    EXPECT_EQ(h5r_filter_name(60000), nullptr);
    EXPECT_FALSE(h5r_filter_available(60000));
}

TEST(BitRounding, ChangesNothing)
{
    Bytes data = Smooth(100);
    for (unsigned id : {32022u, 32023u, 32032u})
        EXPECT_EQ(Decode({Filter(id)}, data, 100).bytes, data);
}

#if H5R_HAVE_SNAPPY
TEST(Snappy, Decodes)
{
    Bytes data = Smooth(5000), stored(snappy_max_compressed_length(data.size()));
    size_t n = stored.size();
    snappy_compress(reinterpret_cast<char *>(data.data()), data.size(), reinterpret_cast<char *>(stored.data()), &n);
    stored.resize(n);
    ExpectDecodes(Filter(32003), stored, data);
}
#endif

#if H5R_HAVE_LZO
TEST(Lzo, DecodesWithAndWithoutTheChecksumBehindIt)
{
    Bytes data = Smooth(5000), stored(6000), work(LZO1X_1_MEM_COMPRESS);
    lzo_uint n = stored.size();
    ASSERT_EQ(lzo1x_1_compress(data.data(), data.size(), stored.data(), &n, work.data()), LZO_E_OK);
    stored.resize(n);
    ExpectDecodes(Filter(305), stored, data);
    Put32(stored, 0x12345678);
    ExpectDecodes(Filter(305), stored, data);
}
#endif

#if H5R_HAVE_CHARLS
namespace {
Bytes JpegLs(const uint8_t *src, uint32_t width, uint32_t height, int bits)
{
    Bytes out(width * height * 4 + 1000);
    charls_jpegls_encoder *e = charls_jpegls_encoder_create();
    charls_frame_info frame = {width, height, bits, 1};
    size_t n = 0;
    EXPECT_EQ(charls_jpegls_encoder_set_frame_info(e, &frame), charls_jpegls_errc{});
    EXPECT_EQ(charls_jpegls_encoder_set_destination_buffer(e, out.data(), out.size()), charls_jpegls_errc{});
    EXPECT_EQ(charls_jpegls_encoder_encode_from_buffer(e, src, size_t{width} * height * (bits > 8 ? 2u : 1u), 0), charls_jpegls_errc{});
    EXPECT_EQ(charls_jpegls_encoder_get_bytes_written(e, &n), charls_jpegls_errc{});
    charls_jpegls_encoder_destroy(e);
    out.resize(n);
    return out;
}
} // namespace

TEST(JpegLs, DecodesOneImage)
{
    Bytes data = Smooth(40 * 30 * 2);
    std::vector<uint32_t> values = {30, 40, 16, 1};
    ExpectDecodes(Filter(32012, values), JpegLs(data.data(), 40, 30, 16), data);
    ExpectDecodes(Filter(32018), JpegLs(data.data(), 40, 30, 16), data);
}

// Version 0.2 of h5jpegls: up to 24 slices of nearly equal height, their sizes in front.
TEST(JpegLs, DecodesSlices)
{
    for (uint32_t height : {5u, 24u, 50u}) {
        const uint32_t width = 40, slices = std::min(height, 24u);
        Bytes data = Smooth(width * height), head, body;
        for (uint32_t i = 0, row = 0; i < slices; i++) {
            uint32_t rows = height / slices + (i < height % slices);
            Bytes image = JpegLs(data.data() + row * width, width, rows, 8);
            Put32(head, static_cast<uint32_t>(image.size()));
            body.insert(body.end(), image.begin(), image.end());
            row += rows;
        }
        head.insert(head.end(), body.begin(), body.end());
        std::vector<uint32_t> values = {width, height, 1};
        ExpectDecodes(Filter(32012, values), head, data);
    }
}
#endif

#if H5R_HAVE_JPEG
TEST(Jpeg, DecodesGreyAndColour)
{
    for (int components : {1, 3}) {
        const int width = 64, height = 48;
        Bytes data = Smooth(static_cast<size_t>(width * height * components));
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width * components; x++)
                data[static_cast<size_t>(y * width * components + x)] = static_cast<uint8_t>(x / components + y);
        jpeg_compress_struct c;
        jpeg_error_mgr errors;
        c.err = jpeg_std_error(&errors);
        jpeg_create_compress(&c);
        unsigned char *out = nullptr;
        unsigned long n = 0;
        jpeg_mem_dest(&c, &out, &n);
        c.image_width = width;
        c.image_height = height;
        c.input_components = components;
        c.in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
        jpeg_set_defaults(&c);
        jpeg_set_quality(&c, 100, TRUE);
        jpeg_start_compress(&c, TRUE);
        for (int y = 0; y < height; y++) {
            JSAMPROW row = data.data() + y * width * components;
            jpeg_write_scanlines(&c, &row, 1);
        }
        jpeg_finish_compress(&c);
        Bytes stored(out, out + n);
        jpeg_destroy_compress(&c);
        free(out);
        Result r = Decode({Filter(32019)}, stored, data.size());
        ASSERT_EQ(r.status, H5R_OK) << r.message;
        for (size_t i = 0; i < data.size(); i++)
            ASSERT_NEAR(r.bytes[i], data[i], 3);
        stored.resize(stored.size() / 2);
        EXPECT_EQ(Decode({Filter(32019)}, stored, data.size()).status, H5R_ERR_FORMAT);
        EXPECT_EQ(Decode({Filter(32019)}, Random(500, 1), data.size()).status, H5R_ERR_FORMAT);
    }
}
#endif

#if H5R_HAVE_OPENJPEG
namespace {
OPJ_SIZE_T Append(void *p, OPJ_SIZE_T n, void *ctx)
{
    auto *b = static_cast<Bytes *>(ctx);
    b->insert(b->end(), static_cast<uint8_t *>(p), static_cast<uint8_t *>(p) + n);
    return n;
}
} // namespace

TEST(Jpeg2000, DecodesComponentsByPixelOfAnySign)
{
    for (unsigned components : {1u, 3u})
        for (bool sign : {false, true}) {
            const unsigned width = 33, height = 21;
            std::vector<opj_image_cmptparm_t> parts(components);
            for (auto &p : parts) {
                p = {};
                p.dx = p.dy = 1;
                p.w = width;
                p.h = height;
                p.prec = 12;
                p.sgnd = sign;
            }
            opj_image_t *image = opj_image_create(components, parts.data(), components == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
            image->x1 = width;
            image->y1 = height;
            Bytes data;
            for (unsigned i = 0; i < width * height; i++)
                for (unsigned c = 0; c < components; c++) {
                    int v = static_cast<int>(i * (c + 3) % 4096) - (sign ? 2048 : 0);
                    image->comps[c].data[i] = v;
                    data.push_back(static_cast<uint8_t>(v));
                    data.push_back(static_cast<uint8_t>(v >> 8));
                }
            opj_cparameters_t parameters;
            opj_set_default_encoder_parameters(&parameters);
            parameters.tcp_numlayers = 1;
            parameters.cp_disto_alloc = 1;
            parameters.numresolution = 3;
            Bytes stored;
            opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
            ASSERT_TRUE(opj_setup_encoder(codec, &parameters, image));
            opj_stream_t *stream = opj_stream_create(1 << 20, OPJ_FALSE);
            opj_stream_set_user_data(stream, &stored, nullptr);
            opj_stream_set_write_function(stream, Append);
            ASSERT_TRUE(opj_start_compress(codec, image, stream) && opj_encode(codec, stream) && opj_end_compress(codec, stream));
            opj_stream_destroy(stream);
            opj_destroy_codec(codec);
            opj_image_destroy(image);
            ExpectDecodes(Filter(32031), stored, data);
        }
}
#endif

#if H5R_HAVE_ZSTD
namespace {

Bytes Zstd(const Bytes &in)
{
    Bytes out(ZSTD_compressBound(in.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3));
    return out;
}

// A frame that does not say how large its content is.
Bytes ZstdStream(const Bytes &in)
{
    Bytes out(ZSTD_compressBound(in.size()) + 100);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_inBuffer i = {in.data(), in.size(), 0};
    ZSTD_outBuffer o = {out.data(), out.size(), 0};
    ZSTD_compressStream2(c, &o, &i, ZSTD_e_continue);
    ZSTD_compressStream2(c, &o, &i, ZSTD_e_end);
    ZSTD_freeCCtx(c);
    out.resize(o.pos);
    EXPECT_EQ(ZSTD_getFrameContentSize(out.data(), out.size()), ZSTD_CONTENTSIZE_UNKNOWN);
    return out;
}

// streamvbyte as its paper describes it, and VBZ's variant in half bytes.
Bytes StreamVbyte(const std::vector<uint32_t> &values, bool halves)
{
    Bytes keys((values.size() + 3) / 4), nibbles, data;
    for (size_t i = 0; i < values.size(); i++) {
        uint32_t v = values[i];
        unsigned key = halves ? (v == 0 ? 0 : v < 16 ? 1 : v < 256 ? 2 : 3) : (v < 1u << 8 ? 0 : v < 1u << 16 ? 1 : v < 1u << 24 ? 2 : 3);
        unsigned n = halves ? (key == 3 ? 4 : key) : 2 * (key + 1);
        keys[i / 4] |= static_cast<uint8_t>(key << (i % 4 * 2));
        for (unsigned k = 0; k < n; k++)
            nibbles.push_back(v >> (4 * k) & 15);
    }
    for (size_t i = 0; i < nibbles.size(); i += 2)
        data.push_back(static_cast<uint8_t>(nibbles[i] | (i + 1 < nibbles.size() ? nibbles[i + 1] << 4 : 0)));
    keys.insert(keys.end(), data.begin(), data.end());
    return keys;
}

} // namespace

TEST(Vbz, DecodesEveryVersionSizeAndCoding)
{
    for (uint32_t version : {0u, 1u})
        for (uint32_t size : {0u, 1u, 2u, 4u})
            for (uint32_t zigzag : {0u, 1u})
                for (uint32_t level : {0u, 1u}) {
                    Bytes data = Smooth(404), coded = data;
                    if (size > 0) {
                        std::vector<uint32_t> codes;
                        int32_t before = 0;
                        for (size_t i = 0; i < data.size(); i += size) {
                            uint32_t raw = 0;
                            for (uint32_t b = 0; b < size; b++)
                                raw |= static_cast<uint32_t>(data[i + b]) << (8 * b);
                            int32_t v = size == 1 ? static_cast<int8_t>(raw) : size == 2 ? static_cast<int16_t>(raw) : static_cast<int32_t>(raw);
                            // a sum of 32 bits, as the writer keeps it
                            uint32_t d = static_cast<uint32_t>(v) - static_cast<uint32_t>(before);
                            codes.push_back(zigzag != 0 ? d << 1 ^ (0u - (d >> 31)) : static_cast<uint32_t>(v) & (size == 1 && version == 1 ? 0xffu : ~0u));
                            before = v;
                        }
                        coded = StreamVbyte(codes, version == 1 && size == 1);
                    }
                    if (level != 0)
                        coded = Zstd(coded);
                    Bytes stored;
                    Put32(stored, static_cast<uint32_t>(data.size()));
                    stored.insert(stored.end(), coded.begin(), coded.end());
                    std::vector<uint32_t> values = {version, size, zigzag, level};
                    SCOPED_TRACE(::testing::PrintToString(values));
                    ExpectDecodes(Filter(32020, values), stored, data);
                }
}

TEST(Zstandard, DecodesFramesWithoutASizeAndSeveralFrames)
{
    Bytes data = Smooth(5000);
    ExpectDecodes(Filter(32015), ZstdStream(data), data);
    Bytes two = Zstd(Bytes(data.begin(), data.begin() + 1000)), rest = Zstd(Bytes(data.begin() + 1000, data.end()));
    two.insert(two.end(), rest.begin(), rest.end());
    EXPECT_EQ(Decode({Filter(32015)}, two, data.size()).bytes, data);
}

TEST(Zstandard, StopsAtABomb)
{
    EXPECT_EQ(Decode({Filter(32015)}, ZstdStream(Bytes(8 << 20)), 100).status, H5R_ERR_FORMAT);
    EXPECT_EQ(Decode({Filter(32015)}, Zstd(Bytes(8 << 20)), 100).status, H5R_ERR_FORMAT);
}
#endif

// An inner stage puts out more than a chunk, and codecs that cannot say how much have to find out.
TEST(Pipeline, InnerStagesMayBeLargerThanAChunk)
{
    for (size_t n : {0u, 1u, 64u, 5000u, 70000u}) {
        Bytes data = Smooth(n), sum = Fletcher(data);
        uLongf len = compressBound(sum.size());
        Bytes stored(len);
        compress(stored.data(), &len, sum.data(), sum.size());
        stored.resize(len);
        Result r = Decode({Filter(3), Filter(1)}, stored, n);
        EXPECT_EQ(r.status, H5R_OK) << r.message;
        EXPECT_EQ(r.bytes, data);
        // A last stage that puts out more than the chunk is cut.
        EXPECT_EQ(Decode({Filter(1)}, stored, n).bytes, data);
#if H5R_HAVE_ZSTD
        r = Decode({Filter(3), Filter(32015)}, ZstdStream(sum), n);
        EXPECT_EQ(r.status, H5R_OK) << r.message;
        EXPECT_EQ(r.bytes, data);
        EXPECT_EQ(Decode({Filter(32015)}, ZstdStream(sum), n).bytes, data);
#endif
#if H5R_HAVE_BZIP2
        Bytes bz(sum.size() + sum.size() / 50 + 700);
        unsigned bz_len = static_cast<unsigned>(bz.size());
        ASSERT_EQ(BZ2_bzBuffToBuffCompress(reinterpret_cast<char *>(bz.data()), &bz_len, reinterpret_cast<char *>(sum.data()),
                                           static_cast<unsigned>(sum.size()), 1, 0, 0), BZ_OK);
        bz.resize(bz_len);
        r = Decode({Filter(3), Filter(307)}, bz, n);
        EXPECT_EQ(r.status, H5R_OK) << r.message;
        EXPECT_EQ(r.bytes, data);
        EXPECT_EQ(Decode({Filter(307)}, bz, n).bytes, data);
        EXPECT_EQ(Decode({Filter(307)}, bz, sum.size()).bytes, sum); // an output of just the size of the buffer
#endif
    }
}

// Client data of the file are as guilty as its bytes.
TEST(Codecs, BadClientDataIsAnError)
{
    struct Case {
        unsigned id;
        std::vector<uint32_t> values;
    };
    const uint32_t big = 0xffffffff;
    const std::vector<Case> cases = {
        {2, {0}}, {4, {}}, {4, {141, 32, 8}}, {4, {141, 0, 8, 64}}, {4, {141, 31, 8, 64}}, {4, {141, 32, 0, 64}}, {4, {141, 32, 8, 0}},
        {4, {141, 34, 8, 128}}, {4, {141, 16, 8, 8}}, {4, {141, 16, 33, 64}},
        {5, {8}}, {5, {8, 0, 16}}, {5, {8, 0, 16, 9, 4, 0, 12, 4}}, {5, {8, 0, 16, 1, 4, 0, 33, 0}}, {5, {8, 0, 16, 1, 4, 0, 12, 21}},
        {5, {8, 0, 16, 1, 4, 2, 12, 4}}, {5, {8, 0, 16, 1, 4, 0, 0, 0}}, {5, {8, 0, big, 1, big, 0, 12, 4}}, {5, {8, 0, 16, 1, 0, 0, 12, 4}},
        {5, {8, 0, 2, 2, 7, 1, 4, 0, 12, 4}}, {5, {8, 0, 2, 3, 4, 0}}, {5, {8, 0, 2, 3, 4, 1, 1, 4, 4}}, {5, {8, 0, 2, 3, 4, big, 0, 4, 1}},
        {6, {2, 0, 8}}, {6, {3, 0, 8, 0, 4, 1, 0, 0}}, {6, {2, 0, 8, 0, 3, 1, 0, 0}}, {6, {0, 0, 8, 1, 2, 1, 0, 0}}, {6, {2, 0, 8, 1, 4, 1, 0, 0}},
        {6, {2, 0, 8, 0, 4, 1, 2, 0}}, {6, {2, 0, 8, 0, 4, 1, 0, 1}}, {6, {2, 0, big, 0, 8, 1, 0, 0}},
        {32008, {0, 4, 0}}, {32008, {0, 4}}, {32008, {0, 4, big, 0, 0}}, {32008, {0, 4, 4, 12, 0}},
        {32013, {1}}, {32013, {1, 0}}, {32013, {1, 0x0570667a, big, big, big, big, big}},
        {32012, {big, big, 2}}, {32012, {3, 3, 3}}, {32020, {0, 3, 0, 1}}, {32020, {0, 2}},
    };
    for (const Case &c : cases)
        for (const Bytes &src : {Random(100, 7), Bytes(100)}) {
            if (!h5r_filter_available(c.id))
                continue;
            Result r = Decode({Filter(c.id, c.values)}, src, 64);
            EXPECT_EQ(r.status, H5R_ERR_FORMAT) << c.id << " " << ::testing::PrintToString(c.values);
            EXPECT_EQ(r.message.rfind(h5r_filter_name(c.id), 0), 0u) << r.message << " " << c.id << " " << ::testing::PrintToString(c.values);
        }
}

// ---------------------------------------------------------------- Blosc2 frames

namespace {

// A contiguous frame of one stored chunk, whose fields read like the tables of c-blosc2's documents.
struct Frame {
    std::string magic = "b2frame";
    uint32_t rank = 2;
    std::vector<uint32_t> shape = {3, 5}, chunk = {3, 5}, block = {2, 2};
    std::string layer = "b2nd";
    uint32_t type_size = 1; // of the frame
    uint8_t frame_type = 0, flags = 0x17 /* filters in the longer header, copy, not split */, flags2 = 0, chunk_type_size = 1;
    uint32_t n_bytes = 0, block_bytes = 0; // 0: of data
    Bytes data;

    static void Be(Bytes &b, uint64_t v, unsigned n)
    {
        while (n-- > 0)
            b.push_back(static_cast<uint8_t>(v >> (8 * n)));
    }
    static void Text(Bytes &b, const std::string &s)
    {
        b.insert(b.end(), s.begin(), s.end());
    }
    static void Numbers(Bytes &b, unsigned type, unsigned bytes, const std::vector<uint32_t> &v)
    {
        b.push_back(static_cast<uint8_t>(0x90 | v.size()));
        for (uint32_t x : v) {
            b.push_back(static_cast<uint8_t>(type));
            Be(b, x, bytes);
        }
    }
    Bytes Build() const
    {
        Bytes content = {0x97, 0, static_cast<uint8_t>(rank)}, chunk_bytes;
        Numbers(content, 0xd3, 8, shape);
        Numbers(content, 0xd2, 4, chunk);
        Numbers(content, 0xd2, 4, block);
        Be(content, 0x00db00000000, 6);
        for (unsigned v : {5u, 1u, static_cast<unsigned>(flags), static_cast<unsigned>(chunk_type_size)})
            chunk_bytes.push_back(static_cast<uint8_t>(v));
        Put32(chunk_bytes, n_bytes != 0 ? n_bytes : static_cast<uint32_t>(data.size()));
        Put32(chunk_bytes, block_bytes != 0 ? block_bytes : static_cast<uint32_t>(data.size()));
        Put32(chunk_bytes, static_cast<uint32_t>(32 + data.size()));
        chunk_bytes.resize(31);
        chunk_bytes.push_back(flags2);
        chunk_bytes.insert(chunk_bytes.end(), data.begin(), data.end());

        const size_t head = 0x57 + 7 + 1 + layer.size() + 5 + 3 + 5 + content.size();
        Bytes b = {0x9e, 0xa8};
        Text(b, magic + std::string(8 - magic.size(), '\0'));
        b.push_back(0xd2);
        Be(b, head, 4);
        b.push_back(0xcf);
        Be(b, head + chunk_bytes.size(), 8);
        for (unsigned v : {0xa4u, 0x12u, static_cast<unsigned>(frame_type), 0u, 0u, 0xd3u})
            b.push_back(static_cast<uint8_t>(v));
        Be(b, data.size(), 8);
        b.push_back(0xd3);
        Be(b, chunk_bytes.size(), 8);
        for (uint64_t v : {static_cast<uint64_t>(type_size), uint64_t{0}, static_cast<uint64_t>(data.size())}) {
            b.push_back(0xd2);
            Be(b, v, 4);
        }
        b.resize(0x57);
        for (unsigned v : {0x93u, 0xcdu, 0u, 0u, 0xdeu, 0u, 1u, static_cast<unsigned>(0xa0 | layer.size())})
            b.push_back(static_cast<uint8_t>(v));
        Text(b, layer);
        b.push_back(0xd2);
        Be(b, head - content.size() - 5, 4);
        Be(b, 0xdc0001, 3);
        b.push_back(0xc6);
        Be(b, content.size(), 4);
        b.insert(b.end(), content.begin(), content.end());
        EXPECT_EQ(b.size(), head);
        b.insert(b.end(), chunk_bytes.begin(), chunk_bytes.end());
        return b;
    }
};

// 3 x 5 elements of `size` bytes in blocks of 2 x 2: 2 x 3 of those.
Frame Boxes(size_t size, Bytes *expected)
{
    Frame f;
    *expected = Random(15 * size, 5);
    for (size_t by = 0; by < 4; by += 2)
        for (size_t bx = 0; bx < 6; bx += 2)
            for (size_t y = by; y < by + 2; y++)
                for (size_t x = bx; x < bx + 2; x++)
                    for (size_t i = 0; i < size; i++)
                        f.data.push_back(y < 3 && x < 5 ? (*expected)[(y * 5 + x) * size + i] : 0xee);
    f.block_bytes = static_cast<uint32_t>(4 * size);
    return f;
}

} // namespace

// For types of more than 255 bytes c-blosc2 writes 1 as the size of the type, and cannot read the file itself.
TEST(Blosc2, SizeOfTheTypeComesFromTheBlocks)
{
    for (size_t size : {1u, 2u, 7u, 300u}) {
        Bytes expected;
        Frame f = Boxes(size, &expected);
        Result r = Decode({Filter(32026)}, f.Build(), expected.size());
        EXPECT_EQ(r.status, H5R_OK) << r.message;
        EXPECT_EQ(r.bytes, expected);
        f.layer = "caterva";
        EXPECT_EQ(Decode({Filter(32026)}, f.Build(), expected.size()).bytes, expected);
    }
}

TEST(Blosc2, RejectsWhatDoesNotFit)
{
    Bytes expected;
    const Frame good = Boxes(2, &expected);
    auto status = [&](const char *what, void (*change)(Frame &)) {
        Frame f = good;
        change(f);
        Result r = Decode({Filter(32026)}, f.Build(), expected.size());
        EXPECT_EQ(r.message.rfind("Blosc2: ", 0), 0u) << what << ": " << r.message;
        return r.status;
    };
    EXPECT_EQ(status("magic", [](Frame &f) { f.magic = "b2frams"; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("rank 0", [](Frame &f) { f.rank = 0; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("rank 16", [](Frame &f) { f.rank = 16; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("rank and shape", [](Frame &f) { f.shape = {3, 5, 1}; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("several chunks", [](Frame &f) { f.shape = {6, 5}; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("empty block", [](Frame &f) { f.block = {2, 0}; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("block beyond chunk", [](Frame &f) { f.block = {2, 6}; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("other blocks", [](Frame &f) { f.block = {3, 2}; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("large array", [](Frame &f) { f.shape = f.chunk = {0xffffffff, 0xffffffff}; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("block bytes", [](Frame &f) { f.block_bytes = 7; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("bytes", [](Frame &f) { f.n_bytes = 47; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("more bytes than stored", [](Frame &f) { f.n_bytes = 96; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("type size", [](Frame &f) { f.chunk_type_size = 0; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("damaged streams", [](Frame &f) { f.flags = 0x15; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("repeated value", [](Frame &f) { f.flags2 = 0x30, f.n_bytes = 49, f.block_bytes = 49; }), H5R_ERR_FORMAT);
    EXPECT_EQ(status("frame type", [](Frame &f) { f.frame_type = 1; }), H5R_ERR_UNSUPPORTED);
    EXPECT_EQ(status("dictionary", [](Frame &f) { f.flags2 = 1; }), H5R_ERR_UNSUPPORTED);
    EXPECT_EQ(status("special", [](Frame &f) { f.flags2 = 0x50; }), H5R_ERR_UNSUPPORTED);
    EXPECT_EQ(status("registered codec", [](Frame &f) { f.flags = 0xd5; }), H5R_ERR_UNSUPPORTED);
}

// ---------------------------------------------------------------- codecs of the caller

namespace {

struct Xor {
    unsigned calls = 0;
    bool last = false;
    size_t cap = 0, chunk = 0, extra = 0;
    h5r_status status = H5R_OK;
};

h5r_status DecodeXor(void *ctx, const h5r_decode_args *a, size_t *len, h5r_error *err)
{
    auto *x = static_cast<Xor *>(ctx);
    x->calls++;
    x->last = a->last;
    x->cap = a->dst_cap;
    x->chunk = a->chunk_bytes;
    if (x->status != H5R_OK) {
        std::snprintf(err->message, sizeof err->message, "key %u is unknown", a->filter->values[0]);
        return x->status;
    }
    size_t n = std::min(a->src_len, a->dst_cap);
    for (size_t i = 0; i < n; i++)
        static_cast<uint8_t *>(a->dst)[i] = static_cast<uint8_t>(static_cast<const uint8_t *>(a->src)[i] ^ a->filter->values[0]);
    *len = n + x->extra;
    return H5R_OK;
}

} // namespace

TEST(CallersCodec, IsAskedFirstAndToldWhatItNeeds)
{
    Xor x;
    h5r_codec codecs[] = {{40000, "xor", DecodeXor, &x}, {3, "my sum", DecodeXor, &x}};
    h5r_options o;
    h5r_options_init(&o);
    o.codecs = codecs;
    o.n_codecs = 2;
    std::vector<uint32_t> key = {0x55};
    Bytes data = Smooth(100), stored = data;
    for (auto &b : stored)
        b ^= 0x55;
    EXPECT_EQ(Decode({Filter(40000, key)}, stored, 100, &o).bytes, data);
    EXPECT_TRUE(x.last);
    EXPECT_EQ(x.cap, 100u);
    EXPECT_EQ(x.chunk, 100u);
    std::vector<uint32_t> one = {1};
    EXPECT_EQ(Decode({Filter(2, one), Filter(40000, key)}, stored, 100, &o).bytes, data); // inner
    EXPECT_FALSE(x.last);
    EXPECT_GT(x.cap, 200u);
    EXPECT_EQ(Decode({Filter(3, key)}, stored, 100, &o).bytes, data); // in place of a built-in one
    EXPECT_EQ(x.calls, 3u);
    EXPECT_EQ(Decode({Filter(40001, key)}, stored, 100, &o).status, H5R_ERR_UNSUPPORTED);
}

TEST(CallersCodec, ItsErrorsAreReportedAndItsClaimsChecked)
{
    Xor x;
    h5r_codec codec = {40000, nullptr, DecodeXor, &x};
    h5r_options o;
    h5r_options_init(&o);
    o.codecs = &codec;
    o.n_codecs = 1;
    std::vector<uint32_t> key = {7};
    x.status = H5R_ERR_UNSUPPORTED;
    Result r = Decode({Filter(40000, key)}, Smooth(100), 100, &o);
    EXPECT_EQ(r.status, H5R_ERR_UNSUPPORTED);
    EXPECT_EQ(r.message, "filter: key 7 is unknown");
    x.status = H5R_NEED; // not for a codec to say
    EXPECT_EQ(Decode({Filter(40000, key)}, Smooth(100), 100, &o).status, H5R_ERR_INTERNAL);
    x.status = H5R_OK;
    x.extra = 1;
    EXPECT_EQ(Decode({Filter(40000, key)}, Smooth(100), 100, &o).status, H5R_ERR_INTERNAL);
    x.extra = 0;
    EXPECT_EQ(Decode({Filter(40000, key)}, Smooth(99), 100, &o).status, H5R_ERR_FORMAT); // short
}

TEST(CallersCodec, IsUsedWhenAFileIsRead)
{
    Xor x;
    h5r_codec codec = {32000, "mine", DecodeXor, &x};
    h5r_options o;
    h5r_options_init(&o);
    o.codecs = &codec;
    o.n_codecs = 1;
    h5range_test::TestSource source(h5range_test::ReadFile(H5RANGE_TEST_DATA "/filters_builtin.h5"));
    h5range_test::FileHandle f = h5range_test::Open(source, &o);
    ASSERT_TRUE(f);
    const h5r_object *ds;
    ASSERT_EQ(h5r_lookup(f.get(), nullptr, "lzf", &ds, nullptr), H5R_OK);
    std::vector<int32_t> values(50);
    h5r_selection sel = {};
    sel.dst = values.data();
    h5r_error err = {};
    x.status = H5R_ERR_FORMAT;
    EXPECT_EQ(h5r_read_dataset(f.get(), ds, &sel, &err), H5R_ERR_FORMAT);
    EXPECT_NE(std::string(err.message).find("mine: key 4 is unknown"), std::string::npos) << err.message;
    EXPECT_STREQ(err.path, "/lzf");
    x.status = H5R_OK; // what it gives is shorter than the chunk
    EXPECT_EQ(h5r_read_dataset(f.get(), ds, &sel, &err), H5R_ERR_FORMAT);
    EXPECT_EQ(x.calls, 2u);
    EXPECT_EQ(x.chunk, 200u);
}

// ---------------------------------------------------------------- every chunk of the data files, damaged

class DamagedChunks : public ::testing::TestWithParam<const char *> {};

TEST_P(DamagedChunks, CutIsAnErrorAndChangedIsNoCrash)
{
    h5range_test::TestSource source(h5range_test::ReadFile(std::string(H5RANGE_TEST_DATA "/") + GetParam()));
    h5range_test::FileHandle f = h5range_test::Open(source);
    ASSERT_TRUE(f);
    const h5r_object *root;
    const h5r_link *const *links;
    size_t n;
    ASSERT_EQ(h5r_lookup(f.get(), nullptr, "/", &root, nullptr), H5R_OK);
    ASSERT_EQ(h5r_links(f.get(), root, false, &links, &n, nullptr, nullptr), H5R_OK);
    std::mt19937 random(11);
    unsigned tested = 0;
    for (size_t i = 0; i < n; i++) {
        const h5r_object *o;
        const h5r_dataset *d;
        const h5r_chunk *chunks;
        size_t n_chunks;
        ASSERT_EQ(h5r_object_at(f.get(), links[i]->addr, &o, nullptr), H5R_OK);
        ASSERT_EQ(h5r_dataset_describe(f.get(), o, &d, nullptr), H5R_OK);
        ASSERT_EQ(h5r_chunks_all(f.get(), o, &chunks, &n_chunks, nullptr), H5R_OK);
        ASSERT_GT(n_chunks, 0u);
        const h5r_chunk &c = chunks[0];
        const Bytes whole(source.bytes().begin() + static_cast<long>(c.offset), source.bytes().begin() + static_cast<long>(c.offset + c.size));
        Bytes dst(d->chunk_bytes);
        h5r_error err = {};
        auto decode = [&](const Bytes &b) { return h5r_decode_chunk(f.get(), o, b.data(), b.size(), c.skipped, dst.data(), dst.size(), &err); };
        h5r_status st = decode(whole);
        if (st == H5R_ERR_UNSUPPORTED) { // a library was left out of this build
            EXPECT_NE(std::string(err.message).find("not built in: build with lib"), std::string::npos) << err.message;
            continue;
        }
        ASSERT_EQ(st, H5R_OK) << links[i]->name << ": " << err.message;
        EXPECT_EQ(decode(Bytes(whole.begin(), whole.begin() + static_cast<long>(whole.size() / 2))), H5R_ERR_FORMAT) << links[i]->name;
        for (size_t len : {size_t{1}, whole.size() / 4, whole.size() - 1}) {
            st = decode(Bytes(whole.begin(), whole.begin() + static_cast<long>(len)));
            EXPECT_TRUE(st == H5R_OK ? len + 1 == whole.size() : st == H5R_ERR_FORMAT) << links[i]->name << " cut to " << len << ": " << err.message;
        }
        for (int k = 0; k < 60; k++) {
            Bytes changed = whole;
            for (int j = 0; j < 1 + k / 20; j++)
                changed[random() % changed.size()] = static_cast<uint8_t>(random());
            st = decode(changed);
            EXPECT_TRUE(st == H5R_OK || st == H5R_ERR_FORMAT || st == H5R_ERR_UNSUPPORTED) << links[i]->name << ": " << err.message;
        }
        tested++;
    }
    EXPECT_GT(tested, 20u);
}

INSTANTIATE_TEST_SUITE_P(Data, DamagedChunks, ::testing::Values("filters_builtin.h5", "filters_plugins.h5"),
                         [](const auto &info) { return std::string(info.param, std::strlen(info.param) - 3); });
