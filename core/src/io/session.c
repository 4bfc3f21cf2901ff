#include "io/session.h"

#include <stdlib.h>

#include "io/remote.h"
#include "util/thread.h"

struct h5r_session {
    unsigned max_parallel;
    CURLSH *cookies; /* in memory: logins by redirect need them */
    h5r_mutex cookie_locks[CURL_LOCK_DATA_LAST];

    h5r_mutex lock; /* guards what follows */
    h5r_cond slot_free;
    h5r_lane *idle;
    unsigned files, callers, in_flight;
};

/* ---------------------------------------------------------------- cookies */

static void lock_cookies(CURL *easy, curl_lock_data data, curl_lock_access access, void *ctx)
{
    h5r_session *s = ctx;
    (void)easy;
    (void)access;
    pthread_mutex_lock(&s->cookie_locks[data]);
}

static void unlock_cookies(CURL *easy, curl_lock_data data, void *ctx)
{
    h5r_session *s = ctx;
    (void)easy;
    pthread_mutex_unlock(&s->cookie_locks[data]);
}

CURLSH *h5r_session_cookies(const h5r_session *s)
{
    return s->cookies;
}

/* ---------------------------------------------------------------- lanes */

static void free_lane(h5r_lane *l, unsigned n)
{
    for (unsigned i = 0; l->transfers != NULL && i < n; i++) {
        if (l->transfers[i] != NULL)
            h5r_transfer_free(l->transfers[i]);
        free(l->transfers[i]);
    }
    free(l->transfers);
    curl_multi_cleanup(l->multi);
    free(l);
}

h5r_lane *h5r_session_take_lane(h5r_session *s)
{
    pthread_mutex_lock(&s->lock);
    h5r_lane *l = s->idle;
    if (l != NULL)
        s->idle = l->next;
    pthread_mutex_unlock(&s->lock);
    if (l != NULL)
        return l;

    l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->multi = curl_multi_init();
    l->transfers = calloc(s->max_parallel, sizeof *l->transfers);
    if (l->multi == NULL || l->transfers == NULL) {
        free_lane(l, s->max_parallel);
        return NULL;
    }
    curl_multi_setopt(l->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)s->max_parallel); /* kept open between rounds */
    return l;
}

void h5r_session_give_lane(h5r_session *s, h5r_lane *l)
{
    pthread_mutex_lock(&s->lock);
    l->next = s->idle;
    s->idle = l;
    pthread_mutex_unlock(&s->lock);
}

/* ---------------------------------------------------------------- slots */

void h5r_session_enter(h5r_session *s)
{
    pthread_mutex_lock(&s->lock);
    s->callers++;
    pthread_mutex_unlock(&s->lock);
}

void h5r_session_leave(h5r_session *s)
{
    pthread_mutex_lock(&s->lock);
    s->callers--;
    pthread_cond_broadcast(&s->slot_free); /* everybody's share has grown */
    pthread_mutex_unlock(&s->lock);
}

bool h5r_session_take_slot(h5r_session *s, unsigned active)
{
    pthread_mutex_lock(&s->lock);
    while (active == 0 && s->in_flight >= s->max_parallel)
        pthread_cond_wait(&s->slot_free, &s->lock);
    unsigned share = s->max_parallel / s->callers;
    bool ok = s->in_flight < s->max_parallel && active < (share > 0 ? share : 1);
    if (ok)
        s->in_flight++;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void h5r_session_release_slot(h5r_session *s)
{
    pthread_mutex_lock(&s->lock);
    s->in_flight--;
    pthread_cond_signal(&s->slot_free);
    pthread_mutex_unlock(&s->lock);
}

unsigned h5r_session_max_parallel(const h5r_session *s)
{
    return s->max_parallel;
}

/* ---------------------------------------------------------------- life */

h5r_session *h5r_session_new(unsigned max_parallel)
{
    h5r_session *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->max_parallel = max_parallel;
    s->files = 1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->slot_free, NULL);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&s->cookie_locks[i], NULL);
    s->cookies = curl_share_init();
    if (s->cookies == NULL) {
        h5r_session_release(s);
        return NULL;
    }
    curl_share_setopt(s->cookies, CURLSHOPT_USERDATA, s);
    curl_share_setopt(s->cookies, CURLSHOPT_LOCKFUNC, lock_cookies);
    curl_share_setopt(s->cookies, CURLSHOPT_UNLOCKFUNC, unlock_cookies);
    curl_share_setopt(s->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    return s;
}

h5r_session *h5r_session_share(h5r_session *s)
{
    pthread_mutex_lock(&s->lock);
    s->files++;
    pthread_mutex_unlock(&s->lock);
    return s;
}

void h5r_session_release(h5r_session *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    bool last = --s->files == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    while (s->idle != NULL) {
        h5r_lane *l = s->idle;
        s->idle = l->next;
        free_lane(l, s->max_parallel);
    }
    curl_share_cleanup(s->cookies);
    for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&s->cookie_locks[i]);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->slot_free);
    free(s);
}
