/* Memory that lives as long as what it belongs to, freed as a whole. */
#ifndef H5R_ZARR_MEMORY_H
#define H5R_ZARR_MEMORY_H

#include <stddef.h>

typedef struct zarr_memory {
    struct zarr_block *blocks; /* the newest first */
} zarr_memory;

/* n zeroed elements, aligned for any type; NULL: out of memory. */
void *zarr_new(zarr_memory *m, size_t n, size_t size);

/* A copy of n bytes with a NUL behind them. */
char *zarr_copy(zarr_memory *m, const char *text, size_t n);

void zarr_memory_free(zarr_memory *m);

#endif
