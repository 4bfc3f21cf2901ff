/* What a map of a file is drawn from. */
#ifndef H5R_CLI_MAP_H
#define H5R_CLI_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Kinds of extents; where extents share a cell of the map, the first of those after DATA shows. */
enum map_kind { MAP_NONE, MAP_DATA, MAP_SUPERBLOCK, MAP_HEADER, MAP_LINKS, MAP_ATTRIBUTES, MAP_HEAP, MAP_INDEX, MAP_VALUES, MAP_OTHER, MAP_KINDS };

extern const char *const map_kinds[MAP_KINDS];

typedef struct map_extent {
    uint64_t off, len;
    uint32_t kind;
    uint32_t dataset; /* of DATA: index in datasets */
} map_extent;

typedef struct map_dataset {
    char *path;
    uint64_t chunks, bytes; /* stored */
} map_dataset;

typedef struct map_read {
    uint64_t round, off, len, got;
} map_read;

typedef struct map {
    const char *name;
    uint64_t size;
    map_extent *extents;
    size_t n, cap;
    map_dataset *datasets;
    size_t n_datasets, cap_datasets;
    map_read *reads; /* of a trace */
    size_t n_reads, cap_reads;
    uint64_t rounds, received; /* bytes */
    unsigned rows; /* set by map_draw() */
} map;

/* For h5r_options.viewed: ctx is a map. */
void map_view(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n);

void map_free(map *m);

/* Writes the picture. False: out of memory. */
bool map_draw(FILE *out, map *m);

#endif
