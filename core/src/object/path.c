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

static h5r_status walk_path(h5r_ctx *x, const h5r_header *at, const char *path, unsigned *soft, const h5r_header **out);

/* The object one link leads to from a group. */
static h5r_status follow(h5r_ctx *x, const h5r_header *group, const h5r_link *l, unsigned *soft, const h5r_header **out)
{
    switch (l->kind) {
    case H5R_LINK_HARD: {
        const char *parent = h5r_path_of(x, group->pub.addr);
        H5R_TRY(h5r_load_header(x, l->addr, out));
        return parent != NULL ? h5r_note_path(x, l->addr, parent, l->name) : H5R_OK;
    }
    case H5R_LINK_SOFT:
        if (++*soft > x->file->limits.soft_links)
            return h5r_fail(x, H5R_ERR_LIMIT, group->pub.addr, "more than %" PRIu32 " soft links on the way (limits.soft_links): they form a loop?",
                            x->file->limits.soft_links);
        return walk_path(x, group, l->target, soft, out);
    case H5R_LINK_EXTERNAL:
        return h5r_fail(x, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "\"%s\" is an external link to \"%s\" in file \"%s\", which is not followed",
                        l->name, l->target, l->file);
    case H5R_LINK_USER:
        break;
    }
    return h5r_fail(x, H5R_ERR_UNSUPPORTED, H5R_UNDEFINED, "\"%s\" is a user-defined link of class %u", l->name, l->user_class);
}

static h5r_status walk_path(h5r_ctx *x, const h5r_header *at, const char *path, unsigned *soft, const h5r_header **out)
{
    const char *p = path;

    if (*p == '/')
        H5R_TRY(h5r_load_header(x, x->file->info.root, &at));
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
            H5R_TRY(follow(x, at, l, soft, &at));
        }
        p += n;
        p += strspn(p, "/");
    }
    *out = at;
    return H5R_OK;
}

h5r_status h5r_load_path(h5r_ctx *x, const h5r_header *base, const char *path, const h5r_header **out)
{
    unsigned soft = 0;

    if (base == NULL)
        H5R_TRY(h5r_load_header(x, x->file->info.root, &base));
    return walk_path(x, base, path, &soft, out);
}
