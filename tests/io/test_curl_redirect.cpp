// Redirects: paid for once, asked for anew when they expire; credentials stay with their host.
#ifdef H5RANGE_HAVE_CURL
#include "support/remote.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

using namespace h5range_test;

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
#endif
