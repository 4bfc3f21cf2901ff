#include "selection.h"

#include <stdlib.h>
#include <string.h>

static void grow_box(selection *s, unsigned rank, const uint64_t *lo, const uint64_t *hi)
{
    for (unsigned i = 0; i < rank; i++) {
        s->lo[i] = lo[i] < s->lo[i] ? lo[i] : s->lo[i];
        s->hi[i] = hi[i] > s->hi[i] ? hi[i] : s->hi[i];
    }
}

static void list_regular(const h5r_region *r, selection *s)
{
    for (uint64_t k = 0; k < s->n; k++) {
        uint64_t rest = k;
        for (unsigned i = r->rank; i-- > 0; rest /= r->count[i] * r->block[i]) {
            uint64_t n = rest % (r->count[i] * r->block[i]);
            s->points[k * r->rank + i] = r->start[i] + n / r->block[i] * r->stride[i] + n % r->block[i];
        }
    }
}

/* The points of a box, in row-major order. */
static uint64_t *list_box(uint64_t *to, unsigned rank, const uint64_t *lo, const uint64_t *hi)
{
    uint64_t at[H5R_MAX_RANK];

    memcpy(at, lo, rank * sizeof *at);
    for (;;) {
        memcpy(to, at, rank * sizeof *at);
        to += rank;
        unsigned i = rank;
        while (i > 0 && ++at[i - 1] > hi[i - 1]) {
            i--;
            at[i] = lo[i];
        }
        if (i == 0)
            return to;
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

bool selection_list(const h5r_region *r, selection *s)
{
    uint64_t lo[H5R_MAX_RANK], hi[H5R_MAX_RANK];

    *s = (selection){.n = h5r_region_count(r)};
    if (r->kind == H5R_REGION_ALL || r->kind == H5R_REGION_NONE) {
        s->n = 0;
        return true;
    }
    if (r->unlimited_dim >= 0)
        return true;
    memset(s->lo, 0xff, sizeof s->lo);
    for (uint64_t k = 0; k < (r->regular ? 1 : r->n); k++) {
        if (!r->regular)
            h5r_region_item(r, k, lo, hi);
        for (unsigned i = 0; r->regular && i < r->rank; i++) {
            lo[i] = r->start[i];
            hi[i] = r->start[i] + (r->count[i] - 1) * r->stride[i] + r->block[i] - 1;
        }
        grow_box(s, r->rank, lo, hi);
    }
    if (s->n > SELECT_MAX_LISTED)
        return true;
    s->points = malloc((size_t)s->n * r->rank * sizeof *s->points + 1);
    if (s->points == NULL)
        return false;
    if (r->regular)
        list_regular(r, s);
    uint64_t *to = s->points;
    for (uint64_t k = 0; !r->regular && k < r->n; k++) {
        h5r_region_item(r, k, lo, hi);
        to = list_box(to, r->rank, lo, hi);
    }
    sort_rank = r->rank;
    if (r->kind == H5R_REGION_HYPERSLAB)
        qsort(s->points, (size_t)s->n, r->rank * sizeof *s->points, compare_points);
    return true;
}
