/* Elements with variable-length or reference parts hold references into the global heap. They may be nested: a heap object
 * may hold elements that refer to further objects. A load walks all of them, wanting whatever is absent, until a pass
 * finds everything; then it keeps a copy of each object. */
#include "object/values.h"

#include <inttypes.h>
#include <stdlib.h>

#include "format/region.h"
#include "object/others.h"
#include "util/checked.h"

struct h5r_values {
    h5r_widths widths;
    h5r_arena arena;
    h5r_map objects; /* (index, address) -> value; an index takes 32 bits, as the map's kind does */
    uint64_t bytes;
};

/* Elements that a virtual dataset takes from another file refer to that file's heap. But for sets, whose members begin anywhere, no file
 * needs the first byte of an address of eight: it is the number of the file there, 0 for the file that is asked. */
enum { FILE_SHIFT = 56, MAX_FILE = 254 };
#define ADDRESS_MASK ((UINT64_C(1) << FILE_SHIFT) - 1)

static bool has_room_for_number(const h5r_file *f)
{
    return f->widths.offset == 8 && f->info.driver[0] == '\0';
}

typedef struct value {
    size_t len;
    uint8_t bytes[];
} value;

typedef struct values_walk {
    h5r_ctx *x;
    h5r_values *keep; /* NULL: only want */
    uint64_t nested;  /* bytes of sequences walked for what is in them: one object may be reached by exponentially many ways */
    unsigned number;  /* of the file whose heap it is, when that is not the one asked */
    bool *others;     /* notes the numbers of other files */
} values_walk;

static h5r_status walk_elements(values_walk *w, const h5r_type *t, const uint8_t *p, uint64_t n, unsigned depth);

/* Reference to a heap object; false for a null one. */
static bool get_reference(h5r_cursor *c, h5r_widths w, uint64_t *addr, uint32_t *index)
{
    *addr = h5r_get_addr(c, w);
    *index = h5r_get_u32(c);
    return !c->overrun && *addr != H5R_UNDEFINED && *addr != 0;
}

/* key: the address as elements have it. */
static h5r_status take_object(values_walk *w, uint64_t key, uint32_t index, const uint8_t **out, uint64_t *len)
{
    h5r_ctx *x = w->x;
    const value *kept = w->keep != NULL ? h5r_map_get(&w->keep->objects, index, key) : NULL;
    uint64_t addr = w->number > 0 ? key & ADDRESS_MASK : key;

    if (kept != NULL) {
        *out = kept->bytes;
        *len = kept->len;
        return H5R_OK;
    }
    H5R_TRY(h5r_load_global_object(x, addr, index, out, len));
    if (w->keep == NULL)
        return H5R_OK;
    if (*len > x->file->limits.vlen_bytes || w->keep->bytes > x->file->limits.vlen_bytes - *len)
        return h5r_fail(x, H5R_ERR_LIMIT, addr, "more than %" PRIu64 " bytes of variable-length values in one call (limits.vlen_bytes)",
                        x->file->limits.vlen_bytes);
    value *v = h5r_arena_alloc(&w->keep->arena, sizeof *v + (size_t)*len);
    if (v == NULL)
        return h5r_nomem(x);
    v->len = (size_t)*len;
    memcpy(v->bytes, *out, v->len);
    w->keep->bytes += *len;
    if (!h5r_map_put(&w->keep->objects, index, key, v))
        return h5r_nomem(x);
    *out = v->bytes;
    return H5R_OK;
}

static h5r_status walk_vlen(values_walk *w, const h5r_type *t, const uint8_t *p, unsigned depth)
{
    h5r_cursor c = h5r_cursor_at(p, t->size);
    uint64_t count = h5r_get_u32(&c), addr, len, bytes;
    uint32_t index;
    const uint8_t *data;

    if (count == 0 || !get_reference(&c, w->x->file->widths, &addr, &index))
        return H5R_OK;
    if (depth == 0 && w->others != NULL && addr >> FILE_SHIFT != w->number && has_room_for_number(w->x->file)) {
        w->others[addr >> FILE_SHIFT] = true; /* read in that file's turn */
        return H5R_OK;
    }
    H5R_TRY(take_object(w, addr, index, &data, &len));
    if (!h5r_mul(count, t->vlen_string ? 1 : t->base->size, &bytes) || bytes > len)
        return h5r_fail(w->x, H5R_ERR_FORMAT, addr, "variable-length value of %" PRIu64 " elements in a heap object of %" PRIu64 " bytes",
                        count, len);
    if (t->vlen_string || !t->base->in_heap)
        return H5R_OK;
    if (bytes > w->x->file->limits.vlen_bytes - w->nested)
        return h5r_fail(w->x, H5R_ERR_LIMIT, addr, "more than %" PRIu64 " bytes of nested variable-length values in one call (limits.vlen_bytes)",
                        w->x->file->limits.vlen_bytes);
    w->nested += bytes;
    if (w->number > 0)
        h5r_note_file(w->x->file, t->base, (uint8_t *)(uintptr_t)data, count); /* the copy that is kept */
    return walk_elements(w, t->base, data, count, depth + 1);
}

/* Standard references that point to an object of the same file hold its address; all others refer to the heap. */
static bool std_reference_in_heap(const uint8_t *p, h5r_widths w, uint64_t *addr, uint32_t *index)
{
    enum { OBJECT = 2, EXTERNAL = 1 };
    h5r_cursor c = h5r_cursor_at(p, 4U + w.offset + 6U);
    unsigned kind = h5r_get_u8(&c), flags = h5r_get_u8(&c);

    if (kind == 0 || (kind == OBJECT && !(flags & EXTERNAL)))
        return false;
    h5r_skip(&c, 4); /* length of the object */
    return get_reference(&c, w, addr, index);
}

static h5r_status walk_reference(values_walk *w, const h5r_type *t, const uint8_t *p)
{
    h5r_widths widths = w->x->file->widths;
    uint64_t addr, len;
    uint32_t index;
    const uint8_t *data;

    if (t->ref == H5R_REF_OBJECT1)
        return H5R_OK;
    if (t->ref == H5R_REF_REGION1) {
        h5r_cursor c = h5r_cursor_at(p, t->size);
        if (!get_reference(&c, widths, &addr, &index))
            return H5R_OK;
    } else if (!std_reference_in_heap(p, widths, &addr, &index)) {
        return H5R_OK;
    }
    return take_object(w, addr, index, &data, &len);
}

static h5r_status walk_elements(values_walk *w, const h5r_type *t, const uint8_t *p, uint64_t n, unsigned depth)
{
    h5r_status acc = H5R_OK;

    if (!t->in_heap)
        return H5R_OK;
    if (depth > w->x->file->limits.depth)
        return h5r_fail(w->x, H5R_ERR_LIMIT, H5R_UNDEFINED, "variable-length values nested too deeply (limits.depth)");
    for (uint64_t i = 0; i < n; i++, p += t->size) {
        uint64_t elements = 1;
        switch (t->cls) {
        case H5R_CLASS_VLEN:
            H5R_ALSO(acc, walk_vlen(w, t, p, depth));
            break;
        case H5R_CLASS_REFERENCE:
            H5R_ALSO(acc, walk_reference(w, t, p));
            break;
        case H5R_CLASS_ARRAY:
            for (unsigned d = 0; d < t->n_dims; d++)
                elements *= t->dims[d]; /* its size was checked when it was decoded */
            H5R_ALSO(acc, walk_elements(w, t->base, p, elements, depth));
            break;
        case H5R_CLASS_COMPOUND:
            for (uint32_t m = 0; m < t->n_members; m++)
                H5R_ALSO(acc, walk_elements(w, t->members[m].type, p + t->members[m].offset, 1, depth));
            break;
        default:
            break;
        }
        if (acc < 0 && (w->x->error.status == H5R_ERR_NOMEM || w->x->error.status == H5R_ERR_LIMIT))
            return acc; /* more of the same would not end sooner */
    }
    return acc;
}

h5r_status h5r_want_values(h5r_ctx *x, const h5r_type *t, const uint8_t *elems, uint64_t n)
{
    values_walk w = {.x = x};
    return walk_elements(&w, t, elems, n, 0);
}

/* ---------------------------------------------------------------- other files */

static bool has_references(const h5r_type *t)
{
    bool any = t->cls == H5R_CLASS_REFERENCE || (t->base != NULL && has_references(t->base));

    for (uint32_t i = 0; t->cls == H5R_CLASS_COMPOUND && i < t->n_members; i++)
        any |= has_references(t->members[i].type);
    return any;
}

bool h5r_can_note_file(const h5r_file *f, const h5r_type *t)
{
    return has_room_for_number(f) && f->number <= MAX_FILE && !has_references(t);
}

void h5r_note_file(const h5r_file *f, const h5r_type *t, uint8_t *elems, uint64_t n)
{
    uint64_t addr;
    uint32_t index;

    if (!t->in_heap)
        return;
    for (uint64_t i = 0; i < n; i++, elems += t->size) {
        if (t->cls == H5R_CLASS_VLEN) {
            h5r_cursor c = h5r_cursor_at(elems, t->size);
            h5r_skip(&c, 4);
            if (get_reference(&c, f->widths, &addr, &index) && addr >> FILE_SHIFT == 0)
                elems[4 + 7] = (uint8_t)f->number;
        } else if (t->cls == H5R_CLASS_COMPOUND) {
            for (uint32_t m = 0; m < t->n_members; m++)
                h5r_note_file(f, t->members[m].type, elems + t->members[m].offset, 1);
        } else if (t->cls == H5R_CLASS_ARRAY) {
            h5r_note_file(f, t->base, elems, t->size / t->base->size);
        }
    }
}

/* ---------------------------------------------------------------- public */

typedef struct values_args {
    const h5r_type *t;
    const void *elems;
    size_t n;
    h5r_values *values;
    unsigned number;
    bool others[UINT8_MAX + 1];
} values_args;

static h5r_status step_values(h5r_ctx *x, void *arg)
{
    values_args *a = arg;
    values_walk w = {.x = x, .keep = a->values, .number = a->number, .others = a->others};
    return walk_elements(&w, a->t, a->elems, a->n, 0);
}

static h5r_status load_from(h5r_file *f, values_args *a, h5r_error *err)
{
    h5r_heap_enter(f);
    h5r_status st = h5r_run(f, "h5r_values_load", step_values, a, err);
    h5r_heap_leave(f);
    return st;
}

h5r_status h5r_values_load(h5r_file *f, const h5r_type *t, const void *elems, size_t n, h5r_values **out,
                           h5r_error *err)
{
    if (f == NULL || t == NULL || out == NULL || (elems == NULL && n > 0))
        return h5r_error_set(err, H5R_ERR_ARG, H5R_UNDEFINED, "h5r_values_load: NULL argument");
    h5r_values *v = calloc(1, sizeof *v);
    if (v == NULL)
        return h5r_error_set(err, H5R_ERR_NOMEM, H5R_UNDEFINED, "out of memory");
    v->widths = f->widths;
    values_args a = {.t = t, .elems = elems, .n = n, .values = v};
    h5r_status st = load_from(f, &a, err);
    for (a.number = 1; a.number <= UINT8_MAX && st == H5R_OK; a.number++) {
        h5r_file *other = a.others[a.number] ? h5r_file_numbered(f, a.number) : NULL;
        if (other != NULL)
            st = load_from(other, &a, err);
        else if (a.others[a.number])
            st = h5r_error_set(err, H5R_ERR_FORMAT, H5R_UNDEFINED, "a variable-length value at an impossible address");
    }
    if (st != H5R_OK) {
        h5r_values_free(v);
        return st;
    }
    *out = v;
    return H5R_OK;
}

void h5r_values_free(h5r_values *v)
{
    if (v == NULL)
        return;
    h5r_arena_free(&v->arena);
    h5r_map_free(&v->objects);
    free(v);
}

h5r_status h5r_values_get(const h5r_values *v, const h5r_type *t, const void *elem, const void **data, size_t *count)
{
    uint64_t addr;
    uint32_t index;

    if (v == NULL || t == NULL || t->cls != H5R_CLASS_VLEN || elem == NULL)
        return H5R_ERR_ARG;
    h5r_cursor c = h5r_cursor_at(elem, t->size);
    *data = NULL;
    *count = h5r_get_u32(&c);
    if (*count == 0 || !get_reference(&c, v->widths, &addr, &index)) {
        *count = 0;
        return H5R_OK;
    }
    const value *o = h5r_map_get(&v->objects, index, addr);
    if (o == NULL)
        return H5R_ERR_NOT_FOUND;
    *data = o->bytes;
    if (t->vlen_string) { /* the length may count the terminating NUL */
        const uint8_t *end = memchr(o->bytes, 0, *count);
        *count = end != NULL ? (size_t)(end - o->bytes) : *count;
    }
    return H5R_OK;
}

h5r_status h5r_values_blob(const h5r_values *v, const h5r_type *t, const void *elem, const void **data, size_t *n)
{
    uint64_t addr;
    uint32_t index;
    bool found;

    if (v == NULL || t == NULL || t->cls != H5R_CLASS_REFERENCE || elem == NULL)
        return H5R_ERR_ARG;
    *data = NULL;
    *n = 0;
    if (t->ref == H5R_REF_REGION1) {
        h5r_cursor c = h5r_cursor_at(elem, t->size);
        found = get_reference(&c, v->widths, &addr, &index);
    } else {
        found = t->ref == H5R_REF_STD && std_reference_in_heap(elem, v->widths, &addr, &index);
    }
    if (!found)
        return H5R_OK;
    const value *o = h5r_map_get(&v->objects, index, addr);
    if (o == NULL)
        return H5R_ERR_NOT_FOUND;
    *data = o->bytes;
    *n = o->len;
    return H5R_OK;
}

/* An object token as standard references hold it: a length, then that many bytes of address. */
static uint64_t token_address(const uint8_t *p, size_t n)
{
    h5r_cursor c = h5r_cursor_at(p, n);
    unsigned len = h5r_get_u8(&c);
    uint64_t addr = h5r_get_widened(&c, len);
    return c.overrun || len == 0 ? H5R_UNDEFINED : addr;
}

h5r_status h5r_ref_address(const h5r_file *f, const h5r_values *v, const h5r_type *t, const void *elem, uint64_t *addr)
{
    const void *blob;
    size_t n;

    *addr = H5R_UNDEFINED;
    if (f == NULL || t == NULL || t->cls != H5R_CLASS_REFERENCE || elem == NULL)
        return H5R_ERR_ARG;
    if (t->ref == H5R_REF_OBJECT1) {
        h5r_cursor c = h5r_cursor_at(elem, t->size);
        *addr = h5r_get_addr(&c, f->widths);
        if (*addr == 0)
            *addr = H5R_UNDEFINED;
        return H5R_OK;
    }
    const uint8_t *p = elem;
    if (t->ref == H5R_REF_STD && (p[0] == 0 || (p[0] == 2 && !(p[1] & 1)))) {
        if (p[0] != 0)
            *addr = token_address(p + 2, t->size - 2);
        return H5R_OK;
    }
    H5R_CHECK(h5r_values_blob(v, t, elem, &blob, &n));
    if (n == 0)
        return H5R_OK;
    if (t->ref == H5R_REF_STD) {
        *addr = token_address(blob, n);
    } else {
        h5r_cursor c = h5r_cursor_at(blob, n);
        *addr = h5r_get_addr(&c, f->widths);
    }
    return H5R_OK;
}

/* What lies behind the token (and the file name of an external reference) in the heap object of a standard region or attribute
 * reference; NOT_FOUND for references of other kinds. */
static h5r_status std_rest(const h5r_values *v, const h5r_type *t, const void *elem, unsigned kind, h5r_cursor *out)
{
    enum { EXTERNAL = 1 };
    const uint8_t *p = elem;
    const void *blob;
    size_t n;

    if (p[0] != kind)
        return H5R_ERR_NOT_FOUND;
    H5R_CHECK(h5r_values_blob(v, t, elem, &blob, &n));
    h5r_cursor c = h5r_cursor_at(blob, n);
    h5r_skip(&c, h5r_get_u8(&c));
    if (p[1] & EXTERNAL)
        h5r_skip(&c, h5r_get_u16(&c));
    *out = c;
    return c.overrun ? H5R_ERR_FORMAT : H5R_OK;
}

h5r_status h5r_ref_region(const h5r_file *f, const h5r_values *v, const h5r_type *t, const void *elem, h5r_region *out)
{
    enum { REGION = 3 };
    const void *blob;
    size_t n;

    if (f == NULL || t == NULL || t->cls != H5R_CLASS_REFERENCE || elem == NULL || out == NULL)
        return H5R_ERR_ARG;
    if (t->ref == H5R_REF_OBJECT1)
        return H5R_ERR_NOT_FOUND;
    if (t->ref == H5R_REF_STD) {
        h5r_cursor c;
        H5R_CHECK(std_rest(v, t, elem, REGION, &c));
        h5r_skip(&c, 8); /* length of the selection, rank */
        return c.overrun ? H5R_ERR_FORMAT : h5r_decode_region(&c, out);
    }
    H5R_CHECK(h5r_values_blob(v, t, elem, &blob, &n));
    if (n <= f->widths.offset)
        return n == 0 ? H5R_ERR_NOT_FOUND : H5R_ERR_FORMAT;
    return h5r_region_decode((const uint8_t *)blob + f->widths.offset, n - f->widths.offset, out);
}

h5r_status h5r_ref_attribute(const h5r_file *f, const h5r_values *v, const h5r_type *t, const void *elem, const char **name, size_t *n)
{
    enum { ATTRIBUTE = 4 };
    h5r_cursor c;

    if (f == NULL || t == NULL || t->cls != H5R_CLASS_REFERENCE || elem == NULL || name == NULL || n == NULL)
        return H5R_ERR_ARG;
    if (t->ref != H5R_REF_STD)
        return H5R_ERR_NOT_FOUND;
    H5R_CHECK(std_rest(v, t, elem, ATTRIBUTE, &c));
    *n = h5r_get_u16(&c);
    *name = (const char *)h5r_take(&c, *n);
    return c.overrun ? H5R_ERR_FORMAT : H5R_OK;
}
