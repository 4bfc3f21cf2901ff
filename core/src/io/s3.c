/* Names and credentials of S3. The variables are those of AWS' own tools and of GDAL; its files and instance roles are not read. */
#include "io/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http.h"
#include "util/error.h"

static const char *variable(const char *name)
{
    const char *v = getenv(name);
    return v != NULL && v[0] != '\0' ? v : NULL;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    const char *v = variable(a);
    if (v == NULL)
        v = variable(b);
    return v == NULL && c != NULL ? variable(c) : v;
}

/* YES, TRUE, ON, 1 and NO, FALSE, OFF, 0 as in GDAL; anything else counts as the default. */
static bool flag(const char *name, bool otherwise)
{
    const char *v = variable(name);

    if (v == NULL)
        return otherwise;
    if (h5r_text_equal(v, "YES") || h5r_text_equal(v, "TRUE") || h5r_text_equal(v, "ON") || h5r_text_equal(v, "1"))
        return true;
    if (h5r_text_equal(v, "NO") || h5r_text_equal(v, "FALSE") || h5r_text_equal(v, "OFF") || h5r_text_equal(v, "0"))
        return false;
    return otherwise;
}

static bool copy_text(char **out, const char *text, size_t n)
{
    *out = malloc(n + 1);
    if (*out == NULL)
        return false;
    memcpy(*out, text, n);
    (*out)[n] = '\0';
    return true;
}

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Bytes that SigV4 leaves as they are. The slash separates: it stays, too. */
static bool unreserved(char c)
{
    return letter_or_digit(c) || c == '-' || c == '_' || c == '.' || c == '~' || c == '/';
}

static char *percent_encode(const char *key)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = malloc(3 * strlen(key) + 1), *p = out;

    if (out == NULL)
        return NULL;
    for (; *key != '\0'; key++) {
        if (unreserved(*key)) {
            *p++ = *key;
            continue;
        }
        *p++ = '%';
        *p++ = digits[(unsigned char)*key >> 4];
        *p++ = digits[(unsigned char)*key & 15];
    }
    *p = '\0';
    return out;
}

bool h5r_s3_is_region(const char *text)
{
    if (text[0] == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (!letter_or_digit(*text) && *text != '-')
            return false;
    return true;
}

static h5r_status endpoint(h5r_s3 *s, h5r_error *err)
{
    const char *e = first_of("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_S3_ENDPOINT");

    s->https = flag("AWS_HTTPS", true);
    if (e == NULL)
        return H5R_OK;
    if (h5r_text_starts(e, "https://") || h5r_text_starts(e, "http://")) {
        s->https = h5r_text_starts(e, "https:");
        e = strstr(e, "://") + 3;
    }
    size_t n = strlen(e);
    while (n > 0 && e[n - 1] == '/')
        n--;
    if (n == 0 || memchr(e, '/', n) != NULL || memchr(e, '@', n) != NULL || strstr(e, "://") != NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED,
                             "the S3 endpoint of the environment (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_S3_ENDPOINT) is not "
                             "[http://|https://]host[:port]");
    if (!copy_text(&s->endpoint, e, n))
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    return H5R_OK;
}

static bool credentials(h5r_s3 *s)
{
    const char *id = variable("AWS_ACCESS_KEY_ID"), *secret = variable("AWS_SECRET_ACCESS_KEY");
    const char *token = variable("AWS_SESSION_TOKEN");

    if (flag("AWS_NO_SIGN_REQUEST", false) || id == NULL || secret == NULL)
        return true;
    return copy_text(&s->id, id, strlen(id)) && copy_text(&s->secret, secret, strlen(secret)) &&
           (token == NULL || copy_text(&s->token, token, strlen(token)));
}

h5r_status h5r_s3_parse(const char *name, h5r_s3 *out, h5r_error *err)
{
    *out = (h5r_s3){0};
    const char *bucket = strstr(name, "://") + 3;
    size_t n = strcspn(bucket, "/");

    if (n == 0 || bucket[n] != '/' || bucket[n + 1] == '\0')
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "\"%s\" is not of the form s3://bucket/key", name);
    for (size_t i = 0; i < n; i++) /* it becomes part of a host name */
        if (!letter_or_digit(bucket[i]) && bucket[i] != '-' && bucket[i] != '.' && bucket[i] != '_')
            return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "\"%.*s\" is not a name of an S3 bucket", (int)(n < 80 ? n : 80),
                                 bucket);
    h5r_status st = endpoint(out, err);
    if (st != H5R_OK)
        return st;

    const char *region = first_of("AWS_REGION", "AWS_DEFAULT_REGION", NULL);
    if (region == NULL)
        region = "us-east-1";
    if (!h5r_s3_is_region(region) || strlen(region) >= sizeof out->region)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "AWS_REGION or AWS_DEFAULT_REGION is not a name of a region");
    strcpy(out->region, region);
    out->request_payer = variable("AWS_REQUEST_PAYER") != NULL && h5r_text_equal(getenv("AWS_REQUEST_PAYER"), "requester");

    if (!copy_text(&out->bucket, bucket, n) || !credentials(out) || (out->key = percent_encode(bucket + n + 1)) == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    /* The certificate of *.s3.amazonaws.com covers one label only; other services seldom have a name for each bucket. */
    out->path_style = !flag("AWS_VIRTUAL_HOSTING", out->endpoint == NULL && strchr(out->bucket, '.') == NULL);
    return H5R_OK;
}

void h5r_s3_free(h5r_s3 *s)
{
    free(s->bucket);
    free(s->key);
    free(s->endpoint);
    free(s->id);
    free(s->secret);
    free(s->token);
    *s = (h5r_s3){0};
}

char *h5r_s3_url(const h5r_s3 *s)
{
    char aws[80];

    snprintf(aws, sizeof aws, "s3.%s.amazonaws.com%s", s->region, strncmp(s->region, "cn-", 3) == 0 ? ".cn" : "");
    const char *host = s->endpoint != NULL ? s->endpoint : aws;
    size_t cap = strlen(s->bucket) + strlen(s->key) + strlen(host) + 16;
    char *url = malloc(cap);
    if (url == NULL)
        return NULL;
    if (s->path_style)
        snprintf(url, cap, "http%s://%s/%s/%s", s->https ? "s" : "", host, s->bucket, s->key);
    else
        snprintf(url, cap, "http%s://%s.%s/%s", s->https ? "s" : "", s->bucket, host, s->key);
    return url;
}

bool h5r_s3_trusts(const h5r_s3 *s, const char *url)
{
    static const char *const domains[] = {".amazonaws.com", ".amazonaws.com.cn"};
    char host[256];

    if (s->endpoint != NULL || !h5r_text_starts(url, s->https ? "https://" : "http://"))
        return false;
    h5r_url_host(url, host, sizeof host);
    size_t n = strlen(host);
    for (size_t i = 0; i < 2; i++) {
        size_t k = strlen(domains[i]);
        if (n > k && h5r_text_equal(host + n - k, domains[i]))
            return true;
    }
    return false;
}

void h5r_s3_error_field(const char *body, size_t n, const char *field, char *out, size_t cap)
{
    size_t k = strlen(field);

    out[0] = '\0';
    for (size_t i = 0; i + k + 2 <= n; i++) {
        if (body[i] != '<' || memcmp(body + i + 1, field, k) != 0 || body[i + 1 + k] != '>')
            continue;
        const char *text = body + i + k + 2;
        const char *end = memchr(text, '<', n - (i + k + 2));
        if (end == NULL)
            return;
        size_t len = (size_t)(end - text) < cap ? (size_t)(end - text) : cap - 1;
        memcpy(out, text, len);
        out[len] = '\0';
        return;
    }
}
