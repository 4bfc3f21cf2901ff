/* What an answer is worth, judged by its head before the first byte of its body is stored: so a server without ranges never
 * sends us the whole file, and a changed file never mixes with the old one. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/remote.h"
#include "util/checked.h"
#include "util/error.h"

enum { DRAIN_BYTES = 64 * 1024 }; /* of an error answer: reading them keeps the connection */

/* ---------------------------------------------------------------- messages */

h5r_verdict h5r_answer_refuse(h5r_transfer *t, h5r_status st, const char *format, ...)
{
    char host[128], text[sizeof t->error.message];

    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    h5r_url_host(t->url, host, sizeof host);
    h5r_error_set(&t->error, st, H5R_UNDEFINED, "%s%s %s", host, t->own ? "" : " (after a redirect)", text);
    return H5R_REFUSE;
}

/* ---------------------------------------------------------------- judging a head */

long h5r_answer_status(const h5r_transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_html(const h5r_http_head *h)
{
    return h5r_text_equal(h->type, "text/html") || h5r_text_equal(h->type, "application/xhtml+xml");
}

static h5r_verdict changed(h5r_transfer *t, const char *what, const char *was, const char *is)
{
    return h5r_answer_refuse(t, H5R_ERR_FORMAT,
                             "has another file than before: it changed while it was being read (%s was %.80s, is %.80s); "
                             "open it again",
                             what, was, is);
}

/* The first answer says which file is read, all others must be of the same. */
h5r_verdict h5r_answer_pin(h5r_transfer *t, uint64_t total)
{
    h5r_remote *r = t->remote;
    const h5r_http_head *h = &t->head;
    h5r_verdict v = H5R_TAKE;
    char was[24], is[24];

    pthread_mutex_lock(&r->lock);
    if (r->total != H5R_UNDEFINED && total != H5R_UNDEFINED && r->total != total) {
        snprintf(was, sizeof was, "%" PRIu64, r->total);
        snprintf(is, sizeof is, "%" PRIu64, total);
        v = changed(t, "its size", was, is);
    } else if (h5r_http_strong(r->etag) && h5r_http_strong(h->etag)) {
        if (strcmp(r->etag, h->etag) != 0)
            v = changed(t, "its ETag", r->etag, h->etag);
    } else if (r->modified[0] != '\0' && h->modified[0] != '\0' && strcmp(r->modified, h->modified) != 0) {
        v = changed(t, "Last-Modified", r->modified, h->modified);
    }
    if (v == H5R_TAKE) {
        if (total != H5R_UNDEFINED)
            r->total = total;
        if (r->etag[0] == '\0')
            memcpy(r->etag, h->etag, sizeof r->etag);
        if (r->modified[0] == '\0')
            memcpy(r->modified, h->modified, sizeof r->modified);
        r->answered = true;
    }
    pthread_mutex_unlock(&r->lock);
    return v;
}

/* S3 keeps "aws-chunked" of some uploads as metadata of bodies that are not. */
static bool is_encoded(const h5r_http_head *h)
{
    return h->encoding[0] != '\0' && !h5r_text_equal(h->encoding, "identity") && !h5r_text_equal(h->encoding, "aws-chunked");
}

static h5r_verdict encoded(h5r_transfer *t)
{
    return h5r_answer_refuse(t, H5R_ERR_IO,
                             "sends the file with Content-Encoding: %s although it was asked not to: byte ranges need the "
                             "plain file; switch compression off for it on the server",
                             t->head.encoding);
}

static h5r_verdict judge_206(h5r_transfer *t)
{
    const h5r_http_head *h = &t->head;
    uint64_t off = h5r_wanted_offset(t);

    if (is_encoded(h))
        return encoded(t);
    if (h->first == H5R_UNDEFINED)
        return h5r_answer_refuse(t, H5R_ERR_IO,
                                 "answered a range request with 206 but without a valid Content-Range: its range support, or "
                                 "that of a proxy, is broken");
    if (h->first != off || h->last - off >= h5r_wanted_len(t))
        return h5r_answer_refuse(t, H5R_ERR_IO,
                                 "sent bytes %" PRIu64 "-%" PRIu64 " instead of %" PRIu64 "-%" PRIu64
                                 ": its range support, or that of a proxy, is broken",
                                 h->first, h->last, off, off + h5r_wanted_len(t) - 1);
    t->expect = (size_t)(h->last - off) + 1;
    return h5r_answer_pin(t, h->total);
}

/* 200: the server ignored the range. That serves when all of the file was asked for anyway. */
static h5r_verdict judge_200(h5r_transfer *t)
{
    const h5r_read *read = t->task->read;
    curl_off_t length = -1;

    if (is_html(&t->head))
        return H5R_COLLECT;
    if (is_encoded(&t->head))
        return encoded(t);
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0 && (uint64_t)length <= read->offset && read->got == 0) {
        h5r_verdict v = h5r_answer_pin(t, (uint64_t)length);
        return v == H5R_TAKE ? H5R_BEYOND : v;
    }
    if (read->offset != 0 || (length >= 0 && (uint64_t)length > read->len))
        return h5r_answer_refuse(t, H5R_ERR_IO,
                                 "does not support byte ranges: it answered with the whole file (HTTP 200), which was not "
                                 "read; download the file, or serve it by a server that answers 206");
    t->whole = true;
    t->task->read->got = 0;
    t->expect = t->task->read->len;
    return h5r_answer_pin(t, length >= 0 ? (uint64_t)length : H5R_UNDEFINED);
}

void h5r_answer_judge(h5r_transfer *t)
{
    switch (h5r_answer_status(t)) {
    case 206:
        t->verdict = judge_206(t);
        break;
    case 200:
        t->verdict = judge_200(t);
        break;
    default:
        t->verdict = H5R_COLLECT;
    }
}

size_t h5r_answer_header(char *line, size_t size, size_t n, void *ctx)
{
    h5r_transfer *t = ctx;
    h5r_http_head_line(&t->head, line, size * n);
    return size * n;
}

size_t h5r_answer_body(char *bytes, size_t size, size_t n, void *ctx)
{
    h5r_transfer *t = ctx;

    n *= size;
    if (t->verdict == H5R_UNJUDGED)
        h5r_answer_judge(t);
    if (t->verdict == H5R_TAKE) {
        if (n > t->expect - t->received) {
            if (t->whole)
                t->verdict = h5r_answer_refuse(t, H5R_ERR_IO,
                                               "does not support byte ranges: it answered with the whole file (HTTP 200), of "
                                               "which only the first %zu bytes were read; download the file, or serve it by a "
                                               "server that answers 206",
                                               t->expect);
            else
                t->verdict = h5r_answer_refuse(t, H5R_ERR_IO, "sent more bytes than its Content-Range says");
            return 0;
        }
        memcpy((char *)t->task->read->dst + t->task->read->got + t->received, bytes, n);
        t->received += n;
        return n;
    }
    if (t->verdict != H5R_COLLECT)
        return 0;
    size_t k = h5r_min(n, sizeof t->body - t->body_len);
    memcpy(t->body + t->body_len, bytes, k);
    t->body_len += k;
    t->dropped += n - k;
    return t->dropped > DRAIN_BYTES ? 0 : n;
}
