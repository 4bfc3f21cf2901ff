#include "util/pool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "util/thread.h"

struct h5r_pool {
    h5r_mutex lock;
    h5r_cond work;  /* a job was listed, or the pool ends */
    h5r_cond done;  /* the last helper has left a job */
    h5r_job *jobs;  /* oldest first */
    unsigned limit, started, idle;
    bool stop;
    pid_t process;  /* that the threads belong to: a forked child has none of them */
    pthread_t threads[];
};

static h5r_job *find_job(const h5r_pool *p)
{
    for (h5r_job *j = p->jobs; j != NULL; j = j->next)
        if (j->entered < j->helpers)
            return j;
    return NULL;
}

static void *help(void *arg)
{
    h5r_pool *p = arg;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        h5r_job *j = find_job(p);
        if (j != NULL) {
            j->entered++;
            j->inside++;
            pthread_mutex_unlock(&p->lock);
            j->run(j->arg);
            pthread_mutex_lock(&p->lock);
            if (--j->inside == 0)
                pthread_cond_broadcast(&p->done);
        } else if (p->stop) {
            break;
        } else {
            p->idle++;
            pthread_cond_wait(&p->work, &p->lock);
            p->idle--;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Threads for a job that those which sleep are too few for. Signals are the program's business: they go to its own threads. When no
 * thread can be had the callers do the work. */
static void start_threads(h5r_pool *p, unsigned wanted)
{
    sigset_t all, before;

    if (p->idle >= wanted || p->started == p->limit)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned more = wanted - p->idle; more > 0 && p->started < p->limit; more--) {
        if (pthread_create(&p->threads[p->started], NULL, help, p) != 0)
            break;
        p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

h5r_pool *h5r_pool_new(unsigned threads)
{
    h5r_pool *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);

    if (p == NULL)
        return NULL;
    p->limit = threads;
    p->process = getpid();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    return p;
}

void h5r_pool_free(h5r_pool *p)
{
    if (p == NULL)
        return;
    if (p->process == getpid()) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
        for (unsigned i = 0; i < p->started; i++)
            pthread_join(p->threads[i], NULL);
        pthread_mutex_destroy(&p->lock);
        pthread_cond_destroy(&p->work);
        pthread_cond_destroy(&p->done);
    }
    free(p);
}

void h5r_pool_begin(h5r_pool *p, h5r_job *job)
{
    job->listed = false;
    job->entered = job->inside = 0;
    job->next = NULL;
    if (p == NULL || job->helpers == 0 || p->process != getpid())
        return;
    pthread_mutex_lock(&p->lock);
    h5r_job **last = &p->jobs;
    while (*last != NULL)
        last = &(*last)->next;
    *last = job;
    job->listed = true;
    start_threads(p, job->helpers);
    if (job->helpers > 1)
        pthread_cond_broadcast(&p->work);
    else
        pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void h5r_pool_end(h5r_pool *p, h5r_job *job)
{
    if (!job->listed)
        return;
    pthread_mutex_lock(&p->lock);
    h5r_job **at = &p->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    job->listed = false;
    while (job->inside > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
