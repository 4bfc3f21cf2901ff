#include "index/box.h"

#include "util/checked.h"

bool h5r_box_next(unsigned rank, const uint64_t *lo, const uint64_t *hi, const uint64_t *key, uint64_t *out)
{
    for (unsigned i = 0; i < rank; i++) {
        if (key[i] >= lo[i] && key[i] <= hi[i]) {
            out[i] = key[i];
            continue;
        }
        unsigned from = i; /* from here on the lowest corner */
        if (key[i] > hi[i]) {
            while (from > 0 && out[from - 1] == hi[from - 1])
                from--;
            if (from == 0)
                return false;
            out[from - 1]++;
        }
        for (; from < rank; from++)
            out[from] = lo[from];
        return true;
    }
    return true;
}

int h5r_box_compare(unsigned rank, const uint64_t *a, const uint64_t *b)
{
    for (unsigned i = 0; i < rank; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

bool h5r_box_contains(unsigned rank, const uint64_t *lo, const uint64_t *hi, const uint64_t *p)
{
    for (unsigned i = 0; i < rank; i++)
        if (p[i] < lo[i] || p[i] > hi[i])
            return false;
    return true;
}

bool h5r_numbering_init(h5r_numbering *m, const h5r_chunked *d, bool unlimited_first)
{
    unsigned front = 0;
    uint64_t total = 1;

    m->rank = d->rank;
    for (unsigned i = 0; unlimited_first && i < d->rank; i++)
        if (d->max_shape[i] == H5R_UNDEFINED)
            front = i;
    unsigned place = 0;
    if (d->rank > 0)
        m->dim[place++] = front;
    for (unsigned i = 0; i < d->rank; i++)
        if (i != front)
            m->dim[place++] = i;
    for (unsigned p = 0; p < d->rank; p++) {
        unsigned i = m->dim[p];
        m->count[p] = d->max_shape[i] == H5R_UNDEFINED ? d->grid[i] : h5r_ceil_div(d->max_shape[i], d->chunk[i]);
        if (m->count[p] == 0)
            m->count[p] = 1;
        if (!h5r_mul(total, m->count[p], &total))
            return false;
    }
    return true;
}

uint64_t h5r_number_of(const h5r_numbering *m, const uint64_t *placed)
{
    uint64_t n = 0;
    for (unsigned p = 0; p < m->rank; p++)
        n = n * m->count[p] + placed[p];
    return n;
}

void h5r_point_of(const h5r_numbering *m, uint64_t number, uint64_t *placed)
{
    for (unsigned p = m->rank; p-- > 1;) {
        placed[p] = number % m->count[p];
        number /= m->count[p];
    }
    if (m->rank > 0)
        placed[0] = number;
}

h5r_status h5r_array_walk(h5r_ctx *x, const h5r_chunked *d, bool unlimited_first, const uint64_t *lo, const uint64_t *hi,
                          h5r_element_find find, const void *array, h5r_chunk_visit visit, void *arg)
{
    h5r_numbering m;
    uint64_t box_lo[H5R_MAX_RANK], box_hi[H5R_MAX_RANK], at[H5R_MAX_RANK], key[H5R_MAX_RANK], scaled[H5R_MAX_RANK];
    h5r_status acc = H5R_OK;

    if (!h5r_numbering_init(&m, d, unlimited_first))
        return h5r_fail(x, H5R_ERR_FORMAT, d->addr, "chunk index over a maximal shape of more than 2^64 chunks");
    for (unsigned p = 0; p < m.rank; p++) {
        box_lo[p] = key[p] = lo[m.dim[p]];
        box_hi[p] = hi[m.dim[p]];
    }
    while (h5r_box_next(m.rank, box_lo, box_hi, key, at)) {
        uint64_t number = h5r_number_of(&m, at);
        h5r_element e = {.addr = H5R_UNDEFINED, .skip_to = number + 1};
        h5r_status st = find(x, array, number, &e);
        if (st < 0)
            return acc == H5R_NEED ? acc : st;
        if (st == H5R_NEED)
            acc = st;
        if (st == H5R_OK && e.addr != H5R_UNDEFINED) {
            for (unsigned p = 0; p < m.rank; p++)
                scaled[m.dim[p]] = at[p];
            H5R_ALSO(acc, visit(arg, scaled, e.addr, e.size, e.mask));
            if (acc < 0)
                return acc;
        }
        if (e.skip_to <= number || m.rank == 0) /* the last number there is */
            break;
        h5r_point_of(&m, e.skip_to, key);
    }
    return acc;
}

unsigned h5r_chunk_size_width(const h5r_ctx *x, const h5r_chunked *d)
{
    if (d->layout_version >= 5)
        return x->file->widths.length;
    unsigned width = 1 + (h5r_log2(d->chunk_bytes) + 8) / 8;
    return width < 8 ? width : 8;
}

h5r_element h5r_decode_element(const h5r_ctx *x, const h5r_chunked *d, h5r_cursor *c)
{
    h5r_element e = {.addr = h5r_get_addr(c, x->file->widths), .size = d->chunk_bytes};

    if (d->filtered) {
        e.size = h5r_get_uint(c, h5r_chunk_size_width(x, d));
        e.mask = h5r_get_u32(c);
        if (e.size == 0)
            e.addr = H5R_UNDEFINED;
    }
    return e;
}
