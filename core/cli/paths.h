/* Objects met in a walk: address and the path by which each was met first. */
#ifndef H5R_CLI_PATHS_H
#define H5R_CLI_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Groups nested deeper are named and not entered: a path grows with each level, and each level takes stack. */
enum { MAX_DEPTH = 1000 };

typedef struct paths {
    struct path_entry {
        uint64_t addr;
        char *path;
    } *list; /* in the order of paths_add() */
    size_t n, cap;
    size_t *slots; /* hash table of positions in list, plus 1 */
    size_t n_slots;
} paths;

/* Path of an address, or NULL when it was not added. */
const char *paths_find(const paths *p, uint64_t addr);

/* Adds an address that is not there yet; path is copied. False: out of memory. */
bool paths_add(paths *p, uint64_t addr, const char *path);

void paths_free(paths *p);

/* "group/name", or "/name" below the root; NULL: out of memory. The caller frees it. */
char *path_join(const char *group, const char *name);

#endif
