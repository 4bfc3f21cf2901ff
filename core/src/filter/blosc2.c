/* Blosc2: a contiguous frame (README_CFRAME_FORMAT of c-blosc2) that holds one chunk. With a "b2nd" (formerly "caterva")
 * metalayer the chunk's blocks are boxes of an array, padded to whole ones; else they are in a row. libblosc2 is not in the
 * distributions this is built on, and of all it does a reader of HDF5 needs one frame in memory: so this is ours. */
#include "filter/blosc2_chunk.h"

#include <string.h>

#include "format/cursor.h"
#include "util/checked.h"

enum { FIXED_HEAD = 0x57, MAX_RANK = 15 };

typedef struct frame {
    uint64_t head_len;   /* the chunks begin there */
    uint64_t stored;     /* bytes of all chunks */
    unsigned rank;       /* 0: no array */
    uint64_t chunk[MAX_RANK], block[MAX_RANK];
} frame;

/* ---------------------------------------------------------------- msgpack, as far as frames use it: fixed types, big-endian */

static bool expect(h5r_cursor *c, unsigned type)
{
    return h5r_get_u8(c) == type && !c->overrun;
}

static uint64_t get_be(h5r_cursor *c, unsigned n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | h5r_get_u8(c);
    return v;
}

/* An array of rank numbers, each behind its type byte. */
static bool get_numbers(h5r_cursor *c, unsigned rank, unsigned type, unsigned bytes, uint64_t *out)
{
    if (!expect(c, 0x90 | rank))
        return false;
    for (unsigned i = 0; i < rank; i++) {
        if (!expect(c, type))
            return false;
        out[i] = get_be(c, bytes);
    }
    return !c->overrun;
}

/* Content of the array metalayer: version, rank, shape, chunk shape, block shape, ... */
static h5r_status get_array(const h5r_stage *s, h5r_cursor *c, frame *f)
{
    uint64_t shape[MAX_RANK];
    unsigned fields = h5r_get_u8(c) & 0xf;

    h5r_skip(c, 1); /* version: all have the fields that follow */
    f->rank = h5r_get_u8(c);
    if (fields < 5 || f->rank == 0 || f->rank > MAX_RANK || !get_numbers(c, f->rank, 0xd3, 8, shape) ||
        !get_numbers(c, f->rank, 0xd2, 4, f->chunk) || !get_numbers(c, f->rank, 0xd2, 4, f->block))
        return H5R_STAGE_BAD(s, "damaged description of the array");
    for (unsigned i = 0; i < f->rank; i++)
        if (shape[i] != f->chunk[i] || f->chunk[i] == 0 || f->block[i] == 0 || f->block[i] > f->chunk[i])
            return H5R_STAGE_BAD(s, "an array of more than one chunk, or with impossible blocks");
    return H5R_OK;
}

static h5r_status find_array(const h5r_stage *s, h5r_cursor *c, frame *f)
{
    if (!expect(c, 0x93) || !expect(c, 0xcd))
        return H5R_STAGE_BAD(s, "damaged metalayers");
    h5r_skip(c, 2);
    if (!expect(c, 0xde))
        return H5R_STAGE_BAD(s, "damaged metalayers");
    for (uint64_t n = get_be(c, 2); n > 0 && !c->overrun; n--) {
        unsigned len = h5r_get_u8(c) & 0x1f;
        const uint8_t *name = h5r_take(c, len);
        if (name == NULL || !expect(c, 0xd2))
            return H5R_STAGE_BAD(s, "damaged metalayers");
        uint64_t at = get_be(c, 4);
        if (!(len == 4 && memcmp(name, "b2nd", 4) == 0) && !(len == 7 && memcmp(name, "caterva", 7) == 0))
            continue;
        h5r_cursor content = h5r_cursor_at(s->src, (size_t)f->head_len);
        h5r_skip(&content, at);
        if (!expect(&content, 0xc6))
            return H5R_STAGE_BAD(s, "damaged metalayer");
        h5r_skip(&content, 4);
        return get_array(s, &content, f);
    }
    return c->overrun ? H5R_STAGE_BAD(s, "damaged metalayers") : H5R_OK;
}

static h5r_status get_frame(const h5r_stage *s, frame *f)
{
    h5r_cursor c = h5r_cursor_at(s->src, s->n);

    *f = (frame){0};
    if (s->n < FIXED_HEAD || s->src[1] != 0xa8 || memcmp(s->src + 2, "b2frame", 8) != 0)
        return H5R_STAGE_BAD(s, "no contiguous frame");
    h5r_skip(&c, 11);
    f->head_len = get_be(&c, 4);
    h5r_skip(&c, 1);
    uint64_t frame_len = get_be(&c, 8);
    h5r_skip(&c, 2);
    unsigned type = h5r_get_u8(&c);
    h5r_skip(&c, 2 + 1 + 8 + 1);
    f->stored = get_be(&c, 8);
    if (frame_len > s->n || f->head_len > frame_len || f->head_len < FIXED_HEAD || f->stored > frame_len - f->head_len)
        return H5R_STAGE_BAD(s, "a frame of %llu bytes in %zu", (unsigned long long)frame_len, s->n);
    if ((type & 0xf) != 0)
        return h5r_stage_fail(s, H5R_ERR_UNSUPPORTED, "frame of type %u", type & 0xf);
    c = h5r_cursor_at(s->src, (size_t)f->head_len);
    h5r_skip(&c, FIXED_HEAD);
    return h5r_left(&c) > 0 ? find_array(s, &c, f) : H5R_OK;
}

/* ---------------------------------------------------------------- chunks */

/* Blocks in a row. */
static h5r_status get_row(h5r_blosc2_chunk *c)
{
    const h5r_stage *s = c->s;
    size_t blocks = h5r_blosc2_chunk_blocks(c);
    uint8_t *out, *tmp;

    h5r_status st = h5r_stage_room(s, c->n_bytes, &out);
    if (st == H5R_OK)
        st = h5r_stage_work(s, 3 * c->block, &tmp);
    for (size_t k = 0; k < blocks && st == H5R_OK; k++)
        st = h5r_blosc2_chunk_block(c, k, out + k * c->block, tmp, k == 0 ? NULL : out);
    return st;
}

/* Copies what of block number k lies inside the chunk. */
static void place(const frame *f, uint64_t k, size_t size, const uint8_t *src, uint8_t *out)
{
    uint64_t at[MAX_RANK], n[MAX_RANK], i[MAX_RANK] = {0};
    unsigned last = f->rank - 1;

    for (unsigned d = f->rank; d-- > 0;) {
        uint64_t grid = h5r_ceil_div(f->chunk[d], f->block[d]);
        at[d] = k % grid * f->block[d];
        n[d] = h5r_min(f->block[d], f->chunk[d] - at[d]);
        k /= grid;
    }
    for (;;) { /* rows along the last dimension */
        uint64_t from = 0, to = 0;
        for (unsigned d = 0; d < f->rank; d++) {
            from = from * f->block[d] + i[d];
            to = to * f->chunk[d] + at[d] + i[d];
        }
        memcpy(out + to * size, src + from * size, (size_t)n[last] * size);
        unsigned d = last;
        while (d > 0 && ++i[d - 1] == n[d - 1])
            i[--d] = 0;
        if (d == 0)
            return;
    }
}

/* Blocks that are boxes. Scratch: three blocks for decoding, then the first block and the one that is being placed. */
static h5r_status get_boxes(h5r_blosc2_chunk *c, const frame *f)
{
    const h5r_stage *s = c->s;
    uint64_t total = 1, block = 1, blocks = 1;
    uint8_t *out, *work;

    for (unsigned d = 0; d < f->rank; d++)
        if (!h5r_mul(total, f->chunk[d], &total) || !h5r_mul(block, f->block[d], &block) ||
            !h5r_mul(blocks, h5r_ceil_div(f->chunk[d], f->block[d]), &blocks))
            return H5R_STAGE_BAD(s, "an array that is too large");
    /* The frame says 1 for types of more than 255 bytes: so the blocks say it. */
    uint64_t size = c->block / block;
    if (size == 0 || c->block % block != 0 || blocks != h5r_blosc2_chunk_blocks(c) || c->n_bytes % c->block != 0 || !h5r_mul(total, size, &total))
        return H5R_STAGE_BAD(s, "%zu bytes in blocks of %zu, the array has %llu blocks of %llu numbers", c->n_bytes, c->block,
                             (unsigned long long)blocks, (unsigned long long)block);
    h5r_status st = h5r_stage_room(s, total, &out);
    if (st != H5R_OK)
        return st;
    st = h5r_stage_work(s, 5 * c->block, &work);
    if (st != H5R_OK)
        return st;
    uint8_t *first = work + 3 * c->block, *other = first + c->block;
    for (size_t k = 0; k < blocks && st == H5R_OK; k++) {
        uint8_t *bytes = k == 0 ? first : other;
        st = h5r_blosc2_chunk_block(c, k, bytes, work, k == 0 ? NULL : first);
        if (st == H5R_OK)
            place(f, k, (size_t)size, bytes, out);
    }
    return st;
}

/* A chunk of one repeated value may be in the index alone: its offset then has the sign bit and the kind in the top byte. */
static h5r_status get_unstored(const h5r_stage *s, const uint8_t *index, size_t n)
{
    h5r_blosc2_chunk c;
    uint8_t offset[8] = {0}, *tmp, *out;

    h5r_status st = h5r_blosc2_chunk_open(s, index, n, &c);
    if (st != H5R_OK)
        return st;
    if (c.n_bytes != 8 || c.block != 8)
        return H5R_STAGE_BAD(s, "an index of %zu bytes for one chunk", c.n_bytes);
    st = h5r_stage_work(s, 3 * c.block, &tmp);
    if (st == H5R_OK)
        st = h5r_blosc2_chunk_block(&c, 0, offset, tmp, NULL);
    h5r_blosc2_chunk_close(&c);
    if (st != H5R_OK)
        return st;
    unsigned kind = offset[7];
    if (kind != 0x81 && kind != 0x84) /* zeros, not initialised */
        return h5r_stage_fail(s, kind & 0x80 ? H5R_ERR_UNSUPPORTED : H5R_ERR_FORMAT, "no chunk in the frame, and kind %#x in its index", kind);
    st = h5r_stage_room(s, s->chunk, &out);
    if (st == H5R_OK && s->chunk > 0)
        memset(out, 0, s->chunk);
    return st;
}

h5r_status h5r_decode_blosc2(const h5r_stage *s)
{
    frame f;
    h5r_blosc2_chunk c;

    h5r_status st = get_frame(s, &f);
    if (st != H5R_OK)
        return st;
    const uint8_t *p = s->src + f.head_len;
    size_t n = s->n - (size_t)f.head_len;
    if (f.stored == 0)
        return get_unstored(s, p, n);
    st = h5r_blosc2_chunk_open(s, p, (size_t)f.stored, &c);
    if (st != H5R_OK)
        return st;
    st = f.rank > 0 ? get_boxes(&c, &f) : get_row(&c);
    h5r_blosc2_chunk_close(&c);
    return st;
}
