// Remote files that lie beside each other share connections, logins and the bound on requests in flight.
#ifdef H5RANGE_HAVE_CURL
#include "support/http_server.h"

#include <h5range/h5range_curl.h>

#include <gtest/gtest.h>

#include <thread>

using namespace h5range_test;

namespace {

const Bytes FILE_BYTES(100000, 'x');

struct CloseSource {
    void operator()(h5r_source *s) const
    {
        s->close(s->ctx);
        delete s;
    }
};
using Source = std::unique_ptr<h5r_source, CloseSource>;

Source OpenUrl(const std::string &url, unsigned max_parallel = 64)
{
    h5r_curl_options o;
    h5r_curl_options_init(&o);
    o.max_parallel = max_parallel;
    o.backoff_ms = 1;
    Source s(new h5r_source);
    h5r_error e = {};
    EXPECT_EQ(h5r_source_open_url(url.c_str(), &o, s.get(), &e), H5R_OK) << e.message;
    return s;
}

Source Other(const Source &of, const std::string &name, bool beside = true)
{
    Source s(new h5r_source);
    h5r_error e = {};
    EXPECT_EQ(of->open_other(of->ctx, name.c_str(), beside, s.get(), &e), H5R_OK) << e.message;
    return s;
}

h5r_status Read(const Source &s, size_t n = 1)
{
    std::vector<Bytes> data(n, Bytes(100));
    std::vector<h5r_read> reads(n);
    h5r_error e = {};
    for (size_t i = 0; i < n; i++)
        reads[i] = {i * 1000, 100, data[i].data(), 0};
    return s->read_ranges(s->ctx, reads.data(), n, &e);
}

} // namespace

TEST(CurlSession, FilesBesideEachOtherUseOneConnection)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, FILE_BYTES); });
    Source a = OpenUrl(server.Url("/d/a.h5"));
    ASSERT_EQ(Read(a), H5R_OK);
    for (int i = 0; i < 5; i++)
        ASSERT_EQ(Read(Other(a, "b" + std::to_string(i) + ".h5")), H5R_OK);
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(server.requests().back().target, "/d/b4.h5");
    ASSERT_EQ(Read(a), H5R_OK);
}

TEST(CurlSession, AFileElsewhereHasASessionOfItsOwn)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, FILE_BYTES); });
    Source a = OpenUrl(server.Url("/d/a.h5"));
    ASSERT_EQ(Read(a), H5R_OK);
    ASSERT_EQ(Read(Other(a, server.Url("/e/b.h5"), false)), H5R_OK);
    EXPECT_EQ(server.connections(), 2);
}

TEST(CurlSession, OutlivesTheFileThatBeganIt)
{
    HttpServer server([](const HttpRequest &r) { return RangeOf(r, FILE_BYTES); });
    Source a = OpenUrl(server.Url("/a.h5"));
    Source b = Other(a, "b.h5");
    ASSERT_EQ(Read(a), H5R_OK);
    a.reset();
    ASSERT_EQ(Read(b), H5R_OK);
    EXPECT_EQ(server.connections(), 1);
}

TEST(CurlSession, ALoginCountsForAllFiles)
{
    int logins = 0;
    HttpServer *self = nullptr;
    HttpServer server([&](const HttpRequest &r) {
        HttpAnswer a;
        a.status = 302;
        if (r.target.rfind("/login", 0) == 0) {
            logins++;
            a.headers = {"Set-Cookie: session=7; Path=/", "Location: " + self->Url(r.target.substr(sizeof "/login?" - 1))};
            return a;
        }
        if (r.headers.count("cookie"))
            return RangeOf(r, FILE_BYTES);
        a.headers = {"Location: " + self->Url("/login?" + r.target)};
        return a;
    });
    self = &server;
    Source a = OpenUrl(server.Url("/a.h5"));
    ASSERT_EQ(Read(a), H5R_OK);
    ASSERT_EQ(Read(Other(a, "b.h5")), H5R_OK);
    ASSERT_EQ(Read(Other(a, "c.h5")), H5R_OK);
    EXPECT_EQ(logins, 1);
}

TEST(CurlSessionThreads, OneBoundForAllFiles)
{
    HttpServer server([](const HttpRequest &r) {
        HttpAnswer a = RangeOf(r, FILE_BYTES);
        a.delay_ms = 2;
        return a;
    });
    std::vector<Source> files;
    files.push_back(OpenUrl(server.Url("/0.h5"), 5));
    for (int i = 1; i < 8; i++)
        files.push_back(Other(files[0], std::to_string(i) + ".h5"));
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (const Source &f : files)
        threads.emplace_back([&] { wrong += Read(f, 10) != H5R_OK; });
    for (std::thread &t : threads)
        t.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(server.max_in_flight(), 5);
    EXPECT_EQ(server.requests().size(), 80u);
}
#endif
