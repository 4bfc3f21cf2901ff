/* Walks through JSON that is in memory, without building anything. Everything fails softly: a scan that met what is no JSON is at its end. */
#ifndef H5R_CLI_SCAN_H
#define H5R_CLI_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct scan {
    const char *p, *end;
} scan;

/* Steps over a punctuation mark, if it is the next one. */
bool scan_mark(scan *s, char mark);

/* A string, unescaped; the caller frees it. NULL: the next value is none. */
char *scan_text(scan *s);

/* A number without fraction. */
bool scan_number(scan *s, uint64_t *v);

/* Steps over any value. */
void scan_skip(scan *s);

/* The value of a member of the object that begins here; false: there is none. *s stays where it is. */
bool scan_member(const scan *s, const char *name, scan *value);

/* The next member of an object whose "{" was stepped over: its name, which the caller frees, with *s at its value. NULL: there are no more. */
char *scan_next(scan *s);

#endif
