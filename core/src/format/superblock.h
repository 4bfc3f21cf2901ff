/* The superblock, versions 0 to 3, and the messages of its extension. Specification II.A, II.B, IV.A.2.p to x. */
#ifndef H5R_FORMAT_SUPERBLOCK_H
#define H5R_FORMAT_SUPERBLOCK_H

#include "format/cursor.h"

enum { H5R_SIGNATURE_LEN = 8, H5R_SUPERBLOCK_MAX = 8 + 16 + 7 * 32 + 40 };

typedef struct h5r_superblock {
    unsigned version;
    h5r_widths widths;
    uint64_t base, end;      /* as stored */
    uint64_t extension;      /* versions 2, 3 */
    uint64_t driver_info;    /* versions 0, 1 */
    uint64_t root;           /* object header of the root group */
    uint64_t root_btree, root_heap; /* cached by versions 0 and 1, else H5R_UNDEFINED */
    bool open_for_write;
    size_t checksummed;      /* bytes before the checksum, 0: none */
    uint32_t checksum;
} h5r_superblock;

/* True when p begins with the format signature. */
bool h5r_is_signature(const uint8_t *p);

/* Bytes of a superblock as far as its first 16 bytes tell; 0 when the version is unknown. */
size_t h5r_superblock_size(const uint8_t *head, size_t len);

/* FORMAT: sizes or fields out of range. UNSUPPORTED: version. */
h5r_status h5r_decode_superblock(h5r_cursor *c, h5r_superblock *out);

#endif
