/* The elements of a selection that a file stores, listed. */
#ifndef H5R_CLI_SELECTION_H
#define H5R_CLI_SELECTION_H

#include <h5range/h5range.h>

enum { SELECT_MAX_LISTED = 1000000 };

typedef struct selection {
    uint64_t n;              /* elements; 0 for ALL, UINT64_MAX when unlimited */
    uint64_t *points;        /* n * rank coordinates, row-major order for hyperslabs; NULL above SELECT_MAX_LISTED */
    uint64_t lo[H5R_MAX_RANK], hi[H5R_MAX_RANK]; /* bounding box */
} selection;

/* False when memory is out. free(s->points) afterwards. */
bool selection_list(const h5r_region *r, selection *s);

#endif
