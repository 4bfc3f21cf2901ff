/* Decoders of the header messages that are small or self-contained. Each sees one complete message body, in a cursor, and
 * checks every size in it; a body may be longer than what it says (later versions append fields). Specification
 * IV.A.2. Pointers in the results point into the body, or into the arena where one is given. */
#ifndef H5R_FORMAT_MESSAGES_H
#define H5R_FORMAT_MESSAGES_H

#include "format/cursor.h"
#include "util/arena.h"

/* IV.A.2.b, msg_dataspace.c */
h5r_status h5r_decode_dataspace(h5r_cursor *c, h5r_widths w, h5r_space *out);

/* IV.A.2.i, msg_layout.c */
typedef struct h5r_layout {
    unsigned version;
    h5r_layout_class cls;
    uint64_t addr;         /* contiguous: data; chunked: index; virtual: heap collection */
    uint64_t size;         /* contiguous (version 3 on) or compact: bytes; else H5R_UNDEFINED */
    const uint8_t *compact;
    unsigned rank;         /* chunked: without the element size */
    uint64_t chunk[H5R_MAX_RANK];
    uint64_t elem_size;    /* chunked */
    h5r_index_kind index;
    bool raw_edges;
    uint64_t single_size;  /* single filtered chunk */
    uint32_t single_mask;
    unsigned page_bits;
    uint32_t heap_index;   /* virtual */
} h5r_layout;

h5r_status h5r_decode_layout(h5r_cursor *c, h5r_widths w, h5r_layout *out, const char **what);

/* IV.A.2.l, msg_filters.c. At most H5R_MAX_FILTERS; allocates in the arena. */
h5r_status h5r_decode_filters(h5r_cursor *c, h5r_arena *arena, const h5r_filter **out, unsigned *n);

/* IV.A.2.e and f, msg_fill.c */
typedef struct h5r_fill {
    h5r_fill_status status;
    h5r_fill_time time;
    const uint8_t *value;
    size_t len;
} h5r_fill;

h5r_status h5r_decode_fill(h5r_cursor *c, h5r_fill *out);
h5r_status h5r_decode_old_fill(h5r_cursor *c, h5r_fill *out);

/* IV.A.2.g, msg_link.c. Texts are copied to the arena. */
h5r_status h5r_decode_link(h5r_cursor *c, h5r_widths w, h5r_arena *arena, h5r_link *out);

/* IV.A.2.c and IV.A.2.r: where dense links or attributes are. */
typedef struct h5r_dense_info {
    bool tracked, indexed;   /* creation order */
    uint64_t heap;           /* fractal heap, H5R_UNDEFINED: nothing is dense */
    uint64_t by_name;        /* version 2 B-tree */
    uint64_t by_order;       /* H5R_UNDEFINED unless indexed */
} h5r_dense_info;

h5r_status h5r_decode_link_info(h5r_cursor *c, h5r_widths w, h5r_dense_info *out);
h5r_status h5r_decode_attribute_info(h5r_cursor *c, h5r_widths w, h5r_dense_info *out);

/* IV.A.2.s */
typedef struct h5r_symbol_table {
    uint64_t btree, heap;
} h5r_symbol_table;

h5r_status h5r_decode_symbol_table(h5r_cursor *c, h5r_widths w, h5r_symbol_table *out);

/* IV.A.2: a message with flag bit 1 holds this instead of its body. */
typedef struct h5r_shared {
    bool in_heap;            /* of the shared message table; else committed */
    uint64_t addr;           /* committed: object header */
    const uint8_t *heap_id;  /* 8 bytes */
} h5r_shared;

h5r_status h5r_decode_shared(h5r_cursor *c, h5r_widths w, h5r_shared *out);

/* IV.A.2.h */
typedef struct h5r_external_slot {
    uint64_t name, offset, size; /* name: offset in the local heap */
} h5r_external_slot;

typedef struct h5r_external_list {
    uint64_t heap;
    unsigned n;
    h5r_external_slot *slots;
} h5r_external_list;

h5r_status h5r_decode_external_list(h5r_cursor *c, h5r_widths w, h5r_arena *arena, h5r_external_list *out);

/* IV.A.2.m, msg_attribute.c: the frame; datatype and dataspace are messages of their own, or references to shared ones. */
typedef struct h5r_attribute_frame {
    const char *name;        /* NUL-terminated, in the body */
    size_t name_len;
    h5r_cset cset;
    bool type_shared, space_shared;
    const uint8_t *type, *space;
    size_t type_len, space_len;
    const uint8_t *data;     /* what is left of the body */
    size_t data_len;
} h5r_attribute_frame;

h5r_status h5r_decode_attribute(h5r_cursor *c, h5r_attribute_frame *out);

/* IV.A.2.o: 14 digits of UTC to seconds since 1970; 0 when they are no date. */
uint64_t h5r_decode_old_mtime(h5r_cursor *c);

#endif
