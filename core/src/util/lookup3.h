/* Bob Jenkins' public-domain lookup3 hash, "hashlittle": the metadata checksum of the specification (III.C and others)
 * and the hash of names in version 2 B-tree records. */
#ifndef H5R_UTIL_LOOKUP3_H
#define H5R_UTIL_LOOKUP3_H

#include <stddef.h>
#include <stdint.h>

uint32_t h5r_lookup3(const void *bytes, size_t n, uint32_t initial);

#endif
