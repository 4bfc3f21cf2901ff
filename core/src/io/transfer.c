/* One request for a range: where it goes, with which credentials, and what comes after its answer. Redirects are followed
 * here, not by libcurl, which would hand the caller's headers on to any host. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/remote.h"
#include "util/error.h"

enum {
    MAX_HOPS = 12,              /* a login by redirect takes five */
    PROGRESS_BYTES = 64 * 1024, /* a try that brought so much does not count as failed */
    MAX_PAUSE_S = 30,
    MAX_RETRY_AFTER_S = 120
};

/* ---------------------------------------------------------------- making a request */

bool h5r_transfer_init(h5r_transfer *t, h5r_remote *r)
{
    CURL *e = curl_easy_init();

    *t = (h5r_transfer){.remote = r, .easy = e};
    if (e == NULL)
        return false;
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_error);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, h5r_answer_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, h5r_answer_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 64L * 1024);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_SHARE, h5r_session_cookies(r->session));
    curl_easy_setopt(e, CURLOPT_COOKIEFILE, "");
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "h5range");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)r->connect_timeout_s);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)r->stall_timeout_s);
    if (r->is_s3) /* "a/../b" is a key like any other */
        curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    if (r->ca_file != NULL)
        curl_easy_setopt(e, CURLOPT_CAINFO, r->ca_file);
    if (r->ca_dir != NULL)
        curl_easy_setopt(e, CURLOPT_CAPATH, r->ca_dir);
    if (r->netrc != NULL)
        curl_easy_setopt(e, CURLOPT_NETRC_FILE, r->netrc);
    return true;
}

void h5r_transfer_free(h5r_transfer *t)
{
    curl_easy_cleanup(t->easy);
    free(t->url);
}

/* Options that depend on where the request goes and on what is missing. */
static bool prepare(h5r_transfer *t)
{
    h5r_remote *r = t->remote;
    CURL *e = t->easy;
    char range[48], sigv4[64];
    bool is_signed = r->is_s3 && t->own && r->s3.id != NULL;
    bool given = !r->is_s3 && t->own && r->user != NULL;
    CURLcode bad = CURLE_OK;

    h5r_http_head_clear(&t->head);
    t->verdict = H5R_UNJUDGED;
    t->whole = false;
    t->expect = t->received = t->body_len = t->dropped = 0;
    t->curl_error[0] = '\0';
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, h5r_wanted_offset(t), h5r_wanted_offset(t) + h5r_wanted_len(t) - 1);
    snprintf(sigv4, sizeof sigv4, "aws:amz:%s:s3", t->region);

#define SET(option, value) bad = bad != CURLE_OK ? bad : curl_easy_setopt(e, option, value)
    SET(CURLOPT_URL, t->url);
    SET(CURLOPT_RANGE, range);
    SET(CURLOPT_FRESH_CONNECT, (long)t->task->fresh);
    SET(CURLOPT_HTTPHEADER, t->own ? r->own_headers : r->plain_headers);
    SET(CURLOPT_USERNAME, is_signed ? r->s3.id : given ? r->user : NULL);
    SET(CURLOPT_PASSWORD, is_signed ? r->s3.secret : given ? r->password : NULL);
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_AWS_SIGV4, is_signed ? sigv4 : NULL); /* also sets HTTPAUTH */
    /* A signed URL is its own credential; S3 refuses a second one. */
    bool no_netrc = r->is_s3 || given || h5r_url_is_signed(t->url);
    SET(CURLOPT_NETRC, (long)(no_netrc ? CURL_NETRC_IGNORED : CURL_NETRC_OPTIONAL));
#undef SET
    return bad == CURLE_OK;
}

static bool set_url(h5r_transfer *t, const char *url)
{
    size_t n = strlen(url) + 1;
    char *copy = malloc(n);

    if (copy == NULL)
        return false;
    memcpy(copy, url, n);
    free(t->url);
    t->url = copy;
    return true;
}

static bool go(h5r_transfer *t, bool to_target)
{
    h5r_remote *r = t->remote;

    pthread_mutex_lock(&r->lock);
    t->from_target = to_target && r->target != NULL;
    t->own = !t->from_target || r->target_own;
    memcpy(t->region, r->s3.region, sizeof t->region);
    bool ok = set_url(t, t->from_target ? r->target : r->url);
    pthread_mutex_unlock(&r->lock);
    return ok && prepare(t);
}

bool h5r_transfer_begin(h5r_transfer *t, h5r_task *task)
{
    t->task = task;
    t->hops = 0;
    return go(t, true);
}

/* ---------------------------------------------------------------- what comes next */

static h5r_next fail(h5r_transfer *t, h5r_verdict refused)
{
    t->verdict = refused;
    return H5R_NEXT_FAILED;
}

static h5r_next nomem(h5r_transfer *t)
{
    h5r_error_set(&t->error, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    return fail(t, H5R_REFUSE);
}

static h5r_next again(h5r_transfer *t, bool ok)
{
    return ok ? H5R_NEXT_AGAIN : nomem(t);
}

/* What a redirect led to may have expired (a signed URL) or moved: then the original name is asked once more. */
static bool forget_target(h5r_transfer *t)
{
    h5r_remote *r = t->remote;

    if (!t->from_target)
        return false;
    pthread_mutex_lock(&r->lock);
    if (r->target != NULL && strcmp(r->target, t->url) == 0) {
        free(r->target);
        r->target = NULL;
    }
    pthread_mutex_unlock(&r->lock);
    return true;
}

static h5r_next give_up(h5r_transfer *t)
{
    if (t->error.status == H5R_ERR_IO || t->error.status == H5R_ERR_NOT_FOUND)
        if (t->hops < MAX_HOPS && forget_target(t)) {
            t->hops++;
            return again(t, go(t, false));
        }
    return H5R_NEXT_FAILED;
}

/* The try failed in a way that may pass. what: "answered HTTP 503", "closed the connection". */
static h5r_next retry(h5r_transfer *t, const char *what)
{
    h5r_remote *r = t->remote;
    h5r_task *task = t->task;
    double after = h5r_http_retry_after(&t->head, time(NULL));

    if (++task->tries > r->retries) {
        h5r_answer_refuse(t, H5R_ERR_IO, "%s, %u times in a row: try again later", what, task->tries);
        t->error.offset = h5r_wanted_offset(t);
        return give_up(t);
    }
    if (after > MAX_RETRY_AFTER_S) {
        h5r_answer_refuse(t, H5R_ERR_IO, "%s and asks to wait %.0f seconds: try again later", what, after);
        return H5R_NEXT_FAILED;
    }
    double pause = (double)r->backoff_ms * 1e-3;
    for (unsigned i = 1; i < task->tries && pause < MAX_PAUSE_S; i++)
        pause *= 2;
    pause = pause < MAX_PAUSE_S ? pause : MAX_PAUSE_S;
    /* Requests that failed together come back spread over a quarter of the pause. */
    pause *= 1 + (double)(task->read->offset / 4096 % 16) / 64;
    task->due = h5r_now() + (after >= 0 ? after : pause);
    return H5R_NEXT_LATER;
}

/* What has come of a body is kept: the rest is asked for, the head's checks make sure that it is of the same file. */
static void keep(h5r_transfer *t)
{
    if (t->verdict != H5R_TAKE || t->whole)
        return;
    t->task->read->got += t->received;
    if (t->received >= PROGRESS_BYTES)
        t->task->tries = 0;
}

static const char *curl_reason(const h5r_transfer *t, CURLcode rc)
{
    return t->curl_error[0] != '\0' ? t->curl_error : curl_easy_strerror(rc);
}

static h5r_next lost(h5r_transfer *t, CURLcode rc)
{
    h5r_remote *r = t->remote;
    char what[sizeof t->curl_error + 40];
    long connect_status = 0;

    pthread_mutex_lock(&r->lock);
    bool answered = r->answered;
    pthread_mutex_unlock(&r->lock);
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    bool passing = false;
    switch (rc) {
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        passing = connect_status < 400; /* else a proxy has said no */
        break;
    case CURLE_OPERATION_TIMEDOUT: {
        curl_off_t connected = 0;
        curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
        passing = answered || connected > 0;
        break;
    }
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SSL_CONNECT_ERROR:
        if (answered && t->hops < MAX_HOPS && forget_target(t)) {
            t->hops++;
            return again(t, go(t, false));
        }
        passing = answered;
        break;
    case CURLE_OUT_OF_MEMORY:
        return nomem(t);
    default:
        break;
    }
    if (passing) {
        keep(t);
        t->task->fresh = true;
        snprintf(what, sizeof what, "lost the connection (%s)", curl_reason(t, rc));
        return retry(t, what);
    }
    h5r_answer_refuse(t, H5R_ERR_IO, "cannot be read: %s", curl_reason(t, rc));
    return give_up(t);
}

/* ---------------------------------------------------------------- answers that are no range */

static h5r_next redirect(h5r_transfer *t, long status)
{
    h5r_remote *r = t->remote;
    char *to = NULL;

    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
    if (to == NULL) {
        h5r_answer_refuse(t, H5R_ERR_IO, "answered HTTP %ld, a redirect that does not say where to", status);
        return give_up(t);
    }
    if (!h5r_text_starts(to, "http://") && !h5r_text_starts(to, "https://")) {
        h5r_answer_refuse(t, H5R_ERR_IO, "redirects to a name that is neither http:// nor https://");
        return give_up(t);
    }
    if (++t->hops > MAX_HOPS) {
        h5r_answer_refuse(t, H5R_ERR_IO,
                          "redirects more than %d times: perhaps a login that does not end; credentials can stand in ~/.netrc",
                          MAX_HOPS);
        return H5R_NEXT_FAILED;
    }
    pthread_mutex_lock(&r->lock);
    t->own = h5r_url_same_origin(r->url, to) || (r->is_s3 && h5r_s3_trusts(&r->s3, to));
    pthread_mutex_unlock(&r->lock);
    t->from_target = false;
    return again(t, set_url(t, to) && prepare(t));
}

/* The bucket lives in another region than the request was signed for: S3 says which. */
static bool change_region(h5r_transfer *t, h5r_next *next)
{
    h5r_remote *r = t->remote;
    char region[40];

    memcpy(region, t->head.region, sizeof region);
    if (region[0] == '\0')
        h5r_s3_error_field(t->body, t->body_len, "Region", region, sizeof region);
    if (!h5r_s3_is_region(region) || strcmp(region, t->region) == 0 || ++t->hops > MAX_HOPS)
        return false;

    pthread_mutex_lock(&r->lock);
    h5r_s3 there = r->s3;
    memcpy(there.region, region, sizeof region);
    char *url = h5r_s3_url(&there);
    if (url != NULL) {
        free(r->url);
        r->url = url;
        memcpy(r->s3.region, region, sizeof region);
    }
    pthread_mutex_unlock(&r->lock);
    *next = again(t, url != NULL && go(t, false));
    return true;
}

static h5r_next answered_s3(h5r_transfer *t, long status)
{
    h5r_next next;
    char code[64], message[160];

    if ((status == 301 || status == 307 || status == 400 || status == 403) && change_region(t, &next))
        return next;
    h5r_s3_error_field(t->body, t->body_len, "Code", code, sizeof code);
    h5r_s3_error_field(t->body, t->body_len, "Message", message, sizeof message);
    const char *gap = message[0] != '\0' ? ": " : "";
    if (code[0] == '\0')
        snprintf(code, sizeof code, "HTTP %ld", status);
    if (status == 404)
        h5r_answer_refuse(t, H5R_ERR_NOT_FOUND, "has no such object (%s%s%s)", code, gap, message);
    else if (status == 401 || status == 403)
        h5r_answer_refuse(t, H5R_ERR_IO, "refused the request (%s%s%s): %s", code, gap, message,
                          t->remote->s3.id != NULL
                              ? "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and the permissions; "
                                "S3 may say so of missing keys, too"
                              : "it was not signed, since the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or "
                                "has AWS_NO_SIGN_REQUEST (files below ~/.aws are not read)");
    else
        h5r_answer_refuse(t, H5R_ERR_IO, "refused the request (%s%s%s); the region is %s (AWS_REGION)", code, gap, message, t->region);
    return give_up(t);
}

/* 416. The total that it should carry tells a read beyond the end from a server that is wrong. */
static h5r_next unsatisfiable(h5r_transfer *t)
{
    const h5r_read *read = t->task->read;
    uint64_t total = t->head.total;

    if (h5r_answer_pin(t, total) == H5R_REFUSE)
        return give_up(t);
    if (total != H5R_UNDEFINED && total > read->offset + read->got) {
        h5r_answer_refuse(t, H5R_ERR_IO, "refuses bytes from %" PRIu64 " of a file of %" PRIu64 " bytes (HTTP 416)",
                          h5r_wanted_offset(t), total);
        return give_up(t);
    }
    return H5R_NEXT_DONE;
}

static h5r_next answered(h5r_transfer *t)
{
    long status = h5r_answer_status(t);
    char what[32];

    if (status == 416)
        return unsatisfiable(t);
    snprintf(what, sizeof what, "answered HTTP %ld", status);
    if (status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504)
        return retry(t, what);
    if (t->remote->is_s3 && t->own && (status == 301 || status == 307) && (t->head.region[0] != '\0' || t->body_len > 0)) {
        h5r_next next;
        if (change_region(t, &next))
            return next;
    }
    char *to = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
    if (to != NULL || (status >= 300 && status < 304 && !t->remote->is_s3) || status == 307 || status == 308)
        return redirect(t, status);
    if (status == 200) /* text/html */
        h5r_answer_refuse(t, H5R_ERR_IO,
                          "answered with a web page instead of the file: perhaps a login page, or a page about the file; "
                          "credentials can stand in ~/.netrc or in the URL");
    else if (t->remote->is_s3 && t->own)
        return answered_s3(t, status);
    else if (status == 404 || status == 410)
        h5r_answer_refuse(t, H5R_ERR_NOT_FOUND, "has no such file (HTTP %ld)", status);
    else if (status == 401 || status == 403)
        h5r_answer_refuse(t, H5R_ERR_IO,
                          "refused the request (HTTP %ld): %s; credentials can stand in ~/.netrc, in the URL, or in headers that "
                          "the program gives",
                          status, status == 401 ? "it wants a login" : "access is denied, or a signed URL has expired");
    else if (status == 407)
        h5r_answer_refuse(t, H5R_ERR_IO,
                          "is behind a proxy that wants credentials (HTTP 407): they can stand in the proxy's URL (http_proxy, "
                          "https_proxy)");
    else
        h5r_answer_refuse(t, H5R_ERR_IO, "answered HTTP %ld to a request for a byte range", status);
    return give_up(t);
}

/* ---------------------------------------------------------------- the end of a transfer */

/* Later requests skip the way that led here. */
static bool remember_target(h5r_transfer *t)
{
    h5r_remote *r = t->remote;
    bool ok = true;

    pthread_mutex_lock(&r->lock);
    bool home = strcmp(t->url, r->url) == 0;
    if (home || r->target == NULL || strcmp(r->target, t->url) != 0) {
        char *copy = NULL;
        if (!home) {
            size_t n = strlen(t->url) + 1;
            copy = malloc(n);
            if (copy != NULL)
                memcpy(copy, t->url, n);
            ok = copy != NULL;
        }
        free(r->target);
        r->target = copy;
        r->target_own = t->own;
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}

static h5r_next taken(h5r_transfer *t)
{
    h5r_read *read = t->task->read;

    if (t->hops > 0 && !remember_target(t))
        return nomem(t);
    if (t->whole) {
        read->got = t->received;
        return h5r_answer_pin(t, t->received) == H5R_REFUSE ? give_up(t) : H5R_NEXT_DONE;
    }
    if (t->received < t->expect) { /* a body without a length that ended early */
        keep(t);
        return retry(t, "sent less than it announced");
    }
    uint64_t end = t->head.last + 1;
    keep(t);
    if (read->got == read->len || end == t->head.total)
        return H5R_NEXT_DONE;
    t->task->tries = 0; /* a part of the range is allowed (RFC 9110, 15.3.7), however small: the rest is asked for */
    return again(t, go(t, true));
}

h5r_next h5r_transfer_finish(h5r_transfer *t, CURLcode rc)
{
    if (t->verdict == H5R_UNJUDGED && rc == CURLE_OK)
        h5r_answer_judge(t);
    switch (t->verdict) {
    case H5R_REFUSE:
        return give_up(t);
    case H5R_BEYOND:
        return H5R_NEXT_DONE;
    case H5R_COLLECT: /* also when the body was too long to be read to its end, or was cut off: the status has come */
        return answered(t);
    default:
        break;
    }
    return rc == CURLE_OK ? taken(t) : lost(t, rc);
}
