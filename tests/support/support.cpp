#include "support/support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace {
thread_local long allocations_left = -1; // -1: not armed
thread_local bool allocation_failed = false;

bool FailNow()
{
    if (allocations_left < 0)
        return false;
    if (allocations_left-- > 0)
        return false;
    allocations_left = -1;
    allocation_failed = true;
    return true;
}
} // namespace

extern "C" {
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n)
{
    return FailNow() ? nullptr : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return FailNow() ? nullptr : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
    return FailNow() ? nullptr : __real_realloc(p, n);
}
}

namespace h5range_test {

FailingAllocation::FailingAllocation(long n)
{
    allocations_left = n;
    allocation_failed = false;
}

FailingAllocation::~FailingAllocation()
{
    allocations_left = -1;
}

bool FailingAllocation::happened() const
{
    return allocation_failed;
}

Bytes ReadFile(const std::string &path)
{
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::string> DataFiles()
{
    std::vector<std::string> files;
    for (const auto &entry : std::filesystem::directory_iterator(H5RANGE_TEST_DATA))
        if (entry.path().extension() == ".h5" || entry.path().extension() == ".nc")
            files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files;
}

h5r_status TestSource::ReadRanges(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
{
    auto *s = static_cast<TestSource *>(ctx);
    if (s->on_read)
        s->on_read(reads, n);
    for (size_t i = 0; i < n; i++)
        if (reads[i].len == 0 || (i > 0 && reads[i].offset < reads[i - 1].offset + reads[i - 1].len))
            ADD_FAILURE() << "request " << i << " of " << n << " is empty, out of order or overlaps the one before it";
    const long round = s->m_rounds++, fail_at = s->m_fail_at;
    if (round == fail_at || (s->keeps_failing && fail_at >= 0 && round > fail_at)) {
        err->status = H5R_ERR_IO;
        std::snprintf(err->message, sizeof err->message, "made to fail");
        return H5R_ERR_IO;
    }
    for (size_t i = 0; i < n; i++) {
        h5r_read &r = reads[i];
        size_t left = r.offset < s->m_bytes.size() ? s->m_bytes.size() - r.offset : 0;
        r.got = std::min(r.len, left);
        if (r.got > 0)
            std::memcpy(r.dst, s->m_bytes.data() + r.offset, r.got);
        s->m_read += r.got;
    }
    s->m_requests += n;
    return H5R_OK;
}

h5r_source TestSource::Source()
{
    h5r_source s;
    h5r_source_init(&s);
    s.ctx = this;
    s.read_ranges = ReadRanges;
    s.gap = gap;
    s.block = block;
    s.first_read = first_read;
    s.one_at_a_time = one_at_a_time;
    s.direct = direct;
    s.remote = remote;
    s.max_request = max_request;
    return s;
}

void TestSource::FailAt(long round)
{
    m_fail_at = round;
}

h5r_options Starved()
{
    h5r_options o;
    h5r_options_init(&o);
    o.exact_reads = true;
    return o;
}

FileHandle Open(TestSource &source, const h5r_options *options, h5r_error *err)
{
    h5r_source s = source.Source();
    h5r_file *f = nullptr;
    h5r_error local;
    if (h5r_open(&s, options, &f, err != nullptr ? err : &local) != H5R_OK)
        return nullptr;
    return FileHandle(f);
}

namespace {

// FNV-1a: enough to see that two readers gave the same bytes.
uint64_t Hash(const void *p, size_t n, uint64_t h = 14695981039346656037u)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ static_cast<const unsigned char *>(p)[i]) * 1099511628211u;
    return h;
}

// Field by field: the padding of a struct is not an answer.
uint64_t HashChunks(const h5r_chunk *chunks, size_t n)
{
    uint64_t h = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t fields[] = {chunks[i].offset, chunks[i].size, chunks[i].number, chunks[i].skipped};
        h = Hash(fields, sizeof fields, h);
    }
    return h;
}

class Walker {
  public:
    explicit Walker(h5r_file *f, std::function<void()> feed = nullptr) : m_f(f), m_feed(std::move(feed))
    {
    }
    void Walk(uint64_t addr, const std::string &path);
    std::string text;
    h5r_status failed = H5R_OK;

  private:
    // Push mode: again and again until it is no longer NEED.
    template <class F> h5r_status Call(F f)
    {
        h5r_status st;
        while ((st = f()) == H5R_NEED && m_feed)
            m_feed();
        return st;
    }
    void Line(const std::string &s)
    {
        text += s + "\n";
    }
    void Error(const std::string &where, const h5r_error &e)
    {
        if (e.status == H5R_ERR_NOMEM || e.status == H5R_ERR_IO)
            failed = e.status;
        if (e.message[0] == '\0' || strchr(e.message, '\n') != nullptr)
            ADD_FAILURE() << where << ": an error is one line of text";
        Line(where + " error " + std::to_string(e.status) + " " + std::to_string(e.offset) + " " + e.message);
    }
    void Attributes(const h5r_object *o, const std::string &path);
    void Dataset(const h5r_object *o, const std::string &path);
    void Values(const std::string &where, const h5r_type *t, const void *raw, size_t n);
    void ValueOf(const h5r_values *v, const h5r_type *t, const unsigned char *p, uint64_t *h);
    h5r_file *m_f;
    std::function<void()> m_feed;
    std::set<uint64_t> m_seen;
};

void Walker::ValueOf(const h5r_values *v, const h5r_type *t, const unsigned char *p, uint64_t *h)
{
    const void *data = nullptr;
    size_t n = 0;
    if (t->cls == H5R_CLASS_VLEN) {
        h5r_status st = h5r_values_get(v, t, p, &data, &n);
        *h = Hash(&st, sizeof st, *h);
        *h = Hash(data, st == H5R_OK ? n * (t->vlen_string ? 1 : t->base->size) : 0, *h);
        for (size_t i = 0; st == H5R_OK && !t->vlen_string && t->base->in_heap && i < n; i++)
            ValueOf(v, t->base, static_cast<const unsigned char *>(data) + i * t->base->size, h);
    } else if (t->cls == H5R_CLASS_COMPOUND) {
        for (uint32_t i = 0; i < t->n_members; i++)
            ValueOf(v, t->members[i].type, p + t->members[i].offset, h);
    } else if (t->cls == H5R_CLASS_ARRAY) {
        for (uint32_t i = 0; i < t->size / t->base->size; i++)
            ValueOf(v, t->base, p + i * t->base->size, h);
    } else if (t->cls == H5R_CLASS_REFERENCE) {
        uint64_t addr = 0;
        h5r_status st = h5r_ref_address(m_f, v, t, p, &addr);
        *h = Hash(&addr, sizeof addr, Hash(&st, sizeof st, *h));
    }
}

void Walker::Values(const std::string &where, const h5r_type *t, const void *raw, size_t n)
{
    if (!t->in_heap || n == 0)
        return;
    h5r_values *v = nullptr;
    h5r_error e;
    if (Call([&] { return h5r_values_load(m_f, t, raw, n, &v, &e); }) != H5R_OK) {
        Error(where, e);
        return;
    }
    uint64_t h = 0;
    for (size_t i = 0; i < n; i++)
        ValueOf(v, t, static_cast<const unsigned char *>(raw) + i * t->size, &h);
    Line(where + " values " + std::to_string(h));
    h5r_values_free(v);
}

void Walker::Attributes(const h5r_object *o, const std::string &path)
{
    const h5r_attr *const *list = nullptr;
    const h5r_error *bad = nullptr;
    h5r_error e;
    size_t n = 0;
    if (Call([&] { return h5r_attrs(m_f, o, false, &list, &n, &bad, &e); }) != H5R_OK) {
        Error(path + " attributes", e);
        return;
    }
    if (bad != nullptr)
        Error(path + " attributes", *bad);
    for (size_t i = 0; i < n && failed == H5R_OK; i++) {
        std::string where = path + "@" + list[i]->name;
        if (list[i]->error != nullptr) {
            Error(where, *list[i]->error);
            continue;
        }
        Line(where + " " + std::to_string(list[i]->type->cls) + " " + std::to_string(list[i]->space->count) + " " +
             std::to_string(Hash(list[i]->raw, list[i]->raw_len)));
        Values(where, list[i]->type, list[i]->raw, static_cast<size_t>(list[i]->space->count));
    }
}

void Walker::Dataset(const h5r_object *o, const std::string &path)
{
    const h5r_dataset *d = nullptr;
    h5r_error e;
    if (Call([&] { return h5r_dataset_describe(m_f, o, &d, &e); }) != H5R_OK) {
        Error(path, e);
        return;
    }
    Line(path + " layout " + std::to_string(d->layout) + " rank " + std::to_string(d->space->rank) + " type " +
         std::to_string(d->type->cls) + "/" + std::to_string(d->type->size));
    if (d->layout == H5R_LAYOUT_CHUNKED) {
        const h5r_chunk *chunks = nullptr;
        size_t n = 0;
        if (Call([&] { return h5r_chunks_all(m_f, o, &chunks, &n, &e); }) != H5R_OK)
            Error(path + " chunks", e);
        else
            Line(path + " chunks " + std::to_string(n) + " " + std::to_string(HashChunks(chunks, n)));
    }
    uint64_t bytes = d->space->count * d->type->size;
    if (failed != H5R_OK || bytes > (64u << 20))
        return;
    Bytes data(bytes + 1);
    h5r_selection sel = {};
    sel.dst = data.data();
    if (Call([&] { return h5r_read_dataset(m_f, o, &sel, &e); }) != H5R_OK) {
        Error(path + " data", e);
        return;
    }
    Line(path + " data " + std::to_string(Hash(data.data(), bytes)));
    sel.file_order = true;
    if (!d->type->in_heap)
        return;
    if (Call([&] { return h5r_read_dataset(m_f, o, &sel, &e); }) != H5R_OK)
        Error(path + " data", e);
    else
        Values(path, d->type, data.data(), static_cast<size_t>(d->space->count));
}

void Walker::Walk(uint64_t addr, const std::string &path)
{
    const h5r_object *o = nullptr;
    h5r_error e;
    if (failed != H5R_OK || !m_seen.insert(addr).second)
        return;
    if (Call([&] { return h5r_object_at(m_f, addr, &o, &e); }) != H5R_OK) {
        Error(path, e);
        return;
    }
    Line(path + " kind " + std::to_string(o->kind));
    Attributes(o, path);
    if (failed == H5R_OK && o->kind == H5R_DATASET)
        Dataset(o, path);
    if (failed != H5R_OK || o->kind != H5R_GROUP)
        return;
    const h5r_link *const *links = nullptr;
    const h5r_error *bad = nullptr;
    size_t n = 0;
    if (Call([&] { return h5r_links(m_f, o, false, &links, &n, &bad, &e); }) != H5R_OK) {
        Error(path + " links", e);
        return;
    }
    if (bad != nullptr)
        Error(path + " links", *bad);
    for (size_t i = 0; i < n; i++) {
        std::string child = path + "/" + links[i]->name;
        if (links[i]->kind == H5R_LINK_HARD)
            Walk(links[i]->addr, child);
        else
            Line(child + " -> " + (links[i]->target != nullptr ? links[i]->target : ""));
    }
}

} // namespace

std::string Answers(h5r_file *f, h5r_status *failed)
{
    Walker w(f);
    w.Walk(h5r_get_info(f)->root, "");
    if (failed != nullptr)
        *failed = w.failed;
    return w.text;
}

std::string PushedAnswers(h5r_file *f, const std::function<void()> &feed)
{
    Walker w(f, feed);
    w.Walk(h5r_get_info(f)->root, "");
    return w.text;
}

} // namespace h5range_test
