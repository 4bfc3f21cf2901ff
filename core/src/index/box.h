/* Boxes of chunk coordinates, and the linear numbers that array-like indexes give to chunks. */
#ifndef H5R_INDEX_BOX_H
#define H5R_INDEX_BOX_H

#include "index/index.h"

/* The smallest point of the box [lo, hi] that is not before key in row-major order; false when there is none. */
bool h5r_box_next(unsigned rank, const uint64_t *lo, const uint64_t *hi, const uint64_t *key, uint64_t *out);

/* Negative, 0, positive: a is before, equal to, after b in row-major order. */
int h5r_box_compare(unsigned rank, const uint64_t *a, const uint64_t *b);

bool h5r_box_contains(unsigned rank, const uint64_t *lo, const uint64_t *hi, const uint64_t *p);

/* Element numbers of fixed and extensible arrays and of implicit indexes: row-major over the grid of the *maximal* shape, with
 * the one unlimited dimension, if there is one, moved to the front. */
typedef struct h5r_numbering {
    unsigned rank;
    unsigned dim[H5R_MAX_RANK];   /* dataset's dimension at each place */
    uint64_t count[H5R_MAX_RANK]; /* chunks there; not used for place 0 */
} h5r_numbering;

/* unlimited_first: for extensible arrays. False when numbers overflow 64 bits. */
bool h5r_numbering_init(h5r_numbering *m, const h5r_chunked *d, bool unlimited_first);
uint64_t h5r_number_of(const h5r_numbering *m, const uint64_t *placed);
void h5r_point_of(const h5r_numbering *m, uint64_t number, uint64_t *placed);

/* One element of an array-like index: its chunk, or the number up to which (exclusive) nothing is to be found. NEED: what
 * lies before *skip_to is on its way. */
typedef struct h5r_element {
    uint64_t addr, size; /* addr H5R_UNDEFINED: absent */
    uint32_t mask;
    uint64_t skip_to;
} h5r_element;

typedef h5r_status (*h5r_element_find)(h5r_ctx *x, const void *array, uint64_t number, h5r_element *out);

/* Visits the chunks of the box by element number, passing over what is absent as a whole. */
h5r_status h5r_array_walk(h5r_ctx *x, const h5r_chunked *d, bool unlimited_first, const uint64_t *lo, const uint64_t *hi,
                          h5r_element_find find, const void *array, h5r_chunk_visit visit, void *arg);

/* Bytes of the stored size of a filtered chunk in records and elements: by layout version. */
unsigned h5r_chunk_size_width(const h5r_ctx *x, const h5r_chunked *d);

/* An element or the head of a record: address, and size and mask when filtered. size 0 or no address: absent. */
h5r_element h5r_decode_element(const h5r_ctx *x, const h5r_chunked *d, h5r_cursor *c);

#endif
