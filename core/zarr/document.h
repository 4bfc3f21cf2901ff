/* Metadata documents of Zarr 2. Each text is one line of JSON that the caller frees; NULL: out of memory. */
#ifndef H5R_ZARR_DOCUMENT_H
#define H5R_ZARR_DOCUMENT_H

#include "view.h"

/* Whether codecs of numcodecs read an array's chunks, or its contiguous data, as they are stored. Otherwise why says why not. */
bool zarr_reads_stored(const zarr_view *v, const zarr_array *a, char *why, size_t cap);

/* Bytes of a checksum behind each stored chunk, which references leave out: not every reader knows the filter. */
unsigned zarr_checksum_bytes(const zarr_array *a);

/* .zarray. chunk: as zarr_chunk_shape() gives it. stored: chunks are those of the file, rather than decoded ones. complete: none is missing. */
char *zarr_array_text(const zarr_view *v, const zarr_array *a, const uint64_t *chunk, bool stored, bool complete);

/* .zattrs of an array or (a NULL) of a group. more: members to add, as JSON without braces, or NULL. Attributes that cannot be read are left
 * out, and reported. */
char *zarr_attrs_text(const zarr_view *v, const zarr_group *g, const zarr_array *a, const char *more);

extern const char zarr_group_text[]; /* .zgroup */

#endif
