#include "object/virtual.h"

#include "format/mappings.h"

static h5r_status check_rank(h5r_ctx *x, const h5r_header *h, const h5r_dataset *d, const h5r_mapping *m)
{
    const h5r_region *t = &m->target;
    if (t->rank != 0 && t->rank != d->space->rank)
        return h5r_fail(x, H5R_ERR_FORMAT, h->pub.addr, "a mapping of rank %u in a virtual dataset of rank %u", t->rank, d->space->rank);
    return H5R_OK;
}

h5r_status h5r_load_mappings(h5r_ctx *x, const h5r_header *h, const h5r_mapping_list **out)
{
    h5r_mapping_list l = {0};
    const h5r_dataset *d;
    const uint8_t *p;
    uint64_t len;
    const char *what = "";

    *out = h5r_memo_get(x, H5R_MEMO_MAPPINGS, h->pub.addr);
    if (*out != NULL)
        return H5R_OK;
    H5R_TRY(h5r_load_dataset(x, h, &d));
    if (d->layout != H5R_LAYOUT_VIRTUAL)
        return h5r_fail(x, H5R_ERR_ARG, h->pub.addr, "not a virtual dataset");
    if (d->virtual_addr != H5R_UNDEFINED) {
        H5R_TRY(h5r_load_global_object(x, d->virtual_addr, d->virtual_index, &p, &len));
        uint8_t *copy = h5r_alloc(x, len, 1); /* the heap's bytes do not last */
        if (copy == NULL)
            return x->error.status;
        memcpy(copy, p, (size_t)len);
        h5r_cursor c = h5r_cursor_at(copy, (size_t)len);
        h5r_status st = h5r_decode_mappings(&c, x->file->widths, &x->file->arena, &l.list, &l.n, &what);
        if (st == H5R_ERR_NOMEM)
            return h5r_nomem(x);
        if (st != H5R_OK)
            return h5r_fail(x, st, d->virtual_addr, "%s", what);
        H5R_TRY(h5r_verify(x, d->virtual_addr, copy, c.pos, "list of a virtual dataset's mappings"));
    }
    l.opened = h5r_alloc(x, l.n, sizeof *l.opened);
    if (l.opened == NULL)
        return x->error.status;
    for (size_t i = 0; i < l.n; i++) {
        atomic_init(&l.opened[i], false);
        H5R_TRY(check_rank(x, h, d, &l.list[i]));
        l.unlimited |= l.list[i].target.kind == H5R_REGION_HYPERSLAB && l.list[i].target.unlimited_dim >= 0;
    }
    return h5r_memo_put(x, H5R_MEMO_MAPPINGS, h->pub.addr, &l, sizeof l, (const void **)out);
}
