"""Files to test with: tests/data of the repository always, the shared corpus where it is."""

import http.server
import os
import pathlib
import re
import sys
import threading
import time
from urllib.parse import unquote

import h5py
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
SHARED = pathlib.Path(os.environ.get("H5RANGE_SHARED") or ROOT.parent / "shared")

sys.path.append(str(ROOT / "tests" / "generated"))
from fills import fill_for_each_element  # noqa: E402, F401


def hdf5_files(most=8 << 20):
    """Paths of HDF5 files, each not larger than that."""
    out = [p for p in sorted(DATA.rglob("*")) if p.is_file()]
    corpus = SHARED / "corpus" / "files"
    if corpus.is_dir():
        out += [p for p in sorted(corpus.rglob("*")) if p.is_file()]
    found = []
    for path in out:
        if path.stat().st_size > most:
            continue
        with open(path, "rb") as f:
            head = f.read(1 << 16)
        if any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in (0, 512, 1024, 2048, 4096, 8192, 16384, 32768)):
            found.append(path)
    return found


def label(path):
    if not isinstance(path, pathlib.Path):
        return None  # pytest's mark of a test without files
    for base in (DATA, SHARED / "corpus" / "files"):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return path.name


def broken_index(path):
    """Writes a file with a dataset "v" whose chunk index fails its checksum, and a "plain" one."""
    with h5py.File(path, "w", libver="latest") as f:
        f["plain"] = np.arange(3)
        f.create_dataset("v", data=np.arange(100.0), chunks=(10,))
    data = bytearray(path.read_bytes())
    at = data.index(b"FADB")  # the data block of a fixed array
    data[at + 20] ^= 0xFF
    path.write_bytes(data)


class RangeServer:
    """Serves a folder over HTTP/1.1 with ranges; every request costs ``latency`` seconds and is logged as (path, range)."""

    def __init__(self, folder, latency=0.0):
        self.log, self.tokens = [], []
        log, tokens = self.log, self.tokens

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self, body=True):
                path = folder / unquote(self.path.lstrip("/").split("?")[0])
                log.append((self.path, self.headers.get("Range")))
                tokens.append(self.headers.get("X-Token"))
                time.sleep(latency)
                if not path.is_file():
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                size = path.stat().st_size
                wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
                first, last = (int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)) if wanted else (0, size - 1)
                if first > last:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{size}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")
                self.send_header("ETag", f'"{size}"')
                self.send_header("Content-Length", str(last - first + 1))
                self.end_headers()
                if body:
                    with open(path, "rb") as f:
                        f.seek(first)
                        self.wfile.write(f.read(last - first + 1))

            def do_HEAD(self):
                self.do_GET(body=False)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that hang up

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="session")
def server():
    s = RangeServer(DATA)
    yield s
    s.close()
