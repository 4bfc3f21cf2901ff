/* Bump allocator: many small objects that die together. Nothing is freed singly, nothing moves. */
#ifndef H5R_UTIL_ARENA_H
#define H5R_UTIL_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct h5r_arena {
    struct h5r_arena_block *blocks;
    uint64_t used;   /* bytes of all blocks */
} h5r_arena;

/* n bytes aligned for any object, zeroed; NULL when memory is out. n = 0 gives a valid pointer. */
void *h5r_arena_alloc(h5r_arena *a, size_t n);

/* n elements of size bytes, zeroed; NULL on overflow too. */
void *h5r_arena_array(h5r_arena *a, uint64_t n, size_t size);

/* Copies of bytes, and of text with a NUL appended. */
void *h5r_arena_copy(h5r_arena *a, const void *src, size_t n);
char *h5r_arena_text(h5r_arena *a, const void *src, size_t n);

void h5r_arena_free(h5r_arena *a);

#endif
