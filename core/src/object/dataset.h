/* A dataset's description with what reading its data needs. */
#ifndef H5R_OBJECT_DATASET_H
#define H5R_OBJECT_DATASET_H

#include "object/chunked.h"

typedef struct h5r_dataset_data {
    h5r_dataset pub;        /* first: a const h5r_dataset * from h5r_load_dataset() is a pointer to this */
    h5r_chunked chunked;
    const uint8_t *compact; /* compact: storage_size bytes, or NULL */
    uint64_t addr;          /* contiguous */
    uint64_t stored;        /* contiguous: size in the message, H5R_UNDEFINED when it has none */
    bool resolved;          /* virtual: the shape is what the sources give */
} h5r_dataset_data;

static inline const h5r_dataset_data *h5r_dataset_data_of(const h5r_dataset *d)
{
    return (const h5r_dataset_data *)(const void *)d;
}

#endif
