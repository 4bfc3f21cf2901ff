/* What a selection takes of one dimension, when it is the product of what it takes of each: blocks of equal length at equal
 * distances. */
#ifndef H5R_READ_PATTERN_H
#define H5R_READ_PATTERN_H

#include <h5range/h5range.h>

typedef struct h5r_pattern {
    uint64_t start, stride, count, block; /* count or block H5R_UNDEFINED: as many as there are */
    uint64_t total;                       /* elements, H5R_UNDEFINED when unlimited */
} h5r_pattern;

/* Patterns of each dimension of a dataspace of that rank and shape; false when the selection is no product (points, several blocks
 * in a list). */
bool h5r_region_patterns(const h5r_region *r, unsigned rank, const uint64_t *shape, h5r_pattern *out);

/* Position of the i-th element. */
uint64_t h5r_pattern_at(const h5r_pattern *p, uint64_t i);

/* Number of elements before a position; *selected: whether the position is one of them. */
uint64_t h5r_pattern_below(const h5r_pattern *p, uint64_t position, bool *selected);

/* The same without the elements from number total on. */
void h5r_pattern_limit(h5r_pattern *p, uint64_t total);

/* Whether there may be a position that both have; false is certain. */
bool h5r_patterns_meet(const h5r_pattern *a, const h5r_pattern *b);

#endif
