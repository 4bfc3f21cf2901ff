#include "io/nodes.h"

#include "util/checked.h"

/* LENT: part of limits.metadata_bytes that nodes may take: 64 MiB of 1 GiB. LISTED: blocks that stay of a remote file when an index has been
 * listed: what lies between its nodes may be what the caller asks for next. */
enum { LENT = 16, LISTED = 4 };

void h5r_turn_begin(h5r_ctx *x, h5r_turn *t)
{
    h5r_file *f = x->file;

    *t = (h5r_turn){f->turns, ++f->n_turns};
    f->turns = t;
    x->turn = t->number;
    x->listed = false;
}

void h5r_turn_end(h5r_ctx *x, h5r_turn *t, h5r_status st)
{
    h5r_file *f = x->file;
    uint64_t oldest = UINT64_MAX;

    h5r_turn **p = &f->turns;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    for (const h5r_turn *running = f->turns; running != NULL; running = running->next)
        oldest = h5r_min(oldest, running->number);
    if (st == H5R_NEED)
        return;
    if (x->listed && f->listed == 0)
        f->listed = t->number;
    if (f->listed > 0 && f->listed < oldest) {
        h5r_cache_drop(&f->meta, f->listed, oldest, f->source.remote ? LISTED * f->source.block : 0);
        f->listed = oldest == UINT64_MAX ? 0 : oldest;
    }
    uint64_t most = f->limits.metadata_bytes / LENT;
    if (f->meta.lent > most) /* some room, so that not every call has to look for what is old */
        h5r_cache_drop(&f->meta, 1, oldest, most / 4 * 3);
}

bool h5r_is_verified(const h5r_ctx *x, uint32_t kind, uint64_t addr)
{
    return (uintptr_t)h5r_memo_get(x, kind, addr) == x->file->meta.drops + 1;
}

h5r_status h5r_note_verified(h5r_ctx *x, uint32_t kind, uint64_t addr)
{
    return h5r_map_put(&x->file->memo, kind, addr, (void *)(uintptr_t)(x->file->meta.drops + 1)) ? H5R_OK : h5r_nomem(x);
}
