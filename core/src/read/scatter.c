#include "read/scatter.h"

#include <string.h>

#include "filter/transpose.h"
#include "format/swap.h"

/* One row of n elements. The common sizes have loops of their own so that the compiler can unroll them. */
#define COPY_AS(type)                                                                                          \
    for (uint64_t i = 0; i < n; i++, src += ss, dst += ds) {                                                   \
        type v;                                                                                                \
        memcpy(&v, src, sizeof v);                                                                             \
        memcpy(dst, &v, sizeof v);                                                                             \
    }

#define SWAP_AS(type, swapped)                                                                                 \
    for (uint64_t i = 0; i < n; i++, src += ss, dst += ds) {                                                   \
        type v;                                                                                                \
        memcpy(&v, src, sizeof v);                                                                             \
        v = swapped(v);                                                                                        \
        memcpy(dst, &v, sizeof v);                                                                             \
    }

static void copy_row(size_t size, uint64_t n, const uint8_t *src, int64_t ss, uint8_t *dst, int64_t ds)
{
    if (ss == (int64_t)size && ds == (int64_t)size) {
        memcpy(dst, src, (size_t)n * size);
        return;
    }
    switch (size) {
    case 1:
        COPY_AS(uint8_t)
        return;
    case 2:
        COPY_AS(uint16_t)
        return;
    case 4:
        COPY_AS(uint32_t)
        return;
    case 8:
        COPY_AS(uint64_t)
        return;
    default:
        for (uint64_t i = 0; i < n; i++, src += ss, dst += ds)
            memcpy(dst, src, size);
    }
}

bool h5r_is_atomic(const h5r_type *t)
{
    while (t->cls == H5R_CLASS_ENUM)
        t = t->base;
    return t->cls == H5R_CLASS_INTEGER || t->cls == H5R_CLASS_FLOAT || t->cls == H5R_CLASS_BITFIELD ||
           t->cls == H5R_CLASS_TIME;
}

static void swap_row(const h5r_type *t, uint64_t n, const uint8_t *src, int64_t ss, uint8_t *dst, int64_t ds)
{
    size_t size = h5r_is_atomic(t) ? t->size : 0;

    if (size > 1 && ss == (int64_t)size && ds == (int64_t)size) {
        h5r_reverse_copy(src, dst, (size_t)n, size);
        return;
    }
    switch (size) {
    case 2:
        SWAP_AS(uint16_t, __builtin_bswap16)
        return;
    case 4:
        SWAP_AS(uint32_t, __builtin_bswap32)
        return;
    case 8:
        SWAP_AS(uint64_t, __builtin_bswap64)
        return;
    default:
        for (uint64_t i = 0; i < n; i++, src += ss, dst += ds) {
            memcpy(dst, src, t->size);
            h5r_swap(t, dst, 1);
        }
    }
}

/* Rows of byte planes; the last plane first gives the other byte order. */
static void unshuffle_rows(const h5r_scatter *s, uint64_t rows, uint64_t n, const uint8_t *src, int64_t src_step, uint8_t *dst, int64_t dst_step)
{
    size_t size = s->type->size;
    ptrdiff_t plane = (ptrdiff_t)s->plane;

    if (s->swap) {
        src += (ptrdiff_t)(size - 1) * plane;
        plane = -plane;
    }
    h5r_unshuffle_rows(src, plane, (ptrdiff_t)src_step, dst, (ptrdiff_t)dst_step, (size_t)rows, (size_t)n, size);
}

static void row(const h5r_scatter *s, uint64_t n, const uint8_t *src, int64_t ss, uint8_t *dst, int64_t ds)
{
    if (s->plane > 0)
        unshuffle_rows(s, 1, n, src, 0, dst, 0);
    else if (s->swap)
        swap_row(s->type, n, src, ss, dst, ds);
    else
        copy_row(s->type->size, n, src, ss, dst, ds);
}

enum { AHEAD = 4, MAX_AHEAD = 4096 };

static void copy_dim(const h5r_scatter *s, unsigned dim, const uint8_t *src, uint8_t *dst)
{
    if (dim + 1 >= s->rank) {
        if (s->rank == 0)
            row(s, 1, src, 0, dst, 0);
        else
            row(s, s->count[dim], src, s->src_stride[dim], dst, s->dst_stride[dim]);
        return;
    }
    if (s->plane > 0 && dim + 2 == s->rank) {
        unshuffle_rows(s, s->count[dim], s->count[dim + 1], src, s->src_stride[dim], dst, s->dst_stride[dim]);
        return;
    }
    /* Rows lie apart, so the processor does not see by itself where the next one goes. */
    bool rows = dim + 2 == s->rank && s->dst_stride[dim + 1] == (int64_t)s->type->size;
    uint64_t ahead = rows ? s->count[dim + 1] * s->type->size : 0;
    for (uint64_t i = 0; i < s->count[dim]; i++, src += s->src_stride[dim], dst += s->dst_stride[dim]) {
        for (uint64_t at = 0; at < ahead && at < MAX_AHEAD && i + AHEAD < s->count[dim]; at += 64)
            __builtin_prefetch(dst + AHEAD * s->dst_stride[dim] + (int64_t)at, 1);
        copy_dim(s, dim + 1, src, dst);
    }
}

/* Innermost dimensions that lie behind each other on both sides become one: long rows are cheap, short ones are not. */
void h5r_scatter_copy(const h5r_scatter *s, const uint8_t *src, uint8_t *dst)
{
    uint64_t count[H5R_MAX_RANK];
    int64_t ss[H5R_MAX_RANK], ds[H5R_MAX_RANK];
    h5r_scatter m = {.type = s->type, .rank = s->rank, .count = count, .src_stride = ss, .dst_stride = ds, .swap = s->swap, .plane = s->plane};

    for (unsigned d = 0; d < s->rank; d++) {
        if (s->count[d] == 0)
            return;
        count[d] = s->count[d];
        ss[d] = s->src_stride[d];
        ds[d] = s->dst_stride[d];
    }
    while (m.rank > 1) {
        unsigned in = m.rank - 1, out = m.rank - 2;
        if (ss[out] != ss[in] * (int64_t)count[in] || ds[out] != ds[in] * (int64_t)count[in])
            break;
        count[out] *= count[in];
        ss[out] = ss[in];
        ds[out] = ds[in];
        m.rank--;
    }
    copy_dim(&m, 0, src, dst);
}

static void fill_dim(const h5r_scatter *s, unsigned dim, const uint8_t *element, uint8_t *dst)
{
    if (dim + 1 >= s->rank) {
        uint64_t n = s->rank == 0 ? 1 : s->count[dim];
        copy_row(s->type->size, n, element, 0, dst, s->rank == 0 ? 0 : s->dst_stride[dim]);
        return;
    }
    for (uint64_t i = 0; i < s->count[dim]; i++, dst += s->dst_stride[dim])
        fill_dim(s, dim + 1, element, dst);
}

void h5r_scatter_fill(const h5r_scatter *s, const uint8_t *element, uint8_t *dst)
{
    fill_dim(s, 0, element, dst);
}
