#include "util/map.h"

#include <stdlib.h>

struct h5r_map_slot {
    uint64_t key;
    void *value; /* NULL: free */
    uint32_t kind;
};

/* Finaliser of MurmurHash3: addresses differ mostly in a few middle bits. */
static uint64_t mix(uint64_t key, uint32_t kind)
{
    uint64_t h = key ^ ((uint64_t)kind << 56);
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

static struct h5r_map_slot *find(struct h5r_map_slot *slots, size_t cap, uint32_t kind, uint64_t key)
{
    size_t i = (size_t)mix(key, kind) & (cap - 1);
    while (slots[i].value != NULL && (slots[i].key != key || slots[i].kind != kind))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

void *h5r_map_get(const h5r_map *m, uint32_t kind, uint64_t key)
{
    return m->cap == 0 ? NULL : find(m->slots, m->cap, kind, key)->value;
}

static bool grow(h5r_map *m)
{
    size_t cap = m->cap == 0 ? 64 : m->cap * 2;
    struct h5r_map_slot *slots = calloc(cap, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value != NULL)
            *find(slots, cap, m->slots[i].kind, m->slots[i].key) = m->slots[i];
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return true;
}

bool h5r_map_put(h5r_map *m, uint32_t kind, uint64_t key, void *value)
{
    if ((m->n + 1) * 4 > m->cap * 3 && !grow(m))
        return false;
    struct h5r_map_slot *s = find(m->slots, m->cap, kind, key);
    if (s->value == NULL)
        m->n++;
    *s = (struct h5r_map_slot){.key = key, .value = value, .kind = kind};
    return true;
}

void h5r_map_free(h5r_map *m)
{
    free(m->slots);
    *m = (h5r_map){0};
}
