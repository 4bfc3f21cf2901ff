/* Elements as text, for people: what has no better form anywhere is shown by it. */
#include <h5range/h5range.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

/* A text that grows only in length once the caller's buffer is full. */
typedef struct text {
    char *to;
    size_t cap, n;
    h5r_file *f;
    const h5r_values *values;
} text;

static void put_bytes(text *t, const char *p, size_t n)
{
    if (t->n < t->cap)
        memcpy(t->to + t->n, p, n < t->cap - t->n ? n : t->cap - t->n);
    t->n += n;
}

static void put(text *t, const char *p)
{
    put_bytes(t, p, strlen(p));
}

/* Control characters, and what `also` has, as C escapes. */
static void put_escaped(text *t, const char *p, size_t n, const char *also)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        char one[8] = {p[i], 0};
        if (c == '\n')
            snprintf(one, sizeof one, "\\n");
        else if (c < 0x20 || c == 0x7f)
            snprintf(one, sizeof one, "\\x%02x", c);
        else if (strchr(also, p[i]) != NULL)
            snprintf(one, sizeof one, "\\%c", p[i]);
        put(t, one);
    }
}

static void put_quoted(text *t, const char *p, size_t n)
{
    put(t, "\"");
    put_escaped(t, p, n, "\"\\");
    put(t, "\"");
}

static void put_hex(text *t, const uint8_t *p, size_t n)
{
    char one[4];

    put(t, "0x");
    for (size_t i = 0; i < n; i++) {
        snprintf(one, sizeof one, "%02x", p[i]);
        put(t, one);
    }
}

/* ---------------------------------------------------------------- numbers */

/* Shortest text that reads back as the same number. */
static void put_real(text *t, double v, bool single, uint32_t bytes)
{
    char one[40];
    int most = bytes <= 2 ? 5 : single ? 9 : 17;

    for (int digits = single ? 3 : 15; digits <= most; digits++) {
        snprintf(one, sizeof one, "%.*g", digits, v);
        double back = strtod(one, NULL);
        if (back == v || (single && (float)back == (float)v))
            break;
    }
    put(t, one);
}

static bool put_number(text *t, const h5r_type *type, const void *elem)
{
    h5r_number number = h5r_type_number(type, NULL);
    uint8_t bytes[8] = {0};
    char one[32];
    float f;
    double d;
    uint64_t u = 0;

    if (number == H5R_NO_NUMBER)
        return false;
    h5r_to_numbers(type, elem, 1, bytes);
    switch (number) {
    case H5R_FLOAT32:
        memcpy(&f, bytes, sizeof f);
        put_real(t, (double)f, true, type->size);
        return true;
    case H5R_FLOAT64:
        memcpy(&d, bytes, sizeof d);
        put_real(t, d, false, type->size);
        return true;
    case H5R_INT8: snprintf(one, sizeof one, "%d", *(int8_t *)bytes); break;
    case H5R_UINT8: snprintf(one, sizeof one, "%u", bytes[0]); break;
    default: {
        const uint16_t probe = 1;
        bool little = *(const uint8_t *)&probe == 1, is_signed = number == H5R_INT16 || number == H5R_INT32 || number == H5R_INT64;
        size_t size = h5r_number_size(number);
        for (size_t i = 0; i < size; i++)
            u |= (uint64_t)bytes[little ? i : size - 1 - i] << (8 * i);
        if (is_signed && size < 8 && u >> (8 * size - 1) != 0)
            u |= ~((UINT64_C(1) << (8 * size)) - 1);
        if (is_signed)
            snprintf(one, sizeof one, "%" PRId64, (int64_t)u);
        else
            snprintf(one, sizeof one, "%" PRIu64, u);
    }
    }
    put(t, one);
    return true;
}

/* ---------------------------------------------------------------- other classes */

static const char *enum_name(const h5r_type *type, const void *elem)
{
    for (uint32_t i = 0; i < type->n_members; i++)
        if (memcmp(type->values + (size_t)i * type->base->size, elem, type->base->size) == 0)
            return type->names[i];
    return NULL;
}

static void put_range(text *t, uint64_t first, uint64_t stride, uint64_t count, uint64_t block)
{
    char one[96];

    if (count == 1 && block == 1)
        snprintf(one, sizeof one, "%" PRIu64, first);
    else if (count == 1)
        snprintf(one, sizeof one, "%" PRIu64 ":%" PRIu64, first, first + block);
    else if (block == 1)
        snprintf(one, sizeof one, "%" PRIu64 ":%" PRIu64 ":%" PRIu64, first, first + (count - 1) * stride + 1, stride);
    else
        snprintf(one, sizeof one, "%" PRIu64 " blocks of %" PRIu64 " from %" PRIu64 " every %" PRIu64, count, block, first, stride);
    put(t, one);
}

/* A selection as Python slices it, "[1:4:2, 5]"; a list of a few points or blocks one behind the other, "[1, 2; 3, 4]"; else their
 * number. */
static void put_region(text *t, const h5r_region *r)
{
    enum { MAX_LISTED = 8 };
    uint64_t lo[H5R_MAX_RANK], hi[H5R_MAX_RANK];
    char one[48];
    bool list = !r->regular && r->kind != H5R_REGION_NONE;

    if (r->kind == H5R_REGION_ALL)
        return;
    if (list && r->n > MAX_LISTED) {
        snprintf(one, sizeof one, "[%" PRIu64 " elements]", h5r_region_count(r));
        put(t, one);
        return;
    }
    put(t, "[");
    for (uint64_t k = 0; k < (list ? r->n : r->regular ? 1 : 0); k++) {
        if (list)
            h5r_region_item(r, k, lo, hi);
        put(t, k > 0 ? "; " : "");
        for (unsigned i = 0; i < r->rank; i++) {
            put(t, i > 0 ? ", " : "");
            if (list)
                put_range(t, lo[i], 1, 1, hi[i] - lo[i] + 1);
            else
                put_range(t, r->start[i], r->stride[i], r->count[i], r->block[i]);
        }
    }
    put(t, "]");
}

static void put_reference(text *t, const h5r_type *type, const void *elem)
{
    h5r_region region;
    const char *name;
    size_t n;
    uint64_t addr;
    char one[32];

    if (h5r_ref_address(t->f, t->values, type, elem, &addr) != H5R_OK) {
        put(t, "<damaged reference>");
        return;
    }
    if (addr == H5R_UNDEFINED) {
        put(t, "null");
        return;
    }
    const char *path = h5r_known_path(t->f, addr);
    snprintf(one, sizeof one, "@%" PRIu64, addr);
    if (path == NULL)
        path = one;
    put_escaped(t, path, strlen(path), "");
    if (h5r_ref_region(t->f, t->values, type, elem, &region) == H5R_OK)
        put_region(t, &region);
    if (h5r_ref_attribute(t->f, t->values, type, elem, &name, &n) == H5R_OK) {
        put(t, "@");
        put_escaped(t, name, n, "");
    }
}

static void put_element(text *t, const h5r_type *type, const void *elem, unsigned depth);

static void put_list(text *t, const h5r_type *base, const uint8_t *p, size_t n, unsigned depth)
{
    put(t, "[");
    for (size_t i = 0; i < n; i++) {
        put(t, i > 0 ? ", " : "");
        put_element(t, base, p + i * base->size, depth);
    }
    put(t, "]");
}

/* Elements of a sequence lie in the heap in the file's byte order. */
static void put_sequence(text *t, const h5r_type *type, const void *elem, unsigned depth)
{
    const void *data = NULL;
    size_t n = 0;

    if (t->values == NULL || h5r_values_get(t->values, type, elem, &data, &n) != H5R_OK)
        n = 0;
    uint8_t *copy = n > 0 ? malloc(n * type->base->size) : NULL;
    if (copy != NULL) {
        memcpy(copy, data, n * type->base->size);
        h5r_swap(type->base, copy, n);
    }
    put_list(t, type->base, copy, copy != NULL ? n : 0, depth);
    free(copy);
}

static void put_element(text *t, const h5r_type *type, const void *elem, unsigned depth)
{
    const uint8_t *p = elem;
    const void *data = NULL;
    size_t n = 0;

    if (depth > MAX_DEPTH) {
        put(t, "...");
        return;
    }
    switch (type->cls) {
    case H5R_CLASS_STRING:
        put_quoted(t, elem, h5r_text_length(type, elem));
        return;
    case H5R_CLASS_VLEN:
        if (!type->vlen_string) {
            put_sequence(t, type, elem, depth + 1);
            return;
        }
        if (t->values == NULL || h5r_values_get(t->values, type, elem, &data, &n) != H5R_OK)
            n = 0;
        put_quoted(t, data, n);
        return;
    case H5R_CLASS_ENUM:
        if (enum_name(type, elem) != NULL)
            put_escaped(t, enum_name(type, elem), strlen(enum_name(type, elem)), "");
        else
            put_element(t, type->base, elem, depth + 1);
        return;
    case H5R_CLASS_COMPOUND:
        put(t, "{");
        for (uint32_t i = 0; i < type->n_members; i++) {
            const h5r_member *m = &type->members[i];
            put(t, i > 0 ? ", " : "");
            put_escaped(t, m->name, strlen(m->name), "");
            put(t, ": ");
            put_element(t, m->type, p + m->offset, depth + 1);
        }
        put(t, "}");
        return;
    case H5R_CLASS_ARRAY:
        put_list(t, type->base, p, type->size / type->base->size, depth + 1);
        return;
    case H5R_CLASS_COMPLEX:
        put(t, "(");
        put_element(t, type->base, p, depth + 1);
        put(t, ", ");
        put_element(t, type->base, p + type->base->size, depth + 1);
        put(t, ")");
        return;
    case H5R_CLASS_REFERENCE:
        put_reference(t, type, elem);
        return;
    default:
        if (!put_number(t, type, elem))
            put_hex(t, p, type->size);
    }
}

size_t h5r_element_text(h5r_file *f, const h5r_values *values, const h5r_type *type, const void *elem, char *to, size_t cap)
{
    text t = {.to = to, .cap = cap > 0 ? cap - 1 : 0, .f = f, .values = values};

    put_element(&t, type, elem, 0);
    if (cap > 0)
        to[t.n < cap - 1 ? t.n : cap - 1] = '\0';
    return t.n;
}
