/* A source for a name given on the command line: a URL where the library has the HTTP source, else a local file. */
#ifndef EXAMPLES_SOURCE_H
#define EXAMPLES_SOURCE_H

#include <h5range/h5range.h>
#ifdef H5RANGE_HAVE_CURL
#include <h5range/h5range_curl.h>
#endif

static inline h5r_status open_source(const char *name, h5r_source *out, h5r_error *err)
{
#ifdef H5RANGE_HAVE_CURL
    if (h5r_is_url(name))
        return h5r_source_open_url(name, NULL, out, err);
#endif
    return h5r_source_open_file(name, out, err);
}

#endif
