// Elements of odd types as numbers of C.
#include "support/support.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace {

h5r_type Integer(uint32_t size, uint32_t precision, uint32_t bit_offset, bool is_signed)
{
    h5r_type t{};
    t.cls = H5R_CLASS_INTEGER;
    t.size = size;
    t.precision = precision;
    t.bit_offset = bit_offset;
    t.is_signed = is_signed;
    return t;
}

h5r_type Float(uint32_t size, uint32_t exp_pos, uint32_t exp_size, uint32_t bias, uint32_t mant_size, uint32_t precision = 0)
{
    h5r_type t{};
    t.cls = H5R_CLASS_FLOAT;
    t.size = size;
    t.precision = precision != 0 ? precision : 8 * size;
    t.sign_pos = exp_pos + exp_size;
    t.exp_pos = exp_pos;
    t.exp_size = exp_size;
    t.exp_bias = bias;
    t.mant_size = mant_size;
    t.norm = H5R_NORM_IMPLIED;
    return t;
}

template <class T> T Number(const h5r_type &t, std::vector<unsigned char> bytes)
{
    T v{};
    EXPECT_EQ(bytes.size(), t.size);
    EXPECT_EQ(h5r_number_size(h5r_type_number(&t, nullptr)), sizeof(T));
    h5r_to_numbers(&t, bytes.data(), 1, &v);
    return v;
}

} // namespace

TEST(Numbers, PlainTypesAreTheSame)
{
    bool same;
    h5r_type t = Integer(2, 16, 0, true);
    EXPECT_EQ(h5r_type_number(&t, &same), H5R_INT16);
    EXPECT_TRUE(same);
    t = Float(4, 23, 8, 127, 23);
    EXPECT_EQ(h5r_type_number(&t, &same), H5R_FLOAT32);
    EXPECT_TRUE(same);
    t = Float(8, 52, 11, 1023, 52);
    EXPECT_EQ(h5r_type_number(&t, &same), H5R_FLOAT64);
    EXPECT_TRUE(same);
    EXPECT_EQ(Number<double>(t, {0, 0, 0, 0, 0, 0, 0xF8, 0xBF}), -1.5);
}

TEST(Numbers, SignIsExtendedFromThePrecisionBit)
{
    EXPECT_EQ(Number<int16_t>(Integer(4, 11, 3, true), {0xF8, 0x3F, 0, 0}), -1);
    EXPECT_EQ(Number<uint16_t>(Integer(4, 11, 3, false), {0xFF, 0xFF, 0xFF, 0xFF}), 2047);
    EXPECT_EQ(Number<int32_t>(Integer(3, 24, 0, true), {0xFE, 0xFF, 0xFF}), -2);
    EXPECT_EQ(Number<uint64_t>(Integer(5, 40, 0, false), {1, 0, 0, 0, 2}), 0x200000001u);
    EXPECT_EQ(Number<int64_t>(Integer(8, 63, 1, true), {2, 0, 0, 0, 0, 0, 0, 0x80}), -0x3FFFFFFFFFFFFFFF);
}

TEST(Numbers, HalfAndBrainFloat)
{
    h5r_type half = Float(2, 10, 5, 15, 10), brain = Float(2, 7, 8, 127, 7);
    EXPECT_EQ(Number<float>(half, {0x00, 0x3C}), 1.0f);
    EXPECT_EQ(Number<float>(half, {0x01, 0x00}), 5.9604644775390625e-08f); // the smallest subnormal one
    EXPECT_EQ(Number<float>(half, {0xFF, 0x7B}), 65504.0f);
    EXPECT_EQ(Number<float>(half, {0x00, 0xFC}), -INFINITY);
    EXPECT_TRUE(std::isnan(Number<float>(half, {0x01, 0x7C})));
    EXPECT_EQ(Number<float>(brain, {0x20, 0xC1}), -10.0f);
    EXPECT_EQ(Number<float>(brain, {0x01, 0x00}), 9.183549615799121e-41f);
}

TEST(Numbers, EightBitFloatsHaveTheirOwnSpecials)
{
    h5r_type e4m3 = Float(1, 3, 4, 7, 3), e5m2 = Float(1, 2, 5, 15, 2), fp4 = Float(1, 1, 2, 1, 1, 4);
    EXPECT_EQ(Number<float>(e4m3, {0x7E}), 448.0f); // not an infinity
    EXPECT_TRUE(std::isnan(Number<float>(e4m3, {0x7F})));
    EXPECT_EQ(Number<float>(e5m2, {0x7C}), INFINITY);
    EXPECT_EQ(Number<float>(fp4, {0x07}), 6.0f);
    EXPECT_EQ(Number<float>(fp4, {0x01}), 0.5f);
}

TEST(Numbers, ExtendedPrecisionHasAStoredIntegerBit)
{
    h5r_type t = Float(16, 64, 15, 16383, 64, 80);
    t.norm = H5R_NORM_NONE;
    std::vector<unsigned char> pi = {0x35, 0xC2, 0x68, 0x21, 0xA2, 0xDA, 0x0F, 0xC9, 0x00, 0x40, 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(Number<double>(t, pi), 3.14159265358979323846);
    EXPECT_EQ(Number<double>(t, {0, 0, 0, 0, 0, 0, 0, 0x80, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0}), -INFINITY);
    EXPECT_TRUE(std::isnan(Number<double>(t, {0, 0, 0, 0, 0, 0, 0, 0x40, 0x00, 0x40, 0, 0, 0, 0, 0, 0}))); // no integer bit
}

TEST(Numbers, QuadruplePrecisionIsRounded)
{
    h5r_type t = Float(16, 112, 15, 16383, 112);
    std::vector<unsigned char> third(16, 0x55);
    third[14] = 0xFD;
    third[15] = 0x3F;
    EXPECT_EQ(Number<double>(t, third), 1.0 / 3.0);
}

TEST(Numbers, VaxFloatsAreSwappedByWords)
{
    h5r_type f = Float(4, 23, 8, 129, 23);
    f.order = H5R_ORDER_VAX;
    EXPECT_EQ(Number<double>(f, {0x80, 0x40, 0, 0}), 1.0);
    EXPECT_EQ(Number<double>(f, {0x49, 0xC1, 0xD0, 0x0F}), -3.141590118408203125); // a word-swapped 0xC1490FD0
    EXPECT_EQ(Number<double>(f, {0, 0, 0, 0}), 0.0);
}

TEST(Numbers, WhatIsNoNumber)
{
    h5r_type t = Integer(16, 128, 0, false);
    EXPECT_EQ(h5r_type_number(&t, nullptr), H5R_NO_NUMBER);
    t = {};
    t.cls = H5R_CLASS_STRING;
    t.size = 4;
    EXPECT_EQ(h5r_type_number(&t, nullptr), H5R_NO_NUMBER);
    h5r_to_numbers(&t, "abc", 1, nullptr);
}
