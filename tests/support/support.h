// What the suites share: sources that count, starve or fail; an allocator that runs out; a digest of everything a file
// answers.
#ifndef H5R_TESTS_SUPPORT_H
#define H5R_TESTS_SUPPORT_H

#include <h5range/h5range.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace h5range_test {

using Bytes = std::vector<unsigned char>;

Bytes ReadFile(const std::string &path);

// A source over bytes that counts, and fails when it is told to.
class TestSource {
  public:
    explicit TestSource(Bytes bytes) : m_bytes(std::move(bytes))
    {
    }
    h5r_source Source();          // borrowed: lives as long as this
    void FailAt(long round);      // the round (from 0) whose read_ranges() fails; -1: none
    long rounds() const
    {
        return m_rounds;
    }
    size_t requests() const
    {
        return m_requests;
    }
    size_t bytes_read() const
    {
        return m_read;
    }
    Bytes &bytes()
    {
        return m_bytes;
    }
    size_t gap = 0, block = 0, first_read = 4096;
    bool one_at_a_time = false, direct = false, remote = false;
    bool keeps_failing = false; // FailAt(): and all rounds after it
    size_t max_request = 0;
    std::function<void(const h5r_read *, size_t)> on_read; // called at the beginning of each batch, of several at once when they come from several threads

  private:
    static h5r_status ReadRanges(void *ctx, h5r_read *reads, size_t n, h5r_error *err);
    Bytes m_bytes;
    std::atomic<long> m_rounds{0}, m_fail_at{-1};
    std::atomic<size_t> m_requests{0}, m_read{0};
};

struct CloseFile {
    void operator()(h5r_file *f) const
    {
        h5r_close(f);
    }
};
using FileHandle = std::unique_ptr<h5r_file, CloseFile>;

// Options of a starved reader: an 8-byte head, and of each range just what is asked for.
h5r_options Starved();

FileHandle Open(TestSource &source, const h5r_options *options = nullptr, h5r_error *err = nullptr);

// One line for each thing the file answers, errors included: links, attributes with values, descriptions, chunk lists, digests of
// data. Equal files and equal readers give equal text. Heap and I/O failures end it early: *failed is their status.
std::string Answers(h5r_file *f, h5r_status *failed = nullptr);

// The same in push mode: feed() is called for each NEED, and feeds what is wanted.
std::string PushedAnswers(h5r_file *f, const std::function<void()> &feed);

// While it lives, the n-th allocation (from 0) of the calling thread fails.
class FailingAllocation {
  public:
    explicit FailingAllocation(long n);
    ~FailingAllocation();
    bool happened() const;
};

std::vector<std::string> DataFiles(); // tests/data/*.h5 and *.nc

} // namespace h5range_test

#endif
