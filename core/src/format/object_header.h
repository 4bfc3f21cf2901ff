/* Object headers, versions 1 and 2: prefixes and the messages of one chunk. Specification IV.A.1. */
#ifndef H5R_FORMAT_OBJECT_HEADER_H
#define H5R_FORMAT_OBJECT_HEADER_H

#include "format/cursor.h"

enum h5r_message_type {
    H5R_MSG_NIL = 0x00,
    H5R_MSG_DATASPACE = 0x01,
    H5R_MSG_LINK_INFO = 0x02,
    H5R_MSG_DATATYPE = 0x03,
    H5R_MSG_OLD_FILL = 0x04,
    H5R_MSG_FILL = 0x05,
    H5R_MSG_LINK = 0x06,
    H5R_MSG_EXTERNAL = 0x07,
    H5R_MSG_LAYOUT = 0x08,
    H5R_MSG_GROUP_INFO = 0x0A,
    H5R_MSG_FILTERS = 0x0B,
    H5R_MSG_ATTRIBUTE = 0x0C,
    H5R_MSG_COMMENT = 0x0D,
    H5R_MSG_OLD_MTIME = 0x0E,
    H5R_MSG_SOHM = 0x0F,
    H5R_MSG_CONTINUATION = 0x10,
    H5R_MSG_SYMBOL_TABLE = 0x11,
    H5R_MSG_MTIME = 0x12,
    H5R_MSG_BTREE_K = 0x13,
    H5R_MSG_DRIVER_INFO = 0x14,
    H5R_MSG_ATTRIBUTE_INFO = 0x15,
    H5R_MSG_REFCOUNT = 0x16,
    H5R_MSG_FILE_SPACE = 0x17,
    H5R_MSG_CACHE_IMAGE = 0x18,
    H5R_MSG_LAST = 0x18
};

enum { H5R_MSG_SHARED = 0x02, H5R_MSG_FAIL_UNKNOWN = 0x80 };

typedef struct h5r_header_prefix {
    unsigned version;      /* 1 or 2 */
    size_t prefix;         /* bytes before the messages of chunk 0 */
    uint64_t chunk0;       /* bytes of messages in chunk 0 */
    uint32_t refcount;     /* version 1 */
    bool attr_tracked, attr_indexed; /* creation order of attributes, version 2 */
    uint64_t modified;     /* version 2 with times, else 0 */
} h5r_header_prefix;

enum { H5R_HEADER_PREFIX_MIN = 16, H5R_HEADER_PREFIX_MAX = 4 + 2 + 16 + 4 + 8 };

/* Needs H5R_HEADER_PREFIX_MIN bytes, or all that the version and flags call for: then *missing tells how many. */
h5r_status h5r_decode_header_prefix(h5r_cursor *c, h5r_header_prefix *out);

typedef struct h5r_message {
    unsigned type, flags;
    uint16_t order;        /* creation index of an attribute, version 2 with tracking; else 0 */
    const uint8_t *body;
    size_t len;
} h5r_message;

/* The next message of a chunk; false at its end (a gap smaller than a message header is skipped). FORMAT in *st when
 * a message leaves the chunk: then *out has its type and length. */
bool h5r_next_message(h5r_cursor *c, unsigned version, bool with_order, h5r_message *out, h5r_status *st);

#endif
