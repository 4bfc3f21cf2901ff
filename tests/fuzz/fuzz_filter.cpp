// One filter on arbitrary bytes. Input: filter id (u16 LE), chunk bytes (u16 LE), number of client values (u8), the values (u32
// LE each), the stored bytes. With H5RANGE_FUZZ_ID in the environment the id is that one, whatever the input says.
extern "C" {
#include "filter/codecs.h"
}

#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const char *const only = std::getenv("H5RANGE_FUZZ_ID");
    if (n < 5)
        return 0;
    unsigned id = only != nullptr ? static_cast<unsigned>(std::atoi(only)) : p[0] | p[1] << 8;
    size_t chunk = static_cast<size_t>(p[2] | p[3] << 8), n_values = p[4];
    p += 5;
    n -= 5;
    if (n_values > n / 4)
        n_values = n / 4;
    std::vector<uint32_t> values;
    for (size_t i = 0; i < n_values; i++, p += 4, n -= 4)
        values.push_back(h5r_le32(p));
    // Exact allocations, so that a byte too far is seen.
    std::vector<uint8_t> src(p, p + n), dst(chunk);
    src.shrink_to_fit();
    // Twice: as the last stage, which writes to the chunk, and as an inner one before a second filter that changes nothing.
    h5r_filter filters[2] = {{id, 0, "", static_cast<unsigned>(n_values), values.data()}, {id, 0, "", static_cast<unsigned>(n_values), values.data()}};
    uint32_t one = 1;
    filters[0] = {2, 0, "", 1, &one};
    h5r_options options;
    h5r_options_init(&options);
    options.skip_checksums = true;
    h5r_pipeline_scratch scratch = {};
    h5r_error err;
    h5r_pipeline_decode(&options, filters + 1, 1, 0, src.data(), n, dst.data(), chunk, &scratch, &err);
    h5r_pipeline_decode(&options, filters, 2, 0, src.data(), n, dst.data(), chunk, &scratch, &err);
    h5r_pipeline_scratch_free(&scratch);
    return 0;
}
