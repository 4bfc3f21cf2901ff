/* Writes JSON to a stream, commas and indentation included. */
#ifndef H5R_ZARR_JSON_H
#define H5R_ZARR_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json {
    FILE *out;
    bool flat;        /* no newlines: one document a line */
    unsigned depth;
    bool first;       /* nothing was written in this object or array yet */
    bool after_key;
    bool replace;     /* bytes that are no UTF-8: U+FFFD each */
    unsigned lists;   /* open lists and records: what is in them stays on one line */
} json;

void json_begin_object(json *j);
void json_end_object(json *j);
void json_begin_array(json *j);
void json_end_array(json *j);

/* An array on one line, with all that is in it: numbers of a shape, values. */
void json_begin_list(json *j);
void json_end_list(json *j);
void json_begin_record(json *j); /* the same for an object */
void json_end_record(json *j);

/* Key as it is: ASCII without quotes and backslashes. */
void json_key(json *j, const char *key);

/* Text of a file: control characters as \u00XX, and so the bytes of invalid UTF-8 unless replace is set. */
void json_key_text(json *j, const char *text);
void json_text(json *j, const char *text);
void json_text_n(json *j, const char *text, size_t n);

/* A text in parts. The parts are ASCII without quotes and backslashes. */
void json_begin_text(json *j);
void json_more_text(json *j, const char *text);
void json_end_text(json *j);

/* Text without quotes and escapes, but valid UTF-8. */
void json_utf8(json *j, const char *text, size_t n);

void json_uint(json *j, uint64_t v);
void json_int(json *j, int64_t v);
void json_double(json *j, double v); /* null for infinities and NaN */
void json_bool(json *j, bool v);
void json_null(json *j);
void json_raw(json *j, const char *text);

/* "key": value */
void json_put_text(json *j, const char *key, const char *text);
void json_put_uint(json *j, const char *key, uint64_t v);
void json_put_bool(json *j, const char *key, bool v);

#endif
