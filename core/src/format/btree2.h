/* Version 2 B-trees: header, and the geometry of their nodes. Specification III.A.2. */
#ifndef H5R_FORMAT_BTREE2_H
#define H5R_FORMAT_BTREE2_H

#include "format/cursor.h"

enum { H5R_BTREE2_MAX_DEPTH = 16 };

typedef struct h5r_btree2 {
    unsigned type;
    uint32_t node_size;
    unsigned record_size;
    unsigned depth;
    uint64_t root;
    unsigned root_records;
    uint64_t total;
    size_t checksummed;   /* bytes of the header before its checksum */
    /* derived: by depth of a node, 0 for leaves */
    unsigned count_width;                          /* of a child's number of records */
    unsigned total_width[H5R_BTREE2_MAX_DEPTH + 1]; /* of the number of records below a node; 0 for a leaf */
    uint64_t max_records[H5R_BTREE2_MAX_DEPTH + 1];
} h5r_btree2;

size_t h5r_btree2_header_size(h5r_widths w);
h5r_status h5r_decode_btree2(h5r_cursor *c, h5r_widths w, h5r_btree2 *out);

/* Bytes of a child pointer in a node of this depth (1 or more). */
size_t h5r_btree2_pointer_size(const h5r_btree2 *t, h5r_widths w, unsigned depth);

#endif
