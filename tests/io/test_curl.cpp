// The HTTP and S3 source against a scripted server: what is asked, how often, over how many connections, and what a user reads when
// it goes wrong.
#ifdef H5RANGE_HAVE_CURL
#include "support/http_server.h"

#include <h5range/h5range_curl.h>

extern "C" {
#include "io/http.h"
#include "io/s3.h"
}

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>

using namespace h5range_test;

namespace {

using Headers = std::vector<std::string>;

Bytes Pattern(size_t n)
{
    Bytes b(n);
    for (size_t i = 0; i < n; i++)
        b[i] = static_cast<unsigned char>(i * 31 + i / 251);
    return b;
}

Bytes Text(const std::string &s)
{
    return Bytes(s.begin(), s.end());
}

HttpAnswer Status(int status, Headers headers = {}, const std::string &body = "")
{
    HttpAnswer a;
    a.status = status;
    a.headers = std::move(headers);
    a.body = Text(body);
    return a;
}

// Variables that would change what is tested are unset, given ones set, and all put back.
class Environment {
  public:
    explicit Environment(std::map<std::string, std::string> values = {})
    {
        for (const char *name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
                                 "AWS_NO_SIGN_REQUEST", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_S3_ENDPOINT", "AWS_HTTPS",
                                 "AWS_VIRTUAL_HOSTING", "AWS_REQUEST_PAYER", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                 "ALL_PROXY"})
            Set(name, values.count(name) ? values[name].c_str() : nullptr);
        Set("NETRC", values.count("NETRC") ? values["NETRC"].c_str() : "/dev/null"); // not the user's own
    }
    ~Environment()
    {
        for (const auto &v : m_old) {
            if (v.second.first)
                setenv(v.first.c_str(), v.second.second.c_str(), 1);
            else
                unsetenv(v.first.c_str());
        }
    }

  private:
    void Set(const char *name, const char *value)
    {
        const char *old = getenv(name);
        m_old[name] = {old != nullptr, old != nullptr ? old : ""};
        if (value != nullptr)
            setenv(name, value, 1);
        else
            unsetenv(name);
    }
    std::map<std::string, std::pair<bool, std::string>> m_old;
};

h5r_curl_options Quick()
{
    h5r_curl_options o;
    h5r_curl_options_init(&o);
    o.backoff_ms = 1;
    o.retries = 3;
    return o;
}

// A source with the environment that it was opened in.
class Remote {
  public:
    explicit Remote(const std::string &url, const h5r_curl_options &o = Quick(), std::map<std::string, std::string> env = {}) : m_env(std::move(env))
    {
        opened = h5r_source_open_url(url.c_str(), &o, &source, &error);
    }
    ~Remote()
    {
        if (opened == H5R_OK)
            source.close(source.ctx);
    }
    struct Span {
        uint64_t offset;
        size_t len;
    };
    h5r_status Read(const std::vector<Span> &spans)
    {
        std::vector<h5r_read> reads(spans.size());
        data.assign(spans.size(), {});
        for (size_t i = 0; i < spans.size(); i++) {
            data[i].assign(spans[i].len, 0xee);
            reads[i].offset = spans[i].offset;
            reads[i].len = spans[i].len;
            reads[i].dst = data[i].data();
        }
        error = h5r_error{};
        h5r_status st = source.read_ranges(source.ctx, reads.data(), reads.size(), &error);
        for (size_t i = 0; i < spans.size(); i++)
            data[i].resize(reads[i].got);
        return st;
    }
    bool Says(const std::string &text) const
    {
        return std::string(error.message).find(text) != std::string::npos;
    }
    Environment m_env;
    h5r_status opened;
    h5r_source source = {};
    h5r_error error = {};
    std::vector<Bytes> data;
};

Bytes Part(const Bytes &file, size_t offset, size_t len)
{
    return Bytes(file.begin() + static_cast<long>(offset), file.begin() + static_cast<long>(offset + len));
}

std::vector<Remote::Span> Spans(size_t n, size_t step, size_t len)
{
    std::vector<Remote::Span> spans;
    for (size_t i = 0; i < n; i++)
        spans.push_back({i * step, len});
    return spans;
}

const Bytes file = Pattern(200000);

} // namespace

#define EXPECT_SAYS(remote, text) EXPECT_TRUE((remote).Says(text)) << (remote).error.message

// ---------------------------------------------------------------- names

TEST(CurlName, SchemesInAnyCase)
{
    EXPECT_TRUE(h5r_is_url("http://a/b"));
    EXPECT_TRUE(h5r_is_url("HTTPS://a/b"));
    EXPECT_TRUE(h5r_is_url("S3://a/b"));
    EXPECT_FALSE(h5r_is_url("http:/a"));
    EXPECT_FALSE(h5r_is_url("gs://a/b"));
    EXPECT_FALSE(h5r_is_url("/http://a"));
    EXPECT_FALSE(h5r_is_url(""));
    EXPECT_FALSE(h5r_is_url(nullptr));
}

TEST(CurlName, MessagesShowNoSecrets)
{
    const char *const pairs[][2] = {
        {"https://me:pass@host/a.h5", "https://host/a.h5"},
        {"https://me:p@ss@host:8/a", "https://host:8/a"},
        {"https://h/a?X-Amz-Signature=abc&b=1&sig=2", "https://h/a?X-Amz-Signature=...&b=1&sig=..."},
        {"https://h/a?TOKEN=x;y=2#frag", "https://h/a?TOKEN=...;y=2"},
        {"s3://bucket/key@x", "s3://bucket/key@x"},
        {"me:pass@host/a", "host/a"},
    };
    for (const auto &p : pairs) {
        char out[200];
        h5r_redact_url(p[0], out, sizeof out);
        EXPECT_STREQ(out, p[1]);
    }
    char tiny[8];
    h5r_redact_url("https://host/long", tiny, sizeof tiny);
    EXPECT_STREQ(tiny, "https:/");
    Remote r("http://me:geheim@127.0.0.1:1/f?token=geheim");
    ASSERT_EQ(r.opened, H5R_OK);
    EXPECT_STREQ(r.source.name, "http://127.0.0.1:1/f?token=...");
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_EQ(std::string(r.error.message).find("geheim"), std::string::npos) << r.error.message;
    EXPECT_SAYS(r, "127.0.0.1");
}

TEST(CurlName, WhatIsNoUrlIsAnArgumentError)
{
    for (const char *url : {"ftp://a/b", "a.h5", "http://", "http://a:99999999/b", "s3://", "s3://bucket", "s3://bucket/", "s3:///key",
                            "s3://evil.com?x/key", "s3://a@b/key"}) {
        Remote r(url);
        EXPECT_EQ(r.opened, H5R_ERR_ARG) << url;
        EXPECT_NE(r.error.message[0], '\0') << url;
    }
    for (const char *endpoint : {"http://h/path", "ftp://h", "https://", "a@b"}) {
        Remote r("s3://b/k", Quick(), {{"AWS_ENDPOINT_URL", endpoint}});
        EXPECT_EQ(r.opened, H5R_ERR_ARG) << endpoint;
    }
    Remote region("s3://b/k", Quick(), {{"AWS_REGION", "evil.com/"}});
    EXPECT_EQ(region.opened, H5R_ERR_ARG);
    const char *headers[] = {"X: a\r\nY: b", nullptr};
    h5r_curl_options o = Quick();
    o.headers = headers;
    Remote r("http://a/b", o);
    EXPECT_EQ(r.opened, H5R_ERR_ARG);
}

TEST(CurlHead, ContentRange)
{
    struct Case {
        const char *line;
        uint64_t first, last, total;
    };
    const uint64_t u = H5R_UNDEFINED;
    for (const Case &c : {Case{"Content-Range: bytes 5-9/20\r\n", 5, 9, 20}, Case{"content-range:bytes 5-9/*", 5, 9, u},
                          Case{"Content-Range: bytes */20", u, u, 20}, Case{"Content-Range: bytes 9-5/20", u, u, u},
                          Case{"Content-Range: bytes 5-20/20", u, u, u}, Case{"Content-Range: items 5-9/20", u, u, u},
                          Case{"Content-Range: bytes 5-9", u, u, u}, Case{"Content-Range: bytes -/", u, u, u},
                          Case{"Content-Range: bytes 0-18446744073709551616/*", u, u, u}, Case{"Content-Range:", u, u, u}}) {
        h5r_http_head h;
        h5r_http_head_clear(&h);
        h5r_http_head_line(&h, c.line, std::strlen(c.line));
        EXPECT_EQ(h.first, c.first) << c.line;
        EXPECT_EQ(h.last, c.last) << c.line;
        EXPECT_EQ(h.total, c.total) << c.line;
    }
}

TEST(CurlHead, LongFieldsAreCut)
{
    h5r_http_head h;
    h5r_http_head_clear(&h);
    std::string line = "ETag: \"" + std::string(1000, 'x');
    h5r_http_head_line(&h, line.data(), line.size());
    EXPECT_EQ(std::strlen(h.etag), sizeof h.etag - 1);
}

// ---------------------------------------------------------------- reading

TEST(Curl, OneBatchIsOneRequestForEachRange)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, file); });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.opened, H5R_OK);
    EXPECT_EQ(server.requests().size(), 0u) << "opening sends no request";
    ASSERT_EQ(r.Read({{0, 100}, {1000, 1}, {199990, 100}, {300000, 5}}), H5R_OK) << r.error.message;
    EXPECT_EQ(r.data[0], Part(file, 0, 100));
    EXPECT_EQ(r.data[1], Part(file, 1000, 1));
    EXPECT_EQ(r.data[2], Part(file, 199990, 10));
    EXPECT_TRUE(r.data[3].empty());
    EXPECT_EQ(server.requests().size(), 4u);
    for (const HttpRequest &q : server.requests()) {
        EXPECT_EQ(q.method, "GET");
        EXPECT_EQ(q.headers.at("accept-encoding"), "identity");
        EXPECT_EQ(q.headers.count("authorization"), 0u);
    }
    ASSERT_EQ(r.Read({{200000, 10}, {900000, 10}}), H5R_OK);
    EXPECT_EQ(server.requests().size(), 4u) << "the size is known: nothing to ask beyond the end";
    ASSERT_EQ(r.Read({}), H5R_OK);
}

TEST(Curl, FieldsOfTheSource)
{
    Remote r("http://127.0.0.1/f");
    EXPECT_EQ(r.source.gap, 64u * 1024);
    EXPECT_EQ(r.source.block, 1u << 20);
    EXPECT_EQ(r.source.first_read, 1u << 20);
    EXPECT_EQ(r.source.max_request, 2u << 20);
    EXPECT_TRUE(r.source.remote);
    EXPECT_EQ(r.source.size, H5R_UNDEFINED);
    EXPECT_FALSE(r.source.one_at_a_time);
}

TEST(Curl, ConnectionsAreKeptFromRoundToRound)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, file); });
    Remote r(server.Url("/f"));
    for (int i = 0; i < 5; i++)
        ASSERT_EQ(r.Read({{static_cast<uint64_t>(i) * 100, 100}}), H5R_OK);
    EXPECT_EQ(server.connections(), 1);
    for (int i = 0; i < 5; i++)
        ASSERT_EQ(r.Read(Spans(8, 20000, 100)), H5R_OK);
    EXPECT_LE(server.connections(), 8);
    EXPECT_EQ(server.requests().size(), 45u);
}

TEST(Curl, ParallelismIsBounded)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, file);
        a.delay_ms = 10;
        return a;
    });
    h5r_curl_options o = Quick();
    o.max_parallel = 4;
    Remote r(server.Url("/f"), o);
    ASSERT_EQ(r.Read(Spans(40, 5000, 3000)), H5R_OK) << r.error.message;
    EXPECT_EQ(server.max_in_flight(), 4);
    EXPECT_LE(server.connections(), 4);
    for (size_t i = 0; i < 40; i++)
        EXPECT_EQ(r.data[i], Part(file, i * 5000, 3000));
}

TEST(CurlThreads, EightReadAtOnceWithinOneBound)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = r.number % 13 == 5 ? Status(503) : RangeOf(r, file, "\"one\"");
        a.delay_ms = 2;
        return a;
    });
    h5r_curl_options o = Quick();
    o.max_parallel = 6; // fewer than threads: some wait for a slot
    o.retries = 50;
    Remote r(server.Url("/f"), o);
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 8; t++)
        threads.emplace_back([&, t] {
            for (int round = 0; round < 5; round++) {
                std::vector<Bytes> data(10, Bytes(500));
                std::vector<h5r_read> reads(10);
                for (size_t i = 0; i < 10; i++)
                    reads[i] = {i * 9000 + static_cast<size_t>(t) * 700, 500, data[i].data(), 0};
                h5r_error e = {};
                if (r.source.read_ranges(r.source.ctx, reads.data(), reads.size(), &e) != H5R_OK)
                    wrong++;
                for (size_t i = 0; i < 10; i++)
                    if (reads[i].got != 500 || data[i] != Part(file, reads[i].offset, 500))
                        wrong++;
            }
        });
    for (std::thread &t : threads)
        t.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(server.max_in_flight(), 6);
    EXPECT_GE(server.requests().size(), 400u);
}

TEST(Curl, WholeFilesAnswerAsLocalOnesDo)
{
    const std::string path = H5RANGE_TEST_DATA "/btree1.h5";
    const Bytes bytes = ReadFile(path);
    HttpServer server([&](const HttpRequest &r) { return RangeOf(r, bytes, "\"x\""); });
    Remote r(server.Url("/btree1.h5"));
    ASSERT_EQ(r.opened, H5R_OK);
    h5r_file *f = nullptr;
    h5r_error e = {};
    r.opened = H5R_ERR_ARG; // h5r_open() takes the source over
    ASSERT_EQ(h5r_open(&r.source, nullptr, &f, &e), H5R_OK) << e.message;
    FileHandle remote(f);
    TestSource local(bytes);
    EXPECT_EQ(Answers(f), Answers(Open(local).get()));
}

// ---------------------------------------------------------------- passing trouble

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

// ---------------------------------------------------------------- servers without ranges, wrong answers

TEST(CurlRanges, AServerWithoutThemIsNamedAndNotReadWhole)
{
    const Bytes big = Pattern(50 << 20);
    for (bool chunked : {false, true}) {
        HttpServer server([&](const HttpRequest &) {
            HttpAnswer a;
            a.body = big;
            a.chunked = chunked;
            return a;
        });
        {
            Remote r(server.Url("/f"));
            EXPECT_EQ(r.Read({{0, 1000}}), H5R_ERR_IO);
            EXPECT_SAYS(r, "does not support byte ranges");
            EXPECT_SAYS(r, "download the file");
            EXPECT_EQ(server.requests().size(), 1u);
            EXPECT_EQ(r.Read({{5000, 1000}}), H5R_ERR_IO);
            EXPECT_SAYS(r, "does not support byte ranges");
        }
        for (int i = 0; i < 500 && server.body_bytes() == 0; i++) // counted when the server notices
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_LT(server.body_bytes(), big.size() / 2); // socket buffers take some
    }
}

TEST(CurlRanges, AWholeSmallFileServesTheFirstRead)
{
    for (bool chunked : {false, true}) {
        HttpServer server([&](const HttpRequest &) {
            HttpAnswer a;
            a.body = Part(file, 0, 5000);
            a.chunked = chunked;
            return a;
        });
        Remote r(server.Url("/f"));
        ASSERT_EQ(r.Read({{0, 65536}}), H5R_OK) << r.error.message;
        EXPECT_EQ(r.data[0], Part(file, 0, 5000));
        ASSERT_EQ(r.Read({{5000, 10}}), H5R_OK);
        EXPECT_TRUE(r.data[0].empty());
        EXPECT_EQ(server.requests().size(), 1u);
    }
}

TEST(CurlRanges, BeyondTheEnd)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, file); });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{200000, 10}}), H5R_OK) << r.error.message; // 416 with the size
    EXPECT_TRUE(r.data[0].empty());
    ASSERT_EQ(r.Read({{200001, 10}}), H5R_OK);
    EXPECT_EQ(server.requests().size(), 1u);

    HttpServer silent([](const HttpRequest &) { return Status(416); });
    Remote s(silent.Url("/f"));
    ASSERT_EQ(s.Read({{0, 10}}), H5R_OK);
    EXPECT_TRUE(s.data[0].empty());

    HttpServer wrong([](const HttpRequest &) { return Status(416, {"Content-Range: bytes */1000"}); });
    Remote w(wrong.Url("/f"));
    EXPECT_EQ(w.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(w, "416");
}

TEST(CurlRanges, AnEmptyFile)
{
    HttpServer server([](const HttpRequest &) { return Status(200); });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{0, 100}}), H5R_OK) << r.error.message;
    EXPECT_TRUE(r.data[0].empty());
}

TEST(CurlRanges, AWrongContentRangeIsNoData)
{
    HttpServer server([](const HttpRequest &r) {
        HttpRequest q = r;
        q.first++;
        q.last++;
        return RangeOf(q, file);
    });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "bytes 1-10 instead of 0-9");

    HttpServer none([](const HttpRequest &) { return Status(206, {}, "0123456789"); });
    Remote n(none.Url("/f"));
    EXPECT_EQ(n.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(n, "Content-Range");

    HttpServer more([](const HttpRequest &) { return Status(206, {"Content-Range: bytes 0-9/100"}, "0123456789abcdef"); });
    Remote m(more.Url("/f"));
    EXPECT_EQ(m.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(m, "more bytes");
}

TEST(CurlRanges, CompressedAnswersAreRefused)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, file);
        a.headers.push_back("Content-Encoding: gzip");
        return a;
    });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "Content-Encoding: gzip");
}

TEST(CurlRanges, OtherStatusesAreNamed)
{
    for (int status : {204, 304, 400, 405, 407, 418, 501}) {
        HttpServer server([&](const HttpRequest &) { return Status(status); });
        Remote r(server.Url("/f"));
        EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO) << status;
        EXPECT_SAYS(r, std::to_string(status));
        EXPECT_EQ(server.requests().size(), 1u) << status;
    }
}

// ---------------------------------------------------------------- refusals

TEST(CurlErrors, NotFoundIsImmediate)
{
    for (int status : {404, 410}) {
        HttpServer server([&](const HttpRequest &) { return Status(status, {"Content-Type: text/html"}, std::string(5000, 'x')); });
        Remote r(server.Url("/f"));
        EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_NOT_FOUND);
        EXPECT_EQ(r.error.status, H5R_ERR_NOT_FOUND);
        EXPECT_SAYS(r, server.host());
        EXPECT_EQ(server.requests().size(), 1u);
    }
}

TEST(CurlErrors, RefusalsAdviseAboutCredentials)
{
    for (int status : {401, 403}) {
        HttpServer server([&](const HttpRequest &) { return Status(status); });
        Remote r(server.Url("/f"));
        EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
        EXPECT_SAYS(r, std::to_string(status));
        EXPECT_SAYS(r, "netrc");
        EXPECT_EQ(server.requests().size(), 1u);
    }
}

TEST(CurlErrors, ALoginPageIsNotAFile)
{
    const std::string page = "\n<!DOCTYPE html><html><title>Sign in</title></html>";
    HttpServer server([&](const HttpRequest &r) {
        return r.target == "/f" ? Status(302, {"Location: /login"}) : Status(200, {"Content-Type: text/html; charset=utf-8"}, page);
    });
    for (const char *target : {"/login", "/f"}) {
        Remote r(server.Url(target));
        EXPECT_EQ(r.Read({{0, 65536}}), H5R_ERR_IO);
        EXPECT_SAYS(r, "login page");
    }
}

TEST(CurlErrors, NobodyListens)
{
    Remote r("http://127.0.0.1:1/f");
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "127.0.0.1");
    EXPECT_SAYS(r, "onnect");
}

TEST(CurlErrors, TlsWithSomethingElse)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, file); });
    h5r_curl_options o = Quick();
    o.connect_timeout_s = 1; // the server waits for the rest of what it takes for a head
    Remote r("https://" + server.host() + "/f", o);
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "SSL");
}

TEST(CurlErrors, AChangedFileIsNotMixed)
{
    HttpServer etag([](const HttpRequest &r) { return RangeOf(r, file, r.number == 0 ? "\"one\"" : "\"two\""); });
    Remote r(etag.Url("/f"));
    ASSERT_EQ(r.Read({{0, 10}}), H5R_OK);
    EXPECT_EQ(r.Read({{100, 10}}), H5R_ERR_FORMAT);
    EXPECT_SAYS(r, "changed while it was being read");

    HttpServer size([](const HttpRequest &q) { return RangeOf(q, q.number == 0 ? file : Part(file, 0, 1000)); });
    Remote s(size.Url("/f"));
    ASSERT_EQ(s.Read({{0, 10}}), H5R_OK);
    EXPECT_EQ(s.Read({{100, 10}}), H5R_ERR_FORMAT);
    EXPECT_SAYS(s, "its size was 200000, is 1000");

    HttpServer date([](const HttpRequest &q) {
        HttpAnswer a = RangeOf(q, file);
        a.headers.push_back("Last-Modified: Mon, 01 Jan 2024 00:00:0" + std::to_string(q.number) + " GMT");
        return a;
    });
    Remote d(date.Url("/f"));
    ASSERT_EQ(d.Read({{0, 10}}), H5R_OK);
    EXPECT_EQ(d.Read({{100, 10}}), H5R_ERR_FORMAT);

    HttpServer weak([](const HttpRequest &q) { return RangeOf(q, file, "W/\"" + std::to_string(q.number) + "\""); });
    Remote w(weak.Url("/f"));
    ASSERT_EQ(w.Read({{0, 10}}), H5R_OK);
    EXPECT_EQ(w.Read({{100, 10}}), H5R_OK) << "a weak tag says nothing about bytes";
}

// ---------------------------------------------------------------- redirects and credentials

TEST(CurlRedirect, IsPaidForOnce)
{
    for (int status : {301, 302, 303, 307, 308}) {
        HttpServer server([&](const HttpRequest &r) { return r.target == "/f" ? Status(status, {"Location: /g"}) : RangeOf(r, file); });
        Remote r(server.Url("/f"));
        for (int i = 0; i < 3; i++)
            ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
        EXPECT_EQ(server.requests().size(), 4u) << status;
        EXPECT_EQ(server.connections(), 1);
    }
}

TEST(CurlRedirect, AnExpiredTargetIsAskedForAnew)
{
    int valid = 1;
    HttpServer server([&](const HttpRequest &r) {
        if (r.target == "/f")
            return Status(302, {"Location: /g?sig=" + std::to_string(valid)});
        return r.target == "/g?sig=" + std::to_string(valid) ? RangeOf(r, file) : Status(403);
    });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{0, 10}}), H5R_OK);
    valid = 2;
    ASSERT_EQ(r.Read({{0, 10}, {100, 10}}), H5R_OK) << r.error.message;
    EXPECT_LE(server.requests().size(), 8u);
    size_t before = server.requests().size();
    ASSERT_EQ(r.Read({{0, 10}}), H5R_OK);
    EXPECT_EQ(server.requests().size(), before + 1);
}

TEST(CurlRedirect, ATargetThatRefusesForGoodIsReported)
{
    bool open = true;
    HttpServer server([&](const HttpRequest &r) {
        if (r.target == "/f")
            return Status(302, {"Location: /g?sig=1"});
        return open ? RangeOf(r, file) : Status(403);
    });
    Remote r(server.Url("/f"));
    ASSERT_EQ(r.Read({{0, 10}}), H5R_OK);
    open = false;
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "403");
    EXPECT_EQ(server.requests().size(), 5u);
}

TEST(CurlRedirect, LoopsEnd)
{
    HttpServer server([](const HttpRequest &r) { return Status(302, {"Location: " + r.target + "x"}); });
    Remote r(server.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "redirects more than");
    EXPECT_LT(server.requests().size(), 20u);
    for (const char *headers : {"Location: file:///etc/passwd", "X: y"}) {
        HttpServer other([&](const HttpRequest &) { return Status(302, {headers}); });
        Remote o(other.Url("/f"));
        EXPECT_EQ(o.Read({{0, 10}}), H5R_ERR_IO);
        EXPECT_SAYS(o, "redirect");
    }
}

TEST(CurlRedirect, CredentialsStayWithTheirHost)
{
    HttpServer other([](const HttpRequest &r) { return RangeOf(r, file); });
    HttpServer server([&](const HttpRequest &) { return Status(302, {"Location: " + other.Url("/g")}); });
    const char *headers[] = {"X-Api-Key: geheim", "Cookie: a=b", nullptr};
    h5r_curl_options o = Quick();
    o.headers = headers;
    Remote r("http://me:pass%21@" + server.host() + "/f", o);
    for (int i = 0; i < 2; i++)
        ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
    ASSERT_EQ(server.requests().size(), 1u);
    HttpRequest q = server.requests()[0];
    EXPECT_EQ(q.headers.at("authorization"), "Basic bWU6cGFzcyE="); // me:pass!
    EXPECT_EQ(q.headers.at("x-api-key"), "geheim");
    for (const HttpRequest &p : other.requests()) {
        EXPECT_EQ(p.headers.count("authorization"), 0u);
        EXPECT_EQ(p.headers.count("x-api-key"), 0u);
        EXPECT_EQ(p.headers.count("cookie"), 0u);
    }
}

// The way of Earthdata: the data host sends to a login host, which knows the user by ~/.netrc and sends back with a code that
// buys a cookie, which opens the file behind a signed URL elsewhere.
TEST(CurlRedirect, LoginByNetrcAndCookie)
{
    HttpServer store([](const HttpRequest &r) { return r.headers.count("authorization") ? Status(400) : RangeOf(r, file); });
    HttpServer *data_host = nullptr;
    HttpServer login([&](const HttpRequest &r) {
        if (!r.headers.count("authorization") || r.headers.at("authorization") != "Basic bWU6cGFzcw==")
            return Status(401);
        return Status(302, {"Location: " + data_host->Url("/back?code=7")});
    });
    HttpServer data([&](const HttpRequest &r) {
        if (r.target == "/back?code=7")
            return Status(302, {"Set-Cookie: session=7; Path=/", "Location: /f"});
        if (r.headers.count("cookie") && r.headers.at("cookie") == "session=7")
            return Status(303, {"Location: " + store.Url("/o?X-Amz-Signature=1")});
        return Status(302, {"Location: " + login.Url("/authorize")});
    });
    data_host = &data;
    char name[] = "/tmp/h5range-netrc-XXXXXX";
    int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    close(fd);
    std::ofstream(name) << "machine 127.0.0.1 login me password pass\n";
    {
        Remote r(data.Url("/f"), Quick(), {{"NETRC", name}});
        ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
        ASSERT_EQ(r.Read({{50, 10}}), H5R_OK) << r.error.message;
        EXPECT_EQ(login.requests().size(), 1u);
        EXPECT_EQ(data.requests().size(), 3u);
        EXPECT_EQ(store.requests().size(), 2u);
    }
    std::remove(name);
    Remote r(data.Url("/f"));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, login.host() + " (after a redirect) refused the request (HTTP 401)");
}

// ---------------------------------------------------------------- S3

namespace {

const char ID[] = "AKIDEXAMPLE", SECRET[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::map<std::string, std::string> Aws(const HttpServer &server)
{
    return {{"AWS_ACCESS_KEY_ID", ID}, {"AWS_SECRET_ACCESS_KEY", SECRET}, {"AWS_REGION", "eu-central-1"}, {"AWS_ENDPOINT_URL", server.Url("")}};
}

std::string Xml(const std::string &code, const std::string &rest = "")
{
    return "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>Told why</Message>" + rest + "</Error>";
}

std::string S3Url(const std::string &name, std::map<std::string, std::string> env)
{
    Environment e(std::move(env));
    h5r_s3 s;
    h5r_error err = {};
    std::string url = "failed";
    if (h5r_s3_parse(name.c_str(), &s, &err) == H5R_OK) {
        char *u = h5r_s3_url(&s);
        url = u;
        free(u);
    }
    h5r_s3_free(&s);
    return url;
}

} // namespace

TEST(CurlS3, Urls)
{
    EXPECT_EQ(S3Url("s3://b/a/k.h5", {}), "https://b.s3.us-east-1.amazonaws.com/a/k.h5");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_DEFAULT_REGION", "cn-north-1"}}), "https://b.s3.cn-north-1.amazonaws.com.cn/k");
    EXPECT_EQ(S3Url("s3://b.c/k", {{"AWS_REGION", "eu-west-1"}}), "https://s3.eu-west-1.amazonaws.com/b.c/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_VIRTUAL_HOSTING", "FALSE"}}), "https://s3.us-east-1.amazonaws.com/b/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_S3_ENDPOINT", "minio:9000"}, {"AWS_HTTPS", "NO"}}), "http://minio:9000/b/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_ENDPOINT_URL", "https://e/"}, {"AWS_VIRTUAL_HOSTING", "YES"}}), "https://b.e/k");
    EXPECT_EQ(S3Url("s3://b/k", {{"AWS_ENDPOINT_URL", "http://e"}, {"AWS_ENDPOINT_URL_S3", "https://f"}}), "https://f/b/k");
    EXPECT_EQ(S3Url("s3://b/a b+c=d%20e?f#g/\xc3\xa4", {}),
              "https://b.s3.us-east-1.amazonaws.com/a%20b%2Bc%3Dd%2520e%3Ff%23g/%C3%A4");
}

TEST(CurlS3, SignaturesAreRight)
{
    std::string why = "no request";
    bool good = true;
    HttpServer server([&](const HttpRequest &r) {
        bool ok = VerifySigV4(r, ID, SECRET, "eu-central-1", &why);
        good = good && ok;
        return ok ? RangeOf(r, file, "\"e\"") : Status(403, {}, Xml("SignatureDoesNotMatch"));
    });
    for (bool token : {false, true})
        for (const char *key : {"k.h5", "a/b c+d=e&f/%41.h5", "t:1*(2)'!,;@$", "a/../b/./c", "a//b", "\xc3\xa4/~x"}) {
            auto env = Aws(server);
            if (token) {
                env["AWS_SESSION_TOKEN"] = "FQoGZXIvYXdzEBYaD//" + std::string(3000, 't') + "==";
                env["AWS_REQUEST_PAYER"] = "requester";
            }
            Remote r(std::string("s3://bucket/") + key, Quick(), env);
            ASSERT_EQ(r.opened, H5R_OK) << r.error.message;
            EXPECT_EQ(r.Read({{10, 10}, {100, 20}}), H5R_OK) << key << ": " << r.error.message << "\n" << why;
            EXPECT_EQ(r.data[1], Part(file, 100, 20));
            HttpRequest q = server.requests().back();
            EXPECT_EQ(q.headers.count("x-amz-security-token"), token ? 1u : 0u);
            EXPECT_EQ(q.headers.count("x-amz-request-payer"), token ? 1u : 0u);
        }
    EXPECT_TRUE(good) << why;
}

TEST(CurlS3, WrongSecretsAreRefusedAndNeverShown)
{
    std::string why;
    HttpServer server([&](const HttpRequest &r) {
        return VerifySigV4(r, ID, "another", "eu-central-1", &why) ? RangeOf(r, file) : Status(403, {}, Xml("SignatureDoesNotMatch"));
    });
    Remote r("s3://bucket/key", Quick(), Aws(server));
    EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(r, "SignatureDoesNotMatch: Told why");
    EXPECT_SAYS(r, "AWS_SECRET_ACCESS_KEY");
    EXPECT_EQ(std::string(r.error.message).find(SECRET), std::string::npos);
    EXPECT_EQ(server.requests().size(), 1u);
}

TEST(CurlS3, AnonymousRequestsAreNotSigned)
{
    HttpServer server([](const HttpRequest &r) { return r.target == "/open/k" ? RangeOf(r, file) : Status(403, {}, Xml("AccessDenied")); });
    auto env = Aws(server);
    env["AWS_NO_SIGN_REQUEST"] = "YES";
    Remote r("s3://open/k", Quick(), env);
    EXPECT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
    Remote closed("s3://closed/k", Quick(), {{"AWS_ENDPOINT_URL", server.Url("")}});
    EXPECT_EQ(closed.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(closed, "AccessDenied");
    EXPECT_SAYS(closed, "not signed");
    for (const HttpRequest &q : server.requests())
        EXPECT_EQ(q.headers.count("authorization"), 0u);
}

TEST(CurlS3, ErrorsAreNamed)
{
    HttpServer server([](const HttpRequest &r) {
        return r.target == "/bucket/key" ? Status(404, {}, Xml("NoSuchKey")) : Status(400, {}, Xml("ExpiredToken"));
    });
    Remote missing("s3://bucket/key", Quick(), Aws(server));
    EXPECT_EQ(missing.Read({{0, 10}}), H5R_ERR_NOT_FOUND);
    EXPECT_SAYS(missing, "NoSuchKey");
    Remote expired("s3://bucket/other", Quick(), Aws(server));
    EXPECT_EQ(expired.Read({{0, 10}}), H5R_ERR_IO);
    EXPECT_SAYS(expired, "ExpiredToken");
}

TEST(CurlS3, TheRegionOfTheBucketIsFound)
{
    for (int way = 0; way < 3; way++) {
        std::string why;
        HttpServer server([&](const HttpRequest &r) {
            if (VerifySigV4(r, ID, SECRET, "ap-south-1", &why))
                return RangeOf(r, file);
            if (way == 0)
                return Status(301, {"x-amz-bucket-region: ap-south-1"}, Xml("PermanentRedirect"));
            if (way == 1)
                return Status(400, {}, Xml("AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>"));
            return Status(400, {"x-amz-bucket-region: evil.com/"}, Xml("AuthorizationHeaderMalformed"));
        });
        Remote r("s3://bucket/key", Quick(), Aws(server));
        if (way == 2) {
            EXPECT_EQ(r.Read({{0, 10}}), H5R_ERR_IO);
            EXPECT_SAYS(r, "AuthorizationHeaderMalformed");
            EXPECT_EQ(server.requests().size(), 1u);
            continue;
        }
        for (int i = 0; i < 2; i++)
            ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message << why;
        EXPECT_EQ(server.requests().size(), 3u);
    }
}

TEST(CurlS3, RedirectsElsewhereCarryNoSignature)
{
    HttpServer other([](const HttpRequest &r) { return RangeOf(r, file); });
    HttpServer server([&](const HttpRequest &) { return Status(307, {"Location: " + other.Url("/k")}); });
    auto env = Aws(server);
    env["AWS_SESSION_TOKEN"] = "token";
    Remote r("s3://bucket/key", Quick(), env);
    ASSERT_EQ(r.Read({{0, 10}}), H5R_OK) << r.error.message;
    EXPECT_EQ(server.requests()[0].headers.count("x-amz-security-token"), 1u);
    EXPECT_EQ(other.requests()[0].headers.count("authorization"), 0u);
    EXPECT_EQ(other.requests()[0].headers.count("x-amz-security-token"), 0u);

    Environment e;
    h5r_s3 s;
    ASSERT_EQ(h5r_s3_parse("s3://b/k", &s, nullptr), H5R_OK);
    EXPECT_TRUE(h5r_s3_trusts(&s, "https://b.s3-eu-west-1.amazonaws.com/k"));
    EXPECT_FALSE(h5r_s3_trusts(&s, "http://b.s3-eu-west-1.amazonaws.com/k"));
    EXPECT_FALSE(h5r_s3_trusts(&s, "https://amazonaws.com.evil.com/k"));
    EXPECT_FALSE(h5r_s3_trusts(&s, "https://evilamazonaws.com/k"));
    h5r_s3_free(&s);
}

// ---------------------------------------------------------------- memory

TEST(CurlMemory, EveryAllocationMayFail)
{
    HttpServer server([](const HttpRequest &r) { return r.target == "/f" ? Status(302, {"Location: /g"}) : RangeOf(r, file); });
    Environment env;
    h5r_curl_options o = Quick();
    bool failed = true;
    for (long k = 0; failed && k < 200; k++) {
        h5r_source s = {};
        h5r_error e = {};
        Bytes data(100);
        h5r_read reads[] = {{0, 50, data.data(), 0}, {1000, 50, data.data() + 50, 0}};
        h5r_status st;
        bool opened;
        {
            FailingAllocation fail(k);
            st = h5r_source_open_url(server.Url("/f").c_str(), &o, &s, &e);
            opened = st == H5R_OK;
            if (opened)
                st = s.read_ranges(s.ctx, reads, 2, &e);
            failed = fail.happened();
        }
        if (failed)
            EXPECT_EQ(st, H5R_ERR_NOMEM) << k;
        else
            EXPECT_EQ(st, H5R_OK) << k;
        if (opened) { // it answers once there is memory again
            EXPECT_EQ(s.read_ranges(s.ctx, reads, 2, &e), H5R_OK) << k << e.message;
            EXPECT_EQ(Part(data, 0, 50), Part(file, 0, 50));
            s.close(s.ctx);
        }
    }
    EXPECT_FALSE(failed);
}
#endif
