#include "read/each.h"

#include <stdatomic.h>

#include "read/engine.h"
#include "util/checked.h"

typedef struct turns {
    size_t n;
    void (*one)(void *arg, size_t i);
    void *arg;
    atomic_size_t next;
} turns;

static void take_turns(void *arg)
{
    turns *t = arg;
    size_t i;

    while ((i = atomic_fetch_add(&t->next, 1)) < t->n)
        t->one(t->arg, i);
}

static unsigned helpers_of(const h5r_file *f, size_t n)
{
    const h5r_file *root = f->root;

    if (n < 2 || root->options.trace != NULL || root->source.one_at_a_time || root->source.read_ranges == NULL)
        return 0;
    return (unsigned)h5r_min(n - 1, root->source.remote ? h5r_engine_waiting_helpers(root->engine) : h5r_engine_helpers(root->engine));
}

unsigned h5r_each_width(const h5r_file *f, size_t n)
{
    return helpers_of(f, n) + 1;
}

void h5r_each(h5r_file *f, size_t n, void (*one)(void *arg, size_t i), void *arg)
{
    h5r_engine *e = f->root->engine;
    h5r_pool *pool = f->root->source.remote ? h5r_engine_waiting_pool(e) : h5r_engine_pool(e);
    turns t = {.n = n, .one = one, .arg = arg};
    h5r_job job = {.run = take_turns, .arg = &t, .helpers = helpers_of(f, n)};

    atomic_init(&t.next, 0);
    h5r_pool_begin(pool, &job);
    take_turns(&t);
    h5r_pool_end(pool, &job);
}
