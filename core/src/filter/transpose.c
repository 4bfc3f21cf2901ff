/* The two transpositions. Both are done with vector instructions where the target always has them (SSE2 on x86-64), the common sizes of
 * elements with wider ones where the processor turns out to have them (AVX2), and with plain C elsewhere; all give the same bytes. */
#include "filter/transpose.h"

#include <stdbool.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif
#if defined(__SSE2__) && defined(__x86_64__) && defined(__GNUC__)
#define H5R_MAY_HAVE_AVX2 1
#define AVX2 __attribute__((target("avx2")))
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

/* Rows of at least sixteen elements; the last vector of one may do some a second time. Rows of chunks are short, so that a loop over what
 * is left, or a call for each, would cost as much as the vectors. */
typedef struct row_list {
    const uint8_t *src;
    ptrdiff_t plane, src_step, dst_step;
    uint8_t *dst;
    size_t n, elems;
} row_list;

#define UNSHUFFLE_ROWS(name, size, width, unshuffle)                                                           \
    static void name(row_list r)                                                                               \
    {                                                                                                          \
        for (; r.n > 0; r.n--, r.src += r.src_step, r.dst += r.dst_step) {                                     \
            size_t i = 0;                                                                                      \
            for (; i + (width) <= r.elems; i += (width))                                                       \
                unshuffle(r.src + i, r.plane, r.dst + i * (size));                                             \
            if (i < r.elems)                                                                                   \
                unshuffle(r.src + r.elems - (width), r.plane, r.dst + (r.elems - (width)) * (size));           \
        }                                                                                                      \
    }
UNSHUFFLE_ROWS(unshuffle_2, 2, 16, unshuffle_2x16)
UNSHUFFLE_ROWS(unshuffle_4, 4, 16, unshuffle_4x16)
UNSHUFFLE_ROWS(unshuffle_8, 8, 16, unshuffle_8x16)

#ifdef H5R_MAY_HAVE_AVX2
AVX2 static inline __m256i load32(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Unpacking works in each half of a vector: a and b have the first of their elements in the lower halves, and those sixteen further on in the
 * upper ones. */
AVX2 static inline void store_halves(uint8_t *lower, uint8_t *upper, __m256i a, __m256i b)
{
    _mm256_storeu_si256((__m256i *)(void *)lower, _mm256_permute2x128_si256(a, b, 0x20));
    _mm256_storeu_si256((__m256i *)(void *)upper, _mm256_permute2x128_si256(a, b, 0x31));
}

AVX2 static inline void unshuffle_2x32(const uint8_t *src, ptrdiff_t plane, uint8_t *dst)
{
    __m256i a = load32(src), b = load32(src + plane);
    store_halves(dst, dst + 32, _mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
}

AVX2 static inline void unshuffle_4x32(const uint8_t *src, ptrdiff_t plane, uint8_t *dst)
{
    __m256i a = load32(src), b = load32(src + plane), c = load32(src + 2 * plane), d = load32(src + 3 * plane);
    __m256i ab = _mm256_unpacklo_epi8(a, b), cd = _mm256_unpacklo_epi8(c, d);
    store_halves(dst, dst + 64, _mm256_unpacklo_epi16(ab, cd), _mm256_unpackhi_epi16(ab, cd));
    ab = _mm256_unpackhi_epi8(a, b);
    cd = _mm256_unpackhi_epi8(c, d);
    store_halves(dst + 32, dst + 96, _mm256_unpacklo_epi16(ab, cd), _mm256_unpackhi_epi16(ab, cd));
}

/* Bytes 0 to 3 of the elements in t, 4 to 7 in u, as pairs of bytes of eight elements in each half. */
AVX2 static inline void unshuffle_8x32_half(const __m256i *t, const __m256i *u, uint8_t *dst)
{
    __m256i a = _mm256_unpacklo_epi16(t[0], t[1]), b = _mm256_unpackhi_epi16(t[0], t[1]);
    __m256i c = _mm256_unpacklo_epi16(u[0], u[1]), d = _mm256_unpackhi_epi16(u[0], u[1]);
    store_halves(dst, dst + 128, _mm256_unpacklo_epi32(a, c), _mm256_unpackhi_epi32(a, c));
    store_halves(dst + 32, dst + 160, _mm256_unpacklo_epi32(b, d), _mm256_unpackhi_epi32(b, d));
}

AVX2 static inline void unshuffle_8x32(const uint8_t *src, ptrdiff_t plane, uint8_t *dst)
{
    __m256i lo[4], hi[4];
    for (int k = 0; k < 4; k++) {
        __m256i a = load32(src + 2 * k * plane), b = load32(src + (2 * k + 1) * plane);
        lo[k] = _mm256_unpacklo_epi8(a, b);
        hi[k] = _mm256_unpackhi_epi8(a, b);
    }
    unshuffle_8x32_half(lo, lo + 2, dst);
    unshuffle_8x32_half(hi, hi + 2, dst + 64);
}

AVX2 UNSHUFFLE_ROWS(unshuffle_2_avx2, 2, 32, unshuffle_2x32)
AVX2 UNSHUFFLE_ROWS(unshuffle_4_avx2, 4, 32, unshuffle_4x32)
AVX2 UNSHUFFLE_ROWS(unshuffle_8_avx2, 8, 32, unshuffle_8x32)
#endif

/* False when there is no loop for such rows. */
static bool unshuffle_by_vectors(const row_list *r, size_t size)
{
    if (r->elems < 16 || (size != 2 && size != 4 && size != 8))
        return false;
#ifdef H5R_MAY_HAVE_AVX2
    if (r->elems >= 32 && __builtin_cpu_supports("avx2")) {
        (size == 2 ? unshuffle_2_avx2 : size == 4 ? unshuffle_4_avx2 : unshuffle_8_avx2)(*r);
        return true;
    }
#endif
    (size == 2 ? unshuffle_2 : size == 4 ? unshuffle_4 : unshuffle_8)(*r);
    return true;
}

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

void h5r_unshuffle_rows(const uint8_t *src, ptrdiff_t plane, ptrdiff_t src_step, uint8_t *dst, ptrdiff_t dst_step, size_t rows, size_t elems,
                        size_t size)
{
    if (elems == 0 || size == 0)
        return;
#ifdef __SSE2__
    row_list r = {src, plane, src_step, dst_step, dst, rows, elems};
    if (unshuffle_by_vectors(&r, size))
        return;
#endif
    for (size_t i = 0; i < rows; i++, src += src_step, dst += dst_step)
        if (size == 1)
            memcpy(dst, src, elems);
        else
            unshuffle_from(src, plane, dst, elems, size);
}

void h5r_unshuffle_part(const uint8_t *src, ptrdiff_t plane, uint8_t *dst, size_t elems, size_t size)
{
    h5r_unshuffle_rows(src, plane, 0, dst, 0, 1, elems, size);
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
