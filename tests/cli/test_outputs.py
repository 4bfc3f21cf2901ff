"""Files that commands write are there as a whole or not at all."""
import contextlib
import json
import os
import re
import resource
import subprocess
import threading

import h5py
import numpy as np
import pytest
from conftest import BIN
from serving import RangeHandler, serving

COMMANDS = {"json": ["refs"], "zarr": ["refs", "--format", "zarr"], "map": ["map"]}


@pytest.fixture
def file(tmp_path):
    """Its references, its map and its chunks are longer than 1000 bytes, its last chunk lies behind what is read at first."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("x", data=np.random.default_rng(1).random(1 << 19), chunks=(1 << 17,))
    return tmp_path / "a.h5"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def run_limited(*args, **kept):
    """No file grows beyond 1000 bytes."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    return subprocess.run([BIN, *map(str, args)], capture_output=True, text=True, timeout=60, preexec_fn=limit, restore_signals=False, **kept)


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_stays_of_output_that_fails(file, folder, command):
    with h5py.File(file, "a") as f:
        for i in range(20):
            f["a" * i + "b"] = i
    p = run_limited(*COMMANDS[command], "-o", folder / "x", file)
    assert p.returncode == 4 and "cannot write" in p.stderr and "File too large" in p.stderr and p.stderr.count("\n") == 1
    assert not os.listdir(folder)


@pytest.mark.parametrize("command", ["json", "map"])
def test_what_was_there_stays_when_output_fails(h5range, file, folder, command):
    with h5py.File(file, "a") as f:
        for i in range(20):
            f["a" * i + "b"] = i
    (folder / "x").write_text("before")
    (folder / "x").chmod(0o640)
    (folder / "link").symlink_to("x")
    assert run_limited(*COMMANDS[command], "-o", folder / "link", file).returncode == 4
    assert (folder / "x").read_text() == "before" and sorted(os.listdir(folder)) == ["link", "x"]
    assert h5range(*COMMANDS[command], "-o", folder / "link", file).code == 0
    assert len((folder / "x").read_text()) > 1000 and sorted(os.listdir(folder)) == ["link", "x"]
    assert (folder / "link").is_symlink() and (folder / "x").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_fails_the_check_is_removed(h5range, folder, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("x", data=np.arange(1000), chunks=(100,), compression=1)
        where = f["x"].id.get_chunk_info(5)
    with open(tmp_path / "a.h5", "r+b") as f:
        f.seek(where.byte_offset)
        f.write(b"\xff" * where.size)
    r = h5range("refs", "--format", "zarr", "-o", folder / "x", tmp_path / "a.h5")
    assert r.code == 5 and not os.listdir(folder)
    assert h5range("refs", "--format", "zarr", "--no-check", "-o", str(folder / "x") + "/", tmp_path / "a.h5").code == 0
    assert os.listdir(folder) == ["x"] and (folder / "x" / ".zmetadata").exists()


class Handler(RangeHandler):
    """Ranges; those that reach behind a place wait for an event."""

    def do_GET(self):
        if self.range()[1] >= self.server.held:
            self.server.holding.set()
            self.server.go_on.wait(60)
        with contextlib.suppress(OSError):  # it was killed
            self.answer_range(self.server.body)


@pytest.fixture
def server(file):
    with h5py.File(file) as f:
        last = f["x"].id.get_chunk_info(3)
    go_on = threading.Event()
    with serving(Handler, body=file.read_bytes(), held=last.byte_offset + last.size - 1, holding=threading.Event(), go_on=go_on) as s:
        yield s
        go_on.set()


@pytest.mark.parametrize("command", ["json", "zarr"])
def test_a_run_that_is_killed_leaves_no_output(h5range, server, folder, command):
    args = [*COMMANDS[command], "-o", folder / "x", "http://127.0.0.1:%d/a.h5" % server.server_port]
    p = subprocess.Popen([BIN, *map(str, args)])
    assert server.holding.wait(30) and p.poll() is None
    left = os.listdir(folder)
    p.kill()
    p.wait()
    assert len(left) == 1 and re.fullmatch(r"\.h5range-\d+-0\.tmp", left[0])
    server.go_on.set()
    r = h5range(*args)
    assert r.code == 0, r.err
    assert sorted(os.listdir(folder)) == [left[0], "x"]


def test_references_on_standard_output(h5range, file, tmp_path, monkeypatch):
    assert h5range("refs", "-o", tmp_path / "r.json", file).code == 0
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(os.listdir(tmp_path))
    r = h5range("refs", "-o", "-", file)
    assert r.code == 0 and r.out == (tmp_path / "r.json").read_bytes() and len(json.loads(r.out)["refs"]) == 8
    assert sorted(os.listdir(tmp_path)) == before
    r = h5range("refs", "-o", "-", "--format", "zarr", file)
    assert r.code == 2 and "a folder" in r.err
    text, summary = h5range("refs", "-o", "/dev/stdout", file).text.splitlines()
    assert text + "\n" == (tmp_path / "r.json").read_text() and summary.startswith("/dev/stdout: 4 chunks named")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["json", "map"])
def test_a_full_disk(h5range, file, command):
    r = h5range(*COMMANDS[command], "-o", "/dev/full", file)
    assert r.code == 4 and "cannot write /dev/full: No space left on device" in r.err and r.err.count("\n") == 1
    with open("/dev/full", "w") as full:
        p = subprocess.run([BIN, *COMMANDS[command], "-o", "-", file], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (p.returncode, p.stderr) == (4, "h5range: cannot write the output: No space left on device\n")
