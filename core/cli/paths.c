#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slot of an address, or the empty one where it would be; n_slots is a power of two and larger than n. */
static size_t slot_of(const paths *p, uint64_t addr)
{
    size_t i = (size_t)(addr * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (p->n_slots - 1);

    while (p->slots[i] != 0 && p->list[p->slots[i] - 1].addr != addr)
        i = (i + 1) & (p->n_slots - 1);
    return i;
}

const char *paths_find(const paths *p, uint64_t addr)
{
    if (p->n_slots == 0)
        return NULL;
    size_t at = p->slots[slot_of(p, addr)];
    return at != 0 ? p->list[at - 1].path : NULL;
}

static bool grow(paths *p)
{
    size_t cap = p->cap * 2 + 256;
    struct path_entry *list = realloc(p->list, cap * sizeof *list);

    if (list == NULL)
        return false;
    p->list = list;
    p->cap = cap;

    size_t n_slots = 512;
    while (n_slots < 2 * cap)
        n_slots *= 2;
    size_t *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    free(p->slots);
    p->slots = slots;
    p->n_slots = n_slots;
    for (size_t i = 0; i < p->n; i++)
        p->slots[slot_of(p, p->list[i].addr)] = i + 1;
    return true;
}

bool paths_add(paths *p, uint64_t addr, const char *path)
{
    if ((p->n == p->cap || p->n_slots < 2 * p->cap) && !grow(p))
        return false;
    size_t len = strlen(path) + 1;
    char *copy = malloc(len);
    if (copy == NULL)
        return false;
    memcpy(copy, path, len);
    p->list[p->n] = (struct path_entry){addr, copy};
    p->slots[slot_of(p, addr)] = ++p->n;
    return true;
}

void paths_free(paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->list[i].path);
    free(p->list);
    free(p->slots);
    *p = (paths){0};
}

char *path_join(const char *group, const char *name)
{
    size_t len = strlen(group) + strlen(name) + 2;
    char *path = malloc(len);

    if (path != NULL)
        snprintf(path, len, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
    return path;
}
