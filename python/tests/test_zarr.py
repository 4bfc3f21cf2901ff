"""The Zarr store: every array of the files as zarr-python reads it and as h5py does."""

import asyncio
import contextlib
import math
import pickle

import h5py
import hdf5plugin
import numpy as np
import pytest
import xarray as xr
import zarr
from conftest import DATA, fill_for_each_element, hdf5_files, label
from obstore.store import LocalStore

import h5range
from h5range import _h5range
from h5range.zarr import HDF5Store, open_hdf5, open_store

pytestmark = [
    # Zarr has no specification for arrays of bytes and structures yet, and says so.
    pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore::h5range.IncompleteWarning"),
]


LARGEST, MOST = 8 << 20, 1000  # bytes and chunks of an array that is compared whole; zarr takes a millisecond for a chunk
AVAILABLE = {i for i, _, _, available in _h5range.filters() if available}


def parts(ds, shape):
    """Of larger arrays (few chunks of which were written, mostly) the first and the last corner, and twenty of the stored chunks."""
    if ds.nbytes <= LARGEST and (ds.grid is None or math.prod(ds.grid) <= MOST):
        return [...]
    out = [tuple(slice(0, 3) for _ in shape), tuple(slice(max(n - 3, 0), n) for n in shape)]
    if ds.chunks is not None:
        stored = list(ds.index())
        for c in stored[:: max(1, len(stored) // 20)]:
            out.append(tuple(slice(i * n, i * n + min(n, 100)) for i, n in zip(c.indices, ds.chunks, strict=False)))
    return out


def as_zarr_has_it(values, array):
    """What h5py reads, as an array of the store's type: text of variable length is str, integers in sizes that NumPy lacks are wider."""
    if array.dtype == object:
        texts = np.empty(np.shape(values), object)
        flat = np.asarray(values, object)
        for i in np.ndindex(texts.shape):
            texts[i] = flat[i].decode("utf-8", "replace") if isinstance(flat[i], bytes) else str(flat[i])
        return texts
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(array.dtype)


@pytest.mark.parametrize("path", [p for p in hdf5_files(1 << 40) if not p.name.startswith("damaged_")], ids=label)
def test_arrays_are_what_h5py_reads(path):
    """Every array of the store; of those whose elements Zarr has no type for (given as JSON), the shape."""
    try:
        f = h5py.File(path)
        f["/"]
    except Exception:
        with contextlib.suppress(h5range.H5RangeError):
            open_store(path)
        return
    with f, open_store(path) as store:
        group = zarr.open_group(store, mode="r")
        for name, array in store._arrays.items():
            ds = array.ds
            found = group[name]
            assert found.shape == array.shape and found.metadata.dimension_names is not None
            if ds.is_null:
                assert f[ds.name].shape is None
                continue
            if not all(i.id in AVAILABLE for i in ds.filters):
                continue
            for key in parts(ds, found.shape):
                try:
                    want = f[ds.name][key]
                except Exception:  # a filter that libhdf5 lacks, a type that h5py has no name for, a raw file that it looks for elsewhere
                    try:
                        want = ds[key]
                    except h5range.H5RangeError as e:
                        with pytest.raises(type(e)):
                            found[key]
                        continue
                got = found[key]
                if array.shape != ds.shape:  # a dimension without limit is longer than the data
                    assert (np.asarray(got)[np.asarray(want).shape[0] :] == array.ds.fillvalue).all()
                    got = np.asarray(got)[tuple(slice(0, n) for n in np.shape(want))]
                if array.dtype == object and not ds.type.is_string:
                    assert np.shape(got) == np.shape(want)
                    continue
                np.testing.assert_array_equal(np.asarray(got), as_zarr_has_it(want, array), err_msg=name)


def test_xarray_reads_the_store_as_it_reads_the_file():
    for name in ("product.nc", "sst_global.nc"):
        with xr.open_dataset(open_store(DATA / name), engine="zarr", consolidated=False, zarr_format=3) as ds:
            with xr.open_dataset(DATA / name, engine="h5range") as direct:
                xr.testing.assert_equal(ds.load(), direct.load())
                assert all(ds[v].attrs.keys() == direct[v].attrs.keys() for v in ds.variables)


def test_groups_listing_and_missing_keys():
    store = open_store(DATA / "product.nc")
    root = zarr.open_group(store, mode="r")
    assert sorted(root.array_keys()) == ["crs", "sst", "time", "x", "y"] and list(root.group_keys()) == ["quality"]
    assert root["sst"].metadata.dimension_names == ("time", "y", "x") and root["sst"].chunks == (1, 30, 40)
    assert root["sst"].attrs["units"] == "K" and root["sst"].fill_value == -32768

    async def main():
        keys = [k async for k in store.list()]
        assert len([k for k in keys if k.startswith("sst/c/")]) == 16
        prototype = zarr.core.buffer.default_buffer_prototype()
        for key in ("nothing", "sst/c/4/0/0", "sst/c/0/0", "sst/c/a/0/0", "nothing/zarr.json", "sst"):
            assert await store.get(key, prototype) is None and not await store.exists(key)
        assert await store.exists("sst/c/0/0/0") and await store.exists("quality/zarr.json")
        assert [k async for k in store.list_dir("quality")] == ["zarr.json", "level"]
        with pytest.raises(ValueError, match="read-only"):
            await store.delete("sst/zarr.json")

    asyncio.run(main())
    quality = open_store(DATA / "product.nc", group="quality", drop_variables=[])
    assert sorted(zarr.open_group(quality, mode="r").array_keys()) == ["level"]
    again = pickle.loads(pickle.dumps(store))
    assert again == store and again != quality and isinstance(again, HDF5Store)


def test_opened_in_an_event_loop():
    store = asyncio.run(open_hdf5("product.nc", store=LocalStore(DATA)))
    with h5py.File(DATA / "product.nc") as f:
        np.testing.assert_array_equal(zarr.open_group(store, mode="r")["sst"][1, ::2], f["sst"][1][::2])


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr")
def test_stored_chunks_with_zarrs_codecs(tmp_path):
    values = np.arange(60 * 70, dtype=">i4").reshape(60, 70)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        for name, options in {
            "none": {}, "deflate": {"compression": "gzip", "shuffle": True}, "sum": {"compression": 2, "fletcher32": True},
            "zstd": dict(hdf5plugin.Zstd()), "blosc": dict(hdf5plugin.Blosc(cname="zstd")), "bzip2": dict(hdf5plugin.BZip2()),
            "lzf": {"compression": "lzf"},
        }.items():  # fmt: skip
            f.create_dataset(name, data=values, chunks=(25, 30), **options)
        f["contiguous"] = values
    store = open_store(tmp_path / "a.h5", stored=True)
    group = zarr.open_group(store, mode="r")
    assert {n for n, a in store._arrays.items() if a.codecs is None} == {"lzf"}
    for name in group.array_keys():
        np.testing.assert_array_equal(group[name][...], values)


def test_chunks_never_written_cost_nothing(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("huge", (10**6, 10**6), "f4", chunks=(1000, 1000), fillvalue=2.5)[5, 5] = 1
        f.create_dataset("never", (10,), "i2", fillvalue=7)
    file = h5range.open(tmp_path / "a.h5")
    group = zarr.open_group(open_store(file), mode="r")
    before = file.stats.chunks
    assert group["huge"][500000:500003, 7].tolist() == [2.5] * 3 and file.stats.chunks == before
    assert group["huge"][5, 4:7].tolist() == [2.5, 1, 2.5] and group["never"][...].tolist() == [7] * 10


@pytest.mark.parametrize("stored", [False, True])
def test_a_fill_value_for_each_element(tmp_path, stored):
    """Zarr has one fill value: chunks that were never written used to be the first element's all over."""
    fill_for_each_element(tmp_path / "a.h5")
    store = open_store(tmp_path / "a.h5", stored=stored)
    group = zarr.open_group(store, mode="r")
    with h5py.File(tmp_path / "a.h5") as f:
        for name in f:
            np.testing.assert_array_equal(group[name][...], f[name][...])
    keys = asyncio.run(collected(store.list()))
    assert sum(k.startswith("chunked/c/") for k in keys) == 3 and not any(k.startswith("same/c/") for k in keys)


async def collected(items):
    return [item async for item in items]


def test_arrays_without_elements(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["good"] = np.arange(5.0)
        h5py.h5d.create(f.id, b"none", h5py.h5t.array_create(h5py.h5t.STD_I16LE, (3,)), h5py.h5s.create(h5py.h5s.NULL))
    group = zarr.open_group(open_store(tmp_path / "a.h5"), mode="r")
    assert group["none"].shape == () and group["good"][...].tolist() == [0, 1, 2, 3, 4]
