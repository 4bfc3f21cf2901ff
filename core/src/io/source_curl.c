/* http://, https:// and s3:// sources: batches over libcurl's multi interface. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/remote.h"
#include "util/checked.h"
#include "util/error.h"

typedef struct batch {
    h5r_remote *remote;
    h5r_session *session;
    h5r_lane *lane;
    h5r_task *tasks;
    size_t n, started, done;
    h5r_task *later; /* due again, the earliest first */
    unsigned active;
    double asked; /* when the caller was last asked whether to go on */
} batch;

#define ASK_EACH_S 0.25

/* ---------------------------------------------------------------- a batch */

static h5r_status nomem(h5r_error *err)
{
    return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
}

/* A transfer of the lane that has no task. There is one: no more tasks run than it may have transfers. */
static h5r_transfer *free_transfer(batch *b)
{
    h5r_transfer **at = b->lane->transfers;

    while (*at != NULL && (*at)->task != NULL)
        at++;
    if (*at == NULL) {
        h5r_transfer *t = malloc(sizeof *t);
        if (t == NULL || !h5r_transfer_init(t, b->remote)) {
            free(t);
            return NULL;
        }
        *at = t;
    }
    (*at)->remote = b->remote; /* it served another file of the session before */
    return *at;
}

static h5r_status run(batch *b, h5r_transfer *t, h5r_error *err)
{
    CURLMcode rc = curl_multi_add_handle(b->lane->multi, t->easy);

    if (rc == CURLM_OUT_OF_MEMORY)
        return nomem(err);
    if (rc != CURLM_OK)
        return h5r_error_set(err, H5R_ERR_INTERNAL, H5R_UNDEFINED, "libcurl does not take a request: %s", curl_multi_strerror(rc));
    return H5R_OK;
}

static void park(batch *b, h5r_task *task)
{
    h5r_task **p = &b->later;

    while (*p != NULL && (*p)->due <= task->due)
        p = &(*p)->next;
    task->next = *p;
    *p = task;
}

/* The next task whose time has come, NULL when none has. */
static h5r_task *next_task(batch *b)
{
    h5r_task *task = b->later;

    if (task != NULL && task->due <= h5r_now())
        b->later = task->next;
    else
        task = b->started < b->n ? &b->tasks[b->started++] : NULL;
    return task;
}

static bool is_beyond_end(h5r_remote *r, const h5r_read *read)
{
    pthread_mutex_lock(&r->lock);
    bool beyond = r->total != H5R_UNDEFINED && read->offset + read->got >= r->total;
    pthread_mutex_unlock(&r->lock);
    return beyond;
}

static h5r_status start(batch *b, h5r_task *task, h5r_error *err)
{
    h5r_transfer *t = free_transfer(b);
    h5r_status st = t != NULL && h5r_transfer_begin(t, task) ? H5R_OK : nomem(err);

    if (st == H5R_OK)
        st = run(b, t, err);
    if (st != H5R_OK) {
        if (t != NULL)
            t->task = NULL;
        h5r_session_release_slot(b->session);
        return st;
    }
    b->active++;
    return H5R_OK;
}

static h5r_status start_all(batch *b, h5r_error *err)
{
    bool due = b->later != NULL && b->later->due <= h5r_now();
    h5r_status st = H5R_OK;

    while (st == H5R_OK && (due || b->started < b->n) && b->active < h5r_session_max_parallel(b->session) && h5r_session_take_slot(b->session, b->active)) {
        h5r_task *task = next_task(b);
        if (task != NULL && is_beyond_end(b->remote, task->read)) {
            b->done++;
            task = NULL;
        }
        if (task != NULL)
            st = start(b, task, err);
        else
            h5r_session_release_slot(b->session);
        due = b->later != NULL && b->later->due <= h5r_now();
    }
    return st;
}

static void end(batch *b, h5r_transfer *t)
{
    t->task = NULL;
    b->active--;
    h5r_session_release_slot(b->session);
}

static h5r_status collect(batch *b, h5r_error *err)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(b->lane->multi, &left)) != NULL) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURL *easy = m->easy_handle;
        CURLcode rc = m->data.result; /* m dies with the removal */
        h5r_transfer *t = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        curl_multi_remove_handle(b->lane->multi, easy);
        h5r_task *task = t->task;
        h5r_status st;
        switch (h5r_transfer_finish(t, rc)) {
        case H5R_NEXT_AGAIN:
            st = run(b, t, err);
            if (st == H5R_OK)
                continue;
            end(b, t);
            return st;
        case H5R_NEXT_LATER:
            end(b, t);
            park(b, task);
            break;
        case H5R_NEXT_DONE:
            end(b, t);
            b->done++;
            break;
        case H5R_NEXT_FAILED:
            *err = t->error;
            end(b, t);
            return err->status;
        }
    }
    return H5R_OK;
}

/* Milliseconds until something has to be done even if nothing arrives. libcurl shortens it for its own timers. */
static int patience(const batch *b)
{
    const double longest = b->remote->interrupted != NULL ? 1e3 * ASK_EACH_S : 1000;
    double ms = b->later != NULL ? (b->later->due - h5r_now()) * 1e3 : longest;
    return ms < 0 ? 0 : ms < longest ? (int)ms + 1 : (int)longest;
}

static bool is_interrupted(batch *b)
{
    const h5r_remote *r = b->remote;
    double now = h5r_now();

    if (r->interrupted == NULL || now - b->asked < ASK_EACH_S)
        return false;
    b->asked = now;
    return r->interrupted(r->interrupted_ctx);
}

static h5r_status perform(batch *b, h5r_error *err)
{
    while (b->done < b->n) {
        int running;
        if (is_interrupted(b))
            return h5r_error_set(err, H5R_ERR_IO, H5R_UNDEFINED, "interrupted");
        h5r_status st = start_all(b, err);
        if (st != H5R_OK)
            return st;
        CURLMcode rc = curl_multi_perform(b->lane->multi, &running);
        size_t done = b->done;
        unsigned active = b->active;
        if (rc == CURLM_OK && (st = collect(b, err)) != H5R_OK)
            return st;
        /* What has ended makes room for the next; what was sent again has to be driven first. */
        if (rc == CURLM_OK && b->done < b->n && b->done == done && b->active == active)
            rc = curl_multi_poll(b->lane->multi, NULL, 0, patience(b), NULL);
        if (rc != CURLM_OK)
            return h5r_error_set(err, rc == CURLM_OUT_OF_MEMORY ? H5R_ERR_NOMEM : H5R_ERR_INTERNAL, H5R_UNDEFINED, "libcurl: %s",
                                 curl_multi_strerror(rc));
    }
    return H5R_OK;
}

/* After a failure: what is still in flight is cut off. */
static void cancel(batch *b)
{
    for (unsigned i = 0; i < h5r_session_max_parallel(b->session); i++) {
        h5r_transfer *t = b->lane->transfers[i];
        if (t == NULL || t->task == NULL)
            continue;
        curl_multi_remove_handle(b->lane->multi, t->easy);
        end(b, t);
    }
}

static h5r_status read_ranges(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
{
    h5r_remote *r = ctx;
    batch b = {.remote = r, .session = r->session, .n = n, .tasks = calloc(n > 0 ? n : 1, sizeof *b.tasks), .lane = h5r_session_take_lane(r->session),
               .asked = h5r_now()};

    h5r_status st = H5R_OK;
    for (size_t i = 0; i < n && st == H5R_OK; i++) {
        reads[i].got = 0;
        if (reads[i].offset > INT64_MAX - reads[i].len)
            st = h5r_error_set(err, H5R_ERR_ARG, reads[i].offset, "no file is that long");
        else if (b.tasks != NULL)
            b.tasks[i].read = &reads[i];
    }
    if (b.tasks == NULL || b.lane == NULL)
        st = nomem(err);
    if (st == H5R_OK) {
        h5r_session_enter(r->session);
        st = perform(&b, err);
        if (st != H5R_OK)
            cancel(&b);
        h5r_session_leave(r->session);
    }
    if (b.lane != NULL)
        h5r_session_give_lane(r->session, b.lane);
    free(b.tasks);
    return st;
}

/* ---------------------------------------------------------------- opening and closing */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void init_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void close_remote(void *ctx)
{
    h5r_remote *r = ctx;

    h5r_session_release(r->session);
    pthread_mutex_destroy(&r->lock);
    curl_slist_free_all(r->own_headers);
    curl_slist_free_all(r->plain_headers);
    curl_slist_free_all(r->caller_headers);
    free(r->name);
    h5r_s3_free(&r->s3);
    free(r->user);
    free(r->password);
    free(r->ca_file);
    free(r->ca_dir);
    free(r->netrc);
    free(r->url);
    free(r->target);
    free(r);
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static bool copy_text(char **out, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return true;
    *out = malloc(strlen(text) + 1);
    if (*out == NULL)
        return false;
    strcpy(*out, text);
    return true;
}

/* Everything that is sent beside the range; the variables are those of the curl command. */
static h5r_status add_settings(h5r_remote *r, const char *url, const h5r_curl_options *o, h5r_error *err)
{
    static const char identity[] = "Accept-Encoding: identity"; /* offsets are those of the plain file */
    static const char security[] = "x-amz-security-token: ";
    const char *bundle = getenv("CURL_CA_BUNDLE");
    bool ok = add_header(&r->own_headers, identity) && add_header(&r->plain_headers, identity);

    for (const char *const *h = o->headers; ok && h != NULL && *h != NULL; h++) {
        if (strchr(*h, ':') == NULL || strpbrk(*h, "\r\n") != NULL)
            return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "a header of the options is not one line \"Name: value\"");
        ok = add_header(&r->own_headers, *h) && add_header(&r->caller_headers, *h);
    }
    /* S3 wants it and libcurl signs what it is given; by itself libcurl 7.88 sends none. It is the digest of no bytes. */
    if (ok && r->is_s3 && r->s3.id != NULL)
        ok = add_header(&r->own_headers,
                        "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    if (ok && r->is_s3 && r->s3.id != NULL && r->s3.token != NULL) {
        if (strpbrk(r->s3.token, "\r\n") != NULL)
            return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "AWS_SESSION_TOKEN is not one line");
        size_t cap = sizeof security + strlen(r->s3.token);
        char *line = malloc(cap); /* a token has no longest length */
        ok = line != NULL;
        if (ok) {
            snprintf(line, cap, "%s%s", security, r->s3.token);
            ok = add_header(&r->own_headers, line);
        }
        free(line);
    }
    if (ok && r->is_s3 && r->s3.request_payer)
        ok = add_header(&r->own_headers, "x-amz-request-payer: requester");
    ok = ok && copy_text(&r->name, url) && copy_text(&r->ca_file, bundle != NULL && bundle[0] != '\0' ? bundle : getenv("SSL_CERT_FILE")) &&
         copy_text(&r->ca_dir, getenv("SSL_CERT_DIR")) && copy_text(&r->netrc, getenv("NETRC"));
    return ok ? H5R_OK : nomem(err);
}

static bool take_part(CURLU *u, CURLUPart part, unsigned flags, char **out)
{
    char *text = NULL;
    bool ok = true;

    if (curl_url_get(u, part, &text, flags) == CURLUE_OK)
        ok = copy_text(out, text);
    curl_free(text);
    return ok;
}

/* User and password leave the URL, so that they can be kept from other hosts; the fragment is none of the server's business. */
static h5r_status take_http_url(h5r_remote *r, const char *url, h5r_error *err)
{
    CURLU *u = curl_url();
    h5r_status st = H5R_OK;

    if (u == NULL)
        return nomem(err);
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, CURLU_URLENCODE);
    if (rc == CURLUE_OUT_OF_MEMORY)
        st = nomem(err);
    else if (rc != CURLUE_OK)
        st = h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "not a URL: %s", curl_url_strerror(rc));
    else if (!take_part(u, CURLUPART_USER, CURLU_URLDECODE, &r->user) || !take_part(u, CURLUPART_PASSWORD, CURLU_URLDECODE, &r->password) ||
             curl_url_set(u, CURLUPART_USER, NULL, 0) != CURLUE_OK || curl_url_set(u, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK ||
             curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK || !take_part(u, CURLUPART_URL, 0, &r->url))
        st = nomem(err);
    curl_url_cleanup(u);
    return st;
}

static h5r_status take_name(h5r_remote *r, const char *url, h5r_error *err)
{
    if (!r->is_s3)
        return take_http_url(r, url, err);
    h5r_status st = h5r_s3_parse(url, &r->s3, err);
    if (st == H5R_OK && (r->url = h5r_s3_url(&r->s3)) == NULL)
        st = nomem(err);
    return st;
}

/* beside: a file whose session this one shares, or NULL. */
static h5r_remote *new_remote(const h5r_curl_options *o, const h5r_remote *beside)
{
    h5r_remote *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    h5r_curl_options d;
    h5r_curl_options_init(&d);
    r->retries = o->retries > 0 ? o->retries : d.retries;
    r->backoff_ms = o->backoff_ms > 0 ? o->backoff_ms : d.backoff_ms;
    r->connect_timeout_s = o->connect_timeout_s > 0 ? o->connect_timeout_s : d.connect_timeout_s;
    r->stall_timeout_s = o->stall_timeout_s > 0 ? o->stall_timeout_s : d.stall_timeout_s;
    r->latency = o->latency;
    r->bandwidth = o->bandwidth;
    r->interrupted = o->interrupted;
    r->interrupted_ctx = o->interrupted_ctx;
    r->total = H5R_UNDEFINED;
    pthread_mutex_init(&r->lock, NULL);
    r->session = beside != NULL ? h5r_session_share(beside->session) : h5r_session_new(o->max_parallel > 0 ? o->max_parallel : d.max_parallel);
    return r;
}

void h5r_curl_options_init(h5r_curl_options *o)
{
    *o = (h5r_curl_options){
        .struct_size = sizeof *o,
        .max_parallel = 64,
        .retries = 5,
        .backoff_ms = 250,
        .connect_timeout_s = 30,
        .stall_timeout_s = 60,
        .latency = 0.05,
        .bandwidth = 100e6,
    };
}

bool h5r_is_url(const char *name)
{
    return name != NULL &&
           (h5r_text_starts(name, "http://") || h5r_text_starts(name, "https://") || h5r_text_starts(name, "s3://"));
}

void h5r_redact_url(const char *url, char *out, size_t cap)
{
    if (cap > 0) {
        out[0] = '\0';
        h5r_url_redact(url, out, cap);
    }
}

/* URL of a file beside another one, whose query and fragment do not belong to it. Keys of S3 are encoded when they are asked for, all else
 * here. */
static char *url_beside(const h5r_remote *r, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    size_t end = r->is_s3 ? strlen(r->name) : strcspn(r->name, "?#"), host = strcspn(r->name, ":") + 3;

    while (end > host && r->name[end - 1] != '/')
        end--;
    char *url = malloc(end + 1 + 3 * strlen(name) + 1);
    if (url == NULL)
        return NULL;
    char *to = url;
    memcpy(to, r->name, end);
    to += end;
    if (end <= host) { /* a name that is only a host */
        memcpy(url, r->name, strcspn(r->name, "?#"));
        to = url + strcspn(r->name, "?#");
        *to++ = '/';
    }
    for (const char *p = name; *p != '\0'; p++)
        if (r->is_s3 || strchr(plain, *p) != NULL)
            *to++ = *p;
        else
            to += sprintf(to, "%%%02X", (unsigned char)*p);
    *to = '\0';
    return url;
}

static h5r_status open_url(const char *url, const h5r_curl_options *o, const h5r_remote *beside, h5r_source *out, h5r_error *err);

static h5r_status open_other(void *ctx, const char *name, bool beside, h5r_source *out, h5r_error *err)
{
    const h5r_remote *r = ctx;
    h5r_curl_options o = {.struct_size = sizeof o, .max_parallel = h5r_session_max_parallel(r->session), .retries = r->retries, .backoff_ms = r->backoff_ms,
                          .connect_timeout_s = r->connect_timeout_s, .stall_timeout_s = r->stall_timeout_s, .latency = r->latency,
                          .bandwidth = r->bandwidth, .interrupted = r->interrupted, .interrupted_ctx = r->interrupted_ctx};
    size_t n = 0;

    if (!beside && !h5r_is_url(name))
        return h5r_error_set(err, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "\"%.200s\" is no URL", name);
    for (const struct curl_slist *h = r->caller_headers; h != NULL; h = h->next)
        n++;
    const char **headers = calloc(n + 1, sizeof *headers);
    char *url = beside ? url_beside(r, name) : NULL;
    if (headers == NULL || (beside && url == NULL)) {
        free(headers);
        free(url);
        return nomem(err);
    }
    n = 0;
    for (const struct curl_slist *h = r->caller_headers; h != NULL; h = h->next)
        headers[n++] = h->data;
    o.headers = beside ? headers : NULL; /* credentials are for this server */
    h5r_status st = beside ? open_url(url, &o, r, out, err) : h5r_source_open_url(name, &o, out, err);
    free(headers);
    free(url);
    return st;
}

/* A strong ETag tells. A time does when the file is not so young that it may change again within its second, and when the name that is shown
 * is the whole name. */
static bool identity(void *ctx, char *out, size_t cap)
{
    enum { YOUNG = 2 };
    h5r_remote *r = ctx;
    char shown[sizeof((h5r_source *)NULL)->name];
    int n = -1;

    h5r_url_redact(r->name, shown, sizeof shown);
    pthread_mutex_lock(&r->lock);
    time_t modified = r->modified[0] != '\0' ? curl_getdate(r->modified, NULL) : -1;
    if (r->total != H5R_UNDEFINED && h5r_http_strong(r->etag))
        n = snprintf(out, cap, "size %" PRIu64 ", ETag %s", r->total, r->etag);
    else if (r->total != H5R_UNDEFINED && modified > 0 && modified <= time(NULL) - YOUNG && strcmp(shown, r->name) == 0)
        n = snprintf(out, cap, "size %" PRIu64 ", Last-Modified %s", r->total, r->modified);
    pthread_mutex_unlock(&r->lock);
    return n > 0 && (size_t)n < cap;
}

static h5r_status open_url(const char *url, const h5r_curl_options *o, const h5r_remote *beside, h5r_source *out, h5r_error *err)
{
    h5r_remote *r = new_remote(o, beside);
    if (r == NULL)
        return nomem(err);
    r->is_s3 = h5r_text_starts(url, "s3://");
    h5r_status st = r->session == NULL ? nomem(err) : take_name(r, url, err);
    if (st == H5R_OK)
        st = add_settings(r, url, o, err);
    if (st != H5R_OK) {
        close_remote(r);
        return st;
    }
    h5r_source_init(out);
    out->ctx = r;
    out->read_ranges = read_ranges;
    out->close = close_remote;
    out->open_other = open_other;
    out->identity = identity;
    out->remote = true;
    h5r_source_tune(out, r->latency, r->bandwidth);
    h5r_url_redact(url, out->name, sizeof out->name);
    return H5R_OK;
}

h5r_status h5r_source_open_url(const char *url, const h5r_curl_options *o, h5r_source *out, h5r_error *err)
{
    const size_t first_size = offsetof(h5r_curl_options, interrupted); /* of version 0.1.0, which never looked at struct_size */
    h5r_curl_options options;

    if (url == NULL || out == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_source_open_url: NULL argument");
    if (!h5r_is_url(url))
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "not a name that begins with http://, https:// or s3://");
    h5r_curl_options_init(&options);
    if (o != NULL)
        memcpy(&options, o, h5r_max(first_size, h5r_min(o->struct_size, sizeof options)));
    pthread_once(&curl_once, init_curl);
    if (curl_ready != CURLE_OK)
        return h5r_error_set(err, H5R_ERR_INTERNAL, H5R_UNDEFINED, "libcurl does not start: %s", curl_easy_strerror(curl_ready));
    return open_url(url, &options, NULL, out, err);
}
