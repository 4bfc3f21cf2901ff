"""References of kerchunk, read back by xarray and fsspec."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
from conftest import DATA, ROOT, fill_for_each_element, hdf5_files, label

import h5range
from h5range.__main__ import main
from h5range.refs import LeftOutWarning, check, references

pytest.importorskip("kerchunk")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("path", [p for p in hdf5_files(100 << 10)[::5] if not p.name.startswith("damaged_")], ids=label)
def test_chunks_read_the_same_through_references(path):
    try:
        file = h5range.open(path)
        file.prefetch()
    except h5range.H5RangeError:
        return
    found = references(file)
    assert check(found, file) == min(20, sum(isinstance(v, list) for v in found["refs"].values()))
    json.dumps(found)


def read_back(refs, out, storage_options=None, hash_seed="random"):
    """Reads references with xarray into a netCDF file, in a process of its own: fsspec and kerchunk remember file systems, and the loops that they
    lived in. ``hash_seed`` decides the order in which fsspec goes through references."""
    program = (
        "import sys, json, xarray as xr; xr.load_dataset(sys.argv[1], engine='kerchunk', storage_options=json.loads(sys.argv[3]))"
        ".to_netcdf(sys.argv[2], engine='h5netcdf')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(refs), str(out), json.dumps(storage_options)],
        capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return xr.load_dataset(out, engine="h5range")


def test_xarray_reads_json(tmp_path, server, capsys):
    out = tmp_path / "refs.json"
    assert main(["refs", f"{server.url}/sst_global.nc", "--format", "kerchunk-json", "-o", str(out)]) == 0
    assert "read back" in capsys.readouterr().out
    xr.testing.assert_equal(read_back(out, tmp_path / "read.nc"), xr.load_dataset(DATA / "sst_global.nc", engine="h5range"))


@pytest.mark.parametrize("hash_seed", ["0", "3", "random"])  # with 3 fsspec meets the group first
def test_xarray_reads_parquet_as_the_command_says(tmp_path, server, capsys, hash_seed):
    out = tmp_path / "refs.parq"
    assert main(["refs", f"{server.url}/sst_global.nc", "--format", "kerchunk-parquet", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "read back" in said and "remote_protocol='http'" in said
    read = read_back(out, tmp_path / "read.nc", {"remote_protocol": "http"}, hash_seed)
    xr.testing.assert_equal(read, xr.load_dataset(DATA / "sst_global.nc", engine="h5range"))


def test_what_cannot_be_named_is_inlined_or_left_out(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("lzf", data=np.arange(100), chunks=(10,), compression="lzf")
        f.create_dataset("text", data=["a", "é"], dtype=h5py.string_dtype())
        f["g/scalar"] = 3.5
    found = references(tmp_path / "a.h5", url="memory://a.h5")
    fs = fsspec.filesystem("reference", fo=found)
    with xr.open_dataset(fs.get_mapper(""), engine="zarr", consolidated=False, zarr_format=2) as ds:
        assert ds.lzf.values.tolist() == list(range(100)) and list(ds.text.values) == ["a", "é"]
    assert found["refs"]["g/scalar/0"][0] == "memory://a.h5"
    with pytest.warns(LeftOutWarning, match="/lzf: filter 32000"):
        assert "lzf/.zarray" not in references(tmp_path / "a.h5", inline=10)["refs"]


COMMAND = Path(os.environ.get("H5RANGE_BIN", ROOT / "build" / "release" / "bin" / "h5range"))


@pytest.mark.skipif(not COMMAND.exists(), reason=f"the command is not built: {COMMAND}")
@pytest.mark.parametrize("name", ["sst_global.nc", "product.nc"])
def test_xarray_reads_what_the_command_writes(tmp_path, name):
    want = xr.load_dataset(DATA / name, engine="h5range")
    for format, out in (("kerchunk-json", tmp_path / "refs.json"), ("zarr", tmp_path / "folder")):
        subprocess.run([COMMAND, "refs", "--format", format, "-o", out, DATA / name], check=True, stdout=subprocess.DEVNULL, timeout=60)
        if format == "zarr":
            read = xr.load_dataset(out, engine="zarr")
        else:
            read = read_back(out, tmp_path / "read.nc", {"remote_protocol": "file"})
        never = ["crs"]  # written: its fill value, which xarray masks
        xr.testing.assert_equal(read.drop_vars(never, errors="ignore"), want.drop_vars(never, errors="ignore"))


@pytest.mark.skipif(not COMMAND.exists(), reason=f"the command is not built: {COMMAND}")
@pytest.mark.parametrize("path", [p for p in hdf5_files(100 << 10)[2::7] if not p.name.startswith("damaged_")], ids=label)
def test_the_command_says_the_same(tmp_path, path):
    try:
        with h5range.open(path) as file:
            file.prefetch()
            want = references(file, url="x")["refs"]
    except h5range.H5RangeError:
        return
    out = tmp_path / "refs.json"
    subprocess.run([COMMAND, "refs", "--url", "x", "-o", out, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    found = json.loads(out.read_text())["refs"]
    # Names that are no UTF-8 have replacement characters there: what the command writes is UTF-8.
    want = {k.encode("utf-8", "surrogateescape").decode("utf-8", "replace"): v for k, v in want.items()}
    for key in sorted(set(want) | set(found)):
        if isinstance(want.get(key), str) and want[key].startswith("base64:"):
            assert found[key].startswith("base64:")
            document = json.loads(want[key.rpartition("/")[0] + "/.zarray"])
            if document["dtype"] == "|O" or "f" in str(document["dtype"]):
                continue  # compounds are JSON objects there, and NaN has more than one form
        a, b = (json.loads(x) if isinstance(x, str) and x.startswith("{") else x for x in (want.get(key), found.get(key)))
        assert a == b, key


def test_a_fill_value_for_each_element(tmp_path):
    """Zarr has one fill value: what misses chunks is inlined, or left out."""
    fill_for_each_element(tmp_path / "a.h5")
    found = references(tmp_path / "a.h5", url="memory://a.h5")
    fs = fsspec.filesystem("reference", fo=found)
    with xr.open_dataset(fs.get_mapper(""), engine="zarr", consolidated=False, zarr_format=2, mask_and_scale=False) as ds, h5py.File(tmp_path / "a.h5") as f:
        for name in f:
            np.testing.assert_array_equal(ds[name].values, f[name][...])
    with pytest.warns(LeftOutWarning, match="never written, and elements of its fill value differ"):
        assert {k.split("/")[0] for k in references(tmp_path / "a.h5", inline=10)["refs"] if "/" in k} == {"same"}


def test_a_wrong_reference_is_found():
    found = references(DATA / "product.nc")
    for key, ref in found["refs"].items():
        if key.startswith("sst/") and isinstance(ref, list):
            ref[1:] = found["refs"]["sst/0.0.0"][1:]
    with pytest.raises(h5range.FormatError, match="otherwise"):
        check(found, DATA / "product.nc", chunks=1000)


def test_mistakes_are_told(tmp_path, capsys):
    assert main(["refs", str(tmp_path / "missing.nc"), "-o", str(tmp_path / "x")]) == 1
    assert "missing.nc" in capsys.readouterr().err


def test_big_endian_scalars_pass_their_own_check(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["x"] = np.array(1.5, ">f4")
        f["y"] = np.array([1.5, 2], ">f4")
    file = h5range.open(tmp_path / "a.h5")
    found = references(file)
    assert check(found, file) == 2
