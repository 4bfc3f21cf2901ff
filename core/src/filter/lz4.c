/* LZ4: total size u64, block size u32 (both big-endian), then for each block its stored size u32 BE and its bytes; a block
 * stored in its own size is not compressed. */
#include "filter/codecs.h"

#include <limits.h>
#include <lz4.h>
#include <string.h>

h5r_status h5r_decode_lz4(const h5r_stage *s)
{
    uint8_t *out;

    if (s->n < 12)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    uint64_t total = h5r_be64(s->src), block = h5r_be32(s->src + 8);
    if (total > 0 && (block == 0 || block > INT_MAX))
        return H5R_STAGE_BAD(s, "blocks of %llu bytes", (unsigned long long)block);
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK)
        return st;
    const uint8_t *p = s->src + 12, *end = s->src + s->n;
    for (uint64_t at = 0; at < total; at += block) {
        size_t raw = (size_t)(total - at < block ? total - at : block);
        if (end - p < 4)
            return H5R_STAGE_BAD(s, "ends after %llu of %llu bytes", (unsigned long long)at, (unsigned long long)total);
        size_t stored = h5r_be32(p);
        p += 4;
        if (stored > (size_t)(end - p) || stored > INT_MAX)
            return H5R_STAGE_BAD(s, "a block of %zu bytes, %zu are left", stored, (size_t)(end - p));
        if (stored == raw)
            memcpy(out + at, p, raw);
        else if (LZ4_decompress_safe((const char *)p, (char *)out + at, (int)stored, (int)raw) != (int)raw)
            return H5R_STAGE_BAD(s, "damaged block at %llu", (unsigned long long)at);
        p += stored;
    }
    return H5R_OK;
}
