/* Work on several files at once. */
#ifndef H5R_READ_EACH_H
#define H5R_READ_EACH_H

#include "io/ctx.h"

/* Calls one(arg, i) for each i below n and returns when all have returned. Of a remote file several run at the same time, each waiting for
 * another answer; of a local one as many as there are threads to decode. No lock is held. In turn: with one thread (options.threads), with a
 * trace (it shows rounds in an order), with a source that is one_at_a_time. */
void h5r_each(h5r_file *f, size_t n, void (*one)(void *arg, size_t i), void *arg);

/* How many may run at the same time: between them they share limits.inflight_bytes. */
unsigned h5r_each_width(const h5r_file *f, size_t n);

#endif
