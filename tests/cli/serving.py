"""Servers on loopback that answer ranges as a test wants."""
import contextlib
import http.server
import re
import threading


class RangeHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def range(self):
        return tuple(map(int, re.match(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups()))

    def answer(self, part, status=206, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def answer_range(self, body, **fields):
        first, last = self.range()
        part = body[first:last + 1]
        self.answer(part, Content_Range="bytes %d-%d/%d" % (first, first + len(part) - 1, len(body)), **fields)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(handler, **attributes):
    """The server; attributes are those of it that the handler uses."""
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    s.daemon_threads = True
    vars(s).update(attributes)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    try:
        yield s
    finally:
        s.shutdown()
        s.server_close()
