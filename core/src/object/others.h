/* Other files: where the parts of a file that lie elsewhere are looked for, and which of them may be opened. */
#ifndef H5R_OBJECT_OTHERS_H
#define H5R_OBJECT_OTHERS_H

#include "io/ctx.h"

typedef enum h5r_other_kind { H5R_OTHER_LINK, H5R_OTHER_VIRTUAL, H5R_OTHER_RAW } h5r_other_kind;

/* The HDF5 file that f calls name, opened once and kept with f's root; "." and f's own name are f itself. NOT_FOUND when there is no
 * such file where one may be looked for; UNSUPPORTED when h5r_options.others forbids it. No lock is held; reads. */
h5r_status h5r_open_other(h5r_file *f, h5r_other_kind kind, const char *name, h5r_file **out, h5r_error *err);

/* The same for a file of raw bytes. */
h5r_status h5r_open_raw(h5r_file *f, const char *name, h5r_source **out, h5r_error *err);

/* The file of f's root whose number that is; NULL when there is none. */
h5r_file *h5r_file_numbered(h5r_file *f, unsigned number);

/* Adds the counts of the files opened for parts of f. */
void h5r_add_other_stats(h5r_file *f, h5r_stats *s);

void h5r_close_others(h5r_file *f);

#endif
