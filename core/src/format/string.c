/* Fixed-length strings. */
#include <h5range/h5range.h>

#include <string.h>

size_t h5r_text_length(const h5r_type *t, const void *elem)
{
    const char *p = elem;
    size_t n = t->size;

    if (t->strpad == H5R_STR_NULLTERM) {
        const char *end = memchr(p, 0, n);
        return end != NULL ? (size_t)(end - p) : n;
    }
    while (t->strpad == H5R_STR_SPACEPAD && n > 0 && p[n - 1] == ' ')
        n--;
    while (n > 0 && p[n - 1] == '\0')
        n--;
    return n;
}
