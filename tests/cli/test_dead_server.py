"""What a server that dies in between costs: the tries of one request, not those of one for each step of a command."""
import http.server
import re
import subprocess
import threading

import h5py
import numpy as np
import pytest
from conftest import BIN


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the first request for a name, and is unavailable from then on."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.server.asked.setdefault(self.path.lstrip("/"), [])
        asked.append(self.headers["Range"])
        first, last = map(int, re.match(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        part = self.server.body[first:last + 1] if len(asked) == 1 else b""
        self.send_response(206 if part else 503)
        if part:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, first + len(part) - 1, len(self.server.body)))
        else:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """Of a file whose groups lie behind what is read at first."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["large"] = np.zeros(1 << 19)
        for i in range(3):
            f.create_dataset("g/h/%d" % i, data=np.arange(100), chunks=(10,))
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    s.daemon_threads, s.asked, s.body = True, {}, (tmp_path / "a.h5").read_bytes()
    threading.Thread(target=s.serve_forever, daemon=True).start()
    yield s
    s.shutdown()
    s.server_close()


def test_tries_are_those_of_one_request(server):
    commands = {"tree": ["tree"], "info": ["info"], "chunks": ["chunks", "--recursive"]}
    url = "http://127.0.0.1:%d/%s#/g/h/1"
    running = {name: subprocess.Popen([BIN, *args, url % (server.server_port, name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for name, args in commands.items()}
    for name, p in running.items():
        out, err = p.communicate(timeout=120)
        assert (p.returncode, out, err.count("\n")) == (4, "", 1) and "503" in err
        assert len(set(server.asked[name][1:])) == 1 and len(server.asked[name]) == 1 + 6, name  # five tries after the first
