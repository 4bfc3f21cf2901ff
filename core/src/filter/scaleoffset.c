/* Scale-offset: numbers less their minimum, in as few bits as the largest takes. A chunk is 21 bytes of head (bits a number u32,
 * 8, minimum u64, reserved; little-endian), then the codes, packed most significant bit first. Decimal floats were multiplied
 * by a power of ten and rounded; the arithmetic here is done in the type's own precision, so that it gives the same bits. */
#include "filter/codecs.h"

#include <math.h>
#include <string.h>

#include "filter/bits.h"
#include "util/checked.h"

enum { SCALE_TYPE, FACTOR, ELEMENTS, CLASS, SIZE, SIGN, ORDER, FILL_AVAILABLE, FILL };
enum { FLOAT_DECIMAL = 0, FLOAT_BINARY = 1, INTEGER = 2 };
enum { HEAD = 21 };

typedef struct params {
    bool is_float, big, has_fill;
    int32_t factor;
    uint32_t size;
    uint64_t n, fill, minimum;
    unsigned bits;
} params;

static void put(uint8_t *out, uint64_t v, const params *p)
{
    for (uint32_t i = 0; i < p->size; i++)
        out[p->big ? p->size - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

/* The libraries that write these compute single precision with powf() and a signed code; so must who reads. */
static uint64_t from_code4(uint64_t code, const params *p, float scale)
{
    uint32_t low = (uint32_t)p->minimum, bits;
    float minimum, v;

    memcpy(&minimum, &low, 4);
    v = (float)(int32_t)(uint32_t)code / scale + minimum;
    memcpy(&bits, &v, 4);
    return bits;
}

static uint64_t from_code8(uint64_t code, const params *p, double scale)
{
    uint64_t bits;
    double minimum, v;

    memcpy(&minimum, &p->minimum, 8);
    v = (double)(int64_t)code / scale + minimum;
    memcpy(&bits, &v, 8);
    return bits;
}

static void unpack(const params *p, h5r_bits *b, uint8_t *out)
{
    uint64_t fill_code = (UINT64_C(1) << p->bits) - 1;
    float scale4 = p->is_float ? powf(10.0F, (float)p->factor) : 0;
    double scale8 = p->is_float ? pow(10.0, (double)p->factor) : 0;

    for (uint64_t i = 0; i < p->n; i++, out += p->size) {
        uint64_t code = p->bits > 0 ? h5r_bits_get(b, p->bits) : 0, v;
        if (p->has_fill && code == fill_code)
            v = p->fill;
        else if (!p->is_float)
            v = code + p->minimum;
        else
            v = p->size == 4 ? from_code4(code, p, scale4) : from_code8(code, p, scale8);
        put(out, v, p);
    }
}

static h5r_status get_params(const h5r_stage *s, params *p)
{
    const h5r_filter *f = s->filter;
    const uint32_t *v = f->values;

    if (f->n_values <= FILL_AVAILABLE)
        return H5R_STAGE_BAD(s, "parameters are missing");
    *p = (params){.is_float = v[SCALE_TYPE] != INTEGER, .big = v[ORDER] == 1, .has_fill = v[FILL_AVAILABLE] == 1,
                  .factor = (int32_t)v[FACTOR], .size = v[SIZE], .n = v[ELEMENTS]};
    if (v[SCALE_TYPE] == FLOAT_BINARY)
        return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "variable minimum-bits method for floats, which no library has ever written");
    if (v[SCALE_TYPE] > INTEGER || v[ORDER] > 1 || v[CLASS] != (p->is_float ? 1U : 0U))
        return H5R_STAGE_BAD(s, "parameters are out of range");
    if (p->is_float ? p->size != 4 && p->size != 8 : p->size != 1 && p->size != 2 && p->size != 4 && p->size != 8)
        return H5R_STAGE_BAD(s, "numbers of %u bytes", (unsigned)p->size);
    if (p->has_fill) {
        if (f->n_values < FILL + (p->size > 4 ? 2U : 1U))
            return H5R_STAGE_BAD(s, "the fill value is missing");
        p->fill = v[FILL] | (p->size > 4 ? (uint64_t)v[FILL + 1] << 32 : 0);
    }
    return H5R_OK;
}

/* Bytes that were not packed: in the order of the machine that wrote them, which has been little-endian. */
static h5r_status copy_raw(const h5r_stage *s, const params *p, const uint8_t *src, uint8_t *out, size_t total)
{
    memcpy(out, src, total);
    if (p->big)
        for (size_t i = 0; i < total; i += p->size)
            for (size_t a = i, z = i + p->size - 1; a < z; a++, z--) {
                uint8_t t = out[a];
                out[a] = out[z];
                out[z] = t;
            }
    s->dst->len = total;
    return H5R_OK;
}

h5r_status h5r_decode_scaleoffset(const h5r_stage *s)
{
    params p = {0};
    uint64_t total, bits;
    uint8_t *out;

    h5r_status st = get_params(s, &p);
    if (st != H5R_OK)
        return st;
    if (!p.is_float && p.factor == (int32_t)(8 * p.size)) { /* as many bits as the type has: the filter did nothing */
        st = h5r_stage_room(s, s->n, &out);
        if (st == H5R_OK && s->n > 0)
            memcpy(out, s->src, s->n);
        return st;
    }
    if (s->n < HEAD)
        return H5R_STAGE_BAD(s, "%zu bytes", s->n);
    uint32_t n_bits = h5r_le32(s->src);
    if (n_bits > 8 * p.size)
        return H5R_STAGE_BAD(s, "%u bits for numbers of %u", (unsigned)n_bits, (unsigned)(8 * p.size));
    p.bits = n_bits;
    p.minimum = h5r_le64(s->src + 5);
    if (!h5r_mul(p.n, p.size, &total) || !h5r_mul(p.n, n_bits, &bits))
        return H5R_STAGE_BAD(s, "parameters are out of range");
    st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK || total == 0)
        return st;
    if (bits > 8 * (uint64_t)(s->n - HEAD))
        return H5R_STAGE_BAD(s, "the packed data end too early");
    if (n_bits == 8 * p.size)
        return copy_raw(s, &p, s->src + HEAD, out, (size_t)total);
    h5r_bits b = {.p = s->src + HEAD, .end = s->src + s->n};
    unpack(&p, &b, out);
    return H5R_OK;
}
