/* Datatypes as Zarr has them: numbers, bytes of fixed length, records of numbers; everything else is told as text. */
#ifndef H5R_ZARR_TYPE_H
#define H5R_ZARR_TYPE_H

#include <h5range/h5range.h>

#include "json.h"

typedef enum zarr_kind { ZARR_NUMBER, ZARR_BYTES, ZARR_RECORD, ZARR_TEXT } zarr_kind;

typedef struct zarr_type {
    zarr_kind kind;
    char letter;         /* NUMBER: NumPy's: b, i, u, f, c */
    uint32_t size;       /* bytes of an element in Zarr; 0 for TEXT */
    bool as_stored;      /* elements of the file are such ones, in its byte order */
    bool big_endian;     /* in the file */
    const h5r_type *t;   /* one element: array types taken apart */
    uint32_t per_item;   /* elements of that kind in an element of the dataset: more than 1 for array types */
} zarr_type;

/* What a type is in Zarr. */
zarr_type zarr_type_of(const h5r_type *t);

enum { ZARR_MAX_RANK = 2 * H5R_MAX_RANK }; /* of a dataspace and of an array type */

/* Dimensions of an array type itself, and of it and those in it: the second writes at most cap and returns how many there are. */
unsigned zarr_own_dims(const h5r_type *t, uint64_t *dims);
unsigned zarr_inner_dims(const h5r_type *t, uint64_t *dims, unsigned cap);

/* Turns n elements (z->t, native byte order) into Zarr's: little-endian and packed. Not for TEXT. */
void zarr_convert(const zarr_type *z, const void *src, size_t n, uint8_t *dst);

/* A real number in Zarr's form, and one of 64 bits. */
double zarr_number_of(const zarr_type *z, const uint8_t *value);
void zarr_put_double(double v, uint8_t *to);

/* The dtype of Zarr 2 as JSON: "<f4", or a list of members for records. stored: in the file's byte order. */
void zarr_put_dtype(json *j, const zarr_type *z, bool stored);

/* A value in Zarr's form as JSON: what a fill value is in Zarr 2. */
void zarr_put_fill(json *j, const zarr_type *z, const uint8_t *value);

/* The same for a number of another type, when to can hold it: else false, and nothing is written. */
bool zarr_put_number_as(json *j, const zarr_type *from, const uint8_t *value, const zarr_type *to);

#endif
