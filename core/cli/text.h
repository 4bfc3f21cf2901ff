/* Types, shapes and values for people. */
#ifndef H5R_CLI_TEXT_H
#define H5R_CLI_TEXT_H

#include "cli.h"

/* "int16", "float32 big-endian", "string", "{x: float64, y: float64}", ...; of compounds and enums at most max members (0: all). */
void put_type(FILE *out, const h5r_type *t, unsigned max);
char *type_text(const h5r_type *t); /* NULL: out of memory; the caller frees it */

/* "(10, 20)", "(10,)", "scalar", "null". */
void put_extent(FILE *out, const uint64_t *v, unsigned rank);
void put_shape(FILE *out, const h5r_space *s);
void json_extent(json *j, const uint64_t *v, unsigned rank); /* H5R_UNDEFINED: null */

/* "deflate", or what the file says, or "filter 4711". */
void filter_text(char *text, size_t cap, const h5r_filter *f);

/* Members of a JSON object. */
void json_filters(json *j, const h5r_dataset *d);

/* One element in native byte order. values may be NULL for types without heap parts. */
void put_value(FILE *out, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem);
void json_value(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem);

/* An attribute's value as text (at most max elements, 0: all), or as JSON. False: it cannot be read, and the reason was printed
 * in its place. */
bool put_attr_value(FILE *out, h5r_file *f, const h5r_attr *a, uint64_t max);
bool json_attr_value(json *j, h5r_file *f, const h5r_attr *a);

const char *layout_name(h5r_layout_class c);
const char *index_name(h5r_index_kind k);

#endif
