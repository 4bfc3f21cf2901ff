// Metadata and chunk indexes that are kept in a folder: what a second open costs, and that nothing wrong is believed.
#include "support/http_server.h"
#include "support/support.h"

#include <h5range/h5range_curl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "io/used.h"
#include "util/lookup3.h"
}

using namespace h5range_test;

namespace {

std::string Data(const std::string &name)
{
    return std::string(H5RANGE_TEST_DATA "/") + name;
}

class Folder {
  public:
    Folder()
    {
        char name[] = "/tmp/h5range-index-cache-XXXXXX";
        m_base = mkdtemp(name);
    }
    ~Folder()
    {
        chmod(path().c_str(), 0700);
        for (const auto &name : Names(true))
            unlink((path() + "/" + name).c_str());
        rmdir(path().c_str());
        rmdir(m_base.c_str());
    }
    std::string path() const // not there before something is written
    {
        return m_base + "/kept";
    }
    std::vector<std::string> Names(bool all = false) const
    {
        std::vector<std::string> names;
        DIR *dir = opendir(path().c_str());
        for (const dirent *e; dir != nullptr && (e = readdir(dir)) != nullptr;)
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (all || strstr(e->d_name, ".h5rx") != nullptr))
                names.push_back(e->d_name);
        if (dir != nullptr)
            closedir(dir);
        return names;
    }
    std::string Only() const
    {
        const auto names = Names();
        EXPECT_EQ(names.size(), 1u);
        return names.empty() ? "" : path() + "/" + names[0];
    }

  private:
    std::string m_base;
};

void WriteFile(const std::string &path, const Bytes &bytes)
{
    FILE *f = fopen(path.c_str(), "wb");
    ASSERT_NE(f, nullptr);
    ASSERT_EQ(fwrite(bytes.data(), 1, bytes.size(), f), bytes.size());
    fclose(f);
}

// A remote source that knows its version once it has answered.
struct Remote {
    explicit Remote(const std::string &file, std::string version = "1") : source(ReadFile(file)), version(std::move(version))
    {
        source.first_read = 4096;
    }
    FileHandle Open(const Folder &folder, uint64_t budget = 1 << 30, h5r_error *err = nullptr)
    {
        current = this;
        h5r_source s = source.Source();
        s.remote = true;
        s.block = 4096;
        s.identity = Identity;
        snprintf(s.name, sizeof s.name, "%s", name.c_str());
        h5r_options o;
        h5r_options_init(&o);
        const std::string path = folder.path();
        o.index_cache = path.c_str();
        o.index_cache_bytes = budget;
        o.limits.metadata_bytes = metadata_bytes;
        h5r_file *f = nullptr;
        return FileHandle(h5r_open(&s, &o, &f, err) == H5R_OK ? f : nullptr);
    }
    static bool Identity(void *, char *out, size_t cap)
    {
        if (current->source.rounds() == 0 || current->version.empty())
            return false;
        snprintf(out, cap, "%s", current->version.c_str());
        return true;
    }
    TestSource source;
    uint64_t metadata_bytes = 1 << 30;
    std::string version, name = "remote://host/file.h5";
    static Remote *current;
};
Remote *Remote::current;

// Everything that is metadata.
h5r_status Walk(h5r_file *f)
{
    const h5r_object *root;
    h5r_status st = h5r_lookup(f, nullptr, "/", &root, nullptr);
    return st != H5R_OK ? st : h5r_prefetch(f, root, 64, H5R_PREFETCH_ATTRS | H5R_PREFETCH_INDEX | H5R_PREFETCH_SCALES, nullptr);
}

std::string Plain(const std::string &file)
{
    TestSource source(ReadFile(file));
    FileHandle f = Open(source);
    return f ? Answers(f.get()) : "";
}

void Fill(const Folder &folder, const std::string &file)
{
    Remote remote(file);
    FileHandle f = remote.Open(folder);
    ASSERT_TRUE(f);
    ASSERT_EQ(Walk(f.get()), H5R_OK);
}

} // namespace

TEST(IndexCache, SecondOpenAsksForEightBytes)
{
    for (const auto &file : DataFiles()) {
        Folder folder;
        Fill(folder, file);
        Remote again(file);
        FileHandle f = again.Open(folder);
        ASSERT_TRUE(f) << file;
        if (h5r_get_info(f.get())->driver[0] != '\0')
            continue;
        ASSERT_EQ(Walk(f.get()), H5R_OK);
        EXPECT_EQ(again.source.rounds(), 1) << file;
        EXPECT_EQ(again.source.requests(), 1u) << file;
        EXPECT_EQ(again.source.bytes_read(), 8u) << file;
    }
}

TEST(IndexCache, AnswersAreTheSame)
{
    for (const auto &file : DataFiles()) {
        Folder folder;
        const std::string expected = Plain(file);
        for (int i = 0; i < 3; i++) {
            Remote remote(file);
            FileHandle f = remote.Open(folder);
            ASSERT_TRUE(f) << file;
            EXPECT_EQ(Answers(f.get()), expected) << file << ", open " << i;
        }
    }
}

TEST(IndexCache, WhatIsThereIsNotWrittenAgain)
{
    Folder folder;
    Fill(folder, Data("chunk_indexes.h5"));
    const Bytes before = ReadFile(folder.Only());
    struct stat a, b;
    ASSERT_EQ(stat(folder.Only().c_str(), &a), 0);
    Fill(folder, Data("chunk_indexes.h5"));
    ASSERT_EQ(stat(folder.Only().c_str(), &b), 0);
    EXPECT_EQ(a.st_ino, b.st_ino);
    EXPECT_EQ(ReadFile(folder.Only()), before);
}

TEST(IndexCache, GrowsByWhatAProcessLooksAt)
{
    Folder folder;
    const std::string file = Data("wide_earliest.h5");
    {
        Remote remote(file);
        ASSERT_TRUE(remote.Open(folder));
    }
    const size_t little = ReadFile(folder.Only()).size();
    Fill(folder, file);
    EXPECT_GT(ReadFile(folder.Only()).size(), little + 1000);
    Remote again(file);
    FileHandle f = again.Open(folder);
    ASSERT_EQ(Walk(f.get()), H5R_OK);
    EXPECT_EQ(again.source.bytes_read(), 8u);
}

TEST(IndexCache, AWindowReadsNoIndexThatIsKept)
{
    Folder folder;
    const std::string file = Data("chunk_indexes.h5");
    Fill(folder, file);
    Remote again(file);
    FileHandle f = again.Open(folder);
    size_t looked = 0;
    for (const char *path : {"/plain/extensible", "/filtered/extensible", "/plain/fixed", "/plain/btree2"}) {
        const h5r_object *o;
        const h5r_dataset *d;
        uint64_t first[H5R_MAX_RANK] = {0}, count[H5R_MAX_RANK];
        h5r_chunk chunk;
        if (h5r_lookup(f.get(), nullptr, path, &o, nullptr) != H5R_OK)
            continue;
        ASSERT_EQ(h5r_dataset_describe(f.get(), o, &d, nullptr), H5R_OK);
        std::fill_n(count, H5R_MAX_RANK, 1);
        EXPECT_EQ(h5r_chunks(f.get(), o, first, count, &chunk, nullptr), H5R_OK);
        looked++;
    }
    EXPECT_GT(looked, 3u);
    EXPECT_EQ(again.source.bytes_read(), 8u);
}

// Nodes that were looked at one by one are kept as bytes: they may not be dropped before they were written.
TEST(IndexCache, SingleChunksOfManyNodesAreAllKept)
{
    Folder folder;
    for (int again = 0; again < 2; again++) {
        Remote remote(Data("large/nodes.h5"));
        remote.metadata_bytes = 1 << 20; // of which nodes may have 64 KiB
        FileHandle f = remote.Open(folder);
        ASSERT_TRUE(f);
        for (const char *path : {"/fixed", "/extensible", "/btree2"}) {
            const h5r_object *o = nullptr;
            const h5r_dataset *d = nullptr;
            ASSERT_EQ(h5r_lookup(f.get(), nullptr, path, &o, nullptr), H5R_OK);
            ASSERT_EQ(h5r_dataset_describe(f.get(), o, &d, nullptr), H5R_OK);
            for (uint64_t number = 0; number < 3000; number += 7) {
                uint64_t at[H5R_MAX_RANK], one[H5R_MAX_RANK] = {1, 1};
                h5r_chunk c;
                h5r_chunk_coords(d, number, at);
                ASSERT_EQ(h5r_chunks(f.get(), o, at, one, &c, nullptr), H5R_OK);
                ASSERT_NE(c.offset, H5R_UNDEFINED);
            }
        }
        if (again) {
            EXPECT_EQ(remote.source.rounds(), 1);
            EXPECT_EQ(remote.source.bytes_read(), 8u);
        }
    }
}

// A coordinate used to count as kept when both its ends lay beside metadata that was.
TEST(IndexCache, ARangeIsMarkedWhenAllOfItIs)
{
    h5r_used u = {};
    h5r_used_mark(&u, 65500, 65600);
    h5r_used_mark(&u, 66000, 66010);
    EXPECT_TRUE(h5r_used_has(&u, 65500, 65600));
    EXPECT_TRUE(h5r_used_has(&u, 66000, 66001));
    EXPECT_FALSE(h5r_used_has(&u, 65500, 66001));
    EXPECT_FALSE(h5r_used_has(&u, 65300, 65600));
    h5r_used_free(&u);
}

// Every process that opens a grid reads its coordinates.
TEST(IndexCache, SmallDataOfOneDimensionAreKept)
{
    const struct {
        const char *file, *path;
        bool kept;
    } cases[] = {{"product.nc", "/y", true},
                 {"product.nc", "/x", true},
                 {"scattered/latest.h5", "/beam1/heights/time", true},
                 {"large/chunks.h5", "/deflate_be", false},
                 {"large/chunks.h5", "/raw", false}};
    for (const auto &c : cases) {
        Folder folder;
        Bytes values[2];
        for (int again = 0; again < 2; again++) {
            Remote remote(Data(c.file));
            FileHandle f = remote.Open(folder);
            const h5r_object *o = nullptr;
            const h5r_dataset *d = nullptr;
            ASSERT_EQ(h5r_lookup(f.get(), nullptr, c.path, &o, nullptr), H5R_OK) << c.path;
            ASSERT_EQ(h5r_dataset_describe(f.get(), o, &d, nullptr), H5R_OK);
            values[again].resize(d->space->count * d->type->size);
            h5r_selection sel = {};
            sel.dst = values[again].data();
            ASSERT_EQ(h5r_read_dataset(f.get(), o, &sel, nullptr), H5R_OK);
            if (again)
                EXPECT_EQ(remote.source.bytes_read() == 8, c.kept) << c.path;
        }
        EXPECT_EQ(values[0], values[1]);
    }
}

TEST(IndexCache, AnotherVersionOfTheFileIsReadAnew)
{
    Folder folder;
    Fill(folder, Data("flat_earliest.h5"));
    for (int i = 0; i < 2; i++) {
        Remote changed(Data("types.h5"), "2");
        FileHandle f = changed.Open(folder);
        ASSERT_TRUE(f);
        EXPECT_EQ(Answers(f.get()), Plain(Data("types.h5")));
    }
    Remote again(Data("types.h5"), "2");
    FileHandle f = again.Open(folder);
    EXPECT_EQ(again.source.bytes_read(), 8u);
}

TEST(IndexCache, WithoutAVersionNothingIsKept)
{
    Folder folder;
    {
        Remote remote(Data("flat_earliest.h5"), "");
        FileHandle f = remote.Open(folder);
        ASSERT_EQ(Walk(f.get()), H5R_OK);
    }
    EXPECT_TRUE(folder.Names().empty());
    Fill(folder, Data("flat_earliest.h5"));
    Remote unknown(Data("types.h5"), ""); // a server that has stopped to say
    FileHandle f = unknown.Open(folder);
    EXPECT_EQ(Answers(f.get()), Plain(Data("types.h5")));
}

TEST(IndexCache, AVersionThatChangesWhileTheFileIsOpenIsNotKept)
{
    Folder folder;
    Fill(folder, Data("flat_earliest.h5"));
    {
        Remote remote(Data("flat_earliest.h5"), "2");
        FileHandle f = remote.Open(folder);
        ASSERT_EQ(Walk(f.get()), H5R_OK);
        remote.version = "3";
        f.reset();
    }
    Remote third(Data("types.h5"), "3");
    FileHandle f = third.Open(folder);
    EXPECT_EQ(Answers(f.get()), Plain(Data("types.h5")));
}

TEST(IndexCache, NamesAreKeptApart)
{
    Folder folder;
    for (const char *name : {"flat_earliest.h5", "types.h5"}) {
        Remote remote(Data(name));
        remote.name = std::string("remote://host/") + name;
        FileHandle f = remote.Open(folder);
        ASSERT_EQ(Walk(f.get()), H5R_OK);
    }
    EXPECT_EQ(folder.Names().size(), 2u);
    Bytes types;
    for (const auto &name : folder.Names()) { // the one in the other's place
        const Bytes bytes = ReadFile(folder.path() + "/" + name);
        if (!types.empty())
            WriteFile(folder.path() + "/" + name, types);
        types = bytes;
    }
    for (const char *name : {"flat_earliest.h5", "types.h5"}) {
        Remote remote(Data(name));
        remote.name = std::string("remote://host/") + name;
        FileHandle f = remote.Open(folder);
        EXPECT_EQ(Answers(f.get()), Plain(Data(name)));
    }
}

TEST(IndexCache, DamageIsIgnored)
{
    Folder folder;
    const std::string file = Data("chunk_indexes.h5"), expected = Plain(file);
    Fill(folder, file);
    const std::string kept = folder.Only();
    const Bytes good = ReadFile(kept);
    for (size_t i = 0; i < good.size(); i += i < 200 ? 1 : 997) {
        Bytes bad = good;
        bad[i] ^= 0x10;
        WriteFile(kept, bad);
        Remote remote(file);
        FileHandle f = remote.Open(folder);
        ASSERT_TRUE(f) << i;
        ASSERT_EQ(Answers(f.get()), expected) << i;
    }
    for (size_t n : {size_t{0}, size_t{3}, size_t{23}, size_t{24}, size_t{60}, good.size() / 2, good.size() - 1, good.size() + 1}) {
        Bytes bad = good;
        bad.resize(n);
        WriteFile(kept, bad);
        Remote remote(file);
        FileHandle f = remote.Open(folder);
        ASSERT_EQ(Answers(f.get()), expected) << n;
    }
    Remote repaired(file); // the last of them has been written again
    FileHandle f = repaired.Open(folder);
    ASSERT_EQ(Walk(f.get()), H5R_OK);
    EXPECT_EQ(repaired.source.bytes_read(), 8u);
}

// Damage that has the right checksums: no process writes it, but it must do no harm.
TEST(IndexCache, ForgedFilesDoNoHarm)
{
    Folder folder;
    const std::string file = Data("chunk_indexes.h5");
    Fill(folder, file);
    const std::string kept = folder.Only();
    const Bytes good = ReadFile(kept);
    unsigned random = 1;
    for (int i = 0; i < 600; i++) {
        Bytes bad = good;
        const size_t near = i % 3 == 0 ? 24 : i % 3 == 1 ? bad.size() - 4000 : 100; // the head, the lists, the ranges
        for (int k = 0; k < 3; k++) {
            random = random * 1664525 + 1013904223;
            bad[near + (random >> 8) % std::min<size_t>(bad.size() - near, 4000)] = static_cast<unsigned char>(random >> 24);
        }
        for (unsigned k = 0; k < 2; k++) {
            const uint32_t sum = h5r_lookup3(bad.data() + 24, bad.size() - 24, k);
            for (unsigned b = 0; b < 4; b++)
                bad[16 + 4 * k + b] = static_cast<unsigned char>(sum >> (8 * b));
        }
        WriteFile(kept, bad);
        Remote remote(file);
        FileHandle f = remote.Open(folder);
        if (f)
            (void)Walk(f.get());
    }
}

TEST(IndexCache, SeveralProcessesAtOnce)
{
    Folder folder;
    const std::string file = Data("wide_earliest.h5"), expected = Plain(file);
    std::vector<pid_t> children;
    for (int c = 0; c < 3; c++) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            bool ok = true;
            for (int i = 0; i < 12 && ok; i++) {
                if (c == 0)
                    for (const auto &name : folder.Names())
                        unlink((folder.path() + "/" + name).c_str());
                Remote remote(file, i % 4 == 3 ? "other" : "1");
                FileHandle f = remote.Open(folder);
                ok = f && (i % 2 == 1 || Walk(f.get()) == H5R_OK) && Answers(f.get()) == expected;
            }
            _exit(ok ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
    Fill(folder, file);
    EXPECT_EQ(folder.Names().size(), 1u); // and nothing half written
}

TEST(IndexCache, TheOldestGoWhenTheFolderIsFull)
{
    Folder folder;
    const auto open = [&](const std::string &name, uint64_t budget) {
        Remote remote(Data("wide_earliest.h5"));
        remote.name = name;
        FileHandle f = remote.Open(folder, budget);
        ASSERT_EQ(Walk(f.get()), H5R_OK);
    };
    open("a", 1 << 30);
    const uint64_t one = ReadFile(folder.Only()).size();
    const std::string a = folder.Names()[0];
    for (const char *name : {"b", "c", "d", "e"}) {
        usleep(20000);
        open(name, 5 * one);
    }
    EXPECT_EQ(folder.Names().size(), 5u);
    usleep(20000);
    open("a", 5 * one); // used again
    usleep(20000);
    open("f", 5 * one);
    const auto names = folder.Names();
    EXPECT_EQ(names.size(), 5u);
    EXPECT_NE(std::find(names.begin(), names.end(), a), names.end());
    open("g", one); // more than its share: not kept, and does not push others out
    EXPECT_EQ(folder.Names().size(), 5u);
}

TEST(IndexCache, AFolderThatCannotBeUsedIsNoError)
{
    const std::string file = Data("flat_earliest.h5"), expected = Plain(file);
    Folder folder;
    WriteFile(folder.path(), {1}); // a file
    {
        Remote remote(file);
        FileHandle f = remote.Open(folder);
        EXPECT_EQ(Answers(f.get()), expected);
    }
    unlink(folder.path().c_str());
    ASSERT_EQ(mkdir(folder.path().c_str(), 0500), 0); // root may write all the same
    {
        Remote remote(file);
        FileHandle f = remote.Open(folder);
        EXPECT_EQ(Answers(f.get()), expected);
    }
}

TEST(IndexCache, ShortOfMemory)
{
    const std::string file = Data("chunk_indexes.h5");
    for (bool filled : {false, true})
        for (long n = 0, calm = 0; calm < 3; n += n < 300 ? 1 : 37) {
            Folder folder;
            if (filled)
                Fill(folder, file);
            Remote remote(file);
            FileHandle f;
            bool happened;
            {
                FailingAllocation failing(n);
                f = remote.Open(folder);
                if (f)
                    (void)Walk(f.get());
                f.reset();
                happened = failing.happened();
            }
            calm = happened ? 0 : calm + 1;
            Remote again(file); // what was kept, if anything, is whole
            f = again.Open(folder);
            ASSERT_TRUE(f) << n;
            ASSERT_EQ(Walk(f.get()), H5R_OK) << n;
        }
}

TEST(IndexCache, AReadThatFailsIsTheOpensError)
{
    Folder folder;
    Fill(folder, Data("flat_earliest.h5"));
    Remote remote(Data("flat_earliest.h5"));
    remote.source.FailAt(0);
    h5r_error err;
    EXPECT_FALSE(remote.Open(folder, 1 << 30, &err));
    EXPECT_EQ(err.status, H5R_ERR_IO);
    EXPECT_EQ(remote.source.rounds(), 1);
}

TEST(IndexCache, OfLocalFilesLargeChunkIndexesAreKept)
{
    Folder folder;
    const std::string path = folder.path(), large = Data("large/many_chunks.h5"), small = Data("chunk_indexes.h5");
    for (int i = 0; i < 2; i++)
        for (const auto &file : {large, small}) {
            h5r_source s;
            h5r_options o;
            h5r_file *f;
            h5r_stats stats;
            const h5r_object *root;
            h5r_error err;
            h5r_options_init(&o);
            o.index_cache = path.c_str();
            ASSERT_EQ(h5r_source_open_file(file.c_str(), &s, &err), H5R_OK);
            s.first_read = 4096;
            ASSERT_EQ(h5r_open(&s, &o, &f, &err), H5R_OK);
            FileHandle owner(f);
            ASSERT_EQ(h5r_lookup(f, nullptr, "/", &root, &err), H5R_OK);
            ASSERT_EQ(h5r_prefetch(f, root, 8, H5R_PREFETCH_INDEX, &err), H5R_OK);
            h5r_get_stats(f, &stats);
            static uint64_t first_bytes;
            if (file == large && i == 0)
                first_bytes = stats.bytes;
            if (file == large && i == 1)
                EXPECT_LT(stats.bytes, first_bytes);
            owner.reset();
            EXPECT_EQ(folder.Names().size(), 1u) << file;
        }
}

TEST(IndexCache, OverHttpTheETagDecides)
{
    Folder folder;
    const std::string path = folder.path(), expected = Plain(Data("types.h5"));
    Bytes body = ReadFile(Data("types.h5"));
    std::string etag = "\"one\"";
    HttpServer server([&](const HttpRequest &r) { return RangeOf(r, body, etag); });
    const auto open = [&]() {
        h5r_source s;
        h5r_options o;
        h5r_file *f = nullptr;
        h5r_error err;
        h5r_options_init(&o);
        o.index_cache = path.c_str();
        EXPECT_EQ(h5r_source_open_url(server.Url("/types.h5?X-Amz-Signature=secret").c_str(), nullptr, &s, &err), H5R_OK);
        EXPECT_EQ(h5r_open(&s, &o, &f, &err), H5R_OK) << err.message;
        return FileHandle(f);
    };
    {
        FileHandle f = open();
        ASSERT_EQ(Walk(f.get()), H5R_OK);
    }
    const Bytes kept = ReadFile(folder.Only());
    EXPECT_EQ(std::string(kept.begin(), kept.end()).find("secret"), std::string::npos);
    size_t before = server.requests().size();
    {
        FileHandle f = open();
        ASSERT_EQ(Walk(f.get()), H5R_OK);
        ASSERT_EQ(server.requests().size(), before + 1);
        EXPECT_EQ(server.requests().back().last, 7u);
        EXPECT_EQ(Answers(f.get()), expected);
    }
    etag = "\"two\"";
    body = ReadFile(Data("flat_earliest.h5"));
    {
        FileHandle f = open();
        EXPECT_EQ(Answers(f.get()), Plain(Data("flat_earliest.h5")));
    }
    etag = ""; // neither ETag nor time: nothing tells
    before = server.requests().size();
    for (int i = 0; i < 2; i++) {
        FileHandle f = open();
        ASSERT_EQ(Walk(f.get()), H5R_OK);
    }
    EXPECT_GT(server.requests().size(), before + 2);
}
