"""H5RANGE_INDEX_CACHE: what the command's next run asks for."""
import functools
import http.server
import os
import re
import subprocess
import threading

import pytest
from conftest import BIN, DATA


class Handler(http.server.SimpleHTTPRequestHandler):
    """Ranges with an ETag, which the standard library's handler does not know."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with open(os.path.join(DATA, self.path.lstrip("/")), "rb") as f:
            body = f.read()
        first, last = map(int, re.match(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        self.server.ranges.append((first, last))
        part = body[first:last + 1]
        self.send_response(206)
        self.send_header("Content-Range", "bytes %d-%d/%d" % (first, first + len(part) - 1, len(body)))
        self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=DATA))
    s.daemon_threads, s.ranges, s.etag = True, [], '"1"'
    threading.Thread(target=s.serve_forever, daemon=True).start()
    yield s
    s.shutdown()
    s.server_close()


def run(folder, *args):
    env = {**os.environ, "H5RANGE_INDEX_CACHE": str(folder)}
    p = subprocess.run([BIN, *args], capture_output=True, text=True, timeout=60, env=env)
    assert p.returncode == 0, p.stderr
    return p.stdout, p.stderr


@pytest.mark.parametrize("command", [["tree", "--attributes"], ["chunks", "--recursive"], ["info"]], ids=lambda c: c[0])
def test_the_next_run_asks_for_eight_bytes(server, tmp_path, command):
    url = "http://127.0.0.1:%d/chunk_indexes.h5" % server.server_port
    first, _ = run(tmp_path / "kept", *command, url)
    assert len(server.ranges) >= 1
    server.ranges.clear()
    again, stats = run(tmp_path / "kept", *command, "--stats", url)
    assert again == first
    assert server.ranges == [(0, 7)]
    assert "rounds 1, requests 1, bytes 8" in stats


def test_a_changed_file_is_read_again(server, tmp_path):
    url = "http://127.0.0.1:%d/plain.h5" % server.server_port
    first, _ = run(tmp_path / "kept", "tree", url)
    server.etag = '"2"'
    server.ranges.clear()
    again, _ = run(tmp_path / "kept", "tree", url)
    assert again == first
    assert len(server.ranges) > 1


def test_without_the_variable_nothing_is_kept(server, tmp_path):
    url = "http://127.0.0.1:%d/plain.h5" % server.server_port
    env = {k: v for k, v in os.environ.items() if k != "H5RANGE_INDEX_CACHE"}
    subprocess.run([BIN, "tree", url], check=True, capture_output=True, env=env, cwd=tmp_path)
    assert os.listdir(tmp_path) == []
