/* Selections inside region references. Specification VII.A (dataspace selections). */
#ifndef H5R_CLI_SELECTION_H
#define H5R_CLI_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SELECT_NONE = 0, SELECT_POINTS = 1, SELECT_HYPERSLAB = 2, SELECT_ALL = 3, SELECT_MAX_LISTED = 1000000 };

typedef struct selection {
    unsigned kind, rank;     /* rank 0 for NONE and ALL: the dataset's */
    uint64_t n;              /* elements; 0 for ALL, UINT64_MAX when unlimited */
    bool unlimited;          /* a regular hyperslab with a count or block of UINT64_MAX: only regular is set */
    uint64_t regular[32][4]; /* regular hyperslabs: start, stride, count, block of each dimension */
    uint64_t *points;        /* n * rank coordinates, row-major order for hyperslabs; NULL above SELECT_MAX_LISTED */
    uint64_t lo[32], hi[32]; /* bounding box */
} selection;

/* False when the bytes are no selection of a known version. free(s->points) afterwards. */
bool selection_decode(const uint8_t *p, size_t n, selection *s);

#endif
