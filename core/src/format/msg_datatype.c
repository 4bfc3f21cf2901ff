/* The class and its 24 flag bits come first, then the size, then properties that depend on the class; composite classes
 * contain whole datatype messages again, possibly of a lower version than their own. */
#include "format/msg_datatype.h"

#include "util/checked.h"

typedef struct decoder {
    h5r_cursor *c;
    h5r_widths w;
    h5r_arena *arena;
    const char **what;
    unsigned depth_left;
    unsigned members_left; /* of all compounds together: a bound on work and memory */
} decoder;

static h5r_status decode(decoder *d, const h5r_type **out);

static h5r_status bad(decoder *d, const char *what)
{
    *d->what = what;
    return H5R_ERR_FORMAT;
}

static h5r_status nomem(decoder *d)
{
    *d->what = "out of memory";
    return H5R_ERR_NOMEM;
}

static h5r_pad pad_of(unsigned bit)
{
    return bit ? H5R_PAD_ONE : H5R_PAD_ZERO;
}

static h5r_status decode_integer(decoder *d, h5r_type *t, unsigned flags)
{
    t->order = flags & 1 ? H5R_ORDER_BE : H5R_ORDER_LE;
    t->low_pad = pad_of(flags & 2);
    t->high_pad = pad_of(flags & 4);
    t->is_signed = t->cls == H5R_CLASS_INTEGER && (flags & 8) != 0;
    t->bit_offset = h5r_get_u16(d->c);
    t->precision = h5r_get_u16(d->c);
    if (t->precision == 0 || (uint64_t)t->bit_offset + t->precision > 8 * (uint64_t)t->size)
        return bad(d, "integer whose bits do not fit its size");
    return H5R_OK;
}

static h5r_status decode_float(decoder *d, h5r_type *t, unsigned flags)
{
    unsigned norm = flags >> 4 & 3;

    t->order = (flags & 0x41) == 0x41 ? H5R_ORDER_VAX : flags & 1 ? H5R_ORDER_BE : H5R_ORDER_LE;
    t->low_pad = pad_of(flags & 2);
    t->high_pad = pad_of(flags & 4);
    t->inner_pad = pad_of(flags & 8);
    t->sign_pos = flags >> 8 & 0xff;
    t->bit_offset = h5r_get_u16(d->c);
    t->precision = h5r_get_u16(d->c);
    t->exp_pos = h5r_get_u8(d->c);
    t->exp_size = h5r_get_u8(d->c);
    t->mant_pos = h5r_get_u8(d->c);
    t->mant_size = h5r_get_u8(d->c);
    t->exp_bias = h5r_get_u32(d->c);
    if (norm == 3)
        return bad(d, "float of unknown normalisation");
    t->norm = norm == 2 ? H5R_NORM_IMPLIED : norm == 1 ? H5R_NORM_MSBSET : H5R_NORM_NONE;
    uint64_t bits = 8 * (uint64_t)t->size;
    if (t->precision == 0 || (uint64_t)t->bit_offset + t->precision > bits || t->exp_pos + t->exp_size > bits ||
        t->mant_pos + t->mant_size > bits || t->sign_pos >= bits || t->exp_size == 0 || t->mant_size == 0)
        return bad(d, "float whose fields do not fit its size");
    return H5R_OK;
}

static h5r_status decode_string_flags(decoder *d, h5r_type *t, unsigned strpad, unsigned cset)
{
    if (strpad > H5R_STR_SPACEPAD)
        return bad(d, "string of unknown padding");
    if (cset > H5R_CSET_UTF8)
        return bad(d, "string of unknown character set");
    t->strpad = (h5r_strpad)strpad;
    t->cset = (h5r_cset)cset;
    return H5R_OK;
}

/* Text in a field padded to a multiple of 8 (versions 1 and 2) or of its own length. */
static h5r_status decode_name(decoder *d, unsigned version, const char **out)
{
    size_t start = d->c->pos, n;
    const char *text = h5r_get_text(d->c, &n);

    if (text == NULL)
        return bad(d, "name without end");
    if (version < 3)
        h5r_skip(d->c, (8 - (d->c->pos - start) % 8) % 8);
    *out = h5r_arena_text(d->arena, text, n);
    return *out == NULL ? nomem(d) : H5R_OK;
}

/* Version 1 members may be small arrays without an array type of their own. */
static h5r_status wrap_in_array(decoder *d, unsigned rank, const uint32_t *dims, const h5r_type **type)
{
    h5r_type *t = h5r_arena_alloc(d->arena, sizeof *t);
    uint64_t size = (*type)->size;

    if (t == NULL)
        return nomem(d);
    *t = (h5r_type){.cls = H5R_CLASS_ARRAY, .version = 1, .base = *type, .n_dims = rank, .committed = H5R_UNDEFINED,
                    .in_heap = (*type)->in_heap};
    for (unsigned i = 0; i < rank; i++)
        if (dims[i] == 0 || !h5r_mul(size, dims[i], &size) || size > UINT32_MAX)
            return bad(d, "array member of impossible size");
    t->size = (uint32_t)size;
    t->dims = h5r_arena_copy(d->arena, dims, rank * sizeof *dims);
    if (t->dims == NULL)
        return nomem(d);
    *type = t;
    return H5R_OK;
}

static h5r_status decode_member(decoder *d, const h5r_type *compound, h5r_member *m)
{
    unsigned version = compound->version, rank = 0;
    uint32_t dims[4] = {0};

    H5R_CHECK(decode_name(d, version, &m->name));
    m->offset = (uint32_t)h5r_get_uint(d->c, version >= 3 ? h5r_enc_size(compound->size) : 4);
    if (version == 1) {
        rank = h5r_get_u8(d->c);
        h5r_skip(d->c, 3 + 4 + 4); /* reserved, permutation, reserved */
        for (unsigned i = 0; i < 4; i++)
            dims[i] = h5r_get_u32(d->c);
        if (rank > 4)
            return bad(d, "array member of rank above 4");
    }
    H5R_CHECK(decode(d, &m->type));
    if (rank > 0)
        H5R_CHECK(wrap_in_array(d, rank, dims, &m->type));
    if ((uint64_t)m->offset + m->type->size > compound->size)
        return bad(d, "compound member outside the compound");
    return H5R_OK;
}

static h5r_status decode_compound(decoder *d, h5r_type *t, unsigned flags)
{
    uint32_t n = flags & 0xffff;

    /* A member takes at least a name's NUL, an offset byte and 8 bytes of type. */
    if (n == 0 || n > h5r_left(d->c) / 10 || n > d->members_left)
        return bad(d, "compound with an impossible number of members");
    d->members_left -= n;
    h5r_member *members = h5r_arena_array(d->arena, n, sizeof *members);
    if (members == NULL)
        return nomem(d);
    for (uint32_t i = 0; i < n; i++) {
        H5R_CHECK(decode_member(d, t, &members[i]));
        t->in_heap |= members[i].type->in_heap;
    }
    t->n_members = n;
    t->members = members;
    return H5R_OK;
}

static h5r_status decode_enum(decoder *d, h5r_type *t, unsigned flags)
{
    uint32_t n = flags & 0xffff;

    H5R_CHECK(decode(d, &t->base));
    if (t->base->cls != H5R_CLASS_INTEGER || t->base->size != t->size)
        return bad(d, "enumeration whose base is no integer of its size");
    if (n > h5r_left(d->c) / (1 + (uint64_t)t->size) || n > d->members_left)
        return bad(d, "enumeration with an impossible number of members");
    d->members_left -= n;
    const char **names = h5r_arena_array(d->arena, n, sizeof *names);
    if (names == NULL)
        return nomem(d);
    for (uint32_t i = 0; i < n; i++)
        H5R_CHECK(decode_name(d, t->version, &names[i]));
    const uint8_t *values = h5r_take(d->c, (uint64_t)n * t->size);
    if (values == NULL)
        return bad(d, "enumeration cut short");
    uint8_t *copy = h5r_arena_copy(d->arena, values, (size_t)n * t->size);
    if (copy == NULL)
        return nomem(d);
    h5r_swap(t->base, copy, n);
    t->n_members = n;
    t->names = names;
    t->values = copy;
    return H5R_OK;
}

static h5r_status decode_array(decoder *d, h5r_type *t)
{
    unsigned rank = h5r_get_u8(d->c);
    uint64_t size = 1;

    if (t->version < 3)
        h5r_skip(d->c, 3);
    if (rank == 0 || rank > H5R_MAX_RANK) /* version 1 has no arrays, yet old PyTables files use them there */
        return bad(d, "array type of impossible rank");
    uint32_t *dims = h5r_arena_array(d->arena, rank, sizeof *dims);
    if (dims == NULL)
        return nomem(d);
    for (unsigned i = 0; i < rank; i++) {
        dims[i] = h5r_get_u32(d->c);
        if (dims[i] == 0 || !h5r_mul(size, dims[i], &size))
            return bad(d, "array type with a dimension of 0 or too many elements");
    }
    if (t->version < 3)
        h5r_skip(d->c, 4 * rank); /* permutations */
    H5R_CHECK(decode(d, &t->base));
    if (!h5r_mul(size, t->base->size, &size) || size != t->size)
        return bad(d, "array type whose size is not its elements'");
    t->n_dims = rank;
    t->dims = dims;
    t->in_heap = t->base->in_heap;
    return H5R_OK;
}

static h5r_status decode_reference(decoder *d, h5r_type *t, unsigned flags)
{
    unsigned kind = flags & 0xf;

    if (kind > 4)
        return bad(d, "reference of unknown kind");
    t->ref = kind == 0 ? H5R_REF_OBJECT1 : kind == 1 ? H5R_REF_REGION1 : H5R_REF_STD;
    t->in_heap = kind != 0;
    uint32_t need = kind == 0 ? d->w.offset : kind == 1 ? d->w.offset + 4U : d->w.offset + 10U;
    if (t->size < need)
        return bad(d, "reference too small for an address");
    if (t->ref == H5R_REF_STD)
        t->size = need; /* some writers store the size that the library has in memory, 64 */
    return H5R_OK;
}

static h5r_status decode_vlen(decoder *d, h5r_type *t, unsigned flags)
{
    unsigned kind = flags & 0xf;

    if (kind > 1)
        return bad(d, "variable-length type that is neither sequence nor string");
    if (t->size < 8U + d->w.offset)
        return bad(d, "variable-length type too small for its reference");
    t->vlen_string = kind == 1;
    t->in_heap = true;
    if (t->vlen_string)
        H5R_CHECK(decode_string_flags(d, t, flags >> 4 & 0xf, flags >> 8 & 0xf));
    return decode(d, &t->base);
}

static h5r_status decode_properties(decoder *d, h5r_type *t, unsigned flags)
{
    switch (t->cls) {
    case H5R_CLASS_INTEGER:
    case H5R_CLASS_BITFIELD:
        return decode_integer(d, t, flags);
    case H5R_CLASS_FLOAT:
        return decode_float(d, t, flags);
    case H5R_CLASS_TIME:
        t->order = flags & 1 ? H5R_ORDER_BE : H5R_ORDER_LE;
        t->precision = h5r_get_u16(d->c);
        return H5R_OK;
    case H5R_CLASS_STRING:
        return decode_string_flags(d, t, flags & 0xf, flags >> 4 & 0xf);
    case H5R_CLASS_OPAQUE: {
        size_t field = flags & 0xff;
        const uint8_t *tag = h5r_take(d->c, field);
        if (tag == NULL)
            return bad(d, "opaque type whose tag is cut short");
        const uint8_t *end = memchr(tag, 0, field);
        t->tag = h5r_arena_text(d->arena, tag, end != NULL ? (size_t)(end - tag) : field);
        return t->tag == NULL ? nomem(d) : H5R_OK;
    }
    case H5R_CLASS_COMPOUND:
        return decode_compound(d, t, flags);
    case H5R_CLASS_REFERENCE:
        return decode_reference(d, t, flags);
    case H5R_CLASS_ENUM:
        return decode_enum(d, t, flags);
    case H5R_CLASS_VLEN:
        return decode_vlen(d, t, flags);
    case H5R_CLASS_ARRAY:
        return decode_array(d, t);
    case H5R_CLASS_COMPLEX:
        H5R_CHECK(decode(d, &t->base));
        if (t->base->cls != H5R_CLASS_FLOAT || (uint64_t)t->base->size * 2 != t->size)
            return bad(d, "complex type whose parts are not two floats");
        return H5R_OK;
    }
    return bad(d, "datatype of unknown class");
}

static h5r_status decode(decoder *d, const h5r_type **out)
{
    if (d->depth_left == 0) {
        *d->what = "datatypes nested too deeply (limits.depth)";
        return H5R_ERR_LIMIT;
    }
    h5r_type *t = h5r_arena_alloc(d->arena, sizeof *t);
    if (t == NULL)
        return nomem(d);
    unsigned word = h5r_get_u8(d->c);
    unsigned flags = (unsigned)h5r_get_uint(d->c, 3);
    t->size = h5r_get_u32(d->c);
    t->version = word >> 4;
    t->committed = H5R_UNDEFINED;
    t->order = H5R_ORDER_NONE;
    if (d->c->overrun)
        return bad(d, "datatype cut short");
    if ((word & 0xf) > H5R_CLASS_COMPLEX) {
        *d->what = "datatype class unknown to the specification 4.0";
        return H5R_ERR_UNSUPPORTED;
    }
    if (t->version == 0 || t->version > 5) {
        *d->what = "datatype message of a version other than 1 to 5";
        return t->version == 0 ? H5R_ERR_FORMAT : H5R_ERR_UNSUPPORTED;
    }
    t->cls = (h5r_class)(word & 0xf);
    if (t->size == 0)
        return bad(d, "datatype of size 0");
    d->depth_left--;
    h5r_status st = decode_properties(d, t, flags);
    d->depth_left++;
    if (st == H5R_OK && d->c->overrun)
        return bad(d, "datatype cut short");
    *out = t;
    return st;
}

h5r_status h5r_decode_datatype(h5r_cursor *c, h5r_widths w, unsigned max_depth, h5r_arena *arena,
                               const h5r_type **out, const char **what)
{
    decoder d = {c, w, arena, what, max_depth, 65536};
    return decode(&d, out);
}
