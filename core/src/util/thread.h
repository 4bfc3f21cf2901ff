/* Mutex and condition variable. */
#ifndef H5R_UTIL_THREAD_H
#define H5R_UTIL_THREAD_H

#include <pthread.h>
#include <time.h>

typedef pthread_mutex_t h5r_mutex;
typedef pthread_cond_t h5r_cond;

static inline double h5r_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
