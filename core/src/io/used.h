/* Which bytes of a file were looked at: what is worth keeping for the next process. */
#ifndef H5R_IO_USED_H
#define H5R_IO_USED_H

#include "util/arena.h"
#include "util/map.h"

enum { H5R_USED_CELL = 64 }; /* bytes that are marked together */

typedef struct h5r_used {
    h5r_map map; /* number of a block -> block */
    h5r_arena arena;
    struct h5r_used_block *blocks;
    size_t n;
    bool failed; /* memory was out: the marks are not complete */
} h5r_used;

void h5r_used_mark(h5r_used *u, uint64_t off, uint64_t end);

/* Whether all of [off, end) is marked. */
bool h5r_used_has(const h5r_used *u, uint64_t off, uint64_t end);

/* Runs of marked cells, as long as possible and in order. Non-true ends the walk; false when that, or memory, ended it. */
typedef bool (*h5r_used_visit)(void *arg, uint64_t off, uint64_t end);
bool h5r_used_runs(const h5r_used *u, h5r_used_visit visit, void *arg);

void h5r_used_free(h5r_used *u);

#endif
