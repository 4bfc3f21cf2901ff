// Passing trouble of HTTP servers: what is asked again, when, and when a read is given up.
#ifdef H5RANGE_HAVE_CURL
#include "support/remote.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>

using namespace h5range_test;

TEST(CurlRetry, OnlyFailedRequestsAreSentAgain)
{
    std::map<uint64_t, int> seen;
    HttpServer server([&](const HttpRequest &r) {
        int k = seen[r.first]++;
        if (r.first == 2000 && k < 2)
            return Status(503);
        return r.first == 4000 && k < 1 ? Status(429) : RangeOf(r, file);
    });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read(Spans(6, 1000, 10)), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[2], Part(file, 2000, 10));
    EXPECT_EQ(server.requests().size(), 9u);
    EXPECT_EQ(seen[2000], 3);
    EXPECT_EQ(seen[4000], 2);
}

TEST(CurlRetry, EveryPassingStatus)
{
    for (int status : {408, 429, 500, 502, 503, 504}) {
        HttpServer server([&](const HttpRequest &r) { return r.number == 0 ? Status(status, {}, "busy") : RangeOf(r, file); });
        Remote r(server.Url("/f"));
        EXPECT_EQ(r.Read({{0, 10}}), H5R_OK) << status;
        EXPECT_EQ(server.requests().size(), 2u) << status;
        EXPECT_EQ(server.connections(), 1) << status;
    }
}

TEST(CurlRetry, GivesUpAndSaysWhat)
{
    HttpServer server([](const HttpRequest &) { return Status(503); });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_EQ(server.requests().size(), 4u);
    EXPECT_SAYS(r, server.host() + " answered HTTP 503, 4 times in a row");
}

TEST(CurlRetry, RetryAfterIsKept)
{
    HttpServer server([](const HttpRequest &r) { return r.number == 0 ? Status(429, {"Retry-After: 1"}) : RangeOf(r, file); });
    Remote r(server.Url("/f"));
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(r.Read({{0, 10}}), H5R_OK);
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(950));
    EXPECT_EQ(server.requests().size(), 2u);
}

// 0 used to count as absent.
TEST(CurlRetry, RetryAfterOfZeroIsAtOnce)
{
    HttpServer server([](const HttpRequest &r) { return r.number == 0 ? Status(503, {"Retry-After: 0"}) : RangeOf(r, file); });
    h5r_curl_options o = Quick();
    o.backoff_ms = 30000;
    Remote r(server.Url("/f"), o);
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(r.Read({{0, 10}}), H5R_OK);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(25));
    EXPECT_EQ(server.requests().size(), 2u);
}

TEST(CurlRetry, RetryAfterOfAnHourIsAnError)
{
    HttpServer server([](const HttpRequest &) { return Status(503, {"Retry-After: 3600"}); });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_EQ(server.requests().size(), 1u);
    EXPECT_SAYS(r, "3600 seconds");
}

TEST(CurlRetry, ResetBeforeTheAnswer)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, file);
        a.reset = r.number < 2;
        return a;
    });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{7, 10}}), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[0], Part(file, 7, 10));
}

TEST(CurlRetry, CutBodiesAreContinuedWhereTheyEnded)
{
    for (bool reset : {false, true}) {
        HttpServer server([&](const HttpRequest &r) {
            HttpAnswer a = RangeOf(r, file);
            if (r.number < 2) {
                a.cut = 1000;
                a.reset = reset;
                a.stall_ms = reset ? 50 : 0; // a reset throws away what the reader has not taken yet
            }
            return a;
        });
        Remote r(server.Url("/f"));
        ASSERT_EQ(r.Read({{100, 5000}}), H5R_OK) << r.error.message;
        EXPECT_EQ(r.data[0], Part(file, 100, 5000));
        std::vector<HttpRequest> q = server.requests();
        ASSERT_EQ(q.size(), 3u);
        EXPECT_EQ(q[1].first, 1100u);
        EXPECT_EQ(q[2].first, 2100u);
        EXPECT_EQ(q[2].last, 5099u);
    }
}

TEST(CurlRetry, StallsEndByTheTimeout)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, file);
        if (r.number == 0) {
            a.cut = 100;
            a.stall_ms = 60000;
        }
        return a;
    });
    h5r_curl_options o = Quick();
    o.stall_timeout_s = 1;
    Remote r(server.Url("/f"), o);
    EXPECT_EQ(r.Read({{0, 1000}}), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[0], Part(file, 0, 1000));
}

TEST(CurlRetry, LostConnectionsAreGivenUpInTheEnd)
{
    HttpServer server([](const HttpRequest &) {
        HttpAnswer a;
        a.reset = true;
        return a;
    });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "lost the connection");
    EXPECT_SAYS(r, server.host());
}

TEST(CurlRetry, LongReadsThatAdvanceAreNotCountedOut)
{
    // Every answer brings 64 KiB and breaks: more breaks than retries, yet each try got on.
    const Bytes big = Pattern(1 << 20);
    HttpServer server([&](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, big);
        if (a.body.size() > 65536)
            a.cut = 65536;
        return a;
    });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{0, 1 << 20}}), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[0], big);
}

TEST(CurlRetry, PartialRangesAreCompleted)
{
    HttpServer server([](const HttpRequest &r) {
        HttpRequest half = r;
        half.last = r.first + (r.last - r.first) / 2;
        return r.number < 2 ? RangeOf(half, file) : RangeOf(r, file);
    });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{10, 1000}}), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[0], Part(file, 10, 1000));
    EXPECT_EQ(server.requests().size(), 3u);
}

// A server that sends little at a time used to be refused after as many answers as there are retries.
TEST(CurlRetry, PartsOfARangeAreNoFailedTries)
{
    HttpServer server([](const HttpRequest &r) {
        HttpRequest part = r;
        part.last = std::min(r.last, r.first + 99);
        return RangeOf(part, file);
    });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{10, 5000}}), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[0], Part(file, 10, 5000));
    EXPECT_EQ(server.requests().size(), 50u);
    EXPECT_EQ(server.connections(), 1);
}

// Failures between parts count from the last part on; announced parts that do not come are failures.
TEST(CurlRetry, PartsWithoutAByteAreFailedTries)
{
    for (bool empty : {false, true}) {
        HttpServer server([&](const HttpRequest &r) {
            HttpRequest part = r;
            part.last = std::min(r.last, r.first + 99);
            if (r.number % 4 != 3)
                return Status(503);
            HttpAnswer a = RangeOf(part, file);
            if (empty)
                a.body.clear();
            return a;
        });
        Remote r(server.Url("/f"));
        EXPECT_EQ(r.Read({{10, 1000}}), empty ? H5R_ERR_IO : H5R_OK) << r.error.message;
        EXPECT_EQ(server.requests().size(), empty ? 4u : 40u);
        if (empty)
            EXPECT_SAYS(r, "sent less than it announced, 4 times in a row");
        else
            EXPECT_EQ(r.data[0], Part(file, 10, 1000));
    }
}

TEST(CurlRetry, ASiblingsFailureEndsTheBatchAndTheSourceGoesOn)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = r.first == 5000 && r.number < 60 ? Status(404) : RangeOf(r, file);
        a.delay_ms = 2;
        return a;
    });
    h5r_curl_options o = Quick();
    o.max_parallel = 4;
    Remote r(server.Url("/f"), o);
    EXPECT_EQ(r.Read(Spans(40, 1000, 100)), H5R_ERR_NOT_FOUND);
    while (server.requests().size() < 60)
        ASSERT_EQ(r.Read({{0, 1}}), H5R_OK);
    EXPECT_EQ(r.Read(Spans(40, 1000, 100)), H5R_OK) << r.error.message;
}

namespace {
// Ends the first wait that it is asked about.
struct Asked {
    int times = 0;
    static bool Ask(void *ctx)
    {
        return ++static_cast<Asked *>(ctx)->times == 1;
    }
    h5r_curl_options Options()
    {
        h5r_curl_options o = Quick();
        o.interrupted = Ask;
        o.interrupted_ctx = this;
        return o;
    }
};
} // namespace

TEST(CurlInterrupt, EndsAWaitForAnAnswerAndOneBetweenTries)
{
    for (bool answers : {false, true}) {
        HttpServer server([&](const HttpRequest &r) {
            HttpAnswer a = answers ? Status(503, {"Retry-After: 100"}) : RangeOf(r, file);
            a.delay_ms = answers ? 0 : 1500;
            return a;
        });
        Asked asked;
        Remote r(server.Url("/f"), asked.Options());
        EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
        EXPECT_SAYS(r, "interrupted");
        EXPECT_EQ(asked.times, 1);
        EXPECT_LE(server.requests().size(), 1u);
        if (!answers) { // the source goes on
            EXPECT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
            EXPECT_EQ(r.data[0], Part(file, 0, 10));
        }
    }
}

// Of a program that was built before the callback came: what lies behind its options is not looked at.
TEST(CurlInterrupt, OptionsOfAnEarlierVersionHaveNone)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, file);
        a.delay_ms = 700;
        return a;
    });
    Asked asked;
    h5r_curl_options o = asked.Options();
    for (size_t size : {size_t{0}, offsetof(h5r_curl_options, interrupted)}) {
        o.struct_size = size;
        Remote r(server.Url("/f"), o);
        EXPECT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
        EXPECT_EQ(asked.times, 0);
    }
}
#endif
