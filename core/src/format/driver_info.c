/* Driver information block (specification II.B) and message (IV.A.2.u): families of files of one size, and sets that keep kinds of data
 * apart. A split set is a multi set of two. */
#include "format/driver_info.h"

#include "util/checked.h"

static h5r_status decode_multi(h5r_cursor *c, h5r_driver_info *d)
{
    enum { RAW = 3 };
    const uint8_t *map = h5r_take(c, H5R_SET_MEMBERS);
    unsigned which[H5R_SET_MEMBERS], super = 0;

    h5r_skip(c, 2);
    if (c->overrun)
        return H5R_ERR_FORMAT;
    /* Each kind of data (superblock, B-tree, raw, global heap, local heap, object header) names the kind whose file it shares;
     * 0 stands for its own. */
    for (unsigned i = 0; i < H5R_SET_MEMBERS; i++) {
        unsigned kind = map[i] == 0 ? i + 1 : map[i], k = 0;
        if (kind > H5R_SET_MEMBERS)
            return H5R_ERR_FORMAT;
        while (k < d->n && which[k] != kind)
            k++;
        if (k == d->n)
            which[d->n++] = kind;
        if (i == 0)
            super = k;
    }
    for (unsigned k = 0; k < d->n; k++) {
        d->member[k].start = h5r_get_u64(c);
        uint64_t allocated = h5r_get_u64(c);
        if (!h5r_add(d->member[k].start, allocated, &d->member[k].end))
            return H5R_ERR_FORMAT;
    }
    for (unsigned k = 0; k < d->n; k++) {
        size_t len;
        d->member[k].name = h5r_get_text(c, &len);
        if (d->member[k].name == NULL)
            return H5R_ERR_FORMAT;
        if (k + 1 < d->n)
            h5r_skip(c, 7 - len % 8); /* padded with its NUL to a multiple of 8 */
    }
    if (d->member[super].start != 0)
        return H5R_ERR_FORMAT;
    d->super = d->member[super].name;
    /* "%s-s.h5" is what the multi driver calls the first file unless told otherwise; a split set has an ending for metadata. */
    bool split = d->n == 2 && which[super] == 1 && which[1 - super] == RAW && strcmp(d->super, "%s-s.h5") != 0;
    d->name = split ? "split" : "multi";
    d->kind = H5R_SET_MULTI;
    return c->overrun ? H5R_ERR_FORMAT : H5R_OK;
}

h5r_status h5r_decode_driver_info(h5r_cursor *c, h5r_driver_info *out)
{
    h5r_driver_info d = {.name = ""};
    h5r_status st = H5R_OK;

    const uint8_t *id = h5r_take(c, 8);
    if (id == NULL)
        return H5R_ERR_FORMAT;
    if (memcmp(id, "NCSAmult", 8) == 0)
        st = decode_multi(c, &d);
    if (memcmp(id, "NCSAfami", 8) == 0) {
        d.kind = H5R_SET_FAMILY;
        d.name = "family";
        d.member_size = h5r_get_u64(c);
        if (d.member_size == 0)
            st = H5R_ERR_FORMAT;
    }
    if (memcmp(id, "Subfilin", 8) == 0) {
        h5r_skip(c, 4 + 4 + 4 + 8); /* magic, version, flag, size of a stripe: not in the specification */
        if (h5r_get_u64(c) > 1)
            d.name = "subfiling"; /* in files whose names hold an inode: read as far as this one goes */
    }
    if (st == H5R_OK && !c->overrun)
        *out = d;
    return c->overrun ? H5R_ERR_FORMAT : st;
}
