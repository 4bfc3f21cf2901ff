#include "util/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, ALIGN = 16 };

struct h5r_arena_block {
    struct h5r_arena_block *next;
    size_t size, used;
    _Alignas(16) unsigned char bytes[];
};

static bool add_block(h5r_arena *a, size_t n)
{
    /* The first block is small, since most files and calls need little; later ones grow. */
    size_t size = a->blocks == NULL ? 4096 : BLOCK;
    if (size < n)
        size = n;
    struct h5r_arena_block *b = malloc(sizeof *b + size);
    if (b == NULL)
        return false;
    b->size = size;
    b->used = 0;
    a->used += size;
    if (n > BLOCK / 4 && a->blocks != NULL) { /* a large object leaves the current block in front */
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        b->next = a->blocks;
        a->blocks = b;
    }
    return true;
}

void *h5r_arena_alloc(h5r_arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN - sizeof(struct h5r_arena_block))
        return NULL;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (n == 0)
        n = ALIGN;
    struct h5r_arena_block *b = a->blocks;
    if (b == NULL || b->size - b->used < n) {
        struct h5r_arena_block *before = a->blocks;
        if (!add_block(a, n))
            return NULL;
        b = a->blocks != before ? a->blocks : before->next;
    }
    void *p = b->bytes + b->used;
    b->used += n;
    memset(p, 0, n);
    return p;
}

void *h5r_arena_array(h5r_arena *a, uint64_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size)
        return NULL;
    return h5r_arena_alloc(a, (size_t)n * size);
}

void *h5r_arena_copy(h5r_arena *a, const void *src, size_t n)
{
    void *p = h5r_arena_alloc(a, n);
    if (p != NULL && n > 0)
        memcpy(p, src, n);
    return p;
}

char *h5r_arena_text(h5r_arena *a, const void *src, size_t n)
{
    if (n == SIZE_MAX)
        return NULL;
    char *p = h5r_arena_alloc(a, n + 1);
    if (p != NULL && n > 0)
        memcpy(p, src, n);
    return p;
}

void h5r_arena_free(h5r_arena *a)
{
    while (a->blocks != NULL) {
        struct h5r_arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}
