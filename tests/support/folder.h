// Files in memory that lie beside each other, for what is read of several.
#ifndef H5R_TESTS_FOLDER_H
#define H5R_TESTS_FOLDER_H

#include "support/support.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

namespace h5range_test {

// A folder of files in memory. Names outside it are never there, but asking for them is noted.
class Folder {
  public:
    explicit Folder(std::initializer_list<const char *> names)
    {
        for (const char *name : names)
            m_files[name] = ReadFile(std::string(H5RANGE_TEST_DATA "/parts/") + name);
    }
    h5r_source Source(const std::string &name)
    {
        h5r_source s;
        h5r_source_init(&s);
        s.ctx = new Handle{this, name};
        s.read_ranges = ReadRanges;
        s.close = [](void *ctx) {
            auto h = static_cast<Handle *>(ctx);
            h->folder->m_open--;
            delete h;
        };
        s.open_other = OpenOther;
        s.remote = remote;
        s.size = tells_size ? m_files.at(name).size() : H5R_UNDEFINED;
        snprintf(s.name, sizeof s.name, "memory/%s", name.c_str());
        m_open++;
        m_opened++;
        return s;
    }
    FileHandle Open(const std::string &name, h5r_others others = H5R_OTHERS_AUTO)
    {
        h5r_file *f = nullptr;
        h5r_options o;
        h5r_options_init(&o);
        o.others = others;
        o.threads = threads;
        o.trace = trace;
        o.limits.other_files = other_files;
        if (inflight_bytes > 0)
            o.limits.inflight_bytes = inflight_bytes;
        h5r_source s = Source(name);
        EXPECT_EQ(h5r_open(&s, &o, &f, nullptr), H5R_OK);
        return FileHandle(f);
    }
    bool remote = false, fails = false, tells_size = false;
    unsigned threads = 0;
    void (*trace)(void *, const h5r_round *) = nullptr;
    std::function<void(const std::string &)> on_read; // called with the name at the beginning of each batch, of several at once
    uint32_t other_files = 256;
    uint64_t inflight_bytes = 0; // 0: the default
    std::vector<std::string> asked; // "name" beside, "=name" as given
    std::atomic<int> m_open{0}, m_opened{0}; // now; ever
    std::map<std::string, Bytes> m_files;

  private:
    std::mutex m_lock; // guards asked
    struct Handle {
        Folder *folder;
        std::string name;
    };
    static h5r_status ReadRanges(void *ctx, h5r_read *reads, size_t n, h5r_error *)
    {
        auto h = static_cast<Handle *>(ctx);
        const Bytes &bytes = h->folder->m_files.at(h->name);
        if (h->folder->on_read)
            h->folder->on_read(h->name);
        for (size_t i = 0; i < n; i++) {
            size_t left = reads[i].offset < bytes.size() ? bytes.size() - static_cast<size_t>(reads[i].offset) : 0;
            reads[i].got = std::min(left, reads[i].len);
            std::copy_n(bytes.begin() + static_cast<long>(std::min<uint64_t>(reads[i].offset, bytes.size())), reads[i].got, static_cast<unsigned char *>(reads[i].dst));
        }
        return H5R_OK;
    }
    static h5r_status OpenOther(void *ctx, const char *name, bool beside, h5r_source *out, h5r_error *err)
    {
        Folder *folder = static_cast<Handle *>(ctx)->folder;
        {
            std::lock_guard<std::mutex> lock(folder->m_lock);
            folder->asked.push_back(beside ? name : std::string("=") + name);
        }
        if (folder->fails) {
            *err = h5r_error{};
            err->status = H5R_ERR_IO;
            snprintf(err->message, sizeof err->message, "no permission");
            return H5R_ERR_IO;
        }
        if (!beside || folder->m_files.count(name) == 0)
            return H5R_ERR_NOT_FOUND;
        *out = folder->Source(name);
        return H5R_OK;
    }
};

} // namespace h5range_test

#endif
