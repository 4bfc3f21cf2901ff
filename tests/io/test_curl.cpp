// The HTTP source against a scripted server: names, what is asked, how often, over how many connections.
#ifdef H5RANGE_HAVE_CURL
#include "support/remote.h"

extern "C" {
#include "io/http.h"
}

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <thread>

using namespace h5range_test;

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

TEST(CurlHead, RetryAfter)
{
    const time_t now = 784111777; // Sun, 06 Nov 1994 08:49:37 GMT
    struct Case {
        const char *line;
        double seconds;
    };
    for (const Case &c : {Case{"Retry-After: 0\r\n", 0}, Case{"retry-after:7", 7}, Case{"Retry-After: 99999999999999999999", 1e20},
                          Case{"Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n", 60}, Case{"Retry-After: Sun, 06 Nov 1994 08:48:37 GMT", -1},
                          Case{"Retry-After: soon", -1}, Case{"Retry-After: -5", -1}, Case{"Retry-After:", -1}, Case{"Retry: 5", -1}}) {
        h5r_http_head h;
        h5r_http_head_clear(&h);
        h5r_http_head_line(&h, c.line, std::strlen(c.line));
        EXPECT_EQ(h5r_http_retry_after(&h, now), c.seconds) << c.line;
    }
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
