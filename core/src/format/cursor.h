/* Bounded little-endian reading. A read past the end yields 0 and sets overrun, which the decoder checks once at its
 * end, and before a value decides an allocation, a loop or a branch that costs something. */
#ifndef H5R_FORMAT_CURSOR_H
#define H5R_FORMAT_CURSOR_H

#include <h5range/h5range.h>
#include <string.h>

/* Sizes of addresses and lengths, from the superblock. */
typedef struct h5r_widths {
    uint8_t offset, length;
} h5r_widths;

/* In decoders, which never wait: return what is not OK. */
#define H5R_CHECK(e)                                                                                           \
    do {                                                                                                       \
        h5r_status s_ = (e);                                                                                   \
        if (s_ != H5R_OK)                                                                                      \
            return s_;                                                                                         \
    } while (0)

typedef struct h5r_cursor {
    const uint8_t *p;
    size_t len, pos;
    bool overrun;
} h5r_cursor;

static inline h5r_cursor h5r_cursor_at(const void *p, size_t len)
{
    return (h5r_cursor){.p = (const uint8_t *)p, .len = len};
}

static inline size_t h5r_left(const h5r_cursor *c)
{
    return c->len - c->pos;
}

/* The next n bytes, or NULL with overrun set. */
static inline const uint8_t *h5r_take(h5r_cursor *c, uint64_t n)
{
    if (c->overrun || n > h5r_left(c)) {
        c->overrun = true;
        return NULL;
    }
    const uint8_t *p = c->p + c->pos;
    c->pos += (size_t)n;
    return p;
}

static inline void h5r_skip(h5r_cursor *c, uint64_t n)
{
    (void)h5r_take(c, n);
}

/* Unsigned integer of 0 to 8 bytes; wider ones (sizes of 16 and 32 are legal) must have zeros, or all ones, above. */
static inline uint64_t h5r_get_uint(h5r_cursor *c, unsigned width)
{
    const uint8_t *p = h5r_take(c, width);
    uint64_t v = 0;

    if (p == NULL)
        return 0;
    for (unsigned i = 0; i < width && i < 8; i++)
        v |= (uint64_t)p[i] << (8 * i);
    for (unsigned i = 8; i < width; i++)
        if (p[i] != (v == UINT64_MAX ? 0xff : 0))
            c->overrun = true;
    return v;
}

static inline uint8_t h5r_get_u8(h5r_cursor *c)
{
    return (uint8_t)h5r_get_uint(c, 1);
}

static inline uint16_t h5r_get_u16(h5r_cursor *c)
{
    return (uint16_t)h5r_get_uint(c, 2);
}

static inline uint32_t h5r_get_u32(h5r_cursor *c)
{
    return (uint32_t)h5r_get_uint(c, 4);
}

static inline uint64_t h5r_get_u64(h5r_cursor *c)
{
    return h5r_get_uint(c, 8);
}

/* All ones in the field's own width become H5R_UNDEFINED: undefined addresses, unlimited lengths. */
static inline uint64_t h5r_get_widened(h5r_cursor *c, unsigned width)
{
    uint64_t v = h5r_get_uint(c, width);
    if (width < 8 && width > 0 && v == (UINT64_C(1) << (8 * width)) - 1)
        return H5R_UNDEFINED;
    return v;
}

static inline uint64_t h5r_get_addr(h5r_cursor *c, h5r_widths w)
{
    return h5r_get_widened(c, w.offset);
}

static inline uint64_t h5r_get_length(h5r_cursor *c, h5r_widths w)
{
    return h5r_get_uint(c, w.length);
}

/* True when the next four bytes are the signature; they are consumed. */
static inline bool h5r_get_signature(h5r_cursor *c, const char *signature)
{
    const uint8_t *p = h5r_take(c, 4);
    return p != NULL && memcmp(p, signature, 4) == 0;
}

/* NUL-terminated text inside the cursor; NULL with overrun when there is no NUL. *n: length without NUL. */
static inline const char *h5r_get_text(h5r_cursor *c, size_t *n)
{
    const uint8_t *start = c->p + c->pos;
    const uint8_t *end = c->overrun || h5r_left(c) == 0 ? NULL : (const uint8_t *)memchr(start, 0, h5r_left(c));
    if (end == NULL) {
        c->overrun = true;
        *n = 0;
        return NULL;
    }
    *n = (size_t)(end - start);
    c->pos += *n + 1;
    return (const char *)start;
}

#endif
