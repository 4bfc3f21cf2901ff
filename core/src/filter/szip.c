/* Szip (CCSDS 121.0) by libaec: the size of the data (u32 LE), then the stream. What szip adds to the standard is done here, as
 * libaec's own szip interface takes a stream that is cut for a good one: numbers of 32 and 64 bits are coded as planes of bytes,
 * and each scanline that is no multiple of a block is padded to one. */
#include "filter/codecs.h"

#include <libaec.h>
#include <string.h>

#include "filter/transpose.h"
#include "util/checked.h"

enum { MASK, PIXELS_PER_BLOCK, BITS_PER_PIXEL, PIXELS_PER_SCANLINE, N_VALUES };
enum { MASK_MSB = 16, MASK_NEAREST_NEIGHBOUR = 32 };

/* The bounds of szip itself; a scanline is also at most 128 blocks. */
static bool is_sane(const uint32_t *v)
{
    bool bits = (v[BITS_PER_PIXEL] >= 1 && v[BITS_PER_PIXEL] <= 32) || v[BITS_PER_PIXEL] == 64;
    return bits && v[PIXELS_PER_BLOCK] >= 2 && v[PIXELS_PER_BLOCK] <= 32 && v[PIXELS_PER_BLOCK] % 2 == 0 &&
           v[PIXELS_PER_SCANLINE] >= v[PIXELS_PER_BLOCK] && v[PIXELS_PER_SCANLINE] <= 128 * v[PIXELS_PER_BLOCK];
}

/* Decodes to exactly n bytes of samples. */
static h5r_status decode_samples(const h5r_stage *s, const struct aec_stream *parameters, uint8_t *out, size_t n)
{
    struct aec_stream a = *parameters;

    a.next_in = s->src + 4;
    a.avail_in = s->n - 4;
    a.next_out = out;
    a.avail_out = n;
    if (aec_decode_init(&a) != AEC_OK)
        return h5r_stage_fail(s, H5R_ERR_NOMEM, "libaec refuses to begin");
    int rc = aec_decode(&a, AEC_FLUSH);
    size_t len = a.total_out;
    aec_decode_end(&a);
    if (rc != AEC_OK || len != n)
        return H5R_STAGE_BAD(s, "damaged stream: %zu of %zu bytes", len, n);
    return H5R_OK;
}

/* Samples whose scanlines are longer in the stream than in the data, to the front of where they are. The last may be cut. */
static void remove_padding(uint8_t *p, size_t size, size_t line, size_t padded)
{
    for (size_t from = padded, to = line; to < size; from += padded, to += line)
        memmove(p + to, p + from, size - to < line ? size - to : line);
}

h5r_status h5r_decode_szip(const h5r_stage *s)
{
    const uint32_t *v = s->filter->values;
    uint8_t *out, *samples;

    if (s->filter->n_values < N_VALUES || !is_sane(v))
        return H5R_STAGE_BAD(s, "parameters are missing or out of range");
    if (s->n < 4)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    size_t size = h5r_le32(s->src);
    h5r_status st = h5r_stage_room(s, size, &out);
    if (st != H5R_OK || size == 0)
        return st;

    bool planes = v[BITS_PER_PIXEL] == 32 || v[BITS_PER_PIXEL] == 64;
    struct aec_stream a = {.bits_per_sample = planes ? 8 : v[BITS_PER_PIXEL], .block_size = v[PIXELS_PER_BLOCK],
                           .rsi = (unsigned)h5r_ceil_div(v[PIXELS_PER_SCANLINE], v[PIXELS_PER_BLOCK]), .flags = AEC_NOT_ENFORCE};
    if (v[MASK] & MASK_MSB)
        a.flags |= AEC_DATA_MSB;
    if (v[MASK] & MASK_NEAREST_NEIGHBOUR)
        a.flags |= AEC_DATA_PREPROCESS;
    size_t sample = a.bits_per_sample <= 8 ? 1 : a.bits_per_sample <= 16 ? 2 : 4, pixel = planes ? v[BITS_PER_PIXEL] / 8 : sample;
    size_t lost = size % pixel; /* writers lose what is less than a pixel: zeros (the planes of it hold noise) */
    size_t coded = planes ? size : size - lost;
    memset(out + size - lost, 0, lost);
    if (coded == 0)
        return H5R_OK;

    size_t line = v[PIXELS_PER_SCANLINE] * sample, padded = (size_t)a.rsi * a.block_size * sample;
    size_t stored = (coded - 1) / line * padded + (coded - 1) % line + 1; /* up to the last sample: less than twice size */
    if (!planes && stored == coded)
        return decode_samples(s, &a, out, coded);
    st = h5r_stage_work(s, stored, &samples);
    if (st == H5R_OK)
        st = decode_samples(s, &a, samples, stored);
    if (st != H5R_OK)
        return st;
    remove_padding(samples, coded, line, padded);
    if (planes)
        h5r_unshuffle(samples, out, size / pixel, pixel);
    else
        memcpy(out, samples, coded);
    return H5R_OK;
}
