// How long a text is in a string of fixed length.
#include <h5range/h5range.h>

#include <gtest/gtest.h>

#include <string>

TEST(String, LengthOfTheText)
{
    struct Case {
        h5r_strpad pad;
        std::string bytes;
        size_t length;
    };
    const auto Bytes = [](const char *p, size_t n) { return std::string(p, n); };
    for (const Case &c : {Case{H5R_STR_NULLTERM, Bytes("ab\0cd", 5), 2}, Case{H5R_STR_NULLTERM, "abcde", 5}, Case{H5R_STR_NULLTERM, Bytes("\0a", 2), 0},
                          Case{H5R_STR_NULLTERM, "ab ", 3}, Case{H5R_STR_NULLPAD, Bytes("a\0b\0\0", 5), 3}, Case{H5R_STR_NULLPAD, Bytes("\0\0", 2), 0},
                          Case{H5R_STR_NULLPAD, "ab ", 3}, Case{H5R_STR_SPACEPAD, "ab  ", 2}, Case{H5R_STR_SPACEPAD, Bytes("ab \0", 4), 3},
                          Case{H5R_STR_SPACEPAD, Bytes("ab\0 ", 4), 2}, Case{H5R_STR_SPACEPAD, "   ", 0}}) {
        h5r_type t{};
        t.cls = H5R_CLASS_STRING;
        t.strpad = c.pad;
        t.size = static_cast<uint32_t>(c.bytes.size());
        EXPECT_EQ(h5r_text_length(&t, c.bytes.data()), c.length) << c.pad << " '" << c.bytes << "'";
    }
}
