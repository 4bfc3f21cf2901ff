/* Metadata documents of Zarr 2. Each text is one line of JSON that the caller frees; NULL: out of memory. */
#ifndef H5R_ZARR_DOCUMENT_H
#define H5R_ZARR_DOCUMENT_H

#include "view.h"

/* Whether codecs of numcodecs read an array's chunks, or its contiguous data, as they are stored. Otherwise why says why not. */
bool zarr_reads_stored(const zarr_view *v, const zarr_array *a, char *why, size_t cap);

/* Whether one value is what was never written: elements of an array type may have a fill value each, which Zarr has no word for. Where they
 * differ fill_value is null, and no chunk may be missing. */
bool zarr_has_one_fill(const zarr_array *a);

/* Bytes of a checksum behind each stored chunk, which references leave out: not every reader knows the filter. */
unsigned zarr_checksum_bytes(const zarr_array *a);

/* What fill_value says. */
typedef enum zarr_fill {
    ZARR_FILL_MISSING,  /* HDF5's fill value: chunks are missing */
    ZARR_FILL_COMPLETE, /* the same where there is an attribute _FillValue, else null: xarray masks the fill value */
    ZARR_FILL_NODATA    /* the attribute _FillValue or missing_value, else null: no chunk is missing */
} zarr_fill;

/* .zarray. chunk: as zarr_chunk_shape() gives it. stored: chunks are those of the file, rather than decoded ones. */
char *zarr_array_text(const zarr_view *v, const zarr_array *a, const uint64_t *chunk, bool stored, zarr_fill fill);

/* .zattrs of an array or (a NULL) of a group. more: members to add, as JSON without braces, or NULL. Attributes that cannot be read are left
 * out, and reported. */
char *zarr_attrs_text(const zarr_view *v, const zarr_group *g, const zarr_array *a, const char *more);

/* An attribute of an object; NULL: there is none that can be read. */
const h5r_attr *zarr_attr(const zarr_view *v, const h5r_object *o, const char *name);

/* The attribute's value when it is one text; the caller frees it. */
char *zarr_attr_text(const zarr_view *v, const h5r_object *o, const char *name);

/* The attribute's value when it is one real number. */
bool zarr_attr_number(const zarr_view *v, const h5r_object *o, const char *name, double *out);

extern const char zarr_group_text[]; /* .zgroup */

#endif
