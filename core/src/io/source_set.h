/* Several files as one source. */
#ifndef H5R_IO_SOURCE_SET_H
#define H5R_IO_SOURCE_SET_H

#include <h5range/h5range.h>

#include "format/driver_info.h"

/* Makes *source, which has the set's first member (of a multi set the one with the superblock), the source of the whole set. The other
 * members are opened beside it when bytes of them are asked for; what a set leaves unallocated reads as zeros. end: of the set, or
 * H5R_UNDEFINED. On failure the source is as it was. UNSUPPORTED when the source has no others, or its name is not one that the set gives
 * its first member. */
h5r_status h5r_source_join_set(h5r_source *source, const h5r_driver_info *d, uint64_t end, h5r_error *err);

/* Whether a file that ends before `end` is the first of a family that does not say so (HDF5 1.6 wrote such ones): its name numbers it 0,
 * and the last file of as many as it takes is there and has just the bytes that are left. Opens and closes that file. */
bool h5r_source_begins_family(const h5r_source *source, uint64_t end);

#endif
