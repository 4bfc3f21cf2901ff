"""The xarray engine, compared with h5netcdf over the netCDF-4 files."""

import io
import pickle
import threading
import warnings

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
from conftest import DATA, hdf5_files, label
from obstore.store import HTTPStore, LocalStore

import h5range
from h5range.xarray import H5RangeBackend


def netcdf_files():
    out = []
    for path in hdf5_files(1 << 20):
        if path.suffix in (".nc", ".nc4", ".cdf"):
            out.append(path)
            continue
        try:
            with h5py.File(path) as f:
                if "_NCProperties" in f.attrs:
                    out.append(path)
        except (OSError, KeyError, RuntimeError):
            pass
    return out


# Where we differ from h5netcdf, and why.
EXPLAINED = {
    "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv02.2.nc": "UTF-8 in an attribute declared ASCII: text here and with netCDF4, surrogates there",
}


def load(path, engine, how):
    opener = xr.open_dataset if how == "dataset" else xr.open_datatree
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with opener(path, engine=engine, decode_times=False) as opened:
                if opened.nbytes > 64 << 20:  # of a small file: what was never written
                    return opened.isel({d: slice(0, 3) for d in opened.sizes}).load()
                return opened.load()
        except Exception as e:
            return e


def identical_objects(a, b):
    """assert_identical() fails on arrays of arrays."""
    assert set(a.variables) == set(b.variables) and a.attrs.keys() == b.attrs.keys()
    for name in a.variables:
        x, y = a.variables[name], b.variables[name]
        assert x.dims == y.dims
        for i, j in zip(x.values.ravel(), y.values.ravel(), strict=True):
            np.testing.assert_array_equal(i, j)


@pytest.mark.parametrize(
    ("path", "how"), [(p, "tree") for p in netcdf_files()] + [(p, "dataset") for p in netcdf_files()[::4]], ids=lambda v: v if isinstance(v, str) else label(v)
)
def test_identical_to_h5netcdf(path, how):
    theirs, ours = load(path, "h5netcdf", how), load(path, "h5range", how)
    if path.name in EXPLAINED:
        with pytest.raises(AssertionError):
            xr.testing.assert_identical(theirs, ours)
        return
    if isinstance(theirs, Exception):
        if isinstance(ours, Exception):
            assert type(ours) is type(theirs) or isinstance(theirs, AttributeError), ours
        return
    if isinstance(ours, Exception):
        raise ours
    try:
        xr.testing.assert_identical(theirs, ours)
    except ValueError:
        identical_objects(theirs, ours)


def test_times_masks_and_groups():
    with xr.open_dataset(DATA / "sst_global.nc", engine="h5range") as ds:
        with xr.open_dataset(DATA / "sst_global.nc", engine="h5netcdf") as theirs:
            xr.testing.assert_identical(ds, theirs)
        assert ds.time.dtype.kind == "M"
    with xr.open_dataset(DATA / "product.nc", engine="h5range", group="quality") as ds:
        assert dict(ds.sizes) == {"time": 4, "y": 60, "x": 80}
    groups = xr.open_groups(DATA / "product.nc", engine="h5range")
    assert set(groups) == {"/", "/quality"}
    with xr.open_datatree(DATA / "product.nc", engine="h5range") as tree:
        assert tree["quality/level"].shape == (4, 60, 80)


def test_values_are_read_when_they_are_needed():
    with h5range.open(DATA / "sst_global.nc", head_size=16384) as f:
        ds = xr.open_dataset(f, engine="h5range")
        before = f.stats
        window = ds.analysed_sst[0, 10:12, 10:12]
        assert f.stats.chunks == before.chunks
        window.load()
        assert f.stats.chunks == before.chunks + 1


@pytest.mark.parametrize("key", [np.s_[::-1, 3, [5, 1, 1]], np.s_[[True, False, True, False], :, 7], np.s_[..., -1], np.s_[1:1]])
def test_indexing_equals_numpy(key):
    with xr.open_dataset(DATA / "product.nc", engine="h5range", decode_cf=False) as ds, h5py.File(DATA / "product.nc") as f:
        whole = xr.DataArray(f["sst"][...], dims=("time", "y", "x"))
        np.testing.assert_array_equal(ds.sst.variable[key].values, whole.variable[key].values)


def test_guesses_by_signature(tmp_path):
    guess = H5RangeBackend().guess_can_open
    odd = tmp_path / "product.without_suffix"
    odd.write_bytes(b"\0" * 512 + (DATA / "product.nc").read_bytes())
    assert guess(odd) and guess(str(odd)) and guess(io.BytesIO(odd.read_bytes())) and guess(odd.read_bytes())
    assert guess("https://example.org/a.nc?token=1") and not guess("https://example.org/a.tif")
    other = tmp_path / "other.nc"
    other.write_bytes(b"CDF\1" + b"\0" * 100)
    assert not guess(other) and not guess(tmp_path / "missing.nc") and not guess(b"") and not guess(3)


def test_file_objects_and_bytes():
    expected = xr.load_dataset(DATA / "product.nc", engine="h5netcdf")
    data = (DATA / "product.nc").read_bytes()
    with open(DATA / "product.nc", "rb") as f:
        for source in (data, io.BytesIO(data), f):
            xr.testing.assert_identical(xr.load_dataset(source, engine="h5range"), expected)


def test_pickled_datasets_read_on():
    with xr.open_dataset(DATA / "product.nc", engine="h5range", chunks={}) as ds:
        again = pickle.loads(pickle.dumps(ds))
        xr.testing.assert_identical(again.compute(), ds.compute())
        assert ds.sst.chunks == ((1,) * 4, (30, 30), (40, 40))


def test_stores_and_options_without_a_hash(server):
    """xarray hashes what a file is opened with; obstore's stores and dictionaries have no hash, and were refused."""
    expected = xr.load_dataset(DATA / "product.nc", engine="h5netcdf")
    for store in (LocalStore(DATA), HTTPStore.from_url(server.url, client_options={"allow_http": True}), fsspec.filesystem("file")):
        path = str(DATA / "product.nc") if not hasattr(store, "get_ranges") else "product.nc"
        with xr.open_dataset(path, engine="h5range", store=store, chunks={}, options={"limits": {"chunk_bytes": 1 << 20}}) as ds:
            xr.testing.assert_identical(pickle.loads(pickle.dumps(ds)).compute(), expected)
            xr.testing.assert_identical(ds.compute(), expected)
    with xr.open_dataset(f"{server.url}/product.nc", engine="h5range", storage_options={"headers": {"a": "b"}}) as ds:
        xr.testing.assert_identical(ds.load(), expected)


def test_threads_share_a_file():
    with xr.open_dataset(DATA / "product.nc", engine="h5range") as ds:
        expected = float(ds.sst.mean())
        got = []

        def mean():
            with xr.open_dataset(DATA / "product.nc", engine="h5range") as mine:
                got.extend([float(mine.sst.mean()), float(ds.sst.isel(time=slice(None)).mean())])

        threads = [threading.Thread(target=mean) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert got == [expected] * 16


def test_unlimited_dimensions_fill_up(tmp_path):
    import netCDF4

    with netCDF4.Dataset(tmp_path / "a.nc", "w") as nc:
        nc.createDimension("t", None)
        nc.createDimension("x", 3)
        nc.createVariable("long", "f4", ("t",))[:] = np.arange(5)
        nc.createVariable("short", "i2", ("t", "x"), fill_value=-7)[:2] = np.arange(6).reshape(2, 3)
    ds = xr.load_dataset(tmp_path / "a.nc", engine="h5range", mask_and_scale=False)
    xr.testing.assert_identical(ds, xr.load_dataset(tmp_path / "a.nc", engine="h5netcdf", mask_and_scale=False))
    assert ds.short.values.tolist() == [[0, 1, 2], [3, 4, 5]] + [[-7] * 3] * 3
    with xr.open_dataset(tmp_path / "a.nc", engine="h5range", mask_and_scale=False) as lazy:
        assert lazy.short[[4, 0], 1].values.tolist() == [-7, 1] and lazy.short[3, ::-1].values.tolist() == [-7] * 3


def test_dimensions_without_names(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["a"] = np.zeros((2, 3, 2))
        f["g/b"] = np.zeros((3,))
    tree = xr.open_datatree(tmp_path / "a.h5", engine="h5range")
    assert tree["a"].dims == ("phony_dim_0", "phony_dim_1", "phony_dim_2") or len(set(tree["a"].dims)) == 3
    assert tree["g/b"].dims == ("phony_dim_3",)
    for mode in ("access", "sort"):
        ours = xr.open_datatree(tmp_path / "a.h5", engine="h5range", phony_dims=mode)
        xr.testing.assert_identical(ours.load(), xr.open_datatree(tmp_path / "a.h5", engine="h5netcdf", phony_dims=mode).load())


def test_mistakes_are_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        xr.open_dataset(tmp_path / "missing.nc", engine="h5range")
    with pytest.raises(KeyError):
        xr.open_dataset(DATA / "product.nc", engine="h5range", group="nothing")
    with pytest.raises(ValueError, match="not a group"):
        xr.open_dataset(DATA / "product.nc", engine="h5range", group="sst")
    with pytest.raises(ValueError, match="phony_dims"):
        xr.open_dataset(DATA / "product.nc", engine="h5range", phony_dims="none")
