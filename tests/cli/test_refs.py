"""refs: what a reader of Zarr that knows nothing of HDF5 finds in references and in the folder."""
import base64
import bz2
import json
import os
import sys
import zlib

import h5py
import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "generated"))
from fills import fill_for_each_element  # noqa: E402


class Json:
    """References of kerchunk."""

    def __init__(self, path):
        self.refs = json.load(open(path))["refs"]

    def get(self, key):
        value = self.refs.get(key)
        if isinstance(value, list):
            with open(value[0], "rb") as f:
                f.seek(value[1])
                return f.read(value[2])
        if value is not None and value.startswith("base64:"):
            return base64.b64decode(value[7:])
        return value.encode() if value is not None else None

    def chunks(self, name):
        return [k[len(name) + 1 :] for k in self.refs if k.startswith(name + "/") and k[len(name) + 1].isdigit() and "/" not in k[len(name) + 1 :]]

    def arrays(self):
        return [k[: -len("/.zarray")] for k in self.refs if k.endswith("/.zarray")]


class Folder:
    """A Zarr 2 hierarchy; what .zmetadata says has to be what the files say."""

    def __init__(self, path):
        self.path = path
        self.all = json.load(open(path / ".zmetadata"))["metadata"]
        for key, document in self.all.items():
            assert json.load(open(path / key)) == document
        found = {os.path.relpath(os.path.join(d, f), path) for d, _, files in os.walk(path) for f in files if f in (".zarray", ".zgroup", ".zattrs")}
        assert found == set(self.all)

    def get(self, key):
        try:
            return open(self.path / key, "rb").read()
        except FileNotFoundError:
            return None

    def chunks(self, name):
        return [k for k in os.listdir(self.path / name) if not k.startswith(".")]

    def arrays(self):
        return [k[: -len("/.zarray")] for k in self.all if k.endswith("/.zarray")]


def unshuffle(data, size):
    return np.frombuffer(data, np.uint8).reshape(size, -1).T.tobytes()


def decode(codec, data):
    if codec["id"] == "zlib":
        return zlib.decompress(data)
    if codec["id"] == "bz2":
        return bz2.decompress(data)
    if codec["id"] == "shuffle":
        return unshuffle(data, codec["elementsize"])
    if codec["id"] == "fletcher32":
        return data[:-4]
    pytest.fail("codec %s" % codec["id"])


def read(store, name):
    doc = json.loads(store.get(name + "/.zarray"))
    assert doc["zarr_format"] == 2 and doc["order"] == "C"
    dtype = np.dtype([tuple(m) for m in doc["dtype"]] if isinstance(doc["dtype"], list) else doc["dtype"])
    shape, chunks = doc["shape"], doc["chunks"]
    fill = doc["fill_value"]
    if isinstance(fill, str) and dtype.kind in "SV":
        fill = np.frombuffer(base64.b64decode(fill), dtype)[0]
    out = np.full(shape, 0 if fill is None else fill, dtype)
    grid = [-(-n // c) for n, c in zip(shape, chunks)]
    keys = store.chunks(name)
    assert len(keys) == np.prod(grid, dtype=int) or fill is not None, "%s: a chunk is missing and there is no fill value" % name
    for key in keys:
        at = tuple(map(int, key.split("."))) if shape else ()
        assert all(i < n for i, n in zip(at, grid))
        data = store.get("%s/%s" % (name, key))
        for codec in ([doc["compressor"]] if doc["compressor"] else []) + (doc["filters"] or [])[::-1]:
            data = decode(codec, data)
        chunk = np.frombuffer(data, dtype).reshape(chunks)
        box = tuple(slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(at, chunks, shape))
        out[box] = chunk[tuple(slice(0, b.stop - b.start) for b in box)]
    return out


def same_values(store, file):
    compared = 0
    for name in store.arrays():
        if json.loads(store.get(name + "/.zarray"))["dtype"] == "|O":
            continue
        variable = os.path.join(os.path.dirname(name), "_nc4_non_coord_" + os.path.basename(name)) # netCDF's, beside the dimension's scale
        ds = file[variable if variable in file else name]
        got, want = read(store, name), ds[()]
        if ds.shape is None:
            continue
        box = tuple(slice(0, n) for n in np.shape(want))
        got = got[box]
        if got.dtype.names:
            same = all(np.array_equal(got[m], want[m]) for m in got.dtype.names)
        elif got.dtype.kind == "S":
            same = np.array_equal(got, np.asarray(want))
        else:
            same = np.array_equal(got, np.asarray(want).astype(got.dtype), equal_nan=got.dtype.kind in "fc")
        assert same, name
        compared += 1
    return compared


FILES = ["sst_global.nc", "product.nc", "conventions.nc", "flat_latest.h5", "chunk_indexes.h5", "types.h5", "filters_builtin.h5", "implicit.h5",
         "btree1.h5", "compact.h5", "userblock.h5", "sizes4.h5", "dimension_ids.nc", "paged.h5"]


@pytest.mark.parametrize("format, store", [("kerchunk-json", Json), ("zarr", Folder)])
@pytest.mark.parametrize("name", FILES)
def test_values(h5range, data, tmp_path, name, format, store):
    out = tmp_path / "out"
    r = h5range("refs", "--format", format, "-o", out, data(name))
    assert r.code in (0, 6), r.err
    assert (r.code == 6) == ("left out: " in r.err)
    assert " read back" in r.text
    with h5py.File(data(name)) as f:
        assert same_values(store(out), f) > 0


def test_documents(h5range, data, tmp_path):
    out = tmp_path / "refs.json"
    assert h5range("refs", "-o", out, "--url", "https://example.org/sst.nc", data("sst_global.nc")).code == 0
    refs = json.load(open(out))
    assert refs["version"] == 1
    refs = refs["refs"]
    assert json.loads(refs[".zgroup"]) == {"zarr_format": 2}
    array = json.loads(refs["analysed_sst/.zarray"])
    assert array["filters"] == [{"id": "shuffle", "elementsize": 2}] and array["compressor"] == {"id": "zlib", "level": 6}
    assert array["chunks"] == [1, 90, 180] and array["dtype"] == "<i2" and array["fill_value"] == -32768
    attrs = json.loads(refs["analysed_sst/.zattrs"])
    assert attrs["_ARRAY_DIMENSIONS"] == ["time", "lat", "lon"] and attrs["scale_factor"] == 0.01 and attrs["units"] == "kelvin"
    assert not {"DIMENSION_LIST", "CLASS", "_Netcdf4Coordinates"} & set(attrs)
    with h5py.File(data("sst_global.nc")) as f:
        chunk = f["analysed_sst"].id.get_chunk_info_by_coord((0, 90, 180))
    assert refs["analysed_sst/0.1.1"] == ["https://example.org/sst.nc", chunk.byte_offset, chunk.size]
    assert any(k.startswith("statistics/") for k in refs)


def test_a_group_as_the_root(h5range, data, tmp_path):
    texts = []
    for args in (["--group", "statistics", data("sst_global.nc")], [data("sst_global.nc") + "#/statistics"]):
        out = tmp_path / "refs.json"
        assert h5range("refs", "-o", out, *args).code == 0
        texts.append(out.read_text())
    assert texts[0] == texts[1]
    refs = json.loads(texts[0])["refs"]
    assert "mean_sst/.zarray" in refs and "analysed_sst/.zarray" not in refs
    assert json.loads(refs["mean_sst/.zattrs"])["_ARRAY_DIMENSIONS"] == ["time"]


def test_what_cannot_be_named_is_inlined_or_left_out(h5range, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("lzf", data=np.arange(100), chunks=(10,), compression="lzf")
        f.create_dataset("text", data=["a", "é"], dtype=h5py.string_dtype())
        f["big"] = np.arange(3, dtype=">i4")
    out = tmp_path / "refs.json"
    r = h5range("refs", "-o", out, tmp_path / "a.h5")
    assert r.code == 0 and "1 chunks named, 2 arrays inlined, 1 read back, 0 left out" in r.text
    store = Json(out)
    assert read(store, "lzf").tolist() == list(range(100)) and read(store, "big").tolist() == [0, 1, 2]
    assert json.loads(store.get("big/.zarray"))["dtype"] == ">i4"
    assert store.get("text/0") == b"\x02\0\0\0\x01\0\0\0a\x02\0\0\0\xc3\xa9"
    r = h5range("refs", "--inline", 10, "-o", out, tmp_path / "a.h5")
    assert r.code == 6 and "left out: /lzf: filter 32000 (LZF) has no codec in Zarr" in r.err
    assert "lzf/.zarray" not in json.load(open(out))["refs"]
    r = h5range("refs", "--json", "--inline", 10, "-o", out, tmp_path / "a.h5")
    assert json.loads(r.out)["left_out"] == ["/lzf: filter 32000 (LZF) has no codec in Zarr", "/text: elements of its type are not stored as Zarr has them"]


def test_checksums_are_left_out(h5range, tmp_path):
    values = np.arange(60, dtype="f4").reshape(6, 10)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("x", data=values, chunks=(4, 4), compression=1, shuffle=True, fletcher32=True)
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        assert h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.h5").code == 0
        found = store(tmp_path / format)
        document = json.loads(found.get("x/.zarray"))
        assert document["filters"] == [{"id": "shuffle", "elementsize": 4}] and document["compressor"]["id"] == "zlib"
        assert np.array_equal(read(found, "x"), values)


def test_missing_chunks_are_missing(h5range, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        d = f.create_dataset("x", (40, 40), "i2", chunks=(10, 10), fillvalue=-7, compression=1)
        d[12:15, 25:33] = 5
        f.create_dataset("never", (5,), "f8", fillvalue=float("nan"))
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        assert h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.h5").code == 0
        found = store(tmp_path / format)
        assert found.get("x/0.0") is None and found.get("x/1.2") is not None
        with h5py.File(tmp_path / "a.h5") as f:
            assert np.array_equal(read(found, "x"), f["x"][()])
        assert np.isnan(read(found, "never").astype(float)).all()


def test_what_was_never_written_costs_nothing(h5range, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("huge", (1 << 40,), "f8", fillvalue=1.5)
        f.create_dataset("t", (1 << 40,), "f8", chunks=(1 << 16,), maxshape=(None,))
        f["t"].make_scale("t")
        f.create_dataset("short", data=np.arange(3.0), maxshape=(None,), chunks=(3,)).dims[0].attach_scale(f["t"])
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        r = h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.h5")
        found = store(tmp_path / format)
        assert json.loads(found.get("huge/.zarray"))["fill_value"] == 1.5 and found.get("huge/0") is None
        if format == "zarr":
            assert r.code == 0 and json.loads(found.get("short/.zarray"))["shape"] == [1 << 40] and found.chunks("short") == ["0"]
        else:
            assert r.code == 6 and "/short: not stored in the shape that netCDF sees" in r.err


def test_names_that_are_no_folders_are_left_out(h5range, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        for name in (b"..", b".zarray", b"n" * 300):
            h5py.h5g.create(f.id, name)
        f["ok"] = 1
    r = h5range("refs", "--format", "zarr", "-o", tmp_path / "deep" , tmp_path / "a.h5")
    assert r.code == 6 and r.err.count("cannot be that of a folder") == 3
    assert Folder(tmp_path / "deep").arrays() == ["ok"] and sorted(os.listdir(tmp_path)) == ["a.h5", "deep"]


def test_a_damaged_chunk_leaves_no_array_behind(h5range, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("x", data=np.arange(1000), chunks=(100,), compression="lzf", shuffle=True)
        f["ok"] = 1
        where = f["x"].id.get_chunk_info(5)
    with open(tmp_path / "a.h5", "r+b") as f:
        f.seek(where.byte_offset)
        f.write(b"\xff" * where.size)
    r = h5range("refs", "--format", "zarr", "-o", tmp_path / "z", tmp_path / "a.h5")
    assert r.code == 6 and "left out: /x: " in r.err
    assert Folder(tmp_path / "z").arrays() == ["ok"] and not (tmp_path / "z" / "x").exists()
    r = h5range("refs", "-o", tmp_path / "r.json", tmp_path / "a.h5")
    assert r.code == 6 and "x/.zarray" not in json.load(open(tmp_path / "r.json"))["refs"]


def test_a_damaged_chunk_fails_the_check(h5range, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("x", data=np.arange(1000), chunks=(100,), compression=1, shuffle=True)
        where = f["x"].id.get_chunk_info(5)
    with open(tmp_path / "a.h5", "r+b") as f:
        f.seek(where.byte_offset)
        f.write(b"\xff" * where.size)
    r = h5range("refs", "-o", tmp_path / "r.json", tmp_path / "a.h5")
    assert r.code == 5 and "/x" in r.err and not (tmp_path / "r.json").exists()
    assert h5range("refs", "--no-check", "-o", tmp_path / "r.json", tmp_path / "a.h5").code == 0


def test_dimensions_longer_than_the_data(h5range, tmp_path):
    netCDF4 = pytest.importorskip("netCDF4")
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as f:
        f.createDimension("t", None)
        f.createDimension("t2", None)
        f.createVariable("long", "i4", ("t",))[:] = [1, 2, 3, 4]
        f.createVariable("short", "i4", ("t",), fill_value=-1)[:] = [1, 2]
        f.createVariable("t", "f8", ("t",))[:] = [0.5]
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        assert h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.nc").code == 0
        found = store(tmp_path / format)
        assert read(found, "short").tolist() == [1, 2, -1, -1] and read(found, "long").tolist() == [1, 2, 3, 4]
        assert read(found, "t").shape == (4,)


@pytest.mark.parametrize("args, code, text", [
    ([], 2, "needs -o"),
    (["-o", "x", "--format", "kerchunk-parquet"], 2, "python -m h5range refs"),
    (["-o", "x", "--format", "npy"], 2, "kerchunk-json, kerchunk-parquet or zarr"),
    (["-o", "x", "--inline", "many"], 2, "a number of bytes"),
    (["-o", "x", "--group", "/analysed_sst"], 2, "not a group"),
    (["-o", "x", "--group", "/none"], 3, "none"),
    (["-o", "/no/such/folder/x"], 4, "cannot write"),
    (["-o", "/no/such/folder/x", "--format", "zarr"], 4, "cannot write"),
])
def test_mistakes(h5range, data, tmp_path, args, code, text):
    args = [str(tmp_path / a) if a == "x" else a for a in args]
    r = h5range("refs", *args, data("sst_global.nc"))
    assert r.code == code and text in r.err and r.err.count("\n") == 1
    assert not os.listdir(tmp_path)


def test_a_folder_is_not_written_over(h5range, data, tmp_path):
    r = h5range("refs", "--format", "zarr", "-o", tmp_path, data("sst_global.nc"))
    assert r.code == 4 and "exists" in r.err and not os.listdir(tmp_path)


def test_text_is_named_where_only_zeros_fill_it_up(h5range, tmp_path):
    """Readers of Zarr take zeros off the end: blanks, and what lies behind a zero in the middle, would be text."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        for name, pad, size, raw in (("blanks", 2, 4, b"ab  b \0\0    "), ("ends", 0, 4, b"ab\0xabcd\0 \0 "), ("zeros", 1, 4, b"ab\0xab \0\0\0\0\0"), ("letters", 0, 1, b"a\0 ")):
            text = h5py.h5t.C_S1.copy()
            text.set_size(size)
            text.set_strpad(pad)
            d = h5py.h5d.create(f.id, name.encode(), text, h5py.h5s.create_simple((3,)))
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.frombuffer(raw, "S%d" % size), text)
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        r = h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.h5")
        assert r.code == 0 and (format == "zarr" or "2 chunks named, 2 arrays inlined, 2 read back" in r.text)
        found = store(tmp_path / format)
        with h5py.File(tmp_path / "a.h5") as f:
            assert f["blanks"][1] == b"b " and f["ends"][0] == b"ab" and same_values(found, f) == 4
    r = h5range("refs", "--inline", 10, "-o", tmp_path / "refs.json", tmp_path / "a.h5")
    assert r.code == 6 and r.err.count("elements of its type are not stored as Zarr has them") == 2


def test_a_fill_value_for_each_element(h5range, tmp_path):
    """Zarr has one fill value: chunks that were never written used to be the first element's all over."""
    fill_for_each_element(tmp_path / "a.h5", 5)
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        r = h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.h5")
        assert r.code == 0 and r.text.endswith("0 left out\n"), r.text + r.err
        found = store(tmp_path / format)
        assert found.chunks("same") == [] and json.loads(found.get("piece/.zarray"))["fill_value"] is None
        with h5py.File(tmp_path / "a.h5") as f:
            assert f["half"][4].tolist() == [1, 2, 3, 4] and same_values(found, f) == 4


def test_too_much_of_a_fill_value_for_each_element(h5range, tmp_path):
    fill_for_each_element(tmp_path / "a.h5", 1 << 40)
    for format, store in (("kerchunk-json", Json), ("zarr", Folder)):
        r = h5range("refs", "--format", format, "-o", tmp_path / format, tmp_path / "a.h5")
        assert r.code == 6 and all("left out: /%s: chunks were never written, and elements of its fill value differ" % n in r.err for n in ("chunked", "half", "piece"))
        assert store(tmp_path / format).arrays() == ["same"]
