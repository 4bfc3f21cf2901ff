// A source of a URL, opened without what the user's environment would add, and what its tests read.
#ifndef H5R_TESTS_REMOTE_H
#define H5R_TESTS_REMOTE_H

#include "support/http_server.h"

#include <h5range/h5range_curl.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#define EXPECT_SAYS(remote, text) EXPECT_TRUE((remote).Says(text)) << (remote).error.message

namespace h5range_test {

using Headers = std::vector<std::string>;

inline Bytes Pattern(size_t n)
{
    Bytes b(n);
    for (size_t i = 0; i < n; i++)
        b[i] = static_cast<unsigned char>(i * 31 + i / 251);
    return b;
}

inline Bytes Text(const std::string &s)
{
    return Bytes(s.begin(), s.end());
}

inline HttpAnswer Status(int status, Headers headers = {}, const std::string &body = "")
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

inline h5r_curl_options Quick()
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

inline Bytes Part(const Bytes &file, size_t offset, size_t len)
{
    return Bytes(file.begin() + static_cast<long>(offset), file.begin() + static_cast<long>(offset + len));
}

inline std::vector<Remote::Span> Spans(size_t n, size_t step, size_t len)
{
    std::vector<Remote::Span> spans;
    for (size_t i = 0; i < n; i++)
        spans.push_back({i * step, len});
    return spans;
}

inline const Bytes file = Pattern(200000);

} // namespace h5range_test

#endif
