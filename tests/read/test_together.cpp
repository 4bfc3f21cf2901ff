// Several files of one virtual dataset, or behind external links, are opened and read at the same time.
#include "support/folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <numeric>
#include <set>
#include <thread>

using namespace h5range_test;

namespace {

// Holds the reads of sources back until so many different files are being read, or until it has been too long.
class Meeting {
  public:
    Meeting(Folder &folder, size_t wanted) : m_wanted(wanted)
    {
        folder.on_read = [this](const std::string &name) { Enter(name); };
    }
    size_t most() const
    {
        return m_most;
    }

  private:
    void Enter(const std::string &name)
    {
        if (name.rfind("virtual_source_", 0) != 0)
            return;
        std::unique_lock<std::mutex> lock(m_lock);
        m_inside.insert(name);
        m_most = std::max(m_most, m_inside.size());
        m_changed.notify_all();
        m_changed.wait_for(lock, std::chrono::seconds(m_wanted > 1 ? 20 : 0), [this] { return m_most >= m_wanted; });
        m_inside.erase(name);
    }
    std::mutex m_lock;
    std::condition_variable m_changed;
    std::set<std::string> m_inside;
    size_t m_wanted, m_most = 0;
};

const h5r_object *Lookup(const FileHandle &f, const char *path)
{
    const h5r_object *o = nullptr;
    h5r_error e = {};
    EXPECT_EQ(h5r_lookup(f.get(), nullptr, path, &o, &e), H5R_OK) << e.message;
    return o;
}

std::vector<int> Stacked(const FileHandle &f, h5r_error *err = nullptr)
{
    std::vector<int> values(48);
    h5r_selection sel{};
    sel.dst = values.data();
    if (h5r_read_dataset(f.get(), Lookup(f, "/stacked"), &sel, err) != H5R_OK)
        values.clear();
    return values;
}

// What /stacked of virtual.h5 holds: three sources of 12 elements, and a fourth that is missing.
std::vector<int> Expected()
{
    std::vector<int> v(48, -7);
    for (int i = 0; i < 36; i++)
        v[static_cast<size_t>(i)] = i / 12 * 100 + i % 12;
    return v;
}

#define SOURCES "virtual_source_0.h5", "virtual_source_1.h5", "virtual_source_2.h5"

} // namespace

TEST(TogetherThreads, SourcesOfARemoteVirtualDataset)
{
    Folder folder({"virtual.h5", SOURCES});
    folder.remote = true;
    Meeting meeting(folder, 3);
    EXPECT_EQ(Stacked(folder.Open("virtual.h5")), Expected());
    EXPECT_EQ(meeting.most(), 3u);
}

TEST(TogetherThreads, OneThreadReadsInTurn)
{
    Folder folder({"virtual.h5", SOURCES});
    folder.remote = true;
    folder.threads = 1;
    Meeting meeting(folder, 1);
    EXPECT_EQ(Stacked(folder.Open("virtual.h5")), Expected());
    EXPECT_EQ(meeting.most(), 1u);
}

TEST(TogetherThreads, ATraceShowsRoundsInTurn)
{
    Folder folder({"virtual.h5", SOURCES});
    folder.remote = true;
    folder.trace = [](void *, const h5r_round *) {};
    Meeting meeting(folder, 1);
    EXPECT_EQ(Stacked(folder.Open("virtual.h5")), Expected());
    EXPECT_EQ(meeting.most(), 1u);
}

TEST(TogetherThreads, FilesBehindExternalLinks)
{
    Folder folder({"linked.h5", SOURCES});
    folder.remote = true;
    FileHandle f = folder.Open("linked.h5");
    const h5r_object *const both[] = {Lookup(f, "/soft"), Lookup(f, "/block")};
    std::vector<int16_t> line(10);
    std::vector<int> block(12);
    h5r_selection sel[2]{};
    sel[0].dst = line.data();
    sel[1].dst = block.data();
    h5r_error e = {};
    ASSERT_EQ(h5r_read_many(f.get(), both, sel, 2, &e), H5R_OK) << e.message;
    EXPECT_EQ(line[3], 13);
    EXPECT_EQ(block[11], 11);
}

TEST(TogetherThreads, EightReadersOpenEachSourceOnce)
{
    Folder folder({"virtual.h5", SOURCES});
    folder.remote = true;
    FileHandle f = folder.Open("virtual.h5");
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; t++)
        threads.emplace_back([&] {
            for (int round = 0; round < 20; round++)
                wrong += Stacked(f) != Expected();
        });
    for (std::thread &t : threads)
        t.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(folder.m_opened, 4);
    f.reset();
    EXPECT_EQ(folder.m_open, 0);
}

TEST(TogetherThreads, OneFileUnderManyNamesIsOpenedOnce)
{
    Folder folder({"virtual.h5", "linked.h5", SOURCES});
    FileHandle f = folder.Open("linked.h5");
    std::vector<std::thread> threads;
    std::vector<const h5r_object *> found(8);
    for (size_t t = 0; t < found.size(); t++)
        threads.emplace_back([&, t] { found[t] = Lookup(f, t % 2 == 0 ? "/absolute" : "/block"); });
    for (std::thread &t : threads)
        t.join();
    for (size_t t = 0; t < found.size(); t++)
        EXPECT_EQ(found[t], found[t % 2]);
}

TEST(TogetherThreads, TheFirstFailureIsTold)
{
    Folder folder({"virtual.h5", SOURCES});
    folder.remote = true;
    for (const char *name : {"virtual_source_1.h5", "virtual_source_2.h5"})
        folder.m_files[name].resize(300); // cut
    FileHandle f = folder.Open("virtual.h5");
    for (int i = 0; i < 10; i++) {
        h5r_error e = {};
        EXPECT_TRUE(Stacked(f, &e).empty());
        EXPECT_EQ(e.status, H5R_ERR_FORMAT);
        EXPECT_NE(std::string(e.message).find("virtual_source_1.h5"), std::string::npos) << e.message;
    }
}
