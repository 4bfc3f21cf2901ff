/* What views, requests, rounds and fetches of the file's bytes share. File locked, where nothing else is said. */
#ifndef H5R_IO_ROUNDS_H
#define H5R_IO_ROUNDS_H

#include "io/ctx.h"

/* Ranges that some thread is reading now; lives on that thread's stack. */
struct h5r_flight {
    struct h5r_flight *next;
    const h5r_read *reads;
    size_t n;
};

/* Requests of a round: what is absent of its wants, split to the source's taste. */
typedef struct h5r_requests {
    h5r_read *reads; /* sorted, not overlapping */
    unsigned *kinds;
    size_t n, cap, cap_kinds;
} h5r_requests;

/* Notes [off, end) as wanted by the pass: NEED, or NOMEM. kind: of h5r_want_kind. */
h5r_status h5r_want_bytes(h5r_ctx *x, uint64_t off, uint64_t end, unsigned kind);

/* Sorts wants and joins those that overlap, or (touching) lie within gap bytes of each other. Returns how many are left. */
size_t h5r_join_wants(h5r_want *w, size_t n, uint64_t gap, bool touching);

/* What metadata is read in where a round needs many places. */
uint64_t h5r_smallest_block(const h5r_file *f);

/* The cache that keeps a want. One that serves several is metadata first: heap and data look there too. */
h5r_cache *h5r_cache_of(h5r_file *f, unsigned kinds);

/* Requests for what the pass wants, as much as fits into a round; the caller frees both lists. *others: some of it is being read by other
 * threads. False: out of memory. */
bool h5r_make_requests(h5r_ctx *x, h5r_requests *r, bool *others);

/* Performs a batch and counts it, file unlocked on entry and exit. */
h5r_status h5r_perform(h5r_ctx *x, h5r_read *reads, size_t n, h5r_error *err);

/* One round: everything wanted, in one batch, without the lock while it is read. Push mode: NEED. */
h5r_status h5r_fetch_wants(h5r_ctx *x);

#endif
