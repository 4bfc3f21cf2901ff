/* A remote file, shared by the threads that read it, and one request for a range of it. */
#ifndef H5R_IO_REMOTE_H
#define H5R_IO_REMOTE_H

#include <curl/curl.h>
#include <h5range/h5range_curl.h>

#include "io/http.h"
#include "io/s3.h"
#include "io/session.h"
#include "util/thread.h"

typedef struct h5r_remote {
    unsigned retries, backoff_ms, connect_timeout_s, stall_timeout_s;
    double latency, bandwidth; /* for h5r_source_tune() */
    bool (*interrupted)(void *ctx);
    void *interrupted_ctx;
    bool is_s3;
    char *name;                      /* as the caller gave it: other files lie beside it */
    struct curl_slist *caller_headers;
    char *user, *password;           /* of the URL */
    char *ca_file, *ca_dir, *netrc;  /* of the environment */
    struct curl_slist *own_headers;  /* for the origin of the URL: with the caller's headers */
    struct curl_slist *plain_headers; /* for any other host */
    h5r_session *session;            /* shared with other files that lie beside this one */

    h5r_mutex lock; /* guards what follows */
    h5r_s3 s3;      /* its region may change; the rest does not */
    char *url;      /* origin, without user and password; changes with the region */
    char *target;   /* where the last redirect led, or NULL: asked first */
    bool target_own; /* the target has the origin of the URL */
    bool answered;  /* a range has come: from now on a refused connection is a passing trouble */
    uint64_t total; /* bytes of the file, H5R_UNDEFINED while unknown */
    char etag[160], modified[64]; /* of the first answer */
} h5r_remote;

/* One read of a batch. */
typedef struct h5r_task {
    h5r_read *read; /* got counts what has come so far */
    unsigned tries; /* failed ones */
    double due;     /* not before this time */
    bool fresh;     /* a connection was lost: another HTTP/2 stream on it may hang as this one did */
    struct h5r_task *next;
} h5r_task;

typedef enum h5r_verdict {
    H5R_UNJUDGED,
    H5R_TAKE,    /* the body is what was asked for */
    H5R_COLLECT, /* the body may explain an error */
    H5R_BEYOND,  /* the read begins at or after the end of the file */
    H5R_REFUSE   /* the answer is of no use: error says why */
} h5r_verdict;

typedef struct h5r_transfer {
    h5r_remote *remote;
    CURL *easy;
    h5r_task *task; /* NULL: free */
    char *url;
    bool own;         /* url has the origin of the source: credentials may go there */
    bool from_target; /* began at the remembered target */
    unsigned hops;    /* redirects, fallbacks and changes of region of this try */
    char region[40];  /* signed for */
    h5r_http_head head;
    h5r_verdict verdict;
    bool whole;     /* 200: the body is the file from its first byte */
    size_t expect;  /* bytes of the body that are taken */
    size_t received;
    char body[2048]; /* head of an error answer */
    size_t body_len;
    size_t dropped;
    char curl_error[CURL_ERROR_SIZE];
    h5r_error error;
} h5r_transfer;

/* ---------------------------------------------------------------- answer.c */

static inline uint64_t h5r_wanted_offset(const h5r_transfer *t)
{
    return t->task->read->offset + t->task->read->got;
}

static inline size_t h5r_wanted_len(const h5r_transfer *t)
{
    return t->task->read->len - t->task->read->got;
}

/* Sets t->error, "HOST " before the text, and returns H5R_REFUSE. */
h5r_verdict h5r_answer_refuse(h5r_transfer *t, h5r_status st, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* HTTP status, 0 when none came. */
long h5r_answer_status(const h5r_transfer *t);

/* Compares the head with what is known of the file and learns from it: H5R_TAKE, or H5R_REFUSE for another file. total may
 * be H5R_UNDEFINED. */
h5r_verdict h5r_answer_pin(h5r_transfer *t, uint64_t total);

/* Sets t->verdict from the head. */
void h5r_answer_judge(h5r_transfer *t);

/* libcurl's callbacks; ctx is the transfer. */
size_t h5r_answer_header(char *line, size_t size, size_t n, void *ctx);
size_t h5r_answer_body(char *bytes, size_t size, size_t n, void *ctx);

/* ---------------------------------------------------------------- transfer.c */

typedef enum h5r_next {
    H5R_NEXT_DONE,
    H5R_NEXT_AGAIN, /* the transfer is ready to run once more, now */
    H5R_NEXT_LATER, /* the task is due later; the transfer is free */
    H5R_NEXT_FAILED /* transfer->error says why */
} h5r_next;

bool h5r_transfer_init(h5r_transfer *t, h5r_remote *r);
void h5r_transfer_free(h5r_transfer *t);

/* Makes the request for what is missing of the task's read. False when memory is out. */
bool h5r_transfer_begin(h5r_transfer *t, h5r_task *task);

/* Judges a transfer that has ended with rc, after it was removed from its multi handle. */
h5r_next h5r_transfer_finish(h5r_transfer *t, CURLcode rc);

#endif
