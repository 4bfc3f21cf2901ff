"""An HTTP server that answers what a test tells it to, and nothing else."""
import http.server
import threading


class ScriptedServer:
    """routes: path -> function(handler). Unknown paths are answered by 500 and noted in unexpected."""

    def __init__(self):
        self.routes, self.requests, self.unexpected = {}, [], []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self):
                server.requests.append((self.command, self.path, self.headers.get("Range")))
                route = server.routes.get(self.path.split("?")[0])
                if route is None:
                    server.unexpected.append((self.command, self.path))
                    self.reply(500, b"unexpected")
                else:
                    route(self)

            do_GET = do_HEAD = do_POST = _answer

            def reply(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def url(self, path):
        return "http://127.0.0.1:%d%s" % (self._http.server_port, path)

    def stop(self):
        self._http.shutdown()
        self._http.server_close()


def whole(body, **headers):
    """A server without ranges."""
    return lambda handler: handler.reply(200, body, **headers)


def status(code, body=b"", **headers):
    return lambda handler: handler.reply(code, body, **headers)


def ranges(body):
    """A server that answers ranges."""

    def answer(handler):
        wanted = handler.headers.get("Range")
        if wanted is None:
            handler.reply(200, body, Accept_Ranges="bytes")
            return
        first, last = wanted[len("bytes="):].split("-")
        first, last = int(first), min(int(last) if last else len(body) - 1, len(body) - 1)
        if first >= len(body):
            handler.reply(416, Content_Range="bytes */%d" % len(body))
            return
        handler.reply(206, body[first:last + 1], Content_Range="bytes %d-%d/%d" % (first, last, len(body)))

    return answer
