/* Opening: the superblock and what its extension says about the whole file. */
#ifndef H5R_OBJECT_SUPER_H
#define H5R_OBJECT_SUPER_H

#include "io/ctx.h"

/* A step: finds the signature, reads the superblock and its extension, and the root group's header. */
h5r_status h5r_load_super(h5r_ctx *x, void *unused);

#endif
