"""The command's answers beside h5py's, and what it says when something is wrong."""
import io
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from conftest import BIN, ROOT


def test_help_and_version(h5range, data):
    assert "Exit codes" in h5range("--help").text
    assert "deflate" in h5range("--version").text
    assert h5range().code == 2
    assert h5range("frobnicate", "x").code == 2
    assert h5range("tree", "--frob", "x").code == 2
    assert h5range("tree", "--help").text == h5range("--help").text == h5range("help").text
    assert h5range("tree", "--slice", "0", data("types.h5")).err == "h5range: unknown option --slice; see h5range --help\n"
    assert h5range("tree", data("types.h5"), "x").err == "h5range: one URI at a time: there is also x; see h5range --help\n"
    assert h5range("cat", "--slice").code == h5range("tree").code == h5range("dump", data("types.h5")).code == 2


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


@FULL
@pytest.mark.parametrize("args", [["--help"], ["--version"], ["tree", "--help"], ["tree", "types.h5"]])
def test_output_that_cannot_be_written(data, args):
    with open("/dev/full", "w") as full:
        p = subprocess.run([BIN, *[data(a) if a.endswith(".h5") else a for a in args]], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (p.returncode, p.stderr) == (4, "h5range: cannot write the output: No space left on device\n")


@FULL
def test_trace_that_cannot_be_written(h5range, data):
    """The code was 4, and nothing said why."""
    r = h5range("tree", "--trace", "/dev/full", data("wide_earliest.h5"))
    assert (r.code, r.err) == (4, "h5range: cannot write /dev/full: No space left on device\n")
    assert r.text.endswith("d199 (4,) int16, contiguous\n")


def test_version_tells_filters_apart(h5range):
    text = h5range("--version").text
    have, rest = text.split("not built in:")
    left_out, never = rest.split("known, not supported:")
    assert "deflate (1)" in have and "shuffle (2)" in have and "nbit (5)" in have
    assert "SPERR (32028)" in never
    for name in ("szip (4)", "Blosc (32001)", "LZ4 (32004)", "bitshuffle (32008)", "Zstandard (32015)", "Blosc2 (32026)"):
        assert text.count(name) == 1 and name not in never
    assert not any(part.rstrip().endswith(",") for part in (have, left_out, never))


def test_tree_lines(h5range, data):
    lines = h5range("tree", data("product.nc")).text.splitlines()
    assert lines[0] == "/"
    assert "  time (4,) float64, chunked (512,)" in lines
    assert "  sst (4, 60, 80) int16, chunked (1, 30, 40), shuffle + deflate" in lines
    assert h5range("tree", data("product.nc") + "#/quality").text.splitlines()[0] == "/quality/"
    assert h5range("tree", data("product.nc") + "#/sst").text.startswith("/sst (4, 60, 80) int16")
    assert "bool (3,) enum int8 {FALSE=0, TRUE=1}" in h5range("tree", data("types.h5")).text


def test_tree_names_a_group_that_was_listed(h5range, tmp_path):
    """Hard links that double at each level used to double the listing at each level."""
    with h5py.File(tmp_path / "dag.h5", "w") as f:
        g = f
        for i in range(40):
            child = g.create_group("a")
            g["b"] = child
            g = child
        g["up"] = f["/"]
    r = h5range("tree", tmp_path / "dag.h5")
    assert r.code == 0 and len(r.text.splitlines()) == 82
    assert "b -> /a (the same group)" in r.text and "up -> / (the same group)" in r.text
    assert json.loads(h5range("tree", "--json", tmp_path / "dag.h5").text)["links"]["b"] == {"kind": "group", "same_as": "/a"}


def test_nested_too_deep(h5range, tmp_path):
    with h5py.File(tmp_path / "deep.h5", "w") as f:
        g = f
        for i in range(1100):
            g = g.create_group("g")
    for command in (["tree"], ["tree", "--json"], ["chunks", "--recursive"], ["dump", "--canonical"]):
        r = h5range(*command, tmp_path / "deep.h5")
        assert r.code == 1 and r.err.count("\n") == 1, command


@pytest.mark.parametrize("name", ["types.h5", "product.nc", "links_latest.h5", "chunk_indexes.h5"])
def test_tree_names_every_object(h5range, data, name):
    r = h5range("tree", "--attributes", data(name))
    assert r.code == 0, r.err
    names = []
    with h5py.File(data(name)) as f:
        f.visit(lambda n: names.append(n.split("/")[-1]))
    for n in names:
        assert n in r.text
    json.loads(h5range("tree", "--json", "--attributes", data(name)).text)


@pytest.mark.parametrize("slices", ["", "3", "1:4", "::-1", "5:1:-2", "-2:", "2:2"])
@pytest.mark.parametrize("name", ["le_i2", "be_i2", "be_i8", "le_f2", "be_f8", "c8"])
def test_cat_npy_equals_h5py(h5range, data, name, slices):
    args = ["--slice", slices] if slices else []
    r = h5range("cat", "--format", "npy", *args, data("types.h5") + "#/" + name)
    assert r.code == 0, r.err
    with h5py.File(data("types.h5")) as f:
        expected = eval("a[%s]" % (slices or "..."), {"a": f[name][...]})
    got = np.load(io.BytesIO(r.out))
    if name == "c8":
        got = got["r"] + 1j * got["i"]
    assert got.shape == expected.shape
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["plain/extensible", "filtered/btree2", "filtered/fixed", "plain/extensible_last"])
def test_random_windows_equal_h5py(h5range, data, name, seed):
    rng = np.random.default_rng(seed)
    with h5py.File(data("chunk_indexes.h5")) as f:
        a = f[name][...]
    parts = []
    for n in a.shape:
        start, stop = sorted(rng.integers(0, n + 1, 2))
        step = int(rng.integers(1, 5))
        parts.append("%d:%d:%d" % (start, stop, step) if rng.random() < 0.5 else "%d:%s:%d" % (stop - 1 if stop else 0, start if start else "", -step))
    r = h5range("cat", "--format", "npy", "--slice", ",".join(parts), data("chunk_indexes.h5") + "#/" + name)
    assert r.code == 0, r.err
    assert np.array_equal(np.load(io.BytesIO(r.out)), eval("a[%s]" % ",".join(parts), {"a": a}))


def test_cat_text(h5range, data):
    f = data("types.h5")
    assert h5range("cat", f + "#/vlen_string", "--slice", "0:3").text == '"a"\n""\n"café"\n'
    assert h5range("cat", f + "#/color").text == "GREEN RED BLUE\n"
    assert h5range("cat", f + "#/vlen_int").text == "[1, 2, 3]\n[]\n[4]\n"
    assert h5range("cat", f + "#/refs").text == "/fixed\nnull\n"
    assert h5range("cat", f + "#/never_written").text == "-9 -9 -9 -9 -9\n"
    assert json.loads(h5range("cat", "--json", f + "#/compound").text)[0]["x"] == 1.5
    assert h5range("cat", data("product.nc") + "#/sst", "--slice=0:2,0,0:3").text == "1500 1539 1578\n1500 1536 1573\n"


def test_cat_json_nests_as_the_shape(h5range, data):
    sst = data("product.nc") + "#/sst"
    with h5py.File(data("product.nc")) as f:
        a = f["sst"][...]
    for slices, expected in (("", a), ("1:3,::-20,5", a[1:3, ::-20, 5]), ("0,0,0", a[0, 0, 0]), ("0:0", a[0:0].ravel())):
        assert json.loads(h5range("cat", "--json", "--slice", slices, sst).text) == expected.tolist()
    assert json.loads(h5range("cat", "--json", data("types.h5") + "#/null").text) is None
    assert h5range("cat", "--json", "--slice", "1", data("types.h5") + "#/le_f4").text == "1\n"


@pytest.mark.parametrize("format", ["text", "npy", "raw", "json"])
def test_cat_that_fails_prints_no_values(h5range, tmp_path, format):
    """An .npy header, or an empty line, used to come before the error."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("x", data=np.arange(100), chunks=(10,), compression="gzip")
        at = f["x"].id.get_chunk_info(0).byte_offset
    whole = bytearray((tmp_path / "a.h5").read_bytes())
    whole[at:at + 4] = b"\xff" * 4
    (tmp_path / "a.h5").write_bytes(whole)
    r = h5range("cat", *(["--json"] if format == "json" else ["--format", format]), str(tmp_path / "a.h5") + "#/x")
    assert r.out == b"" and r.code == 5 and "deflate" in r.err and r.err.count("\n") == 1


def test_chunks_equal_h5py(h5range, data):
    f = data("btree1.h5")
    lines = h5range("chunks", f + "#/sparse").text.splitlines()
    with h5py.File(f) as h:
        d = h["sparse"].id
        infos = [d.get_chunk_info(i) for i in range(d.get_num_chunks())]
    expected = {"%s %d %d %d" % (",".join(map(str, i.chunk_offset)), i.byte_offset, i.size, i.filter_mask) for i in infos}
    assert set(lines) == expected
    recursive = h5range("chunks", "--recursive", f).text.splitlines()
    assert sum(line.startswith("/sparse ") for line in recursive) == len(lines)


def test_info(h5range, data):
    r = json.loads(h5range("info", "--json", data("product.nc") + "#/sst").text)
    assert r["shape"] == [4, 60, 80]
    assert r["dimensions"] == ["/time", "/y", "/x"]
    assert r["attributes"]["scale_factor"] == [0.01]
    assert [f["name"] for f in r["filters"]] == ["shuffle", "deflate"]


def test_stats_and_trace(h5range, data, tmp_path):
    r = h5range("tree", "--stats", "--trace", tmp_path / "t.json", data("product.nc"))
    rounds = [json.loads(line) for line in open(tmp_path / "t.json")]
    assert "rounds %d, requests %d" % (len(rounds), sum(len(x["requests"]) for x in rounds)) in r.err


@pytest.fixture
def remote(tmp_path):
    """Serves a folder; the file in it is larger than a block."""
    with h5py.File(tmp_path / "large.h5", "w") as f:
        f["a"] = np.zeros(300000)
    server = subprocess.Popen([sys.executable, os.path.join(ROOT, "bench", "server.py"), "--root", tmp_path, "--latency", "0"],
                              stdout=subprocess.PIPE, text=True)
    yield "http://127.0.0.1:%d/large.h5" % json.loads(server.stdout.readline())["port"]
    server.terminate()
    server.wait()


def test_the_cost_of_a_request_decides_how_much_is_read(h5range, remote, tmp_path, monkeypatch):
    def first_request():
        r = h5range("tree", "--trace", tmp_path / "t.json", remote)
        if "not supported" in r.err:
            pytest.skip("built without libcurl")
        return json.loads(next(open(tmp_path / "t.json")))["requests"][0]
    assert first_request()[:2] == [0, 1 << 20]
    monkeypatch.setenv("H5RANGE_LATENCY", "1")
    assert first_request()[:2] == [0, 64 << 10]
    monkeypatch.setenv("H5RANGE_BANDWIDTH", "1000")
    assert first_request()[:2] == [0, 128 << 10]
    monkeypatch.setenv("H5RANGE_LATENCY", "nonsense")
    assert first_request()[:2] == [0, 4 << 20]


@pytest.mark.parametrize("what, code, text", [
    ("missing.h5", 3, "no file"), ("text", 5, "it looks like text"), ("login", 5, "HTML page"), ("truncated", 5, "truncated"),
    ("directory", 4, "a directory"), ("nopath", 3, 'no "nothere"'), ("group", 2, "not a dataset"), ("slice", 2, "--slice"),
    ("scheme", 6, "not supported"),
])
def test_errors_are_one_line_and_say_what(h5range, data, tmp_path, what, code, text):
    (tmp_path / "text").write_text("some notes\n")
    (tmp_path / "login").write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
    whole = open(data("flat_earliest.h5"), "rb").read()
    (tmp_path / "truncated").write_bytes(whole[:700])
    args = {"missing.h5": ["tree", tmp_path / "missing.h5"], "directory": ["tree", tmp_path], "nopath": ["info", data("types.h5") + "#/nothere"],
            "group": ["cat", data("product.nc") + "#/quality"], "slice": ["cat", "--slice", "0:1,99", data("types.h5") + "#/le_i2"],
            "scheme": ["tree", "ftp://host/file.h5"]}.get(what, ["tree", tmp_path / what])
    r = h5range(*args)
    lines = [line for line in (r.err + r.text).splitlines() if text in line]
    assert lines, (r.err, r.text)
    assert r.code == code or what == "truncated" and r.code in (1, 5)


def test_a_bad_object_does_not_hide_its_siblings(h5range, data, tmp_path):
    whole = bytearray(open(data("flat_latest.h5"), "rb").read())
    with h5py.File(data("flat_latest.h5")) as f:
        addr = h5py.h5o.get_info(f["d003"].id).addr
    whole[addr] ^= 0xff
    (tmp_path / "bad.h5").write_bytes(whole)
    r = h5range("tree", tmp_path / "bad.h5")
    assert r.code == 1
    assert r.err.endswith("bad.h5: 1 part could not be read; the output says why in its place\n")
    assert all("d%03d" % i in r.text for i in range(10))
    assert "an object header should be here" in r.text


def test_object_names_with_a_hash(h5range, tmp_path):
    """MATLAB's "#refs#" used to be taken for the end of the file's name."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["#refs#/a"] = 7
    assert h5range("cat", str(tmp_path / "a.h5") + "#/#refs#/a").text == "7\n"
    assert "no file" in h5range("cat", str(tmp_path / "missing.h5") + "#/#refs#/a").err


def test_file_names_with_a_hash(h5range, data, tmp_path):
    (tmp_path / "a#").mkdir()
    (tmp_path / "a#" / "b.h5").write_bytes(open(data("flat_latest.h5"), "rb").read())
    assert h5range("tree", tmp_path / "a#" / "b.h5").code == 0
    assert h5range("cat", str(tmp_path / "a#" / "b.h5") + "#/d001").text == "1 2 3 4\n"
