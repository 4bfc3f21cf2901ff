// An HTTP/1.1 server on loopback whose answers a test scripts: a thread a connection, everything is counted.
#ifndef H5R_TESTS_HTTP_SERVER_H
#define H5R_TESTS_HTTP_SERVER_H

#include "support/support.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace h5range_test {

struct HttpRequest {
    std::string method, target;                 // target as it came: path and query
    std::map<std::string, std::string> headers; // names in lower case
    uint64_t first = 0, last = 0;               // of "Range: bytes=first-last"
    int number = 0;                             // from 0, over all connections
};

struct HttpAnswer {
    int status = 200;
    std::vector<std::string> headers; // "Name: value"; Content-Length is added
    Bytes body;
    long cut = -1;          // the connection ends after so many bytes of the body; -1: it goes on
    bool reset = false;     // ... with a TCP reset, and without even a head when cut < 0
    int stall_ms = 0;       // ... after this pause
    int delay_ms = 0;       // before the head
    bool chunked = false;   // Transfer-Encoding: chunked instead of a length
};

class HttpServer {
  public:
    using Handler = std::function<HttpAnswer(const HttpRequest &)>; // called by one thread at a time
    explicit HttpServer(Handler handler);
    ~HttpServer();
    std::string Url(const std::string &target) const;
    std::string host() const; // "127.0.0.1:port"
    std::vector<HttpRequest> requests() const;
    int connections() const;
    int max_in_flight() const;
    size_t body_bytes() const; // handed to the kernel

  private:
    void Accept();
    void Serve(int fd);
    bool Send(int fd, const HttpAnswer &a);
    Handler m_handler;
    int m_listener = -1, m_port = 0;
    mutable std::mutex m_lock;
    std::vector<int> m_sockets;
    std::vector<std::thread> m_threads;
    std::vector<HttpRequest> m_requests;
    int m_connections = 0, m_in_flight = 0, m_max_in_flight = 0;
    size_t m_body_bytes = 0;
    bool m_stopping = false;
    std::thread m_acceptor;
};

// 206 with what the request asks of file, 416 beyond its end; an ETag when one is given.
HttpAnswer RangeOf(const HttpRequest &r, const Bytes &file, const std::string &etag = "");

// Whether the request carries the AWS Signature Version 4 that secret gives; *why says what is wrong. Written from the
// documentation of the algorithm, so that it checks libcurl's.
bool VerifySigV4(const HttpRequest &r, const std::string &id, const std::string &secret, const std::string &region, std::string *why);

} // namespace h5range_test

#endif
