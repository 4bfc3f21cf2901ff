#!/usr/bin/env python3
"""server.py - serves byte ranges of the files of a folder over HTTP and counts what is asked of it.

    server.py --root DIR [--port 0] [--latency 50] [--bandwidth 100e6]

The first line on standard output is JSON: {"port": N}. Every answer waits the latency (milliseconds), then the body comes at the
bandwidth (bytes a second, each connection by itself). GET /__stats tells, as JSON, requests, bytes of bodies and rounds: the largest
number of requests of which each began after the one before it had ended. POST /__reset forgets them.
"""
import argparse
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 256 * 1024


class Counts:
    """Requests as (path, first byte, bytes, start, end)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.log = []

    def add(self, *entry):
        with self.lock:
            self.log.append(entry)

    def reset(self):
        with self.lock:
            self.log.clear()

    def stats(self):
        with self.lock:
            log = list(self.log)
        rounds, last = 0, 0.0
        for start, end in sorted(((e[3], e[4]) for e in log), key=lambda t: t[1]):
            if start >= last:
                rounds, last = rounds + 1, end
        return {"requests": len(log), "rounds": rounds, "bytes": sum(e[2] for e in log)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def answer(self, code, body, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_POST(self):
        self.server.counts.reset()
        self.answer(200, b"{}")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.path == "/__stats":
            return self.answer(200, json.dumps(self.server.counts.stats()).encode())
        start = time.monotonic()
        time.sleep(self.server.latency)
        sent, first = 0, 0
        try:
            first, sent = self.send_range()
        finally:
            self.server.counts.add(self.path, first, sent, start, time.monotonic())

    def send_range(self):
        name = os.path.normpath(self.path.split("?")[0]).lstrip("/")
        path = os.path.join(self.server.root, name)
        if name.startswith("..") or not os.path.isfile(path):
            self.answer(404, b"")
            return 0, 0
        size = os.path.getsize(path)
        first, last, code = 0, size - 1, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            first, code = int(asked[1]), 206
            last = min(int(asked[2]), size - 1) if asked[2] else size - 1
            if first >= size:
                self.answer(416, b"", Content_Range="bytes */%d" % size)
                return first, 0
        self.send_response(code)
        if code == 206:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, last, size))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"%x-%x"' % (size, int(os.path.getmtime(path))))
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        return first, self.send_body(path, first, last - first + 1) if self.command == "GET" else 0

    def send_body(self, path, first, n):
        done, start = 0, time.monotonic()
        with open(path, "rb") as f:
            f.seek(first)
            while done < n:
                piece = f.read(min(PIECE, n - done))
                self.wfile.write(piece)
                done += len(piece)
                early = start + done / self.server.bandwidth - time.monotonic() if self.server.bandwidth else 0
                if early > 0:
                    time.sleep(early)
        self.wfile.flush()
        return done


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, root, port=0, latency=0.05, bandwidth=100e6):
        super().__init__(("127.0.0.1", port), Handler)
        self.root, self.latency, self.bandwidth, self.counts = root, latency, bandwidth, Counts()
        self.port = self.server_address[1]

    def url(self, name):
        return "http://127.0.0.1:%d/%s" % (self.port, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=50, help="milliseconds")
    parser.add_argument("--bandwidth", type=float, default=100e6, help="bytes a second of one connection; 0: as fast as it goes")
    args = parser.parse_args()
    server = Server(args.root, args.port, args.latency / 1000, args.bandwidth)
    print(json.dumps({"port": server.port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
