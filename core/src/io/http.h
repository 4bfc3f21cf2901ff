/* What the HTTP source needs of heads and URLs: no I/O here. */
#ifndef H5R_IO_HTTP_H
#define H5R_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Fields of an answer's head; texts are "" when absent, numbers H5R_UNDEFINED. Zero it with h5r_http_head_clear(). */
typedef struct h5r_http_head {
    uint64_t first, last; /* of "Content-Range: bytes first-last/total" */
    uint64_t total;       /* H5R_UNDEFINED for "*" too */
    char etag[160];
    char modified[64]; /* Last-Modified */
    char type[64];     /* Content-Type, without parameters */
    char encoding[32]; /* Content-Encoding */
    char region[40];   /* x-amz-bucket-region */
    char retry_after[40];
} h5r_http_head;

void h5r_http_head_clear(h5r_http_head *h);

/* One line of a head as it came, n bytes with or without line end. A status line begins a new head. */
void h5r_http_head_line(h5r_http_head *h, const char *line, size_t n);

/* Seconds that Retry-After asks to wait, from the time now on; 0 means at once. Negative when it is absent, is neither a number of seconds
 * nor a date, or is a date that has passed: clocks differ. */
double h5r_http_retry_after(const h5r_http_head *h, time_t now);

/* Whether the entity tag says that bytes are equal: not empty and not weak (RFC 9110, 8.8.3). */
bool h5r_http_strong(const char *etag);

/* URL for messages: no user, password, fragment, nor values of query parameters that look like secrets. */
void h5r_url_redact(const char *url, char *out, size_t cap);

/* "host" or "host:port" for messages. */
void h5r_url_host(const char *url, char *out, size_t cap);

/* Whether scheme, host and port are the same. */
bool h5r_url_same_origin(const char *a, const char *b);

/* Whether the query carries a signature, so that other credentials would only be in its way. */
bool h5r_url_is_signed(const char *url);

/* Case-insensitive prefix and equality, ASCII only whatever the locale. */
bool h5r_text_starts(const char *text, const char *prefix);
bool h5r_text_equal(const char *a, const char *b);

#endif
