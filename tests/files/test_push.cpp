// Push mode: the caller fetches what is wanted and feeds it; the answers are those of pull mode.
#include "support/support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

using namespace h5range_test;

namespace {

class Pusher {
  public:
    explicit Pusher(Bytes bytes, const h5r_options *options = nullptr) : m_bytes(std::move(bytes))
    {
        h5r_source s;
        h5r_source_init(&s);
        h5r_file *raw = nullptr;
        EXPECT_EQ(h5r_open(&s, options, &raw, nullptr), H5R_OK);
        m_file.reset(raw);
    }
    h5r_file *file() const
    {
        return m_file.get();
    }
    std::vector<h5r_read> Wanted()
    {
        std::vector<h5r_read> wanted(h5r_wanted(file(), nullptr, 0));
        EXPECT_EQ(h5r_wanted(file(), wanted.data(), wanted.size()), wanted.size());
        EXPECT_FALSE(wanted.empty()) << "NEED, and nothing is wanted";
        for (size_t i = 1; i < wanted.size(); i++)
            EXPECT_GE(wanted[i].offset, wanted[i - 1].offset + wanted[i - 1].len) << "not sorted, or overlapping";
        return wanted;
    }
    void Feed(uint64_t offset, size_t len)
    {
        size_t left = offset < m_bytes.size() ? m_bytes.size() - offset : 0, got = std::min(len, left);
        EXPECT_EQ(h5r_feed(file(), offset, got > 0 ? m_bytes.data() + offset : nullptr, got, got < len, nullptr), H5R_OK);
        fed += got;
    }
    void FeedWanted()
    {
        rounds++;
        ASSERT_LT(rounds, 10000u) << "no progress";
        for (const h5r_read &r : Wanted())
            Feed(r.offset, r.len);
    }
    h5r_status Open(h5r_error *err = nullptr)
    {
        h5r_status st;
        while ((st = h5r_open_continue(file(), err)) == H5R_NEED)
            FeedWanted();
        return st;
    }
    size_t rounds = 0, fed = 0;

  private:
    Bytes m_bytes;
    FileHandle m_file;
};

std::string PullAnswers(const Bytes &bytes)
{
    TestSource plain(bytes);
    FileHandle f = Open(plain);
    return f ? Answers(f.get()) : "";
}

h5r_stats Stats(h5r_file *f)
{
    h5r_stats s;
    h5r_get_stats(f, &s);
    return s;
}

} // namespace

TEST(Push, GivesTheAnswersOfPullModeFedOnlyWhatIsWanted)
{
    for (const std::string &path : DataFiles()) {
        SCOPED_TRACE(path);
        Bytes bytes = ReadFile(path);
        h5r_options starved = Starved();
        for (const h5r_options *options : {static_cast<h5r_options *>(nullptr), &starved}) {
            Pusher p(bytes, options);
            ASSERT_EQ(p.Open(), H5R_OK);
            EXPECT_EQ(PushedAnswers(p.file(), [&] { p.FeedWanted(); }), PullAnswers(bytes));
            EXPECT_EQ(Stats(p.file()).rounds, p.rounds);
            EXPECT_EQ(Stats(p.file()).bytes, p.fed);
        }
    }
}

TEST(Push, AskingAgainWithoutFeedingWantsTheSame)
{
    Pusher p(ReadFile(H5RANGE_TEST_DATA "/wide_earliest.h5"));
    ASSERT_EQ(p.Open(), H5R_OK);
    const h5r_object *o = nullptr;
    h5r_stats before = Stats(p.file());
    ASSERT_EQ(h5r_lookup(p.file(), nullptr, "/", &o, nullptr), H5R_OK);
    for (unsigned depth = 0; depth < 5; depth++) {
        if (h5r_prefetch(p.file(), o, 10, H5R_PREFETCH_ATTRS, nullptr) != H5R_NEED)
            break;
        std::vector<h5r_read> first = p.Wanted();
        for (int again = 0; again < 3; again++) {
            ASSERT_EQ(h5r_prefetch(p.file(), o, 10, H5R_PREFETCH_ATTRS, nullptr), H5R_NEED);
            std::vector<h5r_read> second = p.Wanted();
            ASSERT_EQ(first.size(), second.size());
            for (size_t i = 0; i < first.size(); i++)
                EXPECT_EQ(std::make_pair(first[i].offset, first[i].len), std::make_pair(second[i].offset, second[i].len));
        }
        EXPECT_EQ(Stats(p.file()).rounds, before.rounds + depth) << "a NEED that nobody answered is no round";
        p.FeedWanted();
    }
    EXPECT_GT(Stats(p.file()).rounds, before.rounds);
}

TEST(Push, UnaskedRangesAreWelcome)
{
    for (const std::string &path : DataFiles()) {
        Bytes bytes = ReadFile(path);
        Pusher p(bytes);
        p.Feed(0, bytes.size());
        EXPECT_EQ(p.Open(), H5R_OK);
        EXPECT_EQ(Stats(p.file()).rounds, 0u);
        EXPECT_EQ(PushedAnswers(p.file(), [&] { p.FeedWanted(); }), PullAnswers(bytes)) << path;
    }
}

// Pieces of what was wanted, in odd order and partly twice.
TEST(Push, TakesWhatIsWantedInPieces)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/product.nc");
    Pusher p(bytes);
    auto feed = [&] {
        std::vector<h5r_read> wanted = p.Wanted();
        std::reverse(wanted.begin(), wanted.end());
        for (const h5r_read &r : wanted) {
            p.Feed(r.offset + r.len / 2, r.len - r.len / 2);
            p.Feed(r.offset, r.len / 2 + 1);
        }
    };
    while (h5r_open_continue(p.file(), nullptr) == H5R_NEED)
        feed();
    EXPECT_EQ(PushedAnswers(p.file(), feed), PullAnswers(bytes));
}

TEST(Push, EndOfFileInTheMiddleOfWhatIsWantedGivesTheErrorOfPullMode)
{
    Bytes whole = ReadFile(H5RANGE_TEST_DATA "/product.nc");
    for (size_t n = 0; n < whole.size(); n += whole.size() / 40) {
        Bytes cut(whole.begin(), whole.begin() + static_cast<long>(n));
        TestSource plain(cut);
        h5r_error pulled = {}, pushed = {};
        FileHandle f = Open(plain, nullptr, &pulled);
        Pusher p(cut);
        h5r_status st = p.Open(&pushed);
        ASSERT_EQ(st == H5R_OK, f != nullptr) << n;
        if (f)
            EXPECT_EQ(PushedAnswers(p.file(), [&] { p.FeedWanted(); }), Answers(f.get())) << n;
        else
            EXPECT_STREQ(pushed.message, pulled.message) << n;
    }
}

// Calls on a file that is not open yet used to parse with sizes of 0.
TEST(Push, CallsBeforeTheFileIsOpenAreRefused)
{
    Pusher p(ReadFile(H5RANGE_TEST_DATA "/product.nc"));
    const h5r_object *o = nullptr;
    h5r_error err = {};
    EXPECT_EQ(h5r_lookup(p.file(), nullptr, "/", &o, &err), H5R_ERR_ARG);
    EXPECT_NE(std::string(err.message).find("h5r_open_continue"), std::string::npos) << err.message;
}

// As the header has it: h5r_open() looks at nothing, h5r_open_continue() opens or says why not.
TEST(Push, OpensInTwoSteps)
{
    const Bytes good = ReadFile(H5RANGE_TEST_DATA "/flat_earliest.h5"), bad(1024, 'x');
    for (const Bytes *bytes : {&good, &bad})
        for (bool head : {false, true}) {
            h5r_options o;
            h5r_options_init(&o);
            o.head = head ? bytes->data() : nullptr;
            o.head_len = head ? bytes->size() : 0;
            int closed = 0;
            h5r_source s;
            h5r_source_init(&s);
            s.ctx = &closed;
            s.close = [](void *ctx) { ++*static_cast<int *>(ctx); };
            h5r_file *f = nullptr;
            h5r_error err = {};
            ASSERT_EQ(h5r_open(&s, &o, &f, &err), H5R_OK);
            EXPECT_EQ(h5r_wanted(f, nullptr, 0), 0u);
            h5r_status st = h5r_open_continue(f, &err);
            if (!head) {
                EXPECT_EQ(st, H5R_NEED);
                EXPECT_EQ(h5r_feed(f, 0, bytes->data(), bytes->size(), true, &err), H5R_OK);
                st = h5r_open_continue(f, &err);
            } else if (st == H5R_NEED) {
                EXPECT_EQ(h5r_feed(f, bytes->size(), nullptr, 0, true, &err), H5R_OK); // the head is all there is
                st = h5r_open_continue(f, &err);
            }
            EXPECT_EQ(st, bytes == &good ? H5R_OK : H5R_ERR_FORMAT) << err.message;
            const h5r_object *root;
            EXPECT_EQ(h5r_lookup(f, nullptr, "/", &root, &err), bytes == &good ? H5R_OK : H5R_ERR_ARG);
            EXPECT_EQ(h5r_open_continue(f, &err), st);
            EXPECT_EQ(closed, 0);
            h5r_close(f);
            EXPECT_EQ(closed, 1);
        }
}

// Chunk data that were fed used to stay for ever: a long run reached limits.metadata_bytes.
TEST(Push, DataAreForgottenOnceTheyAreRead)
{
    Bytes bytes = ReadFile(H5RANGE_TEST_DATA "/chunk_indexes.h5");
    h5r_options options = Starved();
    Pusher p(bytes, &options);
    ASSERT_EQ(p.Open(), H5R_OK);
    const h5r_object *o = nullptr;
    const h5r_dataset *d = nullptr;
    auto call = [&](auto f) {
        h5r_status st;
        while ((st = f()) == H5R_NEED)
            p.FeedWanted();
        return st;
    };
    ASSERT_EQ(call([&] { return h5r_lookup(p.file(), nullptr, "/plain/btree2", &o, nullptr); }), H5R_OK);
    ASSERT_EQ(call([&] { return h5r_dataset_describe(p.file(), o, &d, nullptr); }), H5R_OK);
    Bytes data(d->space->count * d->type->size);
    h5r_selection sel = {};
    sel.dst = data.data();
    uint64_t held = 0;
    for (int i = 0; i < 3; i++) {
        ASSERT_EQ(call([&] { return h5r_read_dataset(p.file(), o, &sel, nullptr); }), H5R_OK);
        if (i == 0)
            held = Stats(p.file()).cached_bytes;
        EXPECT_EQ(Stats(p.file()).cached_bytes, held);
    }
    EXPECT_GE(p.fed, 3 * data.size()) << "and asked for again";
}
