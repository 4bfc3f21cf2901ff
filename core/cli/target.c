/* Output that is there as a whole or not at all. */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 1000 }; /* names that runs which were killed have left behind */

static bool fail(int error)
{
    errno = error;
    return false;
}

bool target_is_stream(const char *name)
{
    struct stat st;
    if (strcmp(name, "-") == 0 || strncmp(name, "/dev/", 5) == 0) /* also where /dev/stdout is a file */
        return true;
    return stat(name, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static bool make(const char *path, bool folder, mode_t mode)
{
    if (folder)
        return mkdir(path, mode) == 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    return fd >= 0 && close(fd) == 0;
}

/* Makes t->path: a new name after the first n bytes of folder. */
static bool make_new(target *t, const char *folder, size_t n, bool is_folder, mode_t mode)
{
    size_t cap = n + 64;
    int error = EEXIST;

    t->path = malloc(cap);
    if (t->path == NULL)
        return fail(ENOMEM);
    for (unsigned i = 0; error == EEXIST && i < TRIES; i++) {
        memcpy(t->path, folder, n);
        snprintf(t->path + n, cap - n, ".h5range-%ld-%u.tmp", (long)getpid(), i);
        if (make(t->path, is_folder, mode))
            return true;
        error = errno;
    }
    free(t->path);
    t->path = NULL;
    return fail(error);
}

/* Takes final over: the place of the output, which the temporary name shares the folder with. */
static bool make_beside(target *t, char *final, bool is_folder)
{
    if (final == NULL)
        return fail(ENOMEM);
    const char *slash = strrchr(final, '/');
    t->final = final;
    if (make_new(t, final, slash != NULL ? (size_t)(slash + 1 - final) : 0, is_folder, is_folder ? 0777 : 0666))
        return true;
    int error = errno;
    free(final);
    *t = (target){0};
    return fail(error);
}

bool target_file(target *t, const char *name)
{
    struct stat st;

    *t = (target){.name = name};
    if (target_is_stream(name)) {
        const char *folder = getenv("TMPDIR");
        char at[1024];
        int n = snprintf(at, sizeof at, "%s/", folder != NULL && folder[0] != '\0' ? folder : "/tmp");
        return n > 0 && (size_t)n < sizeof at ? make_new(t, at, (size_t)n, false, 0600) : fail(ENAMETOOLONG);
    }
    if (stat(name, &st) != 0)
        return make_beside(t, strdup(name), false);
    if (S_ISDIR(st.st_mode))
        return fail(EISDIR);
    if (access(name, W_OK) != 0)
        return false; /* renaming would not mind */
    if (!make_beside(t, realpath(name, NULL), false)) /* a link stays one */
        return false;
    (void)chmod(t->path, st.st_mode & 07777);
    return true;
}

bool target_folder(target *t, const char *name)
{
    struct stat st;

    *t = (target){.name = name};
    if (lstat(name, &st) == 0)
        return fail(EEXIST);
    char *final = strdup(name);
    for (size_t n = final != NULL ? strlen(final) : 0; n > 1 && final[n - 1] == '/'; n--)
        final[n - 1] = '\0';
    return make_beside(t, final, true);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

static bool copy_to_stream(const target *t)
{
    char piece[1 << 14];
    size_t n = 1;
    FILE *in = fopen(t->path, "rb"), *out = NULL;

    if (in != NULL)
        out = strcmp(t->name, "-") == 0 ? stdout : fopen(t->name, "wb");
    bool ok = out != NULL;
    while (ok && n > 0) {
        n = fread(piece, 1, sizeof piece, in);
        ok = !ferror(in) && fwrite(piece, 1, n, out) == n;
    }
    int error = errno;
    if (in != NULL)
        fclose(in);
    if (out != NULL && out != stdout && fclose(out) != 0 && ok)
        return false;
    return ok || fail(error);
}

bool target_finish(target *t, bool keep)
{
    bool ok = true;

    if (t->path == NULL)
        return true;
    if (keep)
        ok = t->final != NULL ? rename(t->path, t->final) == 0 : copy_to_stream(t);
    int error = errno;
    if (!keep || !ok || t->final == NULL)
        (void)nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(t->path);
    free(t->final);
    *t = (target){0};
    return ok || fail(error);
}
