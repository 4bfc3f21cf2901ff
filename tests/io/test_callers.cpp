// What programs give the library: the errors of their sources, and their callback for rounds.
#include "support/folder.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace h5range_test;

namespace {

const std::string DATA = H5RANGE_TEST_DATA "/";

// How a source fails, in the ways that programs are written.
struct Failure {
    h5r_status returned, stored; // stored: in err->status
    const char *message;
    h5r_status status; // that the caller of the library sees
    const char *text;
};

const Failure FAILURES[] = {
    {H5R_ERR_IO, H5R_OK, "token expired", H5R_ERR_IO, "token expired"},
    {H5R_ERR_NOT_FOUND, H5R_ERR_IO, "no object of that name", H5R_ERR_NOT_FOUND, "no object of that name"},
    {H5R_ERR_IO, H5R_NEED, "two\nlines", H5R_ERR_IO, "two?lines"},
    {H5R_ERR_IO, H5R_ERR_IO, "", H5R_ERR_IO, "the source failed without saying why"},
    {H5R_NEED, H5R_OK, "", H5R_ERR_INTERNAL, "the source failed without saying why"},
};

h5r_status Fail(const Failure &f, h5r_error *err)
{
    err->status = f.stored;
    std::snprintf(err->message, sizeof err->message, "%s", f.message);
    return f.returned;
}

void ExpectFailure(const Failure &f, h5r_status st, const h5r_error &err)
{
    EXPECT_EQ(st, f.status) << f.message;
    EXPECT_EQ(err.status, f.status) << f.message;
    EXPECT_NE(std::string(err.message).find(f.text), std::string::npos) << err.message;
}

// Bytes in memory until it is told to fail.
struct FailingSource {
    Bytes bytes;
    const Failure *failure = nullptr;
    bool direct = false;

    h5r_source Source()
    {
        h5r_source s;
        h5r_source_init(&s);
        s.ctx = this;
        s.read_ranges = Read;
        s.direct = direct;
        return s;
    }
    static h5r_status Read(void *ctx, h5r_read *reads, size_t n, h5r_error *err)
    {
        auto *s = static_cast<FailingSource *>(ctx);
        if (s->failure != nullptr)
            return Fail(*s->failure, err);
        for (size_t i = 0; i < n; i++) {
            const size_t at = std::min<size_t>(reads[i].offset, s->bytes.size());
            reads[i].got = std::min(reads[i].len, s->bytes.size() - at);
            std::copy_n(s->bytes.begin() + static_cast<long>(at), reads[i].got, static_cast<unsigned char *>(reads[i].dst));
        }
        return H5R_OK;
    }
};

h5r_status ReadWhole(h5r_file *f, const char *path, h5r_error *err)
{
    const h5r_object *o;
    const h5r_dataset *d;
    h5r_status st = h5r_lookup(f, nullptr, path, &o, err);
    if (st != H5R_OK || (st = h5r_dataset_describe(f, o, &d, err)) != H5R_OK)
        return st;
    Bytes data(d->space->count * d->type->size);
    h5r_selection s = {};
    s.dst = data.data();
    return h5r_read_dataset(f, o, &s, err);
}

} // namespace

// A text without err->status used to be thrown away.
TEST(SourceError, TextAndReturnedStatusCount)
{
    for (const Failure &failure : FAILURES) {
        FailingSource source;
        source.failure = &failure;
        h5r_source s = source.Source();
        h5r_file *f = nullptr;
        h5r_error err = {};
        ExpectFailure(failure, h5r_open(&s, nullptr, &f, &err), err);
        EXPECT_EQ(f, nullptr);
    }
}

TEST(SourceError, OfDataInBatchesAndByThreads)
{
    for (bool direct : {false, true})
        for (const Failure &failure : FAILURES) {
            FailingSource source;
            source.bytes = ReadFile(DATA + "chunk_indexes.h5");
            source.direct = direct;
            h5r_source s = source.Source();
            h5r_file *raw = nullptr;
            h5r_error err = {};
            ASSERT_EQ(h5r_open(&s, nullptr, &raw, &err), H5R_OK) << err.message;
            FileHandle f(raw);
            const h5r_object *o;
            ASSERT_EQ(h5r_lookup(raw, nullptr, "filtered/extensible", &o, &err), H5R_OK) << err.message;
            const h5r_dataset *d;
            ASSERT_EQ(h5r_dataset_describe(raw, o, &d, &err), H5R_OK) << err.message;
            const h5r_chunk *chunks;
            size_t n;
            ASSERT_EQ(h5r_chunks_all(raw, o, &chunks, &n, &err), H5R_OK) << err.message;
            source.failure = &failure;
            ExpectFailure(failure, ReadWhole(raw, "filtered/extensible", &err), err);
        }
}

TEST(SourceError, OfOtherFiles)
{
    for (const Failure &failure : FAILURES) {
        if (failure.returned == H5R_ERR_NOT_FOUND)
            continue; // looked for elsewhere, and the library says what was not there
        static const Failure *current;
        current = &failure;
        Folder folder({"linked.h5"});
        h5r_source s = folder.Source("linked.h5");
        s.open_other = [](void *, const char *, bool, h5r_source *, h5r_error *err) { return Fail(*current, err); };
        h5r_file *raw = nullptr;
        ASSERT_EQ(h5r_open(&s, nullptr, &raw, nullptr), H5R_OK);
        FileHandle f(raw);
        h5r_error err = {};
        const h5r_object *o;
        ExpectFailure(failure, h5r_lookup(raw, nullptr, "block", &o, &err), err);
    }
}

TEST(SourceError, OfDataInRawFiles)
{
    for (const Failure &failure : FAILURES) {
        static const Failure *current;
        current = &failure;
        Folder folder({"external.h5"});
        h5r_source s = folder.Source("external.h5");
        s.open_other = [](void *, const char *, bool, h5r_source *out, h5r_error *) {
            h5r_source_init(out);
            out->read_ranges = [](void *, h5r_read *, size_t, h5r_error *err) { return Fail(*current, err); };
            return H5R_OK;
        };
        h5r_file *raw = nullptr;
        ASSERT_EQ(h5r_open(&s, nullptr, &raw, nullptr), H5R_OK);
        FileHandle f(raw);
        h5r_error err = {};
        ExpectFailure(failure, ReadWhole(raw, "data", &err), err);
    }
}

// The header used to say that dst is NULL.
TEST(Trace, ReadsHaveTheBytesThatCame)
{
    struct Seen {
        Bytes bytes;
        h5r_file *file = nullptr;
        uint64_t rounds = 0, requests = 0;
    } seen;
    FailingSource source;
    source.bytes = seen.bytes = ReadFile(DATA + "chunk_indexes.h5");
    h5r_options o;
    h5r_options_init(&o);
    o.trace_ctx = &seen;
    o.trace = [](void *ctx, const h5r_round *round) {
        auto *s = static_cast<Seen *>(ctx);
        EXPECT_EQ(round->number, ++s->rounds);
        for (size_t i = 0; i < round->n; i++) {
            const h5r_read &r = round->reads[i];
            ASSERT_LE(r.got, r.len);
            ASSERT_LE(r.offset + r.got, s->bytes.size());
            EXPECT_EQ(std::memcmp(r.dst, s->bytes.data() + r.offset, r.got), 0);
        }
        s->requests += round->n;
        if (s->file != nullptr) { // the file is unlocked
            h5r_stats stats;
            h5r_get_stats(s->file, &stats);
            EXPECT_EQ(stats.rounds, s->rounds);
        }
    };
    h5r_source s = source.Source();
    h5r_error err = {};
    ASSERT_EQ(h5r_open(&s, &o, &seen.file, &err), H5R_OK) << err.message;
    FileHandle f(seen.file);
    for (const char *path : {"plain/extensible", "filtered/extensible", "filtered/btree2"})
        EXPECT_EQ(ReadWhole(f.get(), path, &err), H5R_OK) << err.message;
    h5r_stats stats;
    h5r_get_stats(f.get(), &stats);
    EXPECT_EQ(stats.requests, seen.requests);
    EXPECT_GT(seen.rounds, 3u);
}
