/* Nodes of chunk indexes are the bulk of a file's metadata, and nothing that outlives a pass points into them: their bytes are lent, each
 * time to one call, and those that were lent longest ago are dropped when they are many. Once an index is a list in memory, its nodes go at
 * once. */
#ifndef H5R_IO_NODES_H
#define H5R_IO_NODES_H

#include "io/ctx.h"

/* A call that is running; lives on its thread's stack. */
typedef struct h5r_turn {
    struct h5r_turn *next;
    uint64_t number;
} h5r_turn;

/* Gives the call its number. File locked, as for all below. */
void h5r_turn_begin(h5r_ctx *x, h5r_turn *t);

/* Drops what is no longer needed, but nothing that a call which is still running may have borrowed. A call that ends in NEED (push mode) is
 * not over: it drops nothing. */
void h5r_turn_end(h5r_ctx *x, h5r_turn *t, h5r_status st);

/* Whether the node at addr was verified since nodes were last dropped: one that is read again is verified again. */
bool h5r_is_verified(const h5r_ctx *x, uint32_t kind, uint64_t addr);
h5r_status h5r_note_verified(h5r_ctx *x, uint32_t kind, uint64_t addr);

#endif
