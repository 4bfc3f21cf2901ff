// HTTP servers without ranges, wrong answers and refusals: what a user reads.
#ifdef H5RANGE_HAVE_CURL
#include "support/remote.h"

#include <gtest/gtest.h>

using namespace h5range_test;

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
#endif
