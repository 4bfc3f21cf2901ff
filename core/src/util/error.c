/* Errors as values: a status, an offset, a path and one line of text. */
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void make_one_line(h5r_error *err)
{
    for (char *p = err->message; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

h5r_status h5r_error_set(h5r_error *err, h5r_status status, uint64_t offset, const char *format, ...)
{
    if (err == NULL)
        return status;
    err->status = status;
    err->offset = offset;
    err->path[0] = '\0';

    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    make_one_line(err);
    return status;
}

h5r_status h5r_error_of_source(h5r_error *err, h5r_status st, uint64_t offset)
{
    if (st > H5R_OK)
        st = H5R_ERR_INTERNAL;
    if (err->message[0] == '\0')
        return h5r_error_set(err, st, offset, "the source failed without saying why");
    err->status = st;
    err->path[sizeof err->path - 1] = err->message[sizeof err->message - 1] = '\0';
    make_one_line(err);
    return st;
}

void h5r_error_set_path(h5r_error *err, const char *path)
{
    size_t n = strlen(path);

    if (n < sizeof err->path) {
        memcpy(err->path, path, n + 1);
        return;
    }
    n = sizeof err->path - 4;
    memcpy(err->path, path, n);
    memcpy(err->path + n, "...", 4);
}

void h5r_error_set_file(h5r_error *err, const char *name)
{
    enum { SHOWN = 120 };
    char text[sizeof err->message];
    size_t n = strlen(name);
    bool cut = n > SHOWN;

    if (cut)
        name += n - SHOWN;
    int len = snprintf(text, sizeof text, "%s%s%s%.100s: ", cut ? "..." : "", name, err->path[0] != '\0' ? "#" : "", err->path);
    snprintf(text + len, sizeof text - (size_t)len, "%.*s", (int)(sizeof text - (size_t)len - 1), err->message);
    memcpy(err->message, text, sizeof text);
    err->path[0] = '\0';
}

const char *h5r_status_name(h5r_status s)
{
    switch (s) {
    case H5R_OK:
        return "ok";
    case H5R_NEED:
        return "more bytes needed";
    case H5R_ERR_ARG:
        return "invalid argument";
    case H5R_ERR_NOT_FOUND:
        return "not found";
    case H5R_ERR_IO:
        return "I/O error";
    case H5R_ERR_FORMAT:
        return "format error";
    case H5R_ERR_UNSUPPORTED:
        return "unsupported";
    case H5R_ERR_LIMIT:
        return "limit reached";
    case H5R_ERR_NOMEM:
        return "out of memory";
    case H5R_ERR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *h5r_version(void)
{
    return TEXT(H5R_VERSION_MAJOR) "." TEXT(H5R_VERSION_MINOR) "." TEXT(H5R_VERSION_PATCH);
}
