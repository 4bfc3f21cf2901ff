/* Heads of answers and URLs. What comes from a server is as guilty as what comes from a file: bounded copies, checked numbers. */
#include "io/http.h"

#include <curl/curl.h>
#include <h5range/h5range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- text */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool starts(const char *text, size_t n, const char *prefix)
{
    size_t k = strlen(prefix);

    if (k > n)
        return false;
    for (size_t i = 0; i < k; i++)
        if (lower(text[i]) != lower(prefix[i]))
            return false;
    return true;
}

bool h5r_text_starts(const char *text, const char *prefix)
{
    return starts(text, strlen(text), prefix);
}

bool h5r_text_equal(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && h5r_text_starts(a, b);
}

static bool contains(const char *text, size_t n, const char *part)
{
    for (size_t i = 0; i < n; i++)
        if (starts(text + i, n - i, part))
            return true;
    return false;
}

/* ---------------------------------------------------------------- heads */

void h5r_http_head_clear(h5r_http_head *h)
{
    memset(h, 0, sizeof *h);
    h->first = h->last = h->total = H5R_UNDEFINED;
}

static void copy(char *out, size_t cap, const char *text, size_t n)
{
    if (n >= cap)
        n = cap - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

/* A decimal number at *p; false when there is none or it does not fit. H5R_UNDEFINED itself does not fit. */
static bool number(const char **p, const char *end, uint64_t *out)
{
    uint64_t v = 0;
    const char *q = *p;

    for (; q < end && *q >= '0' && *q <= '9'; q++) {
        uint64_t digit = (uint64_t)(*q - '0');
        if (v > (UINT64_MAX - 1 - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (q == *p)
        return false;
    *p = q;
    *out = v;
    return true;
}

/* "bytes 0-99/1000", "bytes 0-99/" followed by "*", "bytes " followed by "*" and "/1000" (RFC 9110, 14.4). */
static void content_range(h5r_http_head *h, const char *p, size_t n)
{
    const char *end = p + n;
    uint64_t first = H5R_UNDEFINED, last = H5R_UNDEFINED, total = H5R_UNDEFINED;

    if (!starts(p, n, "bytes"))
        return;
    p += 5;
    while (p < end && (*p == ' ' || *p == '='))
        p++;
    if (p < end && *p == '*') {
        p++;
    } else {
        if (!number(&p, end, &first) || p == end || *p++ != '-' || !number(&p, end, &last) || last < first)
            return;
    }
    if (p == end || *p++ != '/')
        return;
    if ((p == end || *p != '*') && !number(&p, end, &total))
        return;
    if (total != H5R_UNDEFINED && last != H5R_UNDEFINED && last >= total)
        return;
    h->first = first;
    h->last = last;
    h->total = total;
}

void h5r_http_head_line(h5r_http_head *h, const char *line, size_t n)
{
    if (starts(line, n, "HTTP/")) {
        h5r_http_head_clear(h);
        return;
    }
    const char *colon = memchr(line, ':', n);
    if (colon == NULL)
        return;
    size_t name = (size_t)(colon - line);
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
        end--;
    size_t len = (size_t)(end - value);

#define IS(text) (name == sizeof text - 1 && starts(line, name, text))
    if (IS("content-range")) {
        content_range(h, value, len);
    } else if (IS("etag")) {
        copy(h->etag, sizeof h->etag, value, len);
    } else if (IS("last-modified")) {
        copy(h->modified, sizeof h->modified, value, len);
    } else if (IS("content-type")) {
        copy(h->type, sizeof h->type, value, len);
        h->type[strcspn(h->type, "; \t")] = '\0';
    } else if (IS("content-encoding")) {
        copy(h->encoding, sizeof h->encoding, value, len);
    } else if (IS("x-amz-bucket-region")) {
        copy(h->region, sizeof h->region, value, len);
    } else if (IS("retry-after")) {
        copy(h->retry_after, sizeof h->retry_after, value, len);
    }
#undef IS
}

/* Not libcurl's CURLINFO_RETRY_AFTER, which is 0 for an absent one, too. */
double h5r_http_retry_after(const h5r_http_head *h, time_t now)
{
    const size_t n = strlen(h->retry_after);

    if (n > 0 && strspn(h->retry_after, "0123456789") == n)
        return strtod(h->retry_after, NULL);
    time_t date = n > 0 ? curl_getdate(h->retry_after, NULL) : -1;
    return date > now ? difftime(date, now) : -1;
}

bool h5r_http_strong(const char *etag)
{
    return etag[0] != '\0' && strncmp(etag, "W/", 2) != 0;
}

/* ---------------------------------------------------------------- URLs */

/* Too many rather than too few: a hidden value costs nothing but a puzzled look. */
static bool secret_name(const char *name, size_t n)
{
    static const char *const parts[] = {"sig", "token", "secret", "pass", "pwd", "cred", "key", "auth", "code", "policy", "session", "jwt"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (contains(name, n, parts[i]))
            return true;
    return false;
}

static void put(char *out, size_t cap, size_t *at, const char *text, size_t n)
{
    if (n > cap - 1 - *at)
        n = cap - 1 - *at;
    memcpy(out + *at, text, n);
    *at += n;
    out[*at] = '\0';
}

/* Where "user:password@" would begin and where it ends (past the '@'); the same when there is none. */
static const char *authority(const char *url, const char **host)
{
    const char *p = strstr(url, "://");

    p = p == NULL ? url : p + 3;
    size_t n = strcspn(p, "/?#");
    *host = p;
    for (size_t i = 0; i < n; i++)
        if (p[i] == '@')
            *host = p + i + 1; /* the last one: browsers and curl take it so too */
    return p;
}

void h5r_url_redact(const char *url, char *out, size_t cap)
{
    size_t at = 0;
    const char *host, *user = authority(url, &host);

    put(out, cap, &at, url, (size_t)(user - url));
    size_t n = strcspn(host, "?#");
    put(out, cap, &at, host, n);
    const char *p = host + n;
    while (*p == '?' || *p == '&' || *p == ';') {
        n = strcspn(p + 1, "&;#") + 1;
        const char *equals = memchr(p, '=', n);
        if (equals != NULL && secret_name(p + 1, (size_t)(equals - p) - 1)) {
            put(out, cap, &at, p, (size_t)(equals - p) + 1);
            put(out, cap, &at, "...", 3);
        } else {
            put(out, cap, &at, p, n);
        }
        p += n;
    }
}

void h5r_url_host(const char *url, char *out, size_t cap)
{
    const char *host;
    (void)authority(url, &host);
    copy(out, cap, host, strcspn(host, "/?#"));
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && h5r_text_equal(x, y);

    curl_free(x);
    curl_free(y);
    return same;
}

bool h5r_url_same_origin(const char *a, const char *b)
{
    CURLU *x = curl_url(), *y = curl_url();
    bool same = x != NULL && y != NULL && curl_url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK &&
                curl_url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK && same_part(x, y, CURLUPART_SCHEME) &&
                same_part(x, y, CURLUPART_HOST) && same_part(x, y, CURLUPART_PORT);

    curl_url_cleanup(x);
    curl_url_cleanup(y);
    return same;
}

bool h5r_url_is_signed(const char *url)
{
    const char *query = strchr(url, '?');

    for (const char *p = query; p != NULL; p = strchr(p + 1, '&'))
        if (h5r_text_starts(p + 1, "X-Amz-Signature=") || h5r_text_starts(p + 1, "X-Goog-Signature=") ||
            h5r_text_starts(p + 1, "Signature=") || h5r_text_starts(p + 1, "sig="))
            return true;
    return false;
}
