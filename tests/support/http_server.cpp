#include "support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

extern "C" {
#include "../core/cli/sha256.h"
}

namespace h5range_test {

HttpServer::HttpServer(Handler handler) : m_handler(std::move(handler))
{
    m_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a = {};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof a;
    if (m_listener < 0 || bind(m_listener, reinterpret_cast<sockaddr *>(&a), sizeof a) != 0 || listen(m_listener, 256) != 0 ||
        getsockname(m_listener, reinterpret_cast<sockaddr *>(&a), &n) != 0) {
        std::perror("HttpServer");
        std::abort();
    }
    m_port = ntohs(a.sin_port);
    m_acceptor = std::thread(&HttpServer::Accept, this);
}

HttpServer::~HttpServer()
{
    {
        std::lock_guard<std::mutex> hold(m_lock);
        m_stopping = true;
        shutdown(m_listener, SHUT_RDWR);
        for (int fd : m_sockets)
            shutdown(fd, SHUT_RDWR);
    }
    m_acceptor.join();
    for (std::thread &t : m_threads)
        t.join();
    close(m_listener);
}

std::string HttpServer::host() const
{
    return "127.0.0.1:" + std::to_string(m_port);
}

std::string HttpServer::Url(const std::string &target) const
{
    return "http://" + host() + target;
}

std::vector<HttpRequest> HttpServer::requests() const
{
    std::lock_guard<std::mutex> hold(m_lock);
    return m_requests;
}

int HttpServer::connections() const
{
    std::lock_guard<std::mutex> hold(m_lock);
    return m_connections;
}

int HttpServer::max_in_flight() const
{
    std::lock_guard<std::mutex> hold(m_lock);
    return m_max_in_flight;
}

size_t HttpServer::body_bytes() const
{
    std::lock_guard<std::mutex> hold(m_lock);
    return m_body_bytes;
}

void HttpServer::Accept()
{
    for (;;) {
        int fd = accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0)
            return;
        std::lock_guard<std::mutex> hold(m_lock);
        if (m_stopping) {
            close(fd);
            return;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        m_connections++;
        m_sockets.push_back(fd);
        m_threads.emplace_back(&HttpServer::Serve, this, fd);
    }
}

static HttpRequest Parse(const std::string &head)
{
    HttpRequest r;
    std::istringstream in(head);
    std::string line;
    std::getline(in, line);
    std::istringstream first(line);
    first >> r.method >> r.target;
    while (std::getline(in, line)) {
        size_t colon = line.find(':');
        if (colon == std::string::npos)
            continue;
        std::string name = line.substr(0, colon), value = line.substr(colon + 1);
        std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
        value.erase(0, value.find_first_not_of(' '));
        value.erase(value.find_last_not_of(" \r\n") + 1);
        r.headers[name] = value;
    }
    unsigned long long a = 0, b = 0;
    if (r.headers.count("range") && std::sscanf(r.headers["range"].c_str(), "bytes=%llu-%llu", &a, &b) == 2) {
        r.first = a;
        r.last = b;
    }
    return r;
}

static bool SendAll(int fd, const void *p, size_t n, size_t *sent)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p = static_cast<const char *>(p) + k;
        n -= static_cast<size_t>(k);
        *sent += static_cast<size_t>(k);
    }
    return true;
}

// False when the connection is to be closed.
bool HttpServer::Send(int fd, const HttpAnswer &a)
{
    size_t sent = 0, ignored = 0;
    bool ok = true;
    if (!a.reset || a.cut >= 0) {
        std::string head = "HTTP/1.1 " + std::to_string(a.status) + " Text\r\n";
        for (const std::string &h : a.headers)
            head += h + "\r\n";
        head += a.chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: " + std::to_string(a.body.size()) + "\r\n\r\n";
        ok = SendAll(fd, head.data(), head.size(), &ignored);
        size_t n = a.cut < 0 ? a.body.size() : std::min(a.body.size(), static_cast<size_t>(a.cut));
        if (ok && a.chunked && n > 0) {
            char size[32];
            int k = std::snprintf(size, sizeof size, "%zx\r\n", n);
            ok = SendAll(fd, size, static_cast<size_t>(k), &ignored);
        }
        ok = ok && SendAll(fd, a.body.data(), n, &sent);
        if (ok && a.chunked)
            ok = SendAll(fd, "\r\n0\r\n\r\n", 7, &ignored);
    }
    // Short steps, so that a test that is over does not wait for the pause.
    for (int ms = 0; ms < a.stall_ms; ms += 10) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        std::lock_guard<std::mutex> hold(m_lock);
        if (m_stopping)
            break;
    }
    if (a.reset) {
        linger l = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    }
    std::lock_guard<std::mutex> hold(m_lock);
    m_body_bytes += sent;
    return ok && !a.reset && a.cut < 0;
}

void HttpServer::Serve(int fd)
{
    std::string in;
    for (bool go_on = true; go_on;) {
        size_t end;
        while ((end = in.find("\r\n\r\n")) == std::string::npos) {
            char buffer[4096];
            ssize_t k = recv(fd, buffer, sizeof buffer, 0);
            if (k <= 0)
                break;
            in.append(buffer, static_cast<size_t>(k));
        }
        if (end == std::string::npos)
            break;
        HttpRequest r = Parse(in.substr(0, end + 2));
        in.erase(0, end + 4);
        HttpAnswer a;
        {
            std::lock_guard<std::mutex> hold(m_lock);
            r.number = static_cast<int>(m_requests.size());
            m_requests.push_back(r);
            m_max_in_flight = std::max(m_max_in_flight, ++m_in_flight);
            a = m_handler(r);
        }
        if (a.delay_ms > 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(a.delay_ms));
        {
            // Before the answer: a client that has it may send the next one at once.
            std::lock_guard<std::mutex> hold(m_lock);
            m_in_flight--;
        }
        go_on = Send(fd, a);
    }
    std::lock_guard<std::mutex> hold(m_lock);
    m_sockets.erase(std::find(m_sockets.begin(), m_sockets.end(), fd));
    close(fd);
}

HttpAnswer RangeOf(const HttpRequest &r, const Bytes &file, const std::string &etag)
{
    HttpAnswer a;
    if (!etag.empty())
        a.headers.push_back("ETag: " + etag);
    if (!r.headers.count("range")) {
        a.body = file;
        return a;
    }
    if (r.first >= file.size()) {
        a.status = 416;
        a.headers.push_back("Content-Range: bytes */" + std::to_string(file.size()));
        return a;
    }
    uint64_t last = std::min<uint64_t>(r.last, file.size() - 1);
    a.status = 206;
    a.headers.push_back("Content-Range: bytes " + std::to_string(r.first) + "-" + std::to_string(last) + "/" + std::to_string(file.size()));
    a.body.assign(file.begin() + static_cast<long>(r.first), file.begin() + static_cast<long>(last) + 1);
    return a;
}

// ---------------------------------------------------------------- AWS Signature Version 4

static std::string Sha256Hex(const std::string &text)
{
    sha256 s;
    char hex[65];
    sha256_init(&s);
    sha256_add(&s, text.data(), text.size());
    sha256_hex(&s, hex);
    return hex;
}

static std::string FromHex(const std::string &hex)
{
    std::string out;
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
        out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
}

static std::string HmacHex(std::string key, const std::string &text)
{
    if (key.size() > 64)
        key = FromHex(Sha256Hex(key));
    key.resize(64, '\0');
    std::string inner = key, outer = key;
    for (size_t i = 0; i < 64; i++) {
        inner[i] = static_cast<char>(inner[i] ^ 0x36);
        outer[i] = static_cast<char>(outer[i] ^ 0x5c);
    }
    return Sha256Hex(outer + FromHex(Sha256Hex(inner + text)));
}

static std::string Hmac(const std::string &key, const std::string &text)
{
    return FromHex(HmacHex(key, text));
}

static std::string Field(const std::string &text, const std::string &name)
{
    size_t at = text.find(name + "=");
    if (at == std::string::npos)
        return "";
    at += name.size() + 1;
    return text.substr(at, text.find_first_of(", ", at) - at);
}

// The path of S3 is encoded exactly once: decode what came, encode it by the rule, and it has to be the same.
static std::string Reencoded(const std::string &path)
{
    std::string plain, out;
    for (size_t i = 0; i < path.size(); i++) {
        if (path[i] == '%' && i + 2 < path.size()) {
            plain += FromHex(path.substr(i + 1, 2));
            i += 2;
        } else {
            plain += path[i];
        }
    }
    for (char c : plain) {
        if (std::isalnum(static_cast<unsigned char>(c)) || std::strchr("-_.~/", c) != nullptr) {
            out += c;
        } else {
            char hex[4];
            std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += hex;
        }
    }
    return out;
}

bool VerifySigV4(const HttpRequest &r, const std::string &id, const std::string &secret, const std::string &region, std::string *why)
{
    auto it = r.headers.find("authorization");
    if (it == r.headers.end() || it->second.rfind("AWS4-HMAC-SHA256 ", 0) != 0) {
        *why = "no AWS4-HMAC-SHA256 authorization";
        return false;
    }
    const std::string &auth = it->second;
    const std::string date = r.headers.count("x-amz-date") ? r.headers.at("x-amz-date") : "";
    const std::string hash = r.headers.count("x-amz-content-sha256") ? r.headers.at("x-amz-content-sha256") : "";
    const std::string scope = date.substr(0, 8) + "/" + region + "/s3/aws4_request";
    if (Field(auth, "Credential") != id + "/" + scope) {
        *why = "credential " + Field(auth, "Credential") + " instead of " + id + "/" + scope;
        return false;
    }
    if (hash != Sha256Hex("") && hash != "UNSIGNED-PAYLOAD") {
        *why = "x-amz-content-sha256 is \"" + hash + "\"";
        return false;
    }
    std::set<std::string> names;
    std::istringstream list(Field(auth, "SignedHeaders"));
    for (std::string name; std::getline(list, name, ';');)
        names.insert(name);
    std::string canonical = r.method + "\n" + Reencoded(r.target) + "\n\n", joined;
    for (const std::string &name : names) { // a set is sorted
        if (!r.headers.count(name)) {
            *why = "signed header " + name + " was not sent";
            return false;
        }
        canonical += name + ":" + r.headers.at(name) + "\n";
        joined += (joined.empty() ? "" : ";") + name;
    }
    // S3 wants host and every x-amz header signed.
    for (const auto &h : r.headers)
        if ((h.first == "host" || h.first.rfind("x-amz-", 0) == 0) && !names.count(h.first)) {
            *why = "header " + h.first + " is not signed";
            return false;
        }
    canonical += "\n" + joined + "\n" + hash;
    std::string text = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + Sha256Hex(canonical);
    std::string key = Hmac(Hmac(Hmac(Hmac("AWS4" + secret, date.substr(0, 8)), region), "s3"), "aws4_request");
    if (HmacHex(key, text) != Field(auth, "Signature")) {
        *why = "signature differs for\n" + canonical;
        return false;
    }
    return true;
}

} // namespace h5range_test
