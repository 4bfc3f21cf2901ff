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
from conftest import DATA, RangeServer, hdf5_files, label
from obstore.store import HTTPStore, LocalStore

import h5range
from h5range.xarray import H5RangeBackend


def netcdf_files():
    out = []
    for path in hdf5_files(1 << 40):
        if path.suffix in (".nc", ".nc4", ".cdf"):
            out.append(path)
            continue
        try:
            with h5py.File(path) as f:
                if "_NCProperties" in f.attrs or any("_Netcdf4Dimid" in node.attrs for node in map(f.get, f) if node is not None):
                    out.append(path)
        except (OSError, KeyError, RuntimeError):
            pass
    return out


def groups_of(path):
    names = ["/"]
    with h5py.File(path) as f:
        f.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Group) else None)
    return names


# Where the results differ, and why. The rest has to be identical, or refused with the same words.
ASCII_THAT_IS_NOT = {  # UTF-8 in an attribute declared ASCII: text here and with the engine netcdf4, surrogates with h5netcdf
    "ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20000101000000-fv02.2.nc": "references",
}
REFUSED_WITH_H5NETCDF = {  # {file: (exception, why)}; ours opens these, not decoded
    "ref_tst_opaque_data.nc": (AttributeError, "h5netcdf has no name for the opaque type of the file"),
    "ref_tst_compounds.nc": (TypeError, "xarray takes structures in big-endian order for plain bytes; ours are given in the machine's order"),
}


def load(path, engine, group=None, **options):
    """A tree when ``group`` is None; the exception where there is one."""
    opener = xr.open_datatree if group is None else xr.open_dataset
    if group is not None:
        options["group"] = group
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with opener(path, engine=engine, **options) as opened:
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
        assert x.dims == y.dims and x.attrs.keys() == y.attrs.keys()
        for i, j in zip(x.values.ravel(), y.values.ravel(), strict=True):
            np.testing.assert_array_equal(i, j)


def as_text(tree, name):
    """With surrogates, which stand for bytes that are no ASCII, as the text that they are."""
    out = tree.copy()
    out.attrs[name] = out.attrs[name].encode("utf-8", "surrogateescape").decode()
    return out


def compare(path, group, **options):
    """Whether both engines opened it; what they gave is identical."""
    theirs, ours = load(path, "h5netcdf", group, **options), load(path, "h5range", group, **options)
    if path.name in REFUSED_WITH_H5NETCDF and isinstance(theirs, REFUSED_WITH_H5NETCDF[path.name][0]):
        return not isinstance(ours, Exception)
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert (type(ours), str(ours)) == (type(theirs), str(theirs))
        return False
    if path.name in ASCII_THAT_IS_NOT and (group or "/") == "/":
        with pytest.raises(AssertionError):
            xr.testing.assert_identical(theirs, ours)
        theirs = as_text(theirs, ASCII_THAT_IS_NOT[path.name])
    try:
        xr.testing.assert_identical(theirs, ours)
    except ValueError:
        for node, other in [(theirs, ours)] if group is not None else zip(theirs.subtree, ours.subtree, strict=True):
            identical_objects(node, other)
    return True


@pytest.mark.parametrize("path", netcdf_files(), ids=label)
def test_identical_to_h5netcdf(path):
    """The tree and each group by itself, decoded; what xarray cannot decode is compared as it is."""
    for group in (None, *groups_of(path)):
        if not compare(path, group) and group is not None:
            assert compare(path, group, decode_cf=False)


def test_structures_in_big_endian_order(tmp_path):
    values = np.array([(1, 2.5), (3, 4.5)], np.dtype([("a", ">i4"), ("b", ">f8")]))
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["x"] = values
        f["scalar"] = values[0]
    with xr.open_dataset(tmp_path / "a.h5", engine="h5range") as ds:
        assert ds.x.values["a"].tolist() == [1, 3] and ds.x[1].values["b"] == 4.5 and ds.scalar.values["b"] == 2.5


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
    assert guess("https://example.org/a.nc?token=1")  # by its name: nothing is asked for
    other = tmp_path / "other.nc"
    other.write_bytes(b"CDF\1" + b"\0" * 100)
    assert not guess(other) and not guess(tmp_path / "missing.nc") and not guess(b"") and not guess(3)


def test_guesses_what_a_url_names(tmp_path):
    """Where the name does not tell, one request does; what fails is not ours."""
    (tmp_path / "data").write_bytes((DATA / "product.nc").read_bytes())
    (tmp_path / "later.v2").write_bytes(b"\0" * 512 + (DATA / "product.nc").read_bytes())
    (tmp_path / "picture.tif").write_bytes(b"II*\0" + b"\0" * (1 << 20))
    (tmp_path / "empty").write_bytes(b"")
    server = RangeServer(tmp_path)
    try:
        guess = H5RangeBackend().guess_can_open
        for name, is_ours in {"data": True, "later.v2": True, "picture.tif": False, "empty": False, "missing": False}.items():
            server.log.clear()
            assert guess(f"{server.url}/{name}?x=1") is is_ours, name
            assert 1 <= len(server.log) <= 2, (name, server.log)
    finally:
        server.close()
    assert not guess(f"{server.url}/data") and not guess("unknown://x/y") and not guess("http://")


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
        with xr.open_dataset(path, engine="h5range", store=store, options={"limits": {"chunk_bytes": 1 << 20}}) as ds:
            if hasattr(store, "get_ranges"):  # before 2026.7 xarray's chunks={} looks for the path on the disk; chunk() does not
                ds = ds.chunk()
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


def test_arrays_without_elements(tmp_path):
    """One of an array type used to make the whole file unreadable: its dimensions had no names."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["good"] = np.arange(5.0)
        h5py.h5d.create(f.id, b"none", h5py.h5t.array_create(h5py.h5t.STD_I16LE, (3,)), h5py.h5s.create(h5py.h5s.NULL))
    with h5range.open(tmp_path / "a.h5") as f:
        assert f["none"].is_null and f["none"].shape == f["none"].maxshape == () and f["none"].size == 0
    with xr.open_dataset(tmp_path / "a.h5", engine="h5range") as ds:
        assert ds["none"].dims == () and ds.good.values.tolist() == [0, 1, 2, 3, 4]


def test_elements_that_are_arrays(tmp_path):
    """An integer as the index gives one element, which is no dimension more."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("v", (4,), h5py.vlen_dtype("i4"), maxshape=(None,), chunks=(4,))[0] = [1, 2]
        f.create_dataset("one", (), h5py.vlen_dtype("i4"))[()] = [3, 4, 5]
        f.create_dataset("t", data=np.arange(6.0), maxshape=(None,), chunks=(6,)).make_scale("t")
        f["v"].dims[0].attach_scale(f["t"])  # of which "v" is the shorter
    with xr.open_dataset(tmp_path / "a.h5", engine="h5range", decode_cf=False) as ds:
        first = ds.v[0]
        assert first.dims == () and first.values.shape == () and first.values[()].tolist() == [1, 2]
        assert ds.one.values[()].tolist() == [3, 4, 5]
        assert [len(item) for item in ds.v.values] == [2, 0, 0, 0, 0, 0] and ds.v[[5, 0]].values[1].tolist() == [1, 2]
    with h5py.File(tmp_path / "b.h5", "w") as f:
        f.create_dataset("v", (4,), h5py.vlen_dtype("i4"))[1] = [1, 2]
    with xr.open_dataset(tmp_path / "b.h5", engine="h5range", decode_cf=False) as ds:
        assert ds.v[1].values[()].tolist() == [1, 2] and ds.v[1:].values[0].tolist() == [1, 2] and ds.v[0].values[()].size == 0
