"""H5RANGE_INDEX_CACHE: what the command's next run asks for."""
import os
import subprocess

import h5py
import numpy as np
import pytest
from conftest import BIN, DATA
from serving import RangeHandler, serving


class Handler(RangeHandler):
    """Files of a folder, with an ETag."""

    def do_GET(self):
        self.server.ranges.append(self.range())
        with open(os.path.join(self.server.folder, self.path.lstrip("/")), "rb") as f:
            self.answer_range(f.read(), ETag=self.server.etag)


@pytest.fixture
def folder():
    return DATA


@pytest.fixture
def server(folder):
    with serving(Handler, folder=folder, ranges=[], etag='"1"') as s:
        yield s


def run(folder, *args, code=0):
    env = {**os.environ, "H5RANGE_INDEX_CACHE": str(folder)}
    p = subprocess.run([BIN, *args], capture_output=True, text=True, timeout=60, env=env)
    assert p.returncode == code, p.stderr
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


class TestTheFileItself:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "served").mkdir()
        return tmp_path / "served"

    @pytest.mark.parametrize("command", [["check"], ["map", "-o", "-"], ["dump", "--canonical"]], ids=lambda c: c[0])
    def test_is_what_is_looked_at(self, server, folder, tmp_path, command):
        """These commands used to describe what the cache had kept of a file that was damaged since."""
        with h5py.File(folder / "a.h5", "w") as f:
            f.create_dataset("x", data=np.arange(100), chunks=(10,))
        url = "http://127.0.0.1:%d/a.h5" % server.server_port
        run(tmp_path / "kept", *command, url)
        assert not (tmp_path / "kept").exists()
        run(tmp_path / "kept", "chunks", "--recursive", url)
        run(tmp_path / "kept", "tree", "--attributes", url)
        assert os.listdir(tmp_path / "kept")
        whole = bytearray((folder / "a.h5").read_bytes())
        at = whole.index(b"TREE\x01")
        whole[at:at + 24] = b"\xff" * 24
        (folder / "a.h5").write_bytes(whole)
        assert run(tmp_path / "kept", "chunks", "--recursive", url)[0].count("\n") == 10
        out, err = run(tmp_path / "kept", *command, url, code=1)
        assert "/x" in out + err and "B-tree" in out + err


def test_without_the_variable_nothing_is_kept(server, tmp_path):
    url = "http://127.0.0.1:%d/plain.h5" % server.server_port
    env = {k: v for k, v in os.environ.items() if k != "H5RANGE_INDEX_CACHE"}
    subprocess.run([BIN, "tree", url], check=True, capture_output=True, env=env, cwd=tmp_path)
    assert os.listdir(tmp_path) == []
