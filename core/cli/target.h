/* Output that is there as a whole or not at all: it is written beside its name and renamed at the end. */
#ifndef H5R_CLI_TARGET_H
#define H5R_CLI_TARGET_H

#include <stdbool.h>

typedef struct target {
    const char *name; /* as given */
    char *path;       /* what is written until the end */
    char *final;      /* what path is renamed to; NULL: it is copied to a stream */
} target;

/* Whether a name is that of no file that could be replaced: "-" for standard output, a device, a pipe. */
bool target_is_stream(const char *name);

/* Makes an empty file, or a folder where there is nothing of that name. False: errno tells why. */
bool target_file(target *t, const char *name);
bool target_folder(target *t, const char *name);

/* Puts what was written in its place, or (keep not set, or the place is not to be had) removes it. False: errno tells why. */
bool target_finish(target *t, bool keep);

#endif
