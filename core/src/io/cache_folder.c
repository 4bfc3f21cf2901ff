#include "io/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char SUFFIX[] = ".h5rx", UNFINISHED[] = ".h5rx-";

/* Leftovers of that age, in seconds, are nobody's. */
enum { ABANDONED = 3600 };

static char *path_of(const char *folder, const char *name, const char *suffix)
{
    size_t n = strlen(folder) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(n);

    if (path != NULL)
        snprintf(path, n, "%s/%s%s", folder, name, suffix);
    return path;
}

bool h5r_folder_has(const char *folder, const char *name)
{
    char *path = path_of(folder, name, SUFFIX);
    bool has = path != NULL && access(path, R_OK) == 0;

    free(path);
    return has;
}

static uint8_t *read_all(int fd, size_t n)
{
    uint8_t *bytes = malloc(n + 1);
    size_t got = 0;

    while (bytes != NULL && got < n) {
        ssize_t k = read(fd, bytes + got, n - got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            break;
        got += (size_t)k;
    }
    if (bytes != NULL && got == n)
        return bytes;
    free(bytes);
    return NULL;
}

uint8_t *h5r_folder_read(const char *folder, const char *name, uint64_t limit, size_t *n)
{
    char *path = path_of(folder, name, SUFFIX);
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
    uint8_t *bytes = NULL;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= limit) {
        bytes = read_all(fd, (size_t)st.st_size);
        *n = (size_t)st.st_size;
        (void)futimens(fd, NULL); /* used now */
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return bytes;
}

static bool write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        bytes += k;
        n -= (size_t)k;
    }
    return true;
}

/* ---------------------------------------------------------------- budget */

typedef struct entry {
    char *path;
    uint64_t bytes;
    struct timespec used;
} entry;

static int by_use(const void *a, const void *b)
{
    const entry *p = a, *q = b;
    if (p->used.tv_sec != q->used.tv_sec)
        return p->used.tv_sec < q->used.tv_sec ? -1 : 1;
    return p->used.tv_nsec < q->used.tv_nsec ? -1 : p->used.tv_nsec > q->used.tv_nsec;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

/* Only files that were made here are looked at. */
static void keep_within(const char *folder, uint64_t budget)
{
    DIR *dir = opendir(folder);
    entry *list = NULL;
    size_t n = 0, cap = 0;
    uint64_t total = 0;

    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        bool whole = ends_with(e->d_name, SUFFIX), unfinished = strstr(e->d_name, UNFINISHED) != NULL;
        char *path = whole || unfinished ? path_of(folder, e->d_name, "") : NULL;
        struct stat st;
        if (path == NULL || lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
            free(path);
            continue;
        }
        if (unfinished && st.st_mtime < time(NULL) - ABANDONED)
            unlink(path);
        entry *more = whole && n == cap ? realloc(list, (cap * 2 + 64) * sizeof *list) : list;
        if (!whole || more == NULL) {
            free(path);
            continue;
        }
        cap = n == cap ? cap * 2 + 64 : cap;
        list = more;
        list[n++] = (entry){path, (uint64_t)st.st_size, st.st_mtim};
        total += (uint64_t)st.st_size;
    }
    if (dir != NULL)
        closedir(dir);
    if (n > 1)
        qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n; i++) {
        if (total > budget && unlink(list[i].path) == 0)
            total -= list[i].bytes;
        free(list[i].path);
    }
    free(list);
}

bool h5r_folder_write(const char *folder, const char *name, const void *bytes, size_t n, uint64_t budget)
{
    char *path = path_of(folder, name, SUFFIX), *unfinished = path_of(folder, name, ".h5rx-XXXXXX");
    bool ok = false;

    if (path != NULL && unfinished != NULL && n <= budget) {
        int fd = mkstemp(unfinished);
        if (fd < 0 && errno == ENOENT && mkdir(folder, 0700) == 0) {
            memcpy(unfinished + strlen(unfinished) - 6, "XXXXXX", 6);
            fd = mkstemp(unfinished);
        }
        if (fd >= 0) {
            ok = write_all(fd, bytes, n);
            ok = close(fd) == 0 && ok && rename(unfinished, path) == 0;
            if (!ok)
                unlink(unfinished);
            keep_within(folder, budget);
        }
    }
    free(path);
    free(unfinished);
    return ok;
}
