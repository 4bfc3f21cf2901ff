/* Local files: pread() needs no lock, and the page cache makes small reads cheap. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/error.h"

typedef struct local_file {
    int fd;
    char *path;
} local_file;

static h5r_status read_ranges(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
{
    const local_file *f = ctx;

    for (size_t i = 0; i < n; i++) {
        h5r_read *r = &reads[i];
        r->got = 0;
        while (r->got < r->len) {
            if (r->offset > INT64_MAX - r->len)
                break; /* no file is that long */
            ssize_t k = pread(f->fd, (char *)r->dst + r->got, r->len - r->got, (off_t)(r->offset + r->got));
            if (k < 0 && errno == EINTR)
                continue;
            if (k < 0)
                return h5r_error_set(err, H5R_ERR_IO, r->offset, "reading %s: %s", f->path, strerror(errno));
            if (k == 0)
                break;
            r->got += (size_t)k;
        }
    }
    return H5R_OK;
}

/* Not while the file is so young that it may change again within the resolution of its time. */
static bool identity(void *ctx, char *out, size_t cap)
{
    enum { YOUNG = 2 };
    const local_file *f = ctx;
    struct stat st;

    if (fstat(f->fd, &st) != 0 || st.st_mtime > time(NULL) - YOUNG)
        return false;
    int n = snprintf(out, cap, "size %lld, modified %lld.%09ld, changed %lld.%09ld, inode %llu", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec, (unsigned long long)st.st_ino);
    return n > 0 && (size_t)n < cap;
}

static void close_file(void *ctx)
{
    local_file *f = ctx;

    close(f->fd);
    free(f->path);
    free(f);
}

/* A file beside path, which may be a symbolic link: then beside what it leads to, too. */
static h5r_status open_beside(const char *path, const char *name, h5r_source *out, h5r_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - path) + 1 : 0, n = strlen(name) + 1;
    char *other = malloc(folder + n);

    if (other == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    memcpy(other, path, folder);
    memcpy(other + folder, name, n);
    h5r_status st = h5r_source_open_file(other, out, err);
    free(other);
    return st;
}

static h5r_status open_other(void *ctx, const char *name, bool beside, h5r_source *out, h5r_error *err)
{
    const local_file *f = ctx;

    if (!beside)
        return h5r_source_open_file(name, out, err);
    h5r_status st = open_beside(f->path, name, out, err);
    if (st != H5R_ERR_NOT_FOUND)
        return st;
    char *real = realpath(f->path, NULL);
    if (real != NULL && strcmp(real, f->path) != 0)
        st = open_beside(real, name, out, err);
    free(real);
    return st;
}

static h5r_status cannot_open(const char *path, int error, h5r_error *err)
{
    if (error == ENOENT || error == ENOTDIR)
        return h5r_error_set(err, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "no file \"%s\"", path);
    return h5r_error_set(err, H5R_ERR_IO, H5R_UNDEFINED, "cannot open \"%s\": %s", path, strerror(error));
}

h5r_status h5r_source_open_file(const char *path, h5r_source *out, h5r_error *err)
{
    struct stat st;

    if (path == NULL || out == NULL)
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_source_open_file: NULL argument");
    if (stat(path, &st) != 0)
        return cannot_open(path, errno, err);
    if (!S_ISREG(st.st_mode)) /* opening a pipe would wait for its writer */
        return h5r_error_set(err, H5R_ERR_IO, H5R_UNDEFINED, "\"%s\" is %s, not a file that can be read at any place", path,
                             S_ISDIR(st.st_mode) ? "a directory" : "a device or pipe");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_open(path, errno, err);
    local_file *f = calloc(1, sizeof *f);
    if (f != NULL)
        f->path = malloc(strlen(path) + 1);
    if (f == NULL || f->path == NULL) {
        free(f);
        close(fd);
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    }
    strcpy(f->path, path);
    f->fd = fd;
    h5r_source_init(out);
    out->ctx = f;
    out->read_ranges = read_ranges;
    out->close = close_file;
    out->open_other = open_other;
    out->identity = identity;
    out->size = (uint64_t)st.st_size;
    out->block = 4096;
    out->direct = true;
    out->first_read = 65536;
    snprintf(out->name, sizeof out->name, "%s", path);
    return H5R_OK;
}
