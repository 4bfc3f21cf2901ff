/* Walking version 2 B-trees. */
#ifndef H5R_OBJECT_BTREE2_H
#define H5R_OBJECT_BTREE2_H

#include "io/ctx.h"

/* Where a record lies relative to what is looked for: negative before, 0 inside, positive after. May fail the pass by
 * setting its error and returning 0: the visit then sees it. NULL: everything is inside. */
typedef int (*h5r_btree2_compare)(void *arg, const uint8_t *record, size_t len);

/* Whether records strictly between two neighbours can be inside; NULL for the first or last. Refines compare. */
typedef bool (*h5r_btree2_between)(void *arg, const uint8_t *left, const uint8_t *right, size_t len);

typedef h5r_status (*h5r_btree2_visitor)(void *arg, const uint8_t *record, size_t len);

/* Visits the records that compare says are inside, in order; subtrees that cannot hold any are not read. Independent nodes
 * are wanted in the same round; in a pass that ends in NEED the visits mean nothing. An undefined address is an empty
 * tree. FORMAT when the tree has another type. */
h5r_status h5r_btree2_visit(h5r_ctx *x, uint64_t addr, unsigned type, h5r_btree2_compare compare,
                            h5r_btree2_visitor visit, void *arg);

/* The same with pruning by intervals instead of an order. */
h5r_status h5r_btree2_visit_between(h5r_ctx *x, uint64_t addr, unsigned type, h5r_btree2_between between,
                                    h5r_btree2_visitor visit, void *arg);

/* Records of the whole tree. */
h5r_status h5r_btree2_count(h5r_ctx *x, uint64_t addr, unsigned type, uint64_t *n);

/* Record size of a tree, to check it against what its type calls for. */
h5r_status h5r_btree2_record_size(h5r_ctx *x, uint64_t addr, unsigned type, unsigned *size);

#endif
