/* Threads that help a caller with work that is cut into many parts. They start when the first job comes, sleep between jobs, and end
 * with the pool. */
#ifndef H5R_UTIL_POOL_H
#define H5R_UTIL_POOL_H

#include <stdbool.h>

typedef struct h5r_pool h5r_pool;

/* Work: run() takes parts until none is left. It is called once by each thread that helps, at the same time as by the caller. */
typedef struct h5r_job {
    void (*run)(void *arg);
    void *arg;
    unsigned helpers; /* threads of the pool that may help */

    struct h5r_job *next; /* the pool's own */
    unsigned entered, inside;
    bool listed;
} h5r_job;

/* A pool of at most so many threads; NULL when memory is out. */
h5r_pool *h5r_pool_new(unsigned threads);

/* No job may be listed. NULL is fine. */
void h5r_pool_free(h5r_pool *p);

/* Offers a job to the pool's threads. It need not find any: the caller calls run() itself, too. p may be NULL. */
void h5r_pool_begin(h5r_pool *p, h5r_job *job);

/* Withdraws the job and waits for those that are still at it. */
void h5r_pool_end(h5r_pool *p, h5r_job *job);

#endif
