/* The two transpositions. Both are done with vector instructions where the target always has them (SSE2 on x86-64) and with plain C
 * elsewhere; both give the same bytes. */
#include "filter/transpose.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---------------------------------------------------------------- bytes */

#ifdef __SSE2__
static __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static void store(uint8_t *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

/* Rows of 16 bytes to columns of 8: v[k] = row k becomes columns 2 k and 2 k + 1. */
static void transpose_8x16(__m128i *v)
{
    __m128i a[8], b[8];

    for (unsigned k = 0; k < 4; k++) {
        a[k] = _mm_unpacklo_epi8(v[2 * k], v[2 * k + 1]);
        a[k + 4] = _mm_unpackhi_epi8(v[2 * k], v[2 * k + 1]);
    }
    for (unsigned h = 0; h < 8; h += 4)
        for (unsigned k = 0; k < 2; k++) {
            b[h + k] = _mm_unpacklo_epi16(a[h + 2 * k], a[h + 2 * k + 1]);
            b[h + k + 2] = _mm_unpackhi_epi16(a[h + 2 * k], a[h + 2 * k + 1]);
        }
    for (unsigned h = 0; h < 8; h += 2) {
        v[h] = _mm_unpacklo_epi32(b[h], b[h + 1]);
        v[h + 1] = _mm_unpackhi_epi32(b[h], b[h + 1]);
    }
}

/* Sixteen elements each. */
static void unshuffle_2x16(const uint8_t *restrict src, ptrdiff_t plane, uint8_t *restrict dst)
{
    __m128i a = load(src), b = load(src + plane);
    store(dst, _mm_unpacklo_epi8(a, b));
    store(dst + 16, _mm_unpackhi_epi8(a, b));
}

static void unshuffle_4x16(const uint8_t *restrict src, ptrdiff_t plane, uint8_t *restrict dst)
{
    __m128i a = load(src), b = load(src + plane), c = load(src + 2 * plane), d = load(src + 3 * plane);
    __m128i ab = _mm_unpacklo_epi8(a, b), cd = _mm_unpacklo_epi8(c, d);
    store(dst, _mm_unpacklo_epi16(ab, cd));
    store(dst + 16, _mm_unpackhi_epi16(ab, cd));
    ab = _mm_unpackhi_epi8(a, b);
    cd = _mm_unpackhi_epi8(c, d);
    store(dst + 32, _mm_unpacklo_epi16(ab, cd));
    store(dst + 48, _mm_unpackhi_epi16(ab, cd));
}

static void unshuffle_8x16(const uint8_t *restrict src, ptrdiff_t plane, uint8_t *restrict dst)
{
    __m128i v[8];
    for (int k = 0; k < 8; k++)
        v[k] = load(src + k * plane);
    transpose_8x16(v);
    for (unsigned k = 0; k < 8; k++)
        store(dst + (size_t)16 * k, v[k]);
}

/* All elements, at least sixteen; the last vector may do some a second time. Rows of chunks are short, so that a loop over what is left
 * would cost as much as the vectors. */
#define UNSHUFFLE_ALL(size, unshuffle_16)                                                                      \
    static void unshuffle_##size(const uint8_t *restrict src, ptrdiff_t plane, uint8_t *restrict dst, size_t elems) \
    {                                                                                                          \
        size_t i = 0;                                                                                          \
        for (; i + 16 <= elems; i += 16)                                                                       \
            unshuffle_16(src + i, plane, dst + i * (size));                                                    \
        if (i < elems)                                                                                         \
            unshuffle_16(src + elems - 16, plane, dst + (elems - 16) * (size));                                \
    }
UNSHUFFLE_ALL(2, unshuffle_2x16)
UNSHUFFLE_ALL(4, unshuffle_4x16)
UNSHUFFLE_ALL(8, unshuffle_8x16)

/* Eight of the planes, for elements of any size: those of [first, end) that fill whole vectors. dst is that of plane 0. */
static size_t unshuffle_planes(const uint8_t *restrict src, ptrdiff_t plane, uint8_t *restrict dst, size_t first, size_t end, size_t size)
{
    size_t i = first;
    for (; i + 16 <= end; i += 16) {
        __m128i v[8];
        for (int k = 0; k < 8; k++)
            v[k] = load(src + k * plane + i);
        transpose_8x16(v);
        for (unsigned k = 0; k < 8; k++) {
            _mm_storel_epi64((__m128i *)(void *)(dst + (i + 2 * k) * size), v[k]);
            _mm_storel_epi64((__m128i *)(void *)(dst + (i + 2 * k + 1) * size), _mm_unpackhi_epi64(v[k], v[k]));
        }
    }
    return i;
}
#endif

static void unshuffle_plane(const uint8_t *restrict plane, uint8_t *restrict dst, size_t first, size_t end, size_t size)
{
    for (size_t i = first; i < end; i++)
        dst[i * size] = plane[i];
}

/* Sizes without a loop of their own, and short rows: elements in tiles, so that every plane is read and every
 * element written while it is in the cache. */
static void unshuffle_from(const uint8_t *restrict src, ptrdiff_t plane, uint8_t *restrict dst, size_t elems, size_t size)
{
    enum { TILE = 256 };

    for (size_t at = 0; at < elems; at += TILE) {
        size_t end = at + TILE < elems ? at + TILE : elems, b = 0;
#ifdef __SSE2__
        for (; b + 8 <= size; b += 8) {
            size_t done = unshuffle_planes(src + (ptrdiff_t)b * plane, plane, dst + b, at, end, size);
            for (size_t k = b; k < b + 8; k++)
                unshuffle_plane(src + (ptrdiff_t)k * plane, dst + k, done, end, size);
        }
#endif
        for (; b < size; b++)
            unshuffle_plane(src + (ptrdiff_t)b * plane, dst + b, at, end, size);
    }
}

void h5r_unshuffle_part(const uint8_t *src, ptrdiff_t plane, uint8_t *dst, size_t elems, size_t size)
{
    if (elems == 0 || size == 0)
        return;
    if (size == 1)
        memcpy(dst, src, elems);
#ifdef __SSE2__
    else if (size == 2 && elems >= 16)
        unshuffle_2(src, plane, dst, elems);
    else if (size == 4 && elems >= 16)
        unshuffle_4(src, plane, dst, elems);
    else if (size == 8 && elems >= 16)
        unshuffle_8(src, plane, dst, elems);
#endif
    else
        unshuffle_from(src, plane, dst, elems, size);
}

void h5r_unshuffle(const uint8_t *src, uint8_t *dst, size_t elems, size_t size)
{
    h5r_unshuffle_part(src, (ptrdiff_t)elems, dst, elems, size);
}

/* ---------------------------------------------------------------- bits */

/* An 8 by 8 matrix of bits, a row a byte, transposed by exchanging ever larger blocks off the diagonal. */
static uint64_t transpose_bits(uint64_t x)
{
    uint64_t t = (x ^ x >> 7) & 0x00aa00aa00aa00aaU;
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & 0x0000cccc0000ccccU;
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & 0x00000000f0f0f0f0U;
    return x ^ t ^ t << 28;
}

#ifdef __SSE2__
static __m128i exchange(__m128i x, int distance, uint64_t mask)
{
    __m128i d = _mm_cvtsi32_si128(distance);
    __m128i t = _mm_and_si128(_mm_xor_si128(x, _mm_srl_epi64(x, d)), _mm_set1_epi64x((int64_t)mask));
    return _mm_xor_si128(x, _mm_xor_si128(t, _mm_sll_epi64(t, d)));
}

static __m128i transpose_bits_2(__m128i x)
{
    x = exchange(x, 7, 0x00aa00aa00aa00aaU);
    x = exchange(x, 14, 0x0000cccc0000ccccU);
    return exchange(x, 28, 0x00000000f0f0f0f0U);
}
#endif

/* Eight rows of `bytes` bytes, bits 0 to 7 of one byte of the elements, to that byte of all elements in turn. */
static void unbitshuffle_plane(const uint8_t *restrict rows, uint8_t *restrict plane, size_t bytes)
{
    size_t j = 0;

#ifdef __SSE2__
    for (; j + 16 <= bytes; j += 16) {
        __m128i v[8];
        for (unsigned k = 0; k < 8; k++)
            v[k] = load(rows + k * bytes + j);
        transpose_8x16(v);
        for (unsigned k = 0; k < 8; k++)
            store(plane + 8 * j + (size_t)16 * k, transpose_bits_2(v[k]));
    }
#endif
    for (; j < bytes; j++) {
        uint64_t x = 0;
        for (unsigned k = 0; k < 8; k++)
            x |= (uint64_t)rows[k * bytes + j] << (8 * k);
        x = transpose_bits(x);
        for (unsigned k = 0; k < 8; k++)
            plane[8 * j + k] = (uint8_t)(x >> (8 * k));
    }
}

void h5r_unbitshuffle(const uint8_t *restrict src, uint8_t *restrict dst, uint8_t *restrict tmp, size_t elems, size_t size)
{
    uint8_t *planes = size == 1 ? dst : tmp;

    for (size_t b = 0; b < size; b++)
        unbitshuffle_plane(src + b * elems, planes + b * elems, elems / 8);
    if (size != 1)
        h5r_unshuffle(tmp, dst, elems, size);
}
