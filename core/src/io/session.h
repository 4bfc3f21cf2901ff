/* What the remote files of one server that belong together share: connections, cookies (a login counts for all), and the bound on
 * requests in flight. */
#ifndef H5R_IO_SESSION_H
#define H5R_IO_SESSION_H

#include <curl/curl.h>
#include <stdbool.h>

typedef struct h5r_session h5r_session;
struct h5r_transfer;

/* A multi handle with its transfers. It serves one thread at a time and owns its connections, so a thread takes one for a batch and puts
 * it back for whoever comes next: nobody waits for another's I/O, and a reader finds the connections of the round before. */
typedef struct h5r_lane {
    struct h5r_lane *next;
    CURLM *multi;
    struct h5r_transfer **transfers; /* as many as requests may be in flight, made when first needed */
} h5r_lane;

/* For one file; NULL when memory is out. max_parallel > 0. */
h5r_session *h5r_session_new(unsigned max_parallel);

/* For one more file. */
h5r_session *h5r_session_share(h5r_session *s);

/* The last one frees it. NULL is fine. */
void h5r_session_release(h5r_session *s);

unsigned h5r_session_max_parallel(const h5r_session *s);
CURLSH *h5r_session_cookies(const h5r_session *s);

/* NULL when memory is out. */
h5r_lane *h5r_session_take_lane(h5r_session *s);
void h5r_session_give_lane(h5r_session *s, h5r_lane *l);

/* A batch begins and ends. */
void h5r_session_enter(h5r_session *s);
void h5r_session_leave(h5r_session *s);

/* One more request may start: within the bound, and within this batch's share of it. A batch that has nothing in flight (active 0)
 * waits for a slot; the others, who have, will release theirs. */
bool h5r_session_take_slot(h5r_session *s, unsigned active);
void h5r_session_release_slot(h5r_session *s);

#endif
