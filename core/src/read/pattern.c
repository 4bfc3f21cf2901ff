#include "read/pattern.h"

#include "util/checked.h"

static h5r_pattern make(uint64_t start, uint64_t stride, uint64_t count, uint64_t block)
{
    h5r_pattern p = {start, stride, count, block, 0};

    if (count == 0 || block == 0)
        p.total = 0; /* also of endlessly many empty blocks */
    else if (count == H5R_UNDEFINED || block == H5R_UNDEFINED)
        p.total = H5R_UNDEFINED;
    else if (!h5r_mul(count, block, &p.total))
        p.total = H5R_UNDEFINED - 1;
    if (count <= 1 || block == H5R_UNDEFINED)
        p.stride = block > 0 ? block : 1;
    return p;
}

bool h5r_region_patterns(const h5r_region *r, unsigned rank, const uint64_t *shape, h5r_pattern *out)
{
    uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK];

    if (r->kind == H5R_REGION_NONE || r->kind == H5R_REGION_ALL) {
        for (unsigned i = 0; i < rank; i++)
            out[i] = make(0, 1, 1, r->kind == H5R_REGION_ALL ? shape[i] : 0);
        return true;
    }
    if (r->rank != rank || r->kind == H5R_REGION_POINTS || (!r->regular && r->n != 1))
        return false;
    if (!r->regular)
        h5r_region_item(r, 0, first, last);
    for (unsigned i = 0; i < rank; i++)
        out[i] = r->regular ? make(r->start[i], r->stride[i], r->count[i], r->block[i]) : make(first[i], 1, 1, last[i] - first[i] + 1);
    return true;
}

uint64_t h5r_pattern_at(const h5r_pattern *p, uint64_t i)
{
    return p->total == 0 || p->block == H5R_UNDEFINED || p->count <= 1 ? p->start + i : p->start + i / p->block * p->stride + i % p->block;
}

uint64_t h5r_pattern_below(const h5r_pattern *p, uint64_t position, bool *selected)
{
    *selected = false;
    if (position < p->start)
        return 0;
    uint64_t r = position - p->start, n = r;
    if (p->block == H5R_UNDEFINED) {
        *selected = true;
    } else {
        uint64_t whole = r / p->stride, rest = r % p->stride;
        *selected = rest < p->block && (p->count == H5R_UNDEFINED || whole < p->count);
        n = whole * p->block + h5r_min(rest, p->block);
    }
    return p->total != H5R_UNDEFINED ? h5r_min(n, p->total) : n;
}

void h5r_pattern_limit(h5r_pattern *p, uint64_t total)
{
    if (p->total <= total)
        return;
    if (p->block > total)
        p->block = total;
    p->count = total == 0 ? 0 : (total - 1) / p->block + 1;
    if (p->count <= 1)
        p->stride = h5r_max(p->block, 1);
    p->total = total;
}

static uint64_t end_of(const h5r_pattern *p)
{
    return p->total >= H5R_UNDEFINED - 1 ? H5R_UNDEFINED : h5r_pattern_at(p, p->total - 1) + 1;
}

bool h5r_patterns_meet(const h5r_pattern *a, const h5r_pattern *b)
{
    bool ignored;

    if (a->total == 0 || b->total == 0 || a->start >= end_of(b) || b->start >= end_of(a))
        return false;
    if (a->count <= 1)
        return h5r_pattern_below(b, end_of(a), &ignored) > h5r_pattern_below(b, a->start, &ignored);
    if (b->count <= 1)
        return h5r_pattern_below(a, end_of(b), &ignored) > h5r_pattern_below(a, b->start, &ignored);
    if (a->stride != b->stride)
        return true;
    if (a->start > b->start)
        return h5r_patterns_meet(b, a);
    uint64_t apart = (b->start - a->start) % a->stride;
    return apart < a->block || b->block > a->stride - apart;
}
