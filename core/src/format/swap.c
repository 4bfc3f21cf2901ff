/* Byte order of elements: composite types are swapped part by part, references into the heap are left alone. */
#include <h5range/h5range.h>

#include "format/swap.h"

#ifdef __SSE2__
#include <emmintrin.h>

/* The bytes of each element of 2, 4 or 8 bytes in reverse order. */
static __m128i reverse_2(__m128i v)
{
    return _mm_or_si128(_mm_slli_epi16(v, 8), _mm_srli_epi16(v, 8));
}

static __m128i reverse_4(__m128i v)
{
    return reverse_2(_mm_shufflehi_epi16(_mm_shufflelo_epi16(v, _MM_SHUFFLE(2, 3, 0, 1)), _MM_SHUFFLE(2, 3, 0, 1)));
}

static __m128i reverse_8(__m128i v)
{
    return reverse_2(_mm_shufflehi_epi16(_mm_shufflelo_epi16(v, _MM_SHUFFLE(0, 1, 2, 3)), _MM_SHUFFLE(0, 1, 2, 3)));
}

#define REVERSE_VECTORS(f)                                                                                     \
    for (; bytes - done >= 16; done += 16) {                                                                   \
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + done));                              \
        _mm_storeu_si128((__m128i *)(void *)(dst + done), f(v));                                               \
    }

/* As many bytes as fill whole vectors. */
static size_t reverse_vectors(const uint8_t *src, uint8_t *dst, size_t bytes, size_t size)
{
    size_t done = 0;

    if (size == 2)
        REVERSE_VECTORS(reverse_2)
    else if (size == 4)
        REVERSE_VECTORS(reverse_4)
    else if (size == 8)
        REVERSE_VECTORS(reverse_8)
    return done;
}
#endif

void h5r_reverse_copy(const uint8_t *src, uint8_t *dst, size_t n, size_t size)
{
    size_t at = 0;

#ifdef __SSE2__
    at = reverse_vectors(src, dst, n * size, size);
#endif
    for (; at < n * size; at += size)
        for (size_t i = 0, k = size - 1; i <= k && k < size; i++, k--) {
            uint8_t low = src[at + i], high = src[at + k];
            dst[at + i] = high;
            dst[at + k] = low;
        }
}

bool h5r_needs_swap(const h5r_type *t)
{
    switch (t->cls) {
    case H5R_CLASS_INTEGER:
    case H5R_CLASS_FLOAT:
    case H5R_CLASS_TIME:
    case H5R_CLASS_BITFIELD:
        return t->size > 1 && t->order != H5R_NATIVE_ORDER && (t->order == H5R_ORDER_LE || t->order == H5R_ORDER_BE);
    case H5R_CLASS_ENUM:
    case H5R_CLASS_ARRAY:
    case H5R_CLASS_COMPLEX:
        return h5r_needs_swap(t->base);
    case H5R_CLASS_COMPOUND:
        for (uint32_t i = 0; i < t->n_members; i++)
            if (h5r_needs_swap(t->members[i].type))
                return true;
        return false;
    case H5R_CLASS_STRING:
    case H5R_CLASS_OPAQUE:
    case H5R_CLASS_REFERENCE:
    case H5R_CLASS_VLEN:
        break;
    }
    return false;
}

void h5r_swap(const h5r_type *t, void *elems, size_t n)
{
    uint8_t *p = elems;

    if (!h5r_needs_swap(t))
        return;
    switch (t->cls) {
    case H5R_CLASS_ENUM:
        h5r_swap(t->base, elems, n);
        return;
    case H5R_CLASS_COMPLEX:
    case H5R_CLASS_ARRAY:
        h5r_swap(t->base, elems, n * (t->size / t->base->size));
        return;
    case H5R_CLASS_COMPOUND:
        for (size_t i = 0; i < n; i++, p += t->size)
            for (uint32_t m = 0; m < t->n_members; m++)
                h5r_swap(t->members[m].type, p + t->members[m].offset, 1);
        return;
    default:
        h5r_reverse_copy(p, p, n, t->size);
    }
}
