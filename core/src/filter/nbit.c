/* N-bit: of each number only the significant bits, packed most significant first and without alignment. The client data
 * describe the element as a tree: [0] number of values, [1] 1: nothing was packed, [2] elements, then from [3] on the type. */
#include "filter/codecs.h"

#include <string.h>

#include "filter/bits.h"
#include "util/checked.h"

enum { ATOMIC = 1, ARRAY = 2, COMPOUND = 3, NOOP = 4 };
enum { MAX_DEPTH = 32 };

/* The tree is walked for each element; at counts through the client data. */
typedef struct walk {
    const h5r_stage *s;
    const uint32_t *values;
    unsigned n_values;
    h5r_bits bits;
} walk;

static h5r_status bad_tree(const walk *w)
{
    return H5R_STAGE_BAD(w->s, "impossible description of the element");
}

/* Size of the type at values[at]; 0 when it is cut off. */
static uint32_t size_of(const walk *w, unsigned at)
{
    return at + 1 < w->n_values ? w->values[at + 1] : 0;
}

static bool is_atomic_sane(uint32_t size, uint32_t precision, uint32_t offset)
{
    uint64_t bits = 8 * (uint64_t)size;
    return precision > 0 && precision <= bits && offset <= bits - precision;
}

/* A number of any size: each byte takes those of its bits that lie in [offset, offset + precision). */
static void get_long(h5r_bits *b, uint8_t *out, uint32_t size, bool big, uint32_t precision, uint32_t offset)
{
    for (uint32_t i = size; i-- > 0;) { /* from the most significant byte on */
        uint64_t low = 8 * (uint64_t)i, first = h5r_max(low, offset), end = h5r_min(low + 8, (uint64_t)offset + precision);
        if (first < end)
            out[big ? size - 1 - i : i] = (uint8_t)(h5r_bits_upto32(b, (unsigned)(end - first)) << (first - low));
    }
}

static void get_atomic(h5r_bits *b, uint8_t *out, uint32_t size, bool big, uint32_t precision, uint32_t offset)
{
    if (size > 8) {
        get_long(b, out, size, big, precision, offset);
        return;
    }
    uint64_t v = h5r_bits_get(b, precision) << offset;
    for (uint32_t i = 0; i < size; i++)
        out[big ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

static h5r_status get_value(walk *w, unsigned at, unsigned *next, uint8_t *out, unsigned depth);

static h5r_status get_array(walk *w, unsigned at, unsigned *next, uint8_t *out, uint32_t total, unsigned depth)
{
    uint32_t size = size_of(w, at);

    if (size == 0 || total % size != 0 || total < size)
        return bad_tree(w);
    for (uint32_t i = 0; i < total; i += size) {
        h5r_status st = get_value(w, at, next, out + i, depth + 1);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

static h5r_status get_compound(walk *w, unsigned at, unsigned *next, uint8_t *out, unsigned depth)
{
    uint32_t total = w->values[at + 1];
    uint32_t members = at + 2 < w->n_values ? w->values[at + 2] : 0;

    if (members == 0) /* each leaf takes bits, so that what is stored bounds the work */
        return bad_tree(w);
    *next = at + 3;
    for (uint32_t i = 0; i < members; i++) {
        if (*next + 1 >= w->n_values)
            return bad_tree(w);
        uint32_t offset = w->values[*next], size = size_of(w, *next + 1);
        if (offset > total || size > total - offset)
            return bad_tree(w);
        h5r_status st = get_value(w, *next + 1, next, out + offset, depth + 1);
        if (st != H5R_OK)
            return st;
    }
    return H5R_OK;
}

/* One value of the type at values[at], whose size the caller has made room for; *next is behind the type. */
static h5r_status get_value(walk *w, unsigned at, unsigned *next, uint8_t *out, unsigned depth)
{
    uint32_t size = size_of(w, at);

    if (size == 0 || depth > MAX_DEPTH)
        return bad_tree(w);
    switch (w->values[at]) {
    case ATOMIC: {
        if (at + 4 >= w->n_values)
            return bad_tree(w);
        uint32_t order = w->values[at + 2], precision = w->values[at + 3], offset = w->values[at + 4];
        if (order > 1 || !is_atomic_sane(size, precision, offset))
            return bad_tree(w);
        if (h5r_bits_left(&w->bits) < precision)
            return H5R_STAGE_BAD(w->s, "the packed data end too early");
        get_atomic(&w->bits, out, size, order == 1, precision, offset);
        *next = at + 5;
        return H5R_OK;
    }
    case ARRAY:
        return get_array(w, at + 2, next, out, size, depth);
    case COMPOUND:
        return get_compound(w, at, next, out, depth);
    case NOOP:
        if (h5r_bits_left(&w->bits) / 8 < size)
            return H5R_STAGE_BAD(w->s, "the packed data end too early");
        for (uint32_t i = 0; i < size; i++)
            out[i] = (uint8_t)h5r_bits_upto32(&w->bits, 8);
        *next = at + 2;
        return H5R_OK;
    default:
        return bad_tree(w);
    }
}

h5r_status h5r_decode_nbit(const h5r_stage *s)
{
    const h5r_filter *f = s->filter;
    uint64_t total;
    uint8_t *out;
    unsigned next = 0;

    if (f->n_values < 2)
        return H5R_STAGE_BAD(s, "parameters are missing");
    if (f->values[1] == 1) {
        h5r_status st = h5r_stage_room(s, s->n, &out);
        if (st == H5R_OK && s->n > 0)
            memcpy(out, s->src, s->n);
        return st;
    }
    walk w = {.s = s, .values = f->values, .n_values = f->n_values, .bits = {.p = s->src, .end = s->src + s->n}};
    uint32_t size = size_of(&w, 3);
    if (size == 0 || !h5r_mul(f->values[2], size, &total))
        return bad_tree(&w);
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st == H5R_OK && total > 0)
        memset(out, 0, (size_t)total); /* the bits that were left out, and gaps between members */
    for (uint64_t i = 0; i < total && st == H5R_OK; i += size)
        st = get_value(&w, 3, &next, out + i, 0);
    return st;
}
