/* The canonical serialization of elements and types: what digests of "dump --canonical" are taken over. */
#ifndef H5R_CLI_CANONICAL_H
#define H5R_CLI_CANONICAL_H

#include <h5range/h5range.h>

#include "json.h"
#include "sha256.h"

/* Where serialized bytes go: a digest, and the first bytes for those who print them. */
typedef struct sink {
    sha256 sum;
    uint64_t n;
    uint8_t *keep;
    size_t keep_cap;
} sink;

void sink_add(sink *s, const void *bytes, size_t n);

/* Serializes n elements as stored in the file. */
h5r_status canonical_elements(h5r_file *f, const h5r_type *t, const void *elems, size_t n, sink *out, h5r_error *err);

/* The "selection bytes". rank and count: of the dataspace, for selections of all or none of it. False when memory is out. */
bool canonical_region(sink *out, const h5r_region *r, unsigned rank, uint64_t count);

/* Names of files as ASCII: bytes outside 0x20..0x7E and each of " \ % become %XX. */
void canonical_text(json *j, const char *text);
void canonical_key(json *j, const char *text);

void canonical_type(json *j, const h5r_type *t);
void canonical_space(json *j, const h5r_space *s);

#endif
