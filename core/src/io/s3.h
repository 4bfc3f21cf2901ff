/* s3://bucket/key: from the name and the environment to a URL and what signs it. No I/O here. */
#ifndef H5R_IO_S3_H
#define H5R_IO_S3_H

#include <h5range/h5range.h>

typedef struct h5r_s3 {
    char *bucket;
    char *key;      /* percent-encoded, once */
    char *endpoint; /* "host[:port]" of another service than AWS, else NULL */
    bool https;
    bool path_style; /* the bucket in the path rather than in the host name */
    bool request_payer;
    char *id, *secret, *token; /* id is NULL for anonymous requests; token may be NULL */
    char region[40];
} h5r_s3;

/* Reads the AWS_* variables (see h5range_curl.h). ARG for what is not s3://bucket/key. h5r_s3_free() also after failure. */
h5r_status h5r_s3_parse(const char *name, h5r_s3 *out, h5r_error *err);
void h5r_s3_free(h5r_s3 *s);

/* The https:// or http:// URL in the present region, for free(); NULL when memory is out. */
char *h5r_s3_url(const h5r_s3 *s);

/* Whether the signature and the session token may go to this URL too: a redirect within AWS. */
bool h5r_s3_trusts(const h5r_s3 *s, const char *url);

/* Whether text can be the name of a region (it becomes part of a host name). */
bool h5r_s3_is_region(const char *text);

/* Text of <field> in an XML error, "" when absent. body has n bytes. */
void h5r_s3_error_field(const char *body, size_t n, const char *field, char *out, size_t cap);

#endif
