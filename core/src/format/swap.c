/* Byte order of elements: composite types are swapped part by part, references into the heap are left alone. */
#include <h5range/h5range.h>

#include "format/swap.h"

static void reverse(uint8_t *p, size_t size)
{
    for (size_t i = 0, k = size - 1; i < k; i++, k--) {
        uint8_t t = p[i];
        p[i] = p[k];
        p[k] = t;
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
        for (size_t i = 0; i < n; i++, p += t->size)
            reverse(p, t->size);
    }
}
