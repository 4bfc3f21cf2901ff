// A whole file. Input: one byte of options, then the file. Everything that the file answers is asked for, within limits that keep one
// input short. A checksum is a wall for a fuzzer, so one of the options is to go on where one does not match: what lies behind it is what
// a writer of bad files with good checksums reaches. Every other file that it names (virtual and external data, external links, members of
// sets) is the file itself, but for names with a digit above 1: numbered files end somewhere.
#include <h5range/h5range.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

enum Options { SKIP_CHECKSUMS = 1, WIDE_READS = 2, PREFETCH_FIRST = 4, NO_OTHERS = 8, CHECK = 16, PUSH = 32, OTHERS_BESIDE = 64, THREADS = 128 };
enum { MAX_OBJECTS = 48, MAX_VALUES = 256, MAX_BYTES = 1 << 16, MAX_ITEMS = 16 };

struct Bytes {
    const uint8_t *p;
    size_t n;
};

h5r_status ReadRanges(void *ctx, h5r_read *reads, size_t n, h5r_error *)
{
    const Bytes *b = static_cast<const Bytes *>(ctx);
    for (size_t i = 0; i < n; i++) {
        size_t left = reads[i].offset < b->n ? b->n - static_cast<size_t>(reads[i].offset) : 0;
        reads[i].got = std::min(reads[i].len, left);
        if (reads[i].got > 0)
            memcpy(reads[i].dst, b->p + reads[i].offset, reads[i].got);
    }
    return H5R_OK;
}

h5r_status OpenOther(void *ctx, const char *, bool, h5r_source *out, h5r_error *);

void MakeSource(Bytes *b, h5r_source *out)
{
    h5r_source_init(out);
    out->ctx = b;
    out->read_ranges = ReadRanges;
    out->size = b->n;
    out->open_other = OpenOther;
    memcpy(out->name, "00000.h5", sizeof "00000.h5");
}

h5r_status OpenOther(void *ctx, const char *name, bool, h5r_source *out, h5r_error *)
{
    if (strpbrk(name, "23456789") != nullptr)
        return H5R_ERR_NOT_FOUND;
    MakeSource(static_cast<Bytes *>(ctx), out);
    memcpy(out->name, "other.h5", sizeof "other.h5");
    return H5R_OK;
}

class Visitor {
  public:
    explicit Visitor(h5r_file *f) : m_file(f)
    {
    }

    void All(bool prefetch)
    {
        const h5r_object *root = nullptr;
        if (h5r_lookup(m_file, nullptr, "/", &root, &m_err) != H5R_OK)
            return;
        if (prefetch)
            h5r_prefetch(m_file, root, 4, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX | H5R_PREFETCH_SCALES, &m_err);
        m_todo.push_back(root);
        for (size_t i = 0; i < m_todo.size() && i < MAX_OBJECTS; i++)
            Object(m_todo[i]);
        if (!prefetch)
            h5r_prefetch(m_file, root, 4, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX | H5R_PREFETCH_SCALES, &m_err);
        h5r_stats stats;
        h5r_get_stats(m_file, &stats);
    }

  private:
    void Later(const h5r_object *o)
    {
        if (m_seen.size() < MAX_OBJECTS && m_seen.insert({o->file, o->addr}).second)
            m_todo.push_back(o);
    }

    void Object(const h5r_object *o)
    {
        const char *comment = nullptr;
        uint64_t modified;
        if (h5r_object_notes(m_file, o, &comment, &modified, &m_err) == H5R_OK && comment != nullptr)
            m_sum += strlen(comment);
        Attributes(o);
        if (o->kind == H5R_GROUP)
            Group(o);
        else if (o->kind == H5R_DATASET)
            Dataset(o);
        h5r_known_path(o->file, o->addr);
    }

    void Group(const h5r_object *group)
    {
        const h5r_link *const *links;
        const h5r_error *bad;
        size_t n;
        for (bool by_order : {true, false}) {
            if (h5r_links(m_file, group, by_order, &links, &n, &bad, &m_err) != H5R_OK)
                return;
            for (size_t i = 0; i < n && i < MAX_ITEMS; i++) {
                const h5r_object *o = nullptr;
                if (links[i]->kind == H5R_LINK_HARD && by_order) {
                    if (h5r_object_at(group->file, links[i]->addr, &o, &m_err) == H5R_OK)
                        Later(o);
                } else if (h5r_lookup(m_file, group, links[i]->name, &o, &m_err) == H5R_OK) {
                    Later(o);
                }
            }
        }
    }

    void Attributes(const h5r_object *o)
    {
        const h5r_attr *const *attrs;
        const h5r_error *bad;
        size_t n;
        if (h5r_attrs(m_file, o, false, &attrs, &n, &bad, &m_err) != H5R_OK)
            return;
        for (size_t i = 0; i < n && i < MAX_ITEMS; i++) {
            const h5r_attr *a = attrs[i];
            m_sum += strlen(a->name);
            if (a->error != nullptr || a->raw_len > MAX_BYTES)
                continue;
            std::vector<uint8_t> dst(a->raw_len);
            h5r_attr_read(a, dst.data(), dst.size(), &m_err);
            Values(o->file, a->type, static_cast<const uint8_t *>(a->raw), static_cast<size_t>(a->space->count), a->raw_len);
            Numbers(a->type, dst, static_cast<size_t>(a->space->count));
        }
    }

    void Numbers(const h5r_type *t, const std::vector<uint8_t> &elems, size_t n)
    {
        h5r_number number = h5r_type_number(t, nullptr);
        n = t->size == 0 ? 0 : std::min(n, elems.size() / t->size);
        std::vector<uint8_t> dst(n * h5r_number_size(number));
        if (number != H5R_NO_NUMBER && n > 0)
            h5r_to_numbers(t, elems.data(), n, dst.data());
    }

    void Values(h5r_file *f, const h5r_type *t, const uint8_t *elems, size_t n, size_t len)
    {
        h5r_values *values = nullptr;
        if (elems == nullptr || t->size == 0)
            return;
        n = std::min({n, len / t->size, size_t{MAX_VALUES}});
        if (h5r_values_load(f, t, elems, n, &values, &m_err) != H5R_OK)
            return;
        m_visited = 0;
        for (size_t i = 0; i < n; i++)
            Value(f, values, t, elems + i * t->size);
        h5r_values_free(values);
    }

    void Value(h5r_file *f, const h5r_values *values, const h5r_type *t, const uint8_t *elem)
    {
        const void *data;
        size_t n;
        uint64_t addr;
        if (++m_visited > MAX_VALUES)
            return;
        switch (t->cls) {
        case H5R_CLASS_COMPOUND:
            for (uint32_t i = 0; i < t->n_members; i++)
                Value(f, values, t->members[i].type, elem + t->members[i].offset);
            break;
        case H5R_CLASS_ARRAY:
            for (uint32_t i = 0; t->base->size > 0 && i < t->size / t->base->size && m_visited <= MAX_VALUES; i++)
                Value(f, values, t->base, elem + size_t{i} * t->base->size);
            break;
        case H5R_CLASS_VLEN:
            if (h5r_values_get(values, t, elem, &data, &n) != H5R_OK)
                break;
            for (size_t i = 0; i < n && m_visited <= MAX_VALUES; i++)
                if (t->vlen_string)
                    m_sum += static_cast<const uint8_t *>(data)[i];
                else
                    Value(f, values, t->base, static_cast<const uint8_t *>(data) + i * t->base->size);
            break;
        case H5R_CLASS_REFERENCE:
            h5r_ref_address(f, values, t, elem, &addr);
            if (h5r_values_blob(values, t, elem, &data, &n) == H5R_OK && n > 0) {
                h5r_region r;
                const uint8_t *p = static_cast<const uint8_t *>(data);
                m_sum += p[n - 1];
                size_t skip = h5r_get_info(f)->offset_size;
                if (n > skip && h5r_region_decode(p + skip, n - skip, &r) == H5R_OK)
                    Region(r);
            }
            break;
        default:
            m_sum += t->size > 0 ? elem[t->size - 1] : 0;
        }
    }

    void Region(const h5r_region &r)
    {
        uint64_t first[H5R_MAX_RANK], last[H5R_MAX_RANK];
        m_sum += h5r_region_count(&r);
        for (uint64_t i = 0; i < r.n && i < MAX_ITEMS; i++)
            h5r_region_item(&r, r.n - 1 - i, first, last);
    }

    void Dataset(const h5r_object *o)
    {
        const h5r_dataset *d;
        if (h5r_dataset_describe(m_file, o, &d, &m_err) != H5R_OK)
            return;
        if (d->fill_value != nullptr)
            Values(o->file, d->type, static_cast<const uint8_t *>(d->fill_value), 1, d->type->size);
        if (d->layout == H5R_LAYOUT_CHUNKED)
            Chunks(o, *d);
        if (d->layout == H5R_LAYOUT_VIRTUAL) {
            const h5r_mapping *maps;
            size_t n;
            if (h5r_mappings(m_file, o, &maps, &n, &m_err) == H5R_OK)
                for (size_t i = 0; i < n && i < MAX_ITEMS; i++) {
                    m_sum += strlen(maps[i].file) + strlen(maps[i].dataset);
                    Region(maps[i].source);
                    Region(maps[i].target);
                }
        }
        Window(o, *d, false, 1);
        Window(o, *d, true, -1);
    }

    void Chunks(const h5r_object *o, const h5r_dataset &d)
    {
        uint64_t first[H5R_MAX_RANK], count[H5R_MAX_RANK], total = 1, coords[H5R_MAX_RANK];
        for (unsigned i = 0; i < d.space->rank; i++) {
            count[i] = std::min<uint64_t>(d.grid[i], total <= 64 ? 3 : 1);
            first[i] = d.grid[i] - count[i];
            total *= count[i];
        }
        std::vector<h5r_chunk> chunks(static_cast<size_t>(total));
        h5r_chunks(m_file, o, first, count, chunks.data(), &m_err);
        uint8_t stored[64] = {1, 2, 3};
        std::vector<uint8_t> decoded(d.chunk_bytes <= MAX_BYTES ? static_cast<size_t>(d.chunk_bytes) : 0);
        if (!decoded.empty())
            h5r_decode_chunk(m_file, o, stored, sizeof stored, 0, decoded.data(), decoded.size(), &m_err);
        const h5r_chunk *all;
        size_t n;
        if (h5r_chunks_all(m_file, o, &all, &n, &m_err) == H5R_OK && n > 0)
            h5r_chunk_coords(&d, all[n - 1].number, coords);
    }

    // The last elements of each dimension, forwards or backwards.
    void Window(const h5r_object *o, const h5r_dataset &d, bool file_order, int64_t step)
    {
        uint64_t start[H5R_MAX_RANK], count[H5R_MAX_RANK], bytes = d.type->size;
        int64_t steps[H5R_MAX_RANK];
        if (bytes > MAX_BYTES)
            return;
        for (unsigned i = 0; i < d.space->rank; i++) {
            uint64_t shape = d.space->shape[i];
            steps[i] = step;
            count[i] = std::min<uint64_t>(shape, 7);
            if (bytes * count[i] > MAX_BYTES)
                count[i] = 1;
            bytes *= count[i];
            start[i] = step < 0 ? shape - (shape > 0) : shape - count[i];
        }
        if (d.space->cls == H5R_SPACE_NULL)
            bytes = 0;
        std::vector<uint8_t> dst(static_cast<size_t>(bytes));
        h5r_selection sel = {};
        sel.start = start;
        sel.count = count;
        sel.step = steps;
        sel.dst = dst.data();
        sel.file_order = file_order;
        if (h5r_read_dataset(m_file, o, &sel, &m_err) != H5R_OK)
            return;
        size_t n = d.type->size > 0 ? dst.size() / d.type->size : 0;
        Values(o->file, d.type, dst.data(), n, dst.size());
        if (!file_order)
            Numbers(d.type, dst, n);
    }

    h5r_file *m_file;
    h5r_error m_err;
    std::vector<const h5r_object *> m_todo;
    std::set<std::pair<h5r_file *, uint64_t>> m_seen;
    size_t m_visited = 0;
    volatile uint64_t m_sum = 0;
};

// Push mode: each pass gets as far as the bytes allow.
void Push(h5r_file *f, const Bytes &bytes)
{
    h5r_read wanted[MAX_ITEMS];
    h5r_error err;
    for (int pass = 0; pass < 32; pass++) {
        if (h5r_open_continue(f, &err) == H5R_OK)
            Visitor(f).All(pass % 2 != 0);
        size_t n = std::min<size_t>(h5r_wanted(f, wanted, MAX_ITEMS), MAX_ITEMS);
        if (n == 0)
            return;
        for (size_t i = 0; i < n; i++) {
            uint64_t from = std::min<uint64_t>(wanted[i].offset, bytes.n);
            size_t len = std::min<size_t>(wanted[i].len, bytes.n - static_cast<size_t>(from));
            h5r_feed(f, from, bytes.p + from, len, from + len == bytes.n, &err);
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n < 1)
        return 0;
    unsigned flags = p[0];
    Bytes bytes = {p + 1, n - 1};
    h5r_options o;
    h5r_options_init(&o);
    h5r_limits &l = o.limits;
    l.metadata_bytes = 8 << 20;
    l.heap_bytes = l.vlen_bytes = 1 << 20;
    l.chunk_bytes = l.inflight_bytes = 1 << 18;
    l.objects = 64;
    l.links = l.attributes = 256;
    l.header_bytes = 1 << 16;
    l.header_chunks = 32;
    l.depth = 12;
    l.soft_links = 4;
    l.rounds = 200;
    l.other_files = 3;
    l.nesting = 3;
    o.skip_checksums = (flags & SKIP_CHECKSUMS) != 0;
    o.exact_reads = (flags & WIDE_READS) == 0; /* a byte beyond what was asked for is then one too far for the sanitizer */
    o.others = flags & NO_OTHERS ? H5R_OTHERS_NO : flags & OTHERS_BESIDE ? H5R_OTHERS_BESIDE : H5R_OTHERS_ANY;
    h5r_source source;
    MakeSource(&bytes, &source);
    o.threads = flags & THREADS ? 2 : 1; /* starting one takes longer than most inputs */
    source.direct = (flags & THREADS) != 0;
    o.chunk_cache_bytes = 1 << 18;
    if (flags & PUSH)
        source.read_ranges = nullptr;
    h5r_file *f = nullptr;
    h5r_error err;
    h5r_identify(bytes.p, bytes.n);
    if (h5r_open(&source, &o, &f, &err) != H5R_OK)
        return 0;
    if (flags & PUSH) {
        Push(f, bytes);
    } else if (flags & CHECK) {
        h5r_check_options check = {};
        h5r_check_result result;
        check.struct_size = sizeof check;
        check.data = true;
        h5r_check(f, &check, &result, &err);
    } else {
        Visitor(f).All((flags & PREFETCH_FIRST) != 0);
    }
    h5r_close(f);
    return 0;
}
