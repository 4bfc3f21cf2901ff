#include "util/lookup3.h"

static uint32_t rot(uint32_t x, unsigned k)
{
    return x << k | x >> (32 - k);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t h5r_lookup3(const void *bytes, size_t n, uint32_t initial)
{
    const uint8_t *p = bytes;
    uint32_t a = 0xdeadbeef + (uint32_t)n + initial, b = a, c = a;

    while (n > 12) {
        a += le32(p);
        b += le32(p + 4);
        c += le32(p + 8);
        a = (a - c) ^ rot(c, 4);
        c += b;
        b = (b - a) ^ rot(a, 6);
        a += c;
        c = (c - b) ^ rot(b, 8);
        b += a;
        a = (a - c) ^ rot(c, 16);
        c += b;
        b = (b - a) ^ rot(a, 19);
        a += c;
        c = (c - b) ^ rot(b, 4);
        b += a;
        p += 12;
        n -= 12;
    }
    if (n == 0)
        return c;

    uint8_t tail[12] = {0};
    for (size_t i = 0; i < n; i++)
        tail[i] = p[i];
    a += le32(tail);
    b += le32(tail + 4);
    c += le32(tail + 8);
    c = (c ^ b) - rot(b, 14);
    a = (a ^ c) - rot(c, 11);
    b = (b ^ a) - rot(a, 25);
    c = (c ^ b) - rot(b, 16);
    a = (a ^ c) - rot(c, 4);
    b = (b ^ a) - rot(a, 14);
    c = (c ^ b) - rot(b, 24);
    return c;
}
