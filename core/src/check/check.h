/* What the parts of a check share: the objects met, the stored ranges met, and where findings go. */
#ifndef H5R_CHECK_CHECK_H
#define H5R_CHECK_CHECK_H

#include "object/load.h"

/* An object, found by a hard link. */
typedef struct check_item {
    uint64_t addr;
    char *path;          /* by which it was found first */
    uint64_t links;      /* hard links to it */
    uint64_t refcount;   /* as its header says */
    h5r_kind kind;
} check_item;

/* Stored data: offsets, not addresses. */
typedef struct check_extent {
    uint64_t off, end;
    const char *path;    /* of the dataset */
    const h5r_dataset *d;
    uint64_t number;     /* of the chunk, when d is chunked */
} check_extent;

typedef struct h5r_checker {
    h5r_file *f;
    h5r_check_options o;
    h5r_check_result r;
    check_item *items;
    size_t n_items, cap_items;
    h5r_map seen;        /* address -> position in items, plus 1 */
    check_extent *extents;
    size_t n_extents, cap_extents;
    uint64_t end;        /* of the source as far as it is known, else H5R_UNDEFINED */
    bool incomplete;     /* some links could not be read: link counts mean nothing */
    h5r_error fatal;     /* status < 0: the check cannot go on */
} h5r_checker;

/* Reports what a call on an object failed with. UNSUPPORTED and LIMIT are notes: that part was not checked. IO, NOMEM and INTERNAL
 * end the check. path replaces that of the error; NULL leaves it. */
void h5r_check_failure(h5r_checker *k, const char *path, const h5r_error *e);

/* Reports a fact of our own. */
void h5r_check_report(h5r_checker *k, h5r_severity severity, const char *path, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Elements with heap parts, as stored: every reference leads to an object, every region can be decoded. what: "attribute \"a\"". */
void h5r_check_values(h5r_checker *k, h5r_file *f, const char *path, const char *what, const h5r_type *t, const void *elems, size_t n);

void h5r_check_dataset(h5r_checker *k, const h5r_object *o, const char *path);

/* Overlaps between all extents. */
void h5r_check_extents(h5r_checker *k);

#endif
