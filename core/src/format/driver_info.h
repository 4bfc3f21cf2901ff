/* Which files make a multi-file set. */
#ifndef H5R_FORMAT_DRIVER_INFO_H
#define H5R_FORMAT_DRIVER_INFO_H

#include "format/cursor.h"

enum { H5R_SET_MEMBERS = 6 };

typedef enum h5r_set_kind { H5R_SET_NONE, H5R_SET_FAMILY, H5R_SET_MULTI } h5r_set_kind;

typedef struct h5r_driver_info {
    h5r_set_kind kind;
    const char *name;         /* "family", "multi", "split", "subfiling", "" for drivers of single files */
    uint64_t member_size;     /* family: bytes of each member but the last */
    unsigned n;               /* multi: members */
    struct {
        uint64_t start, end;  /* addresses; end: start + what is allocated */
        const char *name;     /* "%s" stands for the name of the set; borrowed from the cursor's bytes */
    } member[H5R_SET_MEMBERS];
    const char *super;        /* multi: name of the member with the superblock */
} h5r_driver_info;

/* The driver's identification (8 bytes) and data. FORMAT when they contradict themselves. Specification II.B. */
h5r_status h5r_decode_driver_info(h5r_cursor *c, h5r_driver_info *out);

#endif
