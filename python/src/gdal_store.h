/* An HDF5 file as the files of a Zarr 2 hierarchy: documents that are made when it is opened, and chunks that are decoded when they are read. */
#ifndef H5RANGE_GDAL_STORE_H
#define H5RANGE_GDAL_STORE_H

#include <pthread.h>
#include <time.h>

#include "document.h"
#include "gdal_api.h"
#include "piece.h"

/* A file of the hierarchy: a document (text), a folder (neither), or all chunks of an array. */
typedef struct store_entry {
    char *key;  /* "v/.zarray"; of folders without a slash at the end, "" for the root */
    char *text;
    const zarr_array *array; /* of the folder of an array: its chunks are in it */
    uint64_t *chunk;         /* elements of a chunk */
} store_entry;

typedef struct store {
    char *name; /* of the HDF5 file, as GDAL has it */
    const gdal_api *api;
    struct store *next;
    unsigned users;       /* under the lock of all stores, like what follows */
    bool dropped;         /* no longer in the list: freed with its last user */
    struct stat identity; /* size and time of the file when it was opened */
    bool has_identity;

    pthread_mutex_t opening;
    bool opened;
    h5r_status status; /* of opening; the rest means something on OK */
    h5r_error error;
    int64_t failed_at; /* milliseconds of a clock that does not jump */
    h5r_file *f;
    zarr_view view;
    store_entry *entries; /* by key */
    size_t n, cap;
} store;

/* The store of that file, opened if it is not yet; the caller gives it back. NULL with an error: it cannot be opened. fresh: look whether the file
 * changed. */
store *store_take(const gdal_api *api, const char *name, bool fresh, h5r_error *err);
void store_give_back(store *s);

/* NULL: there is no such document or folder. */
const store_entry *store_find(const store *s, const char *key, size_t n);

/* The array that has a chunk of that key, and where it is in the grid. NULL: there is none. */
const store_entry *store_find_chunk(const store *s, const char *key, uint64_t *at);

#endif
