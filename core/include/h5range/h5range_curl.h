/* HTTP(S) and S3 sources of h5range, over libcurl's multi interface. Present when built with H5RANGE_CURL. */
#ifndef H5RANGE_H5RANGE_CURL_H
#define H5RANGE_H5RANGE_CURL_H

#include <h5range/h5range.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed fields mean the default. */
typedef struct h5r_curl_options {
    size_t struct_size;
    unsigned max_parallel;      /* requests in flight, over all threads; default 64 */
    unsigned retries;           /* of a request that failed in a way that may pass; default 5 */
    unsigned backoff_ms;        /* first pause, doubled each time up to 30 s; Retry-After overrides, 0 too; default 250 */
    unsigned connect_timeout_s; /* default 30 */
    unsigned stall_timeout_s;   /* a request counts as lost when nothing arrives that long (and some seconds more); default 60 */
    const char *const *headers; /* NULL-terminated "Name: value" list, e.g. an Authorization header; copied. Sent to the
                                   scheme, host and port of the URL only, not where redirects lead. */
    double latency;             /* seconds until an answer begins, for h5r_source_tune(); default 0.05 */
    double bandwidth;           /* bytes a second of one connection; default 100e6 */
    /* Asked by the thread that reads, at least once a second while it waits for answers or until it may ask again: true ends that
     * read at once, with IO, "interrupted". Other files that the source opens ask it, too. NULL: none; default NULL. */
    bool (*interrupted)(void *ctx);
    void *interrupted_ctx;
} h5r_curl_options;

H5R_API void h5r_curl_options_init(h5r_curl_options *o);

/* A source for http://, https:// or s3://bucket/key; o may be NULL. Sends no request: the first read finds out whether the
 * server answers ranges. Thread-safe.
 *
 * Requests: one GET for each range, over kept-alive connections. Answers are checked (206, Content-Range, no
 * Content-Encoding, and the size, strong ETag or Last-Modified of the first answer) before a byte is stored. A request
 * that met 408, 429, 500, 502, 503, 504, a lost connection or a short body is sent again, for what is missing of it; one that
 * was answered with a part of its range, too, as often as parts come. Redirects are followed and remembered; when what they led
 * to refuses later, the URL itself is asked again.
 *
 * How much is read at once follows from latency and bandwidth: see h5r_source_tune().
 *
 * Environment: proxies, as libcurl does; CURL_CA_BUNDLE or SSL_CERT_FILE, SSL_CERT_DIR; ~/.netrc or NETRC (for the hosts that
 * redirects lead to, too). Cookies live in memory as long as the source.
 *
 * S3: signed (AWS Signature Version 4) with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else
 * anonymous (also with AWS_NO_SIGN_REQUEST=YES). Region: AWS_REGION or AWS_DEFAULT_REGION (us-east-1); when S3 says that the
 * bucket is in another one, that. Other services: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or AWS_S3_ENDPOINT as
 * [http[s]://]host[:port], with AWS_HTTPS=NO for http. The bucket is in the host name, but in the path for other services and
 * names with dots; AWS_VIRTUAL_HOSTING decides otherwise. AWS_REQUEST_PAYER=requester. Files below ~/.aws and the
 * roles of machines are not read.
 *
 * Errors of open: ARG (URL of another scheme, not a URL, AWS_* variables that make none), NOMEM. Errors of reads: NOT_FOUND
 * (404, 410); FORMAT when the file changed meanwhile; IO (401, 403, no ranges, a web page instead of the file, connection,
 * TLS, retries used up): the message says what, where and what to do, and holds no credentials. */
H5R_API h5r_status h5r_source_open_url(const char *url, const h5r_curl_options *o, h5r_source *out, h5r_error *err);

/* Whether h5r_source_open_url() takes this name: http://, https:// or s3:// in any case. */
H5R_API bool h5r_is_url(const char *name);

/* The URL as messages may show it (and as source.name has it): without user and password, and without the values of query
 * parameters such as X-Amz-Signature, sig or token. Cut to cap bytes with the NUL. */
H5R_API void h5r_redact_url(const char *url, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
