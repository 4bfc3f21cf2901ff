/* BloscLZ, a descendant of FastLZ: literals and matches under control bytes. libblosc has it too, but not for callers. */
#include "filter/blosc2_chunk.h"

#include <string.h>

enum { NEAR = 8191 }; /* the longest distance of an ordinary match; a far one adds 16 bits to it */

bool h5r_blosclz_decode(const uint8_t *src, size_t n, uint8_t *out, size_t len)
{
    size_t i = 0, o = 0;

    while (i < n) {
        unsigned control = i == 0 ? src[0] & 31U : src[i]; /* the top bits of the first byte are the level */
        i++;
        if (control < 32) {
            size_t literals = control + 1;
            if (literals > n - i || literals > len - o)
                return false;
            memcpy(out + o, src + i, literals);
            i += literals;
            o += literals;
            continue;
        }
        size_t match = (control >> 5) + 2, distance = (size_t)(control & 31) << 8;
        if (control >> 5 == 7) {
            unsigned more = 255;
            while (more == 255) {
                if (i == n)
                    return false;
                more = src[i++];
                match += more;
            }
        }
        if (i == n)
            return false;
        distance += src[i++];
        if (distance == NEAR) {
            if (n - i < 2)
                return false;
            distance += (size_t)src[i] << 8 | src[i + 1];
            i += 2;
        }
        distance++;
        if (distance > o || match > len - o)
            return false;
        if (distance >= match) {
            memcpy(out + o, out + o - distance, match);
            o += match;
        } else {
            for (size_t end = o + match; o < end; o++)
                out[o] = out[o - distance];
        }
    }
    return o == len;
}
