/* The datasets that a virtual dataset takes its elements from: finding them, and reading many of them at once. */
#ifndef H5R_READ_SOURCES_H
#define H5R_READ_SOURCES_H

#include "read/pattern.h"
#include "read/plan.h"

enum { H5R_MAX_SOURCE_READS = 1024 }; /* reads collected before they are done */

/* One source dataset. */
typedef struct h5r_origin {
    h5r_file *file;
    const h5r_object *object;
    const h5r_dataset *d;
} h5r_origin;

/* Whether the names of a mapping's source have the number of a block in them. */
bool h5r_is_numbered(const h5r_mapping *m);

/* Opens a mapping's source. *found is false when its file or dataset is missing, which is no error: those elements are fill. */
h5r_status h5r_open_origin(h5r_file *f, const h5r_mapping *m, uint64_t block, unsigned nesting, h5r_origin *out, bool *found, h5r_error *err);

/* A source that will be asked for. */
typedef struct h5r_named_origin {
    const h5r_mapping *m;
    uint64_t block;
} h5r_named_origin;

/* Opens them at the same time, so that h5r_open_origin() finds each without waiting. What fails is reported there. */
void h5r_open_origins(h5r_file *f, const h5r_named_origin *list, size_t n, unsigned nesting);

/* One strided read of a source. */
typedef struct h5r_source_read {
    h5r_file *file;
    const h5r_object *object;
    const h5r_type *type;      /* of the source */
    unsigned rank;
    uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK];
    int64_t step[H5R_MAX_RANK], dst_stride[H5R_MAX_RANK];
    uint8_t *dst;
    uint8_t *temporary;        /* values that are converted on the way, packed */
} h5r_source_read;

/* Reads for a window of a virtual dataset, collected to be done together in any order. */
typedef struct h5r_source_reads {
    h5r_file *f;               /* of the virtual dataset */
    const h5r_window *w;
    unsigned nesting;
    h5r_error *err;
    h5r_source_read *list;
    size_t n;
    uint64_t temporary_bytes;  /* of them */
} h5r_source_reads;

/* Adds rank, start, count, step, dst_stride and dst of like as a read of o; its type is checked. May do what was collected before. */
h5r_status h5r_add_source_read(h5r_source_reads *t, const h5r_origin *o, const h5r_source_read *like);

/* Does what was collected. */
h5r_status h5r_do_source_reads(h5r_source_reads *t);

void h5r_source_reads_free(h5r_source_reads *t);

#endif
