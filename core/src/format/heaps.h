/* Local heaps (III.D), global heap collections (III.E) and fractal heaps (III.G) of the specification. */
#ifndef H5R_FORMAT_HEAPS_H
#define H5R_FORMAT_HEAPS_H

#include "format/cursor.h"

/* ---- local heap: 8 bytes, two lengths, an address */
typedef struct h5r_local_heap {
    uint64_t size, addr; /* of the data segment */
    const uint8_t *data;
} h5r_local_heap;

h5r_status h5r_decode_local_heap(h5r_cursor *c, h5r_widths w, h5r_local_heap *out);

/* ---- global heap collection */
h5r_status h5r_decode_collection_size(h5r_cursor *c, h5r_widths w, uint64_t *size);

typedef struct h5r_collection_object {
    uint16_t index;
    uint64_t size;
    const uint8_t *data;
} h5r_collection_object;

/* The next object of a collection (the cursor is behind its header); false at the free space or the end. */
bool h5r_next_collection_object(h5r_cursor *c, h5r_widths w, h5r_collection_object *out);

/* ---- fractal heap */
typedef struct h5r_fractal_heap {
    uint64_t addr;
    unsigned id_len;
    unsigned filter_len;     /* 0: not filtered */
    bool checksummed;        /* direct blocks carry a checksum */
    uint32_t max_managed;
    uint64_t huge_btree;
    unsigned width;
    uint64_t start_size, max_direct;
    unsigned heap_bits;      /* the heap's address space is 2^heap_bits bytes */
    uint64_t root;
    unsigned root_rows;      /* 0: the root is a direct block */
    uint64_t root_filtered_size;
    uint32_t root_mask;
    const uint8_t *filters;  /* encoded pipeline message */
    size_t checksummed_len;  /* bytes before the header's checksum */
    /* derived */
    unsigned offset_width, length_width;
    unsigned max_direct_rows;
    unsigned start_bits;     /* log2(start_size * width) */
    const h5r_filter *pipeline;
    unsigned n_filters;
} h5r_fractal_heap;

/* Bytes of a header without its filter part, and with it once filter_len is known. */
size_t h5r_fractal_heap_size(h5r_widths w, unsigned filter_len);
h5r_status h5r_decode_fractal_heap(h5r_cursor *c, h5r_widths w, h5r_fractal_heap *out);

/* Where offset lies below an indirect block that begins at block_off: its row and column. */
void h5r_fractal_heap_locate(const h5r_fractal_heap *h, uint64_t offset_in_block, unsigned *row, unsigned *col);

/* Size of a block in a row, and offset of a row within its indirect block. */
uint64_t h5r_fractal_heap_row_size(const h5r_fractal_heap *h, unsigned row);
uint64_t h5r_fractal_heap_row_offset(const h5r_fractal_heap *h, unsigned row);

/* Rows of a child indirect block that covers size bytes. */
unsigned h5r_fractal_heap_rows_of(const h5r_fractal_heap *h, uint64_t size);

#endif
