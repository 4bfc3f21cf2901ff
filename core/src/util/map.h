/* Hash map from (kind, address) to a pointer. Keys are never removed. */
#ifndef H5R_UTIL_MAP_H
#define H5R_UTIL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct h5r_map {
    struct h5r_map_slot *slots;
    size_t n, cap;
} h5r_map;

/* NULL when absent. */
void *h5r_map_get(const h5r_map *m, uint32_t kind, uint64_t key);

/* Adds or replaces; value is not NULL. False when memory is out. */
bool h5r_map_put(h5r_map *m, uint32_t kind, uint64_t key, void *value);

/* Frees the table, not the values. */
void h5r_map_free(h5r_map *m);

#endif
