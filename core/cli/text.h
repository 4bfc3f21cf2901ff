/* Types, shapes and values for people. */
#ifndef H5R_CLI_TEXT_H
#define H5R_CLI_TEXT_H

#include "cli.h"

/* "int16", "float32 big-endian", "string", "{x: float64, y: float64}", ... */
void put_type(FILE *out, const h5r_type *t);

/* "(10, 20)", "scalar", "null". */
void put_shape(FILE *out, const h5r_space *s);

/* One element in native byte order. values may be NULL for types without heap parts. */
void put_value(FILE *out, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem);
void json_value(json *j, h5r_file *f, const h5r_values *values, const h5r_type *t, const void *elem);

/* An attribute's value as text (at most max elements, 0: all), or as JSON. */
void put_attr_value(FILE *out, h5r_file *f, const h5r_attr *a, uint64_t max);
void json_attr_value(json *j, h5r_file *f, const h5r_attr *a);

/* Numbers of a type as the machine has them; false for types that are none or do not fit. */
bool get_int(const h5r_type *t, const void *elem, int64_t *v, uint64_t *u, bool *is_signed);
bool get_double(const h5r_type *t, const void *elem, double *v);

const char *layout_name(h5r_layout_class c);
const char *index_name(h5r_index_kind k);

#endif
