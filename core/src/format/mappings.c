/* The global heap object behind a virtual dataset's layout: a list of (source file, source dataset, source selection, virtual
 * selection). Version 1 names a repeated file or dataset once and marks the dataset's own file by a flag. */
#include "format/mappings.h"

#include "format/region.h"

enum { SHARED_FILE = 1, SHARED_DATASET = 2, SAME_FILE = 4 };

/* Text, or in version 1 the number of an earlier mapping that has it. */
static h5r_status get_name(h5r_cursor *c, h5r_widths w, const h5r_mapping *list, size_t index, bool shared, bool is_file, const char **out)
{
    size_t len;

    if (!shared) {
        *out = h5r_get_text(c, &len);
        return *out != NULL ? H5R_OK : H5R_ERR_FORMAT;
    }
    uint64_t from = h5r_get_length(c, w);
    if (c->overrun || from >= index)
        return H5R_ERR_FORMAT;
    *out = is_file ? list[from].file : list[from].dataset;
    return H5R_OK;
}

static h5r_status get_mapping(h5r_cursor *c, h5r_widths w, unsigned version, h5r_mapping *list, size_t i, const char **what)
{
    h5r_mapping *m = &list[i];
    unsigned flags = version == 1 ? h5r_get_u8(c) : 0;

    *what = "a virtual dataset's mapping with unknown flags";
    if (flags & ~(unsigned)(SHARED_FILE | SHARED_DATASET | SAME_FILE))
        return H5R_ERR_UNSUPPORTED;
    *what = "a virtual dataset's mapping whose names are cut short";
    m->file = ".";
    if (!(flags & SAME_FILE))
        H5R_CHECK(get_name(c, w, list, i, (flags & SHARED_FILE) != 0, true, &m->file));
    H5R_CHECK(get_name(c, w, list, i, (flags & SHARED_DATASET) != 0, false, &m->dataset));
    *what = "a virtual dataset's mapping with a damaged selection, or one of an unknown version";
    H5R_CHECK(h5r_decode_region(c, &m->source));
    return h5r_decode_region(c, &m->target);
}

h5r_status h5r_decode_mappings(h5r_cursor *c, h5r_widths w, h5r_arena *arena, const h5r_mapping **out, size_t *n, const char **what)
{
    unsigned version = h5r_get_u8(c);
    uint64_t count = h5r_get_length(c, w);

    *what = "mappings of a virtual dataset cut short";
    if (c->overrun)
        return H5R_ERR_FORMAT;
    if (version > 1) {
        *what = "mappings of a virtual dataset of an unknown version";
        return H5R_ERR_UNSUPPORTED;
    }
    /* At the least two NULs and two selections of 16 bytes each. */
    if (count > h5r_left(c) / (version == 0 ? 34 : 33))
        return H5R_ERR_FORMAT;
    h5r_mapping *list = h5r_arena_array(arena, count, sizeof *list);
    if (list == NULL)
        return H5R_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        list[i] = (h5r_mapping){0};
        H5R_CHECK(get_mapping(c, w, version, list, i, what));
    }
    *what = "mappings of a virtual dataset without a checksum";
    if (h5r_left(c) < 4)
        return H5R_ERR_FORMAT;
    *out = list;
    *n = (size_t)count;
    return H5R_OK;
}
