#include "memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32 * 1024 };

struct zarr_block {
    struct zarr_block *next;
    size_t used, cap;
    alignas(max_align_t) unsigned char bytes[];
};

void *zarr_new(zarr_memory *m, size_t n, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct zarr_block *b = m->blocks;

    if (size != 0 && n > (SIZE_MAX / 2 - BLOCK) / size)
        return NULL;
    size_t want = (n * size + align) / align * align;
    if (b == NULL || b->cap - b->used < want) {
        size_t cap = want > BLOCK ? want : BLOCK;
        b = calloc(1, sizeof *b + cap);
        if (b == NULL)
            return NULL;
        *b = (struct zarr_block){.next = m->blocks, .cap = cap};
        m->blocks = b;
    }
    void *p = b->bytes + b->used;
    b->used += want;
    return p;
}

char *zarr_copy(zarr_memory *m, const char *text, size_t n)
{
    char *copy = zarr_new(m, n + 1, 1);

    if (copy != NULL && n > 0)
        memcpy(copy, text, n);
    return copy;
}

void zarr_memory_free(zarr_memory *m)
{
    while (m->blocks != NULL) {
        struct zarr_block *next = m->blocks->next;
        free(m->blocks);
        m->blocks = next;
    }
}
