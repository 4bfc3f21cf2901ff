/* Filling an h5r_error. */
#ifndef H5R_UTIL_ERROR_H
#define H5R_UTIL_ERROR_H

#include <h5range/h5range.h>

/* Sets *err (when not NULL) and returns status. The text is one line; control characters become '?'. */
h5r_status h5r_error_set(h5r_error *err, h5r_status status, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What a source of the caller says about its failure st: its text counts whatever else it has set, without one a text says so. *err was
 * cleared before the source was called; offset is where it was asked to read. Returns the status that it then has. */
h5r_status h5r_error_of_source(h5r_error *err, h5r_status st, uint64_t offset);

/* Copies path into err->path, cut with "..." when too long. */
void h5r_error_set_path(h5r_error *err, const char *path);

/* Makes the message one about another file than the caller's: its name and the path, if any, come before the text, and the path is
 * cleared. Long names lose their beginning. */
void h5r_error_set_file(h5r_error *err, const char *name);

#endif
