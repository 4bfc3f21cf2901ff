#include "object/super.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "format/driver_info.h"
#include "format/superblock.h"
#include "io/source_set.h"
#include "object/load.h"
#include "util/checked.h"
#include "util/lookup3.h"

/* What a file that is not HDF5 looks like, for the error message. */
static const char *guess(const uint8_t *p, size_t n)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *name;
    } known[] = {
        {"CDF\001", 4, "a netCDF-3 classic file"},
        {"CDF\002", 4, "a netCDF-3 64-bit-offset file"},
        {"CDF\005", 4, "a netCDF-3 CDF-5 file"},
        {"\016\003\023\001", 4, "an HDF4 file"},
        {"GRIB", 4, "a GRIB file"},
        {"\037\213", 2, "gzip data: decompress it first"},
        {"PK\003\004", 4, "a zip archive"},
        {"II*\0", 4, "a TIFF file"},
        {"MM\0*", 4, "a TIFF file"},
        {"MATLAB 5", 8, "a MATLAB file of a version before 7.3"},
        {"version https://git-lfs", 23, "a Git LFS pointer: fetch the file itself"},
        {"<?xml", 5, "XML: probably an error message of the server"},
        {"{", 1, "JSON: probably an error message of the server"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].len && memcmp(p, known[i].bytes, known[i].len) == 0)
            return known[i].name;
    for (size_t i = 0; i + 5 < n && i < 64; i++) {
        char tag[6];
        for (size_t k = 0; k < 5; k++)
            tag[k] = (char)tolower(p[i + k]);
        tag[5] = '\0';
        if (p[i] == '<' && (memcmp(tag, "<html", 5) == 0 || memcmp(tag, "<!doc", 5) == 0))
            return "an HTML page: probably a login form or an error message of the server";
    }
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x09 || (p[i] > 0x0d && p[i] < 0x20) || p[i] == 0x7f)
            return "other binary data";
    return n == 0 ? "nothing: the file is empty" : "text";
}

static h5r_status not_hdf5(h5r_ctx *x)
{
    const uint8_t *p;
    uint64_t n = h5r_min(64, h5r_known_end(x->file));

    H5R_TRY(h5r_view(x, 0, n, 0, &p));
    return h5r_fail(x, H5R_ERR_FORMAT, H5R_UNDEFINED, "not an HDF5 file: no signature at byte 0, 512, 1024, ...; it looks like %s",
                    guess(p, (size_t)n));
}

/* Offset of the signature. While it is looked for the base is 0, so that addresses are offsets. Candidates are asked for one
 * after the other: nearly all files have it at 0, and the next ones lie in the first block anyway. */
static h5r_status find_signature(h5r_ctx *x, uint64_t *out)
{
    enum { PROBE = 16 };
    uint64_t head = x->file->source.first_read > 0 ? x->file->source.first_read : 4096;

    for (uint64_t off = 0; off < UINT64_C(1) << 62; off = off == 0 ? 512 : off * 2) {
        const uint8_t *p;
        if (h5r_known_end(x->file) < off + PROBE)
            break;
        h5r_status st = h5r_view(x, off, PROBE, off == 0 ? head : 0, &p);
        if (st == H5R_ERR_FORMAT) /* beyond the end */
            break;
        if (st != H5R_OK)
            return st;
        if (h5r_is_signature(p)) {
            *out = off;
            return H5R_OK;
        }
    }
    x->error.status = H5R_OK;
    return not_hdf5(x);
}

static h5r_status load_superblock(h5r_ctx *x, uint64_t at, h5r_superblock *s)
{
    const uint8_t *p;

    H5R_TRY(h5r_view(x, at, 16, 0, &p));
    size_t size = h5r_superblock_size(p, 16);
    if (size == 0)
        return h5r_fail(x, H5R_ERR_UNSUPPORTED, at, "superblock of version %u; 0 to 3 are known", p[8]);
    H5R_TRY(h5r_view(x, at, size, 0, &p));
    h5r_cursor c = h5r_cursor_at(p, size);
    h5r_status st = h5r_decode_superblock(&c, s);
    if (st != H5R_OK)
        return h5r_fail(x, st, at, "superblock of version %u with sizes of addresses and lengths of %u and %u bytes (2, 4, 8, 16 or 32 are legal), or cut short, or without a root group",
                        p[8], p[8] >= 2 ? p[9] : p[13], p[8] >= 2 ? p[10] : p[14]);
    if (s->checksummed > 0)
        H5R_TRY(h5r_verify_sum(x, at, s->checksum, h5r_lookup3(p, s->checksummed, 0), "superblock"));
    return H5R_OK;
}

/* Joins the files of a set, once. Where that cannot be, the file is read as far as it goes alone. */
static h5r_status join_members(h5r_ctx *x, const h5r_driver_info *d)
{
    h5r_file *f = x->file;
    h5r_error err = {0};

    f->info.driver = d->name;
    f->joined = true;
    if (d->kind == H5R_SET_NONE || f->source.read_ranges == NULL || f->source.open_other == NULL || f->root->options.others == H5R_OTHERS_NO)
        return H5R_OK;
    h5r_status st = h5r_source_join_set(&f->source, d, f->info.end, &err);
    if (st == H5R_ERR_UNSUPPORTED)
        return H5R_OK;
    if (st != H5R_OK)
        return h5r_fail_again(x, &err);
    f->is_set = true;
    f->source_end = H5R_UNDEFINED;
    if (d->kind == H5R_SET_MULTI)
        f->info.end = H5R_UNDEFINED; /* what is stored is the end of one member */
    return H5R_OK;
}

static h5r_status join_set(h5r_ctx *x, h5r_cursor *c)
{
    h5r_driver_info d;

    if (x->file->joined)
        return H5R_OK;
    if (h5r_decode_driver_info(c, &d) != H5R_OK)
        return h5r_fail(x, H5R_ERR_FORMAT, H5R_UNDEFINED, "driver information that is cut short or contradicts itself");
    return join_members(x, &d);
}

/* Families that HDF5 1.6 wrote have no driver information (its family_v16-*.h5, tfamily*.h5). Remote files are not looked at: a question
 * for another file would cost each truncated one a request. */
static h5r_status join_silent_family(h5r_ctx *x)
{
    h5r_file *f = x->file;
    h5r_driver_info d = {.kind = H5R_SET_FAMILY, .name = "family", .member_size = f->source.size};

    if (f->joined || f->source.remote || f->info.base != 0 || f->root->options.others == H5R_OTHERS_NO ||
        !h5r_source_begins_family(&f->source, f->info.end))
        return H5R_OK;
    return join_members(x, &d);
}

static h5r_status read_extension_message(h5r_ctx *x, const h5r_message *m)
{
    h5r_file *f = x->file;
    h5r_widths w = f->widths;
    h5r_cursor c = h5r_cursor_at(m->body, m->len);
    unsigned version = h5r_get_u8(&c);

    switch (m->type) {
    case H5R_MSG_SOHM:
        f->params.sohm_table = h5r_get_addr(&c, w);
        f->params.sohm_indexes = h5r_get_u8(&c);
        break;
    case H5R_MSG_FILE_SPACE:
        if (version == 1) {
            h5r_skip(&c, 1 + 1 + (uint64_t)w.length); /* strategy, persist, threshold */
            f->info.page_size = h5r_get_length(&c, w);
        }
        break;
    case H5R_MSG_CACHE_IMAGE:
        f->params.image_addr = h5r_get_addr(&c, w);
        f->params.image_len = h5r_get_length(&c, w);
        break;
    case H5R_MSG_DRIVER_INFO: {
        /* The identification, the length of what follows, and that. */
        uint8_t *block = h5r_scratch(x, m->len, 1);
        if (block == NULL)
            return H5R_ERR_NOMEM;
        const uint8_t *id = h5r_take(&c, 8);
        size_t len = h5r_get_u16(&c);
        const uint8_t *data = h5r_take(&c, len);
        if (data == NULL)
            break;
        memcpy(block, id, 8);
        memcpy(block + 8, data, len);
        h5r_cursor d = h5r_cursor_at(block, 8 + len);
        return join_set(x, &d);
    }
    default:
        return H5R_OK;
    }
    return c.overrun ? h5r_fail(x, H5R_ERR_FORMAT, f->params.extension, "message %u of the superblock extension cut short", m->type)
                     : H5R_OK;
}

/* ---------------------------------------------------------------- metadata cache image (IV.A.2.x, II.C) */

/* A writer that left its metadata cache in the file: each entry is what should stand at its address, where there may be zeros or
 * older bytes. */
static h5r_status take_image(h5r_ctx *x, h5r_cursor *c, h5r_cache *image)
{
    h5r_file *f = x->file;
    h5r_widths w = f->widths;
    uint64_t at = f->params.image_addr, offset, end;

    h5r_skip(c, 4); /* signature: checked by the caller */
    unsigned version = h5r_get_u8(c), flags = h5r_get_u8(c);
    uint64_t len = h5r_get_length(c, w);
    uint32_t n = h5r_get_u32(c);
    if (version != 0)
        return h5r_fail(x, H5R_ERR_UNSUPPORTED, at, "metadata cache image of version %u; 0 is known", version);
    if (c->overrun || (flags & 1) || len != f->params.image_len)
        return h5r_fail(x, H5R_ERR_FORMAT, at, "metadata cache image with flags %u and %" PRIu64 " bytes; its message says %" PRIu64,
                        flags, len, f->params.image_len);
    for (uint32_t i = 0; i < n; i++) {
        h5r_skip(c, 1 + 1 + 1 + 1 + 2 + 2); /* type, flags, ring, age, children */
        unsigned parents = h5r_get_u16(c);
        h5r_skip(c, 4); /* rank in the list of recently used entries */
        uint64_t addr = h5r_get_addr(c, w), size = h5r_get_length(c, w);
        h5r_skip(c, (uint64_t)parents * w.offset);
        const uint8_t *bytes = h5r_take(c, size);
        if (bytes == NULL || addr == H5R_UNDEFINED || !h5r_add(addr, f->info.base, &offset) || !h5r_add(offset, size, &end))
            return h5r_fail(x, H5R_ERR_FORMAT, at, "metadata cache image: entry %" PRIu32 " of %" PRIu32 " is cut short or has no address", i, n);
        struct h5r_buffer *b = h5r_cache_buffer((size_t)size);
        if (b == NULL)
            return h5r_nomem(x);
        memcpy(h5r_cache_bytes(b), bytes, (size_t)size);
        if (!h5r_cache_insert(image, offset, b, (size_t)size))
            return h5r_nomem(x);
    }
    return H5R_OK;
}

static h5r_status load_image(h5r_ctx *x)
{
    h5r_file *f = x->file;
    uint64_t addr = f->params.image_addr, len = f->params.image_len;
    h5r_cache image = {0};
    const uint8_t *p;

    if (addr == H5R_UNDEFINED || len == 0 || f->image.n > 0)
        return H5R_OK;
    H5R_TRY(h5r_view(x, addr, len, 0, &p));
    if (len < 8 || memcmp(p, "MDCI", 4) != 0)
        return h5r_fail(x, H5R_ERR_FORMAT, addr, "no metadata cache image (MDCI) of %" PRIu64 " bytes", len);
    H5R_TRY(h5r_verify(x, addr, p, len - 4, "metadata cache image"));
    h5r_cursor c = h5r_cursor_at(p, (size_t)len - 4);
    h5r_status st = take_image(x, &c, &image);
    if (st != H5R_OK) {
        h5r_cache_free(&image);
        return st;
    }
    f->image = image;
    h5r_map_free(&f->memo); /* what was decoded without it may be stale; nothing of it has been handed out */
    return H5R_OK;
}

static h5r_status read_extension(h5r_ctx *x)
{
    h5r_file *f = x->file;
    const h5r_header *h;

    H5R_TRY(h5r_load_header(x, f->params.extension, &h));
    for (unsigned i = 0; i < h->n_messages; i++)
        H5R_TRY(read_extension_message(x, &h->messages[i]));
    return load_image(x);
}

/* Driver information block of versions 0 and 1: version, reserved, size of the data, identification, data. */
static h5r_status read_driver_info(h5r_ctx *x)
{
    uint64_t at = x->file->params.driver_info;
    const uint8_t *p;

    if (x->file->joined)
        return H5R_OK;
    H5R_TRY(h5r_view(x, at, 16, 0, &p));
    h5r_cursor c = h5r_cursor_at(p + 4, 4);
    uint32_t size = h5r_get_u32(&c);
    H5R_TRY(h5r_view(x, at, 16 + (uint64_t)size, 0, &p));
    c = h5r_cursor_at(p + 8, 8 + (size_t)size);
    return join_set(x, &c);
}

h5r_status h5r_load_super(h5r_ctx *x, void *unused)
{
    h5r_file *f = x->file;
    h5r_superblock s;
    uint64_t at = 0;
    (void)unused;

    if (!f->located) {
        H5R_TRY(find_signature(x, &at));
        H5R_TRY(load_superblock(x, at, &s));
        f->widths = s.widths;
        f->params = (h5r_file_params){.root_btree = s.root_btree, .root_heap = s.root_heap, .extension = s.extension,
                                      .sohm_table = H5R_UNDEFINED, .driver_info = s.driver_info,
                                      .image_addr = H5R_UNDEFINED};
        /* Where the signature is wins over the stored base: a file may have been wrapped, or a user block added. */
        uint64_t end = s.end == H5R_UNDEFINED ? H5R_UNDEFINED : s.end - h5r_min(s.end, s.base);
        f->info.superblock = s.version;
        f->info.offset_size = s.widths.offset;
        f->info.length_size = s.widths.length;
        f->info.base = at;
        f->info.end = end == H5R_UNDEFINED || !h5r_add(end, at, &end) ? H5R_UNDEFINED : end;
        f->info.root = s.root;
        f->info.open_for_write = s.open_for_write;
        f->located = true;
    }
    if (f->params.root_btree != H5R_UNDEFINED && f->params.image_addr == H5R_UNDEFINED) {
        const h5r_symbol_table t = {f->params.root_btree, f->params.root_heap};
        H5R_TRY(h5r_note_symbols(x, f->info.root, &t));
    }
    h5r_status acc = H5R_OK;
    const h5r_header *root;
    if (f->params.driver_info != H5R_UNDEFINED)
        H5R_TRY(read_driver_info(x)); /* before anything that may lie in another file */
    H5R_TRY(join_silent_family(x));
    if (f->params.extension != H5R_UNDEFINED)
        H5R_ALSO(acc, read_extension(x));
    /* The root group's header comes in the same round, if there is another one: whoever asks for it may ask for more beside it. Damage there
     * is reported then. */
    const h5r_error before = x->error;
    (void)h5r_load_header(x, f->info.root, &root);
    x->error = before;
    f->opened = acc == H5R_OK;
    return acc;
}
