#include "selection.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const uint8_t *p;
    size_t left;
    bool bad;
} reader;

static uint64_t get(reader *r, unsigned width)
{
    uint64_t v = 0;

    if (width > r->left) {
        r->bad = true;
        r->left = 0;
        return 0;
    }
    for (unsigned i = 0; i < width; i++)
        v |= (uint64_t)r->p[i] << (8 * i);
    r->p += width;
    r->left -= width;
    return v;
}

static void grow_box(selection *s, const uint64_t *at)
{
    for (unsigned i = 0; i < s->rank; i++) {
        if (at[i] < s->lo[i])
            s->lo[i] = at[i];
        if (at[i] > s->hi[i])
            s->hi[i] = at[i];
    }
}

static bool start(selection *s)
{
    if (s->rank < 1 || s->rank > 32)
        return false;
    for (unsigned i = 0; i < s->rank; i++)
        s->lo[i] = UINT64_MAX;
    return true;
}

static bool decode_points(reader *r, unsigned version, selection *s)
{
    unsigned width = 4;

    if (version == 1)
        (void)get(r, 8); /* reserved, length */
    else
        width = (unsigned)get(r, 1);
    s->rank = (unsigned)get(r, 4);
    s->n = get(r, width);
    if (r->bad || width == 0 || width > 8 || !start(s) || s->n > r->left / width / s->rank)
        return false;
    s->points = malloc(s->n * s->rank * sizeof *s->points + 1);
    if (s->points == NULL)
        return false;
    for (uint64_t k = 0; k < s->n; k++) {
        for (unsigned i = 0; i < s->rank; i++)
            s->points[k * s->rank + i] = get(r, width);
        grow_box(s, s->points + k * s->rank);
    }
    if (s->n > SELECT_MAX_LISTED) {
        free(s->points);
        s->points = NULL;
    }
    return true;
}

/* Adds the points of a box; capacity was made sure of. */
static void add_block(selection *s, const uint64_t *lo, const uint64_t *hi, uint64_t *used)
{
    uint64_t at[32];

    memcpy(at, lo, s->rank * sizeof *at);
    for (;;) {
        memcpy(s->points + *used * s->rank, at, s->rank * sizeof *at);
        ++*used;
        unsigned i = s->rank;
        while (i-- > 0) {
            if (++at[i] <= hi[i])
                break;
            at[i] = lo[i];
            if (i == 0)
                return;
        }
    }
}

static unsigned sort_rank; /* set just before qsort: one thread in this program */

static int compare_points(const void *a, const void *b)
{
    const uint64_t *p = a, *q = b;
    for (unsigned i = 0; i < sort_rank; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}

/* A list of blocks, each by its first and last corner. */
static bool decode_blocks(reader *r, unsigned width, selection *s)
{
    uint64_t blocks = get(r, width), total = 0, used = 0;

    if (r->bad || blocks > r->left / width / (2 * s->rank))
        return false;
    uint64_t *corners = malloc(blocks * 2 * s->rank * sizeof *corners + 1);
    if (corners == NULL)
        return false;
    bool ok = true;
    for (uint64_t b = 0; b < blocks && ok; b++) {
        uint64_t *lo = corners + 2 * b * s->rank, *hi = lo + s->rank, volume = 1;
        for (unsigned i = 0; i < 2 * s->rank; i++)
            lo[i] = get(r, width);
        for (unsigned i = 0; i < s->rank && ok; i++)
            ok = lo[i] <= hi[i] && !__builtin_mul_overflow(volume, hi[i] - lo[i] + 1, &volume);
        ok = ok && !__builtin_add_overflow(total, volume, &total);
        grow_box(s, lo);
        grow_box(s, hi);
    }
    s->n = total;
    if (ok && total <= SELECT_MAX_LISTED) {
        s->points = malloc(total * s->rank * sizeof *s->points + 1);
        ok = s->points != NULL;
        for (uint64_t b = 0; b < blocks && ok; b++)
            add_block(s, corners + 2 * b * s->rank, corners + (2 * b + 1) * s->rank, &used);
        sort_rank = s->rank;
        if (ok)
            qsort(s->points, total, s->rank * sizeof *s->points, compare_points);
    }
    free(corners);
    return ok;
}

/* start, stride, count, block for each dimension. A count or block of all ones is unlimited. */
static bool decode_regular(reader *r, unsigned width, selection *s)
{
    uint64_t (*v)[4] = s->regular, per_dim[32], total = 1;
    uint64_t unlimited = width < 8 ? (UINT64_C(1) << (8 * width)) - 1 : UINT64_MAX;

    for (unsigned i = 0; i < s->rank; i++)
        for (unsigned k = 0; k < 4; k++) {
            v[i][k] = get(r, width);
            if (k >= 2 && v[i][k] == unlimited) {
                v[i][k] = UINT64_MAX;
                s->unlimited = true;
            }
        }
    if (s->unlimited) {
        s->n = UINT64_MAX;
        return !r->bad;
    }
    for (unsigned i = 0; i < s->rank; i++) {
        if (r->bad || v[i][2] == 0 || v[i][3] == 0 || __builtin_mul_overflow(v[i][2], v[i][3], &per_dim[i]) ||
            __builtin_mul_overflow(total, per_dim[i], &total))
            return false;
        s->lo[i] = v[i][0];
        s->hi[i] = v[i][0] + (v[i][2] - 1) * v[i][1] + v[i][3] - 1;
    }
    s->n = total;
    if (total > SELECT_MAX_LISTED)
        return true;
    s->points = malloc(total * s->rank * sizeof *s->points + 1);
    if (s->points == NULL)
        return false;
    for (uint64_t k = 0; k < total; k++) {
        uint64_t rest = k;
        for (unsigned i = s->rank; i-- > 0; rest /= per_dim[i]) {
            uint64_t n = rest % per_dim[i];
            s->points[k * s->rank + i] = v[i][0] + n / v[i][3] * v[i][1] + n % v[i][3];
        }
    }
    return true;
}

static bool decode_hyperslab(reader *r, unsigned version, selection *s)
{
    unsigned flags = 0, width = 4;

    if (version == 1) {
        (void)get(r, 8); /* reserved, length */
    } else {
        flags = (unsigned)get(r, 1);
        width = version == 2 ? 8 : (unsigned)get(r, 1);
        if (version == 2)
            (void)get(r, 4); /* length */
    }
    s->rank = (unsigned)get(r, 4);
    if (r->bad || width == 0 || width > 8 || !start(s))
        return false;
    return flags & 1 ? decode_regular(r, width, s) : decode_blocks(r, width, s);
}

bool selection_decode(const uint8_t *p, size_t n, selection *s)
{
    reader r = {p, n, false};
    unsigned version;

    *s = (selection){0};
    s->kind = (unsigned)get(&r, 4);
    version = (unsigned)get(&r, 4);
    if (r.bad || s->kind > SELECT_ALL || version < 1 || version > 3)
        return false;
    bool ok = s->kind == SELECT_POINTS ? decode_points(&r, version, s) : s->kind == SELECT_HYPERSLAB ? decode_hyperslab(&r, version, s) : true;
    if (ok && !r.bad)
        return true;
    free(s->points);
    s->points = NULL;
    return false;
}
