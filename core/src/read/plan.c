#include "read/plan.h"

#include <inttypes.h>

#include "format/swap.h"
#include "util/checked.h"

void h5r_select_range(uint64_t start, uint64_t count, int64_t step, uint64_t lo, uint64_t hi, uint64_t *first,
                      uint64_t *n)
{
    uint64_t s = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t a, z; /* i in [a, z) */

    if (step > 0) {
        a = start >= lo ? 0 : h5r_ceil_div(lo - start, s);
        z = start >= hi ? 0 : h5r_ceil_div(hi - start, s);
    } else {
        a = start < hi ? 0 : (start - hi) / s + 1;
        z = start < lo ? 0 : (start - lo) / s + 1;
    }
    z = h5r_min(z, count);
    *first = a;
    *n = z > a ? z - a : 0;
}

/* Lowest and highest element that the selection touches in a dimension. */
static void bounds(const h5r_window *w, unsigned i, uint64_t *lo, uint64_t *hi)
{
    uint64_t last = w->start[i] + (w->count[i] - 1) * (uint64_t)w->step[i]; /* wraps as it should for negative steps */
    *lo = h5r_min(w->start[i], last);
    *hi = h5r_max(w->start[i], last);
}

static h5r_status check_dimension(h5r_ctx *x, const h5r_window *w, unsigned i)
{
    const h5r_space *space = w->d->space;
    uint64_t s = w->step[i] > 0 ? (uint64_t)w->step[i] : 0 - (uint64_t)w->step[i], way;

    if (w->step[i] == 0)
        return h5r_fail(x, H5R_ERR_ARG, H5R_UNDEFINED, "selection with a step of 0 in dimension %u", i);
    if (w->count[i] == 0)
        return H5R_OK;
    bool ok = w->start[i] < space->shape[i] && h5r_mul(w->count[i] - 1, s, &way) &&
              (w->step[i] > 0 ? way < space->shape[i] - w->start[i] : way <= w->start[i]);
    if (!ok)
        return h5r_fail(x, H5R_ERR_ARG, H5R_UNDEFINED,
                        "selection outside the dataset: start %" PRIu64 ", count %" PRIu64 ", step %" PRId64
                        " in dimension %u of %" PRIu64,
                        w->start[i], w->count[i], w->step[i], i, space->shape[i]);
    return H5R_OK;
}

static h5r_status set_selection(h5r_ctx *x, const h5r_selection *sel, h5r_window *w)
{
    const h5r_space *space = w->d->space;

    w->rank = space->rank;
    w->empty = space->cls == H5R_SPACE_NULL;
    for (unsigned i = 0; i < w->rank; i++) {
        w->start[i] = sel->start != NULL ? sel->start[i] : 0;
        w->count[i] = sel->count != NULL ? sel->count[i] : space->shape[i] - h5r_min(w->start[i], space->shape[i]);
        w->step[i] = sel->step != NULL ? sel->step[i] : 1;
        H5R_TRY(check_dimension(x, w, i));
        w->empty |= w->count[i] == 0;
    }
    uint64_t stride = w->d->type->size;
    for (unsigned i = w->rank; i-- > 0;) {
        w->dst_stride[i] = (int64_t)stride;
        if (sel->dst_stride != NULL)
            w->dst_stride[i] = sel->dst_stride[i];
        else if (!w->empty && (!h5r_mul(stride, w->count[i], &stride) || stride > INT64_MAX))
            return h5r_fail(x, H5R_ERR_ARG, H5R_UNDEFINED, "selection of more than 2^63 bytes");
    }
    w->dst = sel->dst;
    if (w->dst == NULL && !w->empty)
        return h5r_fail(x, H5R_ERR_ARG, H5R_UNDEFINED, "selection without a destination");
    return H5R_OK;
}

static h5r_status set_fill(h5r_ctx *x, const h5r_selection *sel, h5r_window *w)
{
    const h5r_dataset *d = w->d;
    uint8_t *fill = h5r_scratch(x, d->type->size, 1);

    if (fill == NULL)
        return H5R_ERR_NOMEM;
    if (d->fill_value != NULL && (d->fill_time != H5R_FILL_NEVER || sel->fill_never)) {
        memcpy(fill, d->fill_value, d->type->size);
        if (w->swap)
            h5r_swap(d->type, fill, 1);
    }
    w->fill = fill;
    return H5R_OK;
}

static h5r_status plan_chunks(h5r_ctx *x, h5r_window *w)
{
    const h5r_dataset *d = w->d;
    uint64_t lo[H5R_MAX_RANK] = {0}, hi[H5R_MAX_RANK] = {0}, total = 1;
    bool many = false;

    for (unsigned i = 0; i < w->rank; i++) {
        bounds(w, i, &lo[i], &hi[i]);
        lo[i] /= d->chunk[i];
        hi[i] /= d->chunk[i];
        many |= !h5r_mul(total, hi[i] - lo[i] + 1, &total);
    }
    H5R_TRY(h5r_load_chunks(x, d, lo, hi, &w->chunks));
    w->has_holes = many || w->chunks.n < total;
    return H5R_OK;
}

h5r_status h5r_plan_window(h5r_ctx *x, const h5r_object *o, const h5r_selection *sel, h5r_window *w)
{
    *w = (h5r_window){.object = o, .fill_never = sel->fill_never};
    H5R_TRY(h5r_load_dataset(x, h5r_header_of(o), &w->d));
    w->swap = !sel->file_order && h5r_needs_swap(w->d->type);
    H5R_TRY(set_selection(x, sel, w));
    if (w->empty)
        return H5R_OK;
    H5R_TRY(set_fill(x, sel, w));
    switch (w->d->layout) {
    case H5R_LAYOUT_CHUNKED:
        return plan_chunks(x, w);
    case H5R_LAYOUT_COMPACT:
    case H5R_LAYOUT_CONTIGUOUS:
        return H5R_OK;
    case H5R_LAYOUT_VIRTUAL: /* read when the plan is made: their bytes lie elsewhere */
    case H5R_LAYOUT_EXTERNAL:
        return H5R_OK;
    }
    return h5r_fail(x, H5R_ERR_INTERNAL, o->addr, "layout class %d", (int)w->d->layout);
}
