/* Arrays that grow by one element at a time. */
#ifndef H5R_UTIL_GROW_H
#define H5R_UTIL_GROW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for element n of *(T **)list, which has room for *cap elements of size bytes. False, with the list as it was: out of memory. */
static inline bool h5r_grow(void *list, size_t *cap, size_t n, size_t size)
{
    void *old, *more;

    if (n < *cap)
        return true;
    size_t wanted = n < 8 ? 16 : n * 2;
    if (wanted < n || wanted > SIZE_MAX / size)
        return false;
    memcpy(&old, list, sizeof old); /* whatever the elements are, a pointer to them is a pointer */
    more = realloc(old, wanted * size);
    if (more == NULL)
        return false;
    memcpy(list, &more, sizeof more);
    *cap = wanted;
    return true;
}

#endif
