/* What was read of a remote file's metadata, and decoded chunk indexes, kept in a folder for the next process that opens the same version
 * of the file. See docs/index-cache.md.
 *
 * Layout of a file, all numbers little-endian: "H5RX", u32 version, u64 length of the file, u32 two checksums (lookup3, initial values 0 and
 * 1) of all that follows; name and identity of the source (u32 length, bytes); u64 ranges, then for each two varints: bytes since the end of
 * the one before, and its length; u64 length and the bytes of all ranges; u64 chunk lists, then for each u64 index address, u32 kind, u32
 * rank, u64 chunks of the grid a dimension, u64 chunks, u64 bytes, and the chunks as varints: numbers since the one before, distance from the
 * end of the one before (zigzag), size less that of the one before (zigzag), filter mask. */
#ifndef H5R_IO_INDEX_CACHE_H
#define H5R_IO_INDEX_CACHE_H

#include "io/ctx.h"

/* What tells a chunk index from all others of a file. */
typedef struct h5r_index_key {
    uint64_t addr;
    uint32_t kind, rank;
    const uint64_t *grid; /* chunks a dimension */
} h5r_index_key;

/* Takes the options of a file that is about to be opened, and what the folder has for it: then a remote source that does not know yet which
 * version it has is asked for a few bytes. A failure of that read is returned; all others are none. Nothing when no folder is set. */
h5r_status h5r_index_cache_open(h5r_file *f, h5r_error *err);

/* Writes what is new, as h5r_index_cache_write() does, and frees. */
void h5r_index_cache_close(h5r_file *f);

/* Notes that bytes were looked at, as metadata or as variable-length data. File locked. */
void h5r_index_cache_mark(h5r_file *f, uint64_t off, uint64_t end, bool heap);

/* Notes that data were read that are worth keeping, and puts them where metadata are. Some 4 MB a process. File locked. */
void h5r_index_cache_keep_data(h5r_file *f, const h5r_read *reads, size_t n);

/* A whole chunk list, by number, from the cache: *n chunks in scratch, or NULL when there is none. File locked. */
h5r_status h5r_index_cache_find(h5r_ctx *x, const h5r_index_key *key, const h5r_chunk **out, size_t *n);

/* Keeps a whole list, which lives until the file is closed, as grid does. File locked. */
void h5r_index_cache_keep(h5r_file *f, const h5r_index_key *key, const h5r_chunk *chunks, size_t n);

#endif
