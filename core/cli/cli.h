/* What the sub-commands share. */
#ifndef H5R_CLI_CLI_H
#define H5R_CLI_CLI_H

#include <h5range/h5range.h>
#include <stdio.h>

#include "json.h"

enum { /* exit codes; documented by --help */
    EXIT_PARTIAL = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_IO = 4,
    EXIT_FORMAT = 5,
    EXIT_UNSUPPORTED = 6,
    EXIT_LIMIT = 7
};

typedef struct options {
    const char *uri;      /* as given */
    char *file;           /* the part before "#/" */
    const char *path;     /* the part from "/" on; NULL when none */
    bool json, stats, attributes, storage, recursive, canonical, data, no_check;
    const char *slice, *format, *output, *group, *url, *inlined;
    const char *trace;    /* written, by "map" read */
    struct map *map;
    int *output_error;    /* errno of the write to standard output that failed first; 0: none did, or it is not known */
} options;

/* Each returns an exit code. */
int cmd_tree(h5r_file *f, const options *o);
int cmd_info(h5r_file *f, const options *o);
int cmd_chunks(h5r_file *f, const options *o);
int cmd_cat(h5r_file *f, const options *o);
int cmd_dump(h5r_file *f, const options *o);
int cmd_map(h5r_file *f, const options *o);
int cmd_check(h5r_file *f, const options *o);
int cmd_refs(h5r_file *f, const options *o);
void dump_error(const h5r_error *e);

/* "check" of a file that is too damaged to be opened: that is its one finding. Returns an exit code. */
int check_unopened(const options *o, const h5r_error *e);

/* One line on stderr: "h5range: FILE#PATH: MESSAGE (at byte N)". Returns the exit code of the status. */
int report(const options *o, const h5r_error *e);

/* One line on stderr for what could not be read and was marked in the output; returns EXIT_PARTIAL. */
int report_partial(const options *o, uint64_t n);

/* False when a write to standard output failed: there is no sense in going on. Asked right after a write it also notes the reason, which
 * is told when the command returns. */
bool output_ok(const options *o);

/* Text of a file for a terminal: control characters and backslashes as in C. */
void put_escaped(FILE *out, const char *text);

/* Lists the groups on the way to an object, so that what its references point to has a name. */
void learn_paths(h5r_file *f, const char *path);

/* Gives an address a name, if a group on the way to an object has a link to it; the innermost is looked at first. */
void learn_path_near(h5r_file *f, const char *path, uint64_t addr);

/* h5r_prefetch_path() of o->path. Fails only where input does, which each further call would try again; other errors are told of the object
 * they are met at. */
h5r_status prefetch_path(h5r_file *f, const options *o, unsigned depth, unsigned what, h5r_error *err);

/* Object of o->path, "/" when none was given. */
h5r_status find_object(h5r_file *f, const options *o, const h5r_object **out, h5r_error *err);

#endif
