/* What the formats of "refs" share. */
#ifndef H5R_CLI_REFS_H
#define H5R_CLI_REFS_H

#include "cli.h"
#include "document.h"
#include "piece.h"
#include "target.h"

/* A chunk of the output that is read back. */
typedef struct refs_sample {
    char *key;      /* of its array */
    const zarr_array *a;
    uint64_t at[ZARR_MAX_RANK];
    char *document; /* .zarray, as it was found in the output */
    uint64_t offset;
    uint8_t *bytes; /* of the chunk, found through the output */
    size_t n;
    uint8_t *want;  /* elements that it has, as the library reads them */
    uint64_t count[H5R_MAX_RANK], n_want;
} refs_sample;

enum { REFS_SAMPLES = 20 };

typedef struct refs {
    const options *o;
    target to;                       /* to.path: where the output is until it is complete */
    zarr_view view;
    uint64_t named, copied, decoded; /* chunks */
    refs_sample samples[REFS_SAMPLES]; /* spread over the chunks written so far */
    size_t n_samples;
    uint64_t seen, random;           /* chunks that could have been samples */
    uint64_t checked;
    char **left;                     /* "PATH: why": what is not in the output */
    size_t n_left, cap_left;
} refs;

/* Path in the output, from the group that is the root there: of a group, or (name) of an array in it. NULL: out of memory. */
char *refs_key(const refs *r, const zarr_group *g, const char *name);

void refs_left_out(void *ctx, const char *path, const char *message);

/* Fills *err; what is the "%s" in format. */
h5r_status refs_fail(h5r_error *err, h5r_status st, const char *path, const char *format, const char *what);

/* "cannot write NAME: ...": errno tells why. */
h5r_status refs_cannot_write(h5r_error *err, const char *name);

/* Whether the error of one array is the end of all: the source or memory fails. */
bool refs_ends(h5r_status st);

/* References of kerchunk (version 1) to the chunks of a file called url, written to to.path. */
h5r_status refs_write_json(refs *r, const char *url, uint64_t inline_bytes, h5r_error *err);

/* Remembers some of the chunks written; at has the array's rank. */
void refs_sample_chunk(refs *r, const char *key, const zarr_array *a, const uint64_t *at);
void refs_forget_samples(refs *r, const zarr_array *a);

/* Reads the samples back through to.path, undoes what their documents say, and compares with what the library reads. FORMAT where one
 * differs. */
h5r_status refs_check_json(refs *r, h5r_error *err);
h5r_status refs_check_zarr(refs *r, h5r_error *err);

/* UNSUPPORTED where chunks are missing, and what they would have been cannot be said in one fill value. */
h5r_status refs_may_miss(const zarr_array *a, bool complete, char *why, size_t cap, h5r_error *err);

/* Whether chunks of an array can be taken as they are stored; gives them, and whether there are all. Otherwise why says why not. */
h5r_status refs_stored_chunks(const refs *r, const zarr_array *a, const h5r_chunk **chunks, size_t *n, bool *complete, char *why, size_t cap,
                              h5r_error *err);

/* A Zarr 2 hierarchy in the folder to.path: chunks as they are stored where Zarr has the codecs, else decoded. */
h5r_status refs_write_zarr(refs *r, h5r_error *err);

#endif
