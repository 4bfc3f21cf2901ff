/* Paths: parts separated by slashes, soft links followed, and the names by which addresses became known. */
#include "object/load.h"

#include <inttypes.h>

h5r_status h5r_note_path(h5r_ctx *x, uint64_t addr, const char *parent, const char *name)
{
    if (h5r_memo_get(x, H5R_MEMO_PATH, addr) != NULL)
        return H5R_OK;
    size_t np = strcmp(parent, "/") == 0 ? 0 : strlen(parent), nn = strlen(name);
    char *path = h5r_alloc(x, np + nn + 2, 1);
    if (path == NULL)
        return x->error.status;
    memcpy(path, parent, np);
    path[np] = '/';
    memcpy(path + np + 1, name, nn);
    return h5r_map_put(&x->file->memo, H5R_MEMO_PATH, addr, path) ? H5R_OK : h5r_nomem(x);
}

const char *h5r_path_of(const h5r_ctx *x, uint64_t addr)
{
    if (addr == x->file->info.root)
        return "/";
    return h5r_memo_get(x, H5R_MEMO_PATH, addr);
}

/* What a walk carries along. */
typedef struct walk_state {
    unsigned soft; /* soft links followed */
    h5r_exit exit;
} walk_state;

static h5r_status walk_path(h5r_ctx *x, const h5r_header *at, const char *path, walk_state *w, const h5r_header **out);

/* The object one link leads to from a group; NULL when it leads out of the file. */
static h5r_status follow(h5r_ctx *x, const h5r_header *group, const h5r_link *l, walk_state *w, const h5r_header **out)
{
    switch (l->kind) {
    case H5R_LINK_HARD: {
        const char *parent = h5r_path_of(x, group->pub.addr);
        h5r_status st = h5r_load_header(x, l->addr, out);
        if (st == H5R_NEED)
            h5r_want_siblings(x, group);
        H5R_TRY(st);
        return parent != NULL ? h5r_note_path(x, l->addr, parent, l->name) : H5R_OK;
    }
    case H5R_LINK_SOFT:
        if (++w->soft > x->file->limits.soft_links)
            return h5r_fail(x, H5R_ERR_LIMIT, group->pub.addr, "more than %" PRIu32 " soft links on the way (limits.soft_links): they form a loop?",
                            x->file->limits.soft_links);
        return walk_path(x, group, l->target, w, out);
    case H5R_LINK_EXTERNAL:
        w->exit = (h5r_exit){l, ""};
        *out = NULL;
        return H5R_OK;
    case H5R_LINK_USER:
        break;
    }
    return h5r_fail(x, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "\"%s\" is a user-defined link of class %u", l->name, l->user_class);
}

/* Puts the rest of a path behind what a soft link on it left. */
static h5r_status append_rest(h5r_ctx *x, walk_state *w, const char *rest)
{
    size_t a = strlen(w->exit.rest), b = strlen(rest);
    char *both = h5r_scratch(x, a + b + 2, 1);

    if (both == NULL)
        return H5R_ERR_NOMEM;
    memcpy(both, w->exit.rest, a);
    if (a > 0 && b > 0)
        both[a++] = '/';
    memcpy(both + a, rest, b);
    w->exit.rest = both;
    return H5R_OK;
}

static h5r_status walk_path(h5r_ctx *x, const h5r_header *at, const char *path, walk_state *w, const h5r_header **out)
{
    const char *p = path;

    if (*p == '/') {
        h5r_status st = h5r_load_header(x, x->file->info.root, &at);
        if (st == H5R_NEED)
            h5r_guess_path(x, x->file->info.root, path);
        H5R_TRY(st);
    }
    while (*p != '\0') {
        size_t n = strcspn(p, "/");
        bool skip = n == 0 || (n == 1 && p[0] == '.');
        if (!skip) {
            const h5r_link *l;
            if (at->pub.kind != H5R_GROUP)
                return h5r_fail(x, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "no \"%.*s\" in \"%s\": what is before it is not a group", (int)n, p, path);
            H5R_TRY(h5r_load_link(x, at, p, n, &l));
            if (l == NULL)
                return h5r_fail(x, H5R_ERR_NOT_FOUND, H5R_UNDEFINED, "no \"%.*s\" in the group \"%.*s\"", (int)n, p,
                                p == path ? 1 : (int)(p - path), p == path ? "/" : path);
            h5r_status st = follow(x, at, l, w, &at);
            if (st == H5R_NEED && l->kind == H5R_LINK_HARD && p[n + strspn(p + n, "/")] != '\0')
                h5r_guess_path(x, l->addr, p + n);
            H5R_TRY(st);
        }
        p += n;
        p += strspn(p, "/");
        if (at == NULL) {
            *out = NULL;
            return append_rest(x, w, p);
        }
    }
    *out = at;
    return H5R_OK;
}

h5r_status h5r_load_path(h5r_ctx *x, const h5r_header *base, const char *path, const h5r_header **out, h5r_exit *exit)
{
    walk_state w = {0};

    if (base == NULL) {
        h5r_status st = h5r_load_header(x, x->file->info.root, &base);
        if (st == H5R_NEED)
            h5r_guess_path(x, x->file->info.root, path);
        H5R_TRY(st);
    }
    H5R_TRY(walk_path(x, base, path, &w, out));
    *exit = w.exit;
    return H5R_OK;
}
