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
    unsigned max_parallel;    /* requests in flight; default 64 */
    unsigned retries;         /* of a request that failed with 408, 429, 500, 502, 503, 504 or a lost connection; default 5 */
    unsigned backoff_ms;      /* first pause, doubled each time; Retry-After overrides; default 250 */
    unsigned connect_timeout_s; /* default 30 */
    unsigned stall_timeout_s; /* give up when nothing arrives that long; default 60 */
    const char *const *headers; /* NULL-terminated "Name: value" list, e.g. an Authorization header */
} h5r_curl_options;

H5R_API void h5r_curl_options_init(h5r_curl_options *o);

/* A source for http://, https:// or s3://bucket/key. Sends no request; the first read finds out whether the server
 * answers ranges. Thread-safe.
 *
 * S3 is signed with CURLOPT_AWS_SIGV4 from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else anonymous (also
 * with AWS_NO_SIGN_REQUEST=YES); region from AWS_REGION or AWS_DEFAULT_REGION (us-east-1); AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or
 * AWS_S3_ENDPOINT with AWS_HTTPS and AWS_VIRTUAL_HOSTING for other services.
 *
 * Every read asks for one range and checks Content-Range. Errors: NOT_FOUND (404), IO (401, 403, no ranges, connection, TLS),
 * FORMAT when the file changed meanwhile (its ETag differs). ARG: a URL of another scheme. */
H5R_API h5r_status h5r_source_open_url(const char *url, const h5r_curl_options *o, h5r_source *out, h5r_error *err);

/* Whether h5r_source_open_url() takes this name: http://, https:// or s3:// in any case. */
H5R_API bool h5r_is_url(const char *name);

#ifdef __cplusplus
}
#endif
#endif
