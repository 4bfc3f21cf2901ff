/* A folder of small files that processes share: each is whole or not there, all together stay within a budget. Nothing here is an
 * error: what cannot be read is not there, what cannot be written is not kept. */
#ifndef H5R_IO_CACHE_FOLDER_H
#define H5R_IO_CACHE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a file of at most limit bytes and notes that it was used; the caller frees. NULL when there is none. name has no slash. */
uint8_t *h5r_folder_read(const char *folder, const char *name, uint64_t limit, size_t *n);

/* Whether there is a file of that name. */
bool h5r_folder_has(const char *folder, const char *name);

/* Writes a file beside the others and puts it in place at once; makes the folder when it is missing (not those above it). Files that were
 * not used for the longest time are removed until all take at most budget bytes, and leftovers of processes that died. */
bool h5r_folder_write(const char *folder, const char *name, const void *bytes, size_t n, uint64_t budget);

#endif
