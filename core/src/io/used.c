/* A bit for each cell, in blocks that are found by a map: marking what is marked already, which is what happens most, costs a look-up. */
#include "io/used.h"

#include <stdlib.h>

enum { BLOCK_BITS = 16, WORDS = (1 << BLOCK_BITS) / H5R_USED_CELL / 64 };

struct h5r_used_block {
    struct h5r_used_block *next;
    uint64_t number; /* of the block in the file */
    uint64_t bits[WORDS];
};

static struct h5r_used_block *block_of(h5r_used *u, uint64_t number)
{
    struct h5r_used_block *b = h5r_map_get(&u->map, 0, number);

    if (b != NULL)
        return b;
    b = h5r_arena_alloc(&u->arena, sizeof *b);
    if (b == NULL || !h5r_map_put(&u->map, 0, number, b)) {
        u->failed = true;
        return NULL;
    }
    b->number = number;
    b->next = u->blocks;
    u->blocks = b;
    u->n++;
    return b;
}

void h5r_used_mark(h5r_used *u, uint64_t off, uint64_t end)
{
    struct h5r_used_block *b = NULL;

    if (end <= off)
        return;
    for (uint64_t cell = off / H5R_USED_CELL; cell <= (end - 1) / H5R_USED_CELL; cell++) {
        uint64_t number = cell * H5R_USED_CELL >> BLOCK_BITS;
        unsigned bit = (unsigned)(cell % (WORDS * 64));
        if (b == NULL || b->number != number)
            b = block_of(u, number);
        if (b == NULL)
            return;
        b->bits[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

bool h5r_used_has(const h5r_used *u, uint64_t off, uint64_t end)
{
    for (uint64_t at = off - off % H5R_USED_CELL; at < end; at += H5R_USED_CELL) {
        const struct h5r_used_block *b = h5r_map_get(&u->map, 0, at >> BLOCK_BITS);
        unsigned bit = (unsigned)(at / H5R_USED_CELL % (WORDS * 64));
        if (b == NULL || !(b->bits[bit / 64] >> bit % 64 & 1))
            return false;
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    const struct h5r_used_block *p = *(struct h5r_used_block *const *)a, *q = *(struct h5r_used_block *const *)b;
    return p->number < q->number ? -1 : p->number > q->number;
}

bool h5r_used_runs(const h5r_used *u, h5r_used_visit visit, void *arg)
{
    const struct h5r_used_block **list = malloc((u->n + 1) * sizeof *list);
    uint64_t off = 0, end = 0;
    size_t n = 0;
    bool ok = list != NULL;

    for (const struct h5r_used_block *b = u->blocks; ok && b != NULL; b = b->next)
        list[n++] = b;
    if (ok)
        qsort(list, n, sizeof *list, by_number);
    for (size_t i = 0; ok && i < n; i++)
        for (unsigned bit = 0; ok && bit < WORDS * 64; bit++) {
            if (!(list[i]->bits[bit / 64] >> bit % 64 & 1))
                continue;
            uint64_t at = (list[i]->number << BLOCK_BITS) + (uint64_t)bit * H5R_USED_CELL;
            if (at != end) {
                ok = end == off || visit(arg, off, end);
                off = at;
            }
            end = at + H5R_USED_CELL;
        }
    ok = ok && (end == off || visit(arg, off, end));
    free(list);
    return ok;
}

void h5r_used_free(h5r_used *u)
{
    h5r_map_free(&u->map);
    h5r_arena_free(&u->arena);
    *u = (h5r_used){0};
}
