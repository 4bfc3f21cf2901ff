/* Base64 (RFC 4648). */
#ifndef H5R_ZARR_BASE64_H
#define H5R_ZARR_BASE64_H

#include <stddef.h>

/* NULL: out of memory. The caller frees it. */
char *base64_text(const void *bytes, size_t n);

#endif
