#include "format/superblock.h"

bool h5r_is_signature(const uint8_t *p)
{
    static const uint8_t signature[H5R_SIGNATURE_LEN] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    return memcmp(p, signature, sizeof signature) == 0;
}

bool h5r_identify(const void *head, size_t len)
{
    const uint8_t *p = head;
    for (size_t off = 0; off + H5R_SIGNATURE_LEN <= len; off = off == 0 ? 512 : off * 2)
        if (h5r_is_signature(p + off))
            return true;
    return false;
}

size_t h5r_superblock_size(const uint8_t *head, size_t len)
{
    if (len < 16 || head[8] > 3)
        return 0;
    if (head[8] >= 2)
        return 12U + 4U * head[9] + 4;
    /* 24 bytes, four addresses, and the root's symbol table entry: a length, an address, 8 + 16 bytes */
    return 24U + (head[8] == 1 ? 4U : 0U) + 4U * head[13] + head[14] + head[13] + 24U;
}

static bool valid_size(unsigned n)
{
    return n == 2 || n == 4 || n == 8 || n == 16 || n == 32;
}

/* Symbol table entry of the root group: III.B with the cached B-tree and heap. */
static void decode_root_entry(h5r_cursor *c, h5r_superblock *s)
{
    h5r_skip(c, s->widths.length);
    s->root = h5r_get_addr(c, s->widths);
    uint32_t cache_type = h5r_get_u32(c);
    h5r_skip(c, 4);
    if (cache_type == 1 && 2U * s->widths.offset <= h5r_left(c)) {
        s->root_btree = h5r_get_addr(c, s->widths);
        s->root_heap = h5r_get_addr(c, s->widths);
    }
}

static void decode_old(h5r_cursor *c, h5r_superblock *s)
{
    h5r_skip(c, 4); /* versions of free space and root entry, reserved, version of shared headers */
    s->widths.offset = h5r_get_u8(c);
    s->widths.length = h5r_get_u8(c);
    h5r_skip(c, 1 + 2 + 2); /* reserved, group leaf K, group internal K: nodes say how many entries they use */
    h5r_skip(c, 4);         /* flags: "reserved for future use" in these versions */
    if (s->version == 1)
        h5r_skip(c, 4); /* chunk index K, reserved */
    s->base = h5r_get_addr(c, s->widths);
    h5r_skip(c, s->widths.offset); /* free space */
    s->end = h5r_get_addr(c, s->widths);
    s->driver_info = h5r_get_addr(c, s->widths);
    decode_root_entry(c, s);
}

static void decode_new(h5r_cursor *c, h5r_superblock *s)
{
    s->widths.offset = h5r_get_u8(c);
    s->widths.length = h5r_get_u8(c);
    s->open_for_write = (h5r_get_u8(c) & 5) != 0; /* bit 0: open for write, bit 2: single writer, many readers */
    s->base = h5r_get_addr(c, s->widths);
    s->extension = h5r_get_addr(c, s->widths);
    s->end = h5r_get_addr(c, s->widths);
    s->root = h5r_get_addr(c, s->widths);
    s->checksummed = c->pos;
    s->checksum = h5r_get_u32(c);
}

h5r_status h5r_decode_superblock(h5r_cursor *c, h5r_superblock *out)
{
    h5r_superblock s = {.extension = H5R_UNDEFINED,
                        .driver_info = H5R_UNDEFINED,
                        .root_btree = H5R_UNDEFINED,
                        .root_heap = H5R_UNDEFINED};

    h5r_skip(c, H5R_SIGNATURE_LEN);
    s.version = h5r_get_u8(c);
    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (s.version > 3)
        return H5R_ERR_UNSUPPORTED;
    if (s.version < 2)
        decode_old(c, &s);
    else
        decode_new(c, &s);
    if (c->overrun || !valid_size(s.widths.offset) || !valid_size(s.widths.length) || s.root == H5R_UNDEFINED)
        return H5R_ERR_FORMAT;
    *out = s;
    return H5R_OK;
}
