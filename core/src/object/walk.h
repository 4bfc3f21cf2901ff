/* Walking everything below an object. */
#ifndef H5R_OBJECT_WALK_H
#define H5R_OBJECT_WALK_H

#include "object/load.h"

typedef struct h5r_walk h5r_walk;

/* Loads a dataset's whole chunk index; a layer above this one. */
typedef h5r_status (*h5r_index_loader)(h5r_ctx *x, const h5r_dataset *d);

/* A walk is kept between passes: objects that are done are not visited again. what: H5R_PREFETCH_*. */
h5r_status h5r_walk_begin(h5r_walk **out, uint64_t addr, unsigned depth, unsigned what, h5r_index_loader load_index);
h5r_status h5r_walk_step(h5r_ctx *x, void *walk);
void h5r_walk_end(h5r_walk *w);

/* Goes down a path, with the attributes of the groups on the way where what says so, and walks from the object at its end. */
typedef struct h5r_path_walk {
    const char *path;
    unsigned depth, what;
    h5r_index_loader load_index;
    h5r_walk *walk; /* NULL at first; to be ended by the caller */
} h5r_path_walk;

h5r_status h5r_path_walk_step(h5r_ctx *x, void *path_walk);

#endif
