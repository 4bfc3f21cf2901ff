/* What netCDF-4 sees in an HDF5 file, as Zarr has it: groups with arrays whose dimensions have names.
 *
 * Dimensions are HDF5's dimension scales with netCDF's additions (_Netcdf4Dimid, _Netcdf4Coordinates, the _nc4_non_coord_ prefix). Where a
 * dataset has none they are made up: phony_dim_0 and so on, one for each length in a group. */
#ifndef H5R_ZARR_VIEW_H
#define H5R_ZARR_VIEW_H

#include <h5range/h5range.h>

#include "memory.h"
#include "type.h"

typedef struct zarr_dimension {
    const char *name;
    uint64_t size;
    uint64_t addr;  /* of the scale; H5R_UNDEFINED when made up */
    h5r_file *file; /* that the scale lies in */
    bool has_id;
    int64_t id;
} zarr_dimension;

typedef struct zarr_array {
    const char *name;
    const char *path; /* in the file */
    const h5r_object *object;
    const h5r_dataset *d;
    zarr_type type;
    unsigned rank;    /* dimensions of the dataset, then those of an array type */
    uint64_t *shape;  /* at least the dataset's: an unlimited dimension is as long as its longest variable */
    uint64_t *own;    /* the dataset's shape */
    const char **dims;
    bool is_scaled;   /* set by the user of the view: elements are shown as float64, times scale plus offset */
    double scale, offset;
    const char *units; /* in place of the attribute, NULL: as it is */
} zarr_array;

typedef struct zarr_group {
    const char *path; /* absolute */
    const char *name; /* its last part, "" of the root */
    const struct zarr_group *parent;
    const h5r_object *object;
    zarr_dimension *dims;
    size_t n_dims, cap_dims;
    zarr_array **arrays;
    size_t n_arrays, cap_arrays;
    struct zarr_group **groups;
    size_t n_groups, cap_groups;
    unsigned depth;
} zarr_group;

/* Called for what cannot be shown: an object, or an attribute named in the message. */
typedef void zarr_left_out(void *ctx, const char *path, const char *message);

typedef struct zarr_view {
    h5r_file *f;
    zarr_memory memory;
    zarr_group *top; /* its path is what was asked for */
    uint64_t made_up; /* dimensions */
    zarr_left_out *left_out;
    void *ctx;
} zarr_view;

/* The group of that path and all below it. what: H5R_PREFETCH_INDEX to load chunk indexes in the same rounds, or 0. zarr_view_close() also
 * after a failure. */
h5r_status zarr_view_open(zarr_view *v, h5r_file *f, const char *path, unsigned what, zarr_left_out *left_out, void *ctx, h5r_error *err);
void zarr_view_close(zarr_view *v);

/* Attributes of netCDF's and HDF5's bookkeeping, which are not shown. */
bool zarr_is_hidden(const char *name);

#endif
