"""cat and dump of what is read in several slabs."""
import json
import os
import re
import subprocess

import h5py
import numpy as np
import pytest
from conftest import BIN

SHAPE = (33, 2048, 1024)  # 2 MiB a row; a slab has 64 MiB


@pytest.fixture(scope="module")
def values():
    i, j, k = np.ogrid[:SHAPE[0], :SHAPE[1], :SHAPE[2]]
    return ((i * 1000003 + j * 4099 + k * k) & 1023).astype(np.uint16) // 8  # 4 MiB a row


@pytest.fixture(scope="module")
def file(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "a.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("plain", data=values)
        f.create_dataset("deep", data=values, chunks=(33, 128, 256), compression=1, shuffle=True)
        f.create_dataset("five", data=values, chunks=(5, 128, 1024), compression=1, shuffle=True)
    return path


def cat(h5range, file, name, slices=""):
    r = h5range("cat", "--stats", "--format", "raw", "--slice", slices, "%s#/%s" % (file, name))
    assert r.code == 0, r.err
    return np.frombuffer(r.out, np.uint16), int(re.search(r"bytes (\d+)", r.err)[1])


def stored(file, name):
    with h5py.File(file) as f:
        return f[name].id.get_storage_size()


@pytest.mark.parametrize("name", ["deep", "five"])
def test_no_chunk_is_read_for_two_slabs(h5range, file, values, name):
    got, received = cat(h5range, file, name)
    assert np.array_equal(got, values.ravel())
    assert received < 1.2 * stored(file, name) + 200000
    got, received = cat(h5range, file, name, "31::-1")
    assert np.array_equal(got, values[31::-1].ravel())
    assert received < 1.2 * stored(file, name) + 200000


@pytest.mark.parametrize("slices", ["1:30", "2::2", "::-3", "32:1:-1,5:2000", "::7,::-1,3:"])
def test_slabs_of_windows(h5range, file, values, slices):
    expected = eval("a[%s]" % slices, {"a": values}).ravel()
    for name in ("plain", "five", "deep"):
        assert np.array_equal(cat(h5range, file, name, slices)[0], expected), name


def test_dump(h5range, file):
    r = h5range("dump", "--canonical", "--stats", file)
    objects = json.loads(r.out)["objects"]
    assert r.code == 0 and len({objects[p]["data"]["sha256"] for p in ("/plain", "/deep", "/five")}) == 1
    total = sum(stored(file, name) for name in ("plain", "deep", "five"))
    assert int(re.search(r"bytes (\d+)", r.err)[1]) < total + 0.2 * (stored(file, "deep") + stored(file, "five")) + 200000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("format", ["text", "npy", "raw", "json"])
def test_output_that_fails_ends_the_reading(file, format):
    with open("/dev/full", "w") as full:
        p = subprocess.run([BIN, "cat", "--stats", *(["--json"] if format == "json" else ["--format", format]), "%s#/plain" % file],
                           stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    lines = p.stderr.splitlines()
    assert p.returncode == 4 and len(lines) == 2
    assert lines[1] == "h5range: cannot write the output: No space left on device"
    assert int(re.search(r"bytes (\d+)", lines[0])[1]) < 1.1 * (64 << 20)
