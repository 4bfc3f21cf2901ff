"""The parser of VirtualiZarr: manifests compared with those of its own HDF parser, virtual datasets read back."""

import asyncio
import contextlib
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

virtualizarr = pytest.importorskip("virtualizarr")

from conftest import DATA, fill_for_each_element, hdf5_files, label  # noqa: E402
from obspec_utils.registry import ObjectStoreRegistry  # noqa: E402
from obstore.store import LocalStore  # noqa: E402
from virtualizarr.parsers import HDFParser  # noqa: E402

import h5range  # noqa: E402
from h5range.virtualizarr import H5RangeParser, LeftOutWarning, open_virtual_hdf5  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def registry():
    return ObjectStoreRegistry({"file://": LocalStore()})


def arrays(group, prefix=""):
    for name, array in group.arrays.items():
        yield prefix + name, array
    for name, child in group.groups.items():
        yield from arrays(child, f"{prefix}{name}/")


DEEP = ("chunk_index_btree1_deep.h5", "chunk_index_btree2_deep.h5")  # with a grid of 10^8 places, which its parser goes through in Python


def hdf_parser(url):
    """Its arrays; None where it refuses the file, for one array of a type or filter that it lacks."""
    drop = ["sparse"] if url.endswith(DEEP) else None
    try:
        return dict(arrays(HDFParser(drop_variables=drop)(url, registry())._group))
    except Exception:
        return None


def places(manifest):
    return {key: (entry["path"], entry["offset"], entry["length"]) for key, entry in manifest.dict().items()}


@pytest.mark.parametrize("path", [p for p in hdf5_files(1 << 40) if not p.name.startswith("damaged_")], ids=label)
def test_manifests_equal_those_of_its_own_parser(path):
    """Where its parser, which asks libhdf5, reads the file; chunks that libhdf5 does not know are left out of ours."""
    url = f"file://{path}"
    theirs = hdf_parser(url)
    try:
        ours = dict(arrays(H5RangeParser(on_unsupported="skip")(url, registry())._group))
    except h5range.H5RangeError:
        assert theirs is None
        return
    assert path.name not in DEEP or np.count_nonzero(ours["sparse"].manifest._lengths) == 6
    with h5py.File(path) if theirs is not None else contextlib.nullcontext() as f:
        for name in ours.keys() & (theirs or {}).keys():
            if ours[name].manifest.shape_chunk_grid != theirs[name].manifest.shape_chunk_grid and 0 in f[name].shape:
                assert places(ours[name].manifest) == {}  # theirs cannot even be listed
                continue
            if "_nc4_non_coord_" + name in f:  # the name of another one in netCDF
                continue
            a, b = places(ours[name].manifest), places(theirs[name].manifest)
            ds = f[name]
            assert ours[name].shape == theirs[name].shape and ours[name].chunks == theirs[name].chunks, name
            if ds.chunks is not None:
                # of chunks never written they say whatever was in memory
                stored = [ds.id.get_chunk_info(i) for i in range(ds.id.get_num_chunks())]
                inside = {tuple(o // n for o, n in zip(c.chunk_offset, ds.chunks, strict=True)): c for c in stored}
                keys = {".".join(map(str, at)) for at in inside if all(i * n < d for i, n, d in zip(at, ds.chunks, ds.shape, strict=True))}
                assert a.keys() == keys, name
                b = {key: b[key] for key in keys}
            assert a == b, name


def test_virtual_datasets_are_read_back():
    url = f"file://{DATA / 'sst_global.nc'}"
    for store in (H5RangeParser()(url, registry()), asyncio.run(open_virtual_hdf5(str(DATA / "sst_global.nc")[1:], store=LocalStore("/"), url=url))):
        with xr.open_zarr(store, consolidated=False, zarr_format=3) as ds, xr.open_dataset(DATA / "sst_global.nc", engine="h5range") as direct:
            xr.testing.assert_equal(ds.load(), direct.load())
    vds = H5RangeParser()(url, registry()).to_virtual_dataset()
    assert vds.analysed_sst.dims == ("time", "lat", "lon") and vds.analysed_sst.attrs["units"] == "kelvin"


@pytest.mark.parametrize("format", ["json", "parquet"])
def test_kerchunk_references_are_read_back(tmp_path, format):
    vds = H5RangeParser()(f"file://{DATA / 'sst_global.nc'}", registry()).to_virtual_dataset(loadable_variables=["time", "lat", "lon"])
    vds.vz.to_kerchunk(str(tmp_path / f"refs.{format}"), format=format)
    options = {"remote_protocol": "file"} if format == "parquet" else {}
    with xr.open_dataset(str(tmp_path / f"refs.{format}"), engine="kerchunk", storage_options=options) as ds:
        with xr.open_dataset(DATA / "sst_global.nc", engine="h5range") as direct:
            assert set(ds.variables) == set(direct.variables)
            for name in direct.variables:
                np.testing.assert_array_equal(ds[name].values, direct[name].values)


def test_what_zarr_cannot_read_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("lzf", data=np.arange(100), chunks=(10,), compression="lzf")
        f.create_dataset("text", data=["a", "b"], dtype=h5py.string_dtype())
        f.create_dataset("some", (100,), "i4", chunks=(10,), fillvalue=9)[35] = 1
    url = f"file://{tmp_path / 'a.h5'}"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        group = H5RangeParser()(url, registry())._group
    texts = [str(w.message) for w in said if w.category is LeftOutWarning]
    assert len(texts) == 2 and "/lzf: filter 32000" in texts[0] and "/text" in texts[1]
    assert list(group.arrays) == ["some"] and list(group.arrays["some"].manifest.dict()) == ["3"]
    with pytest.raises(h5range.UnsupportedError, match="no codec in Zarr"):
        H5RangeParser(on_unsupported="error")(url, registry())


def test_a_fill_value_for_each_element(tmp_path):
    """Zarr has one fill value: what misses chunks is left out, or inlined."""
    fill_for_each_element(tmp_path / "a.h5")
    url = f"file://{tmp_path / 'a.h5'}"
    with pytest.warns(LeftOutWarning, match="never written, and elements of its fill value differ"):
        assert list(H5RangeParser()(url, registry())._group.arrays) == ["same"]
    group = zarr.open_group(H5RangeParser(on_unsupported="inline")(url, registry()), mode="r")
    with h5py.File(tmp_path / "a.h5") as f:
        for name in f:
            np.testing.assert_array_equal(group[name][...], f[name][...])


def test_what_zarr_cannot_read_is_inlined_on_request(tmp_path):
    heights = np.arange(100.0)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("lzf", data=heights, chunks=(10,), compression="lzf").attrs["_FillValue"] = np.float64(5)
        f["lzf"].attrs["scale_factor"] = 2.0
        f.create_dataset("text", data=["a", "é"], dtype=h5py.string_dtype())
        f.create_dataset("g/lzf", data=np.arange(12).reshape(3, 4), chunks=(2, 2), compression="lzf")
        f.create_dataset("g/large", data=np.arange(1000), chunks=(10,), compression="lzf")
        f["plain"] = np.arange(1, 11)
        f["one"] = "scalär"
        f.create_dataset("nothing", dtype="f4", shape=None)
    url = f"file://{tmp_path / 'a.h5'}"
    own = registry()
    with pytest.warns(LeftOutWarning) as said:
        store = H5RangeParser(on_unsupported="inline", inline=4000)(url, own)
    said = [str(w.message) for w in said if w.category is LeftOutWarning]
    assert len(said) == 3 and any("/g/large: its 8000 bytes are more than inline=4000" in t for t in said)
    assert any("/nothing" in t for t in said) and any("/one is inlined without dimensions" in t for t in said)
    assert [k.scheme for k in own.map] == ["file"], "the registry that was given is left alone"

    with xr.open_zarr(store, consolidated=False, zarr_format=3) as ds, xr.open_dataset(tmp_path / "a.h5", engine="h5range") as direct:
        for name in ("lzf", "text", "plain", "one"):
            np.testing.assert_array_equal(ds[name].values, direct[name].values)
    tree = store.to_virtual_datatree()
    assert tree["g/lzf"].values.tolist() == np.arange(12).reshape(3, 4).tolist() and "large" not in tree["g"]
    vds = store.to_virtual_dataset()
    assert vds.lzf.values.tolist() == heights.tolist() and vds.lzf.attrs["_FillValue"] == 5 and type(vds.plain.data).__name__ == "ManifestArray"

    kerchunk = vds.drop_vars("one")  # which its writer loses
    kerchunk.vz.to_kerchunk(str(tmp_path / "a.json"), format="json")
    with xr.open_dataset(tmp_path / "a.h5", engine="h5range") as direct:
        with xr.open_dataset(str(tmp_path / "a.json"), engine="kerchunk") as ds:
            for name in kerchunk.variables:
                np.testing.assert_array_equal(ds[name].values, direct[name].values)
        with xr.open_zarr(icechunk_of(vds, tmp_path), consolidated=False, zarr_format=3) as ds:
            for name in vds.variables:
                np.testing.assert_array_equal(ds[name].values, direct[name].values)


def icechunk_of(virtual, folder):
    """A virtual dataset or tree written into a repository whose virtual chunks may lie in that folder; the store that reads it."""
    icechunk = pytest.importorskip("icechunk")
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(f"file://{folder}/", icechunk.local_filesystem_store(str(folder))))
    repository = icechunk.Repository.create(icechunk.in_memory_storage(), config, authorize_virtual_chunk_access={f"file://{folder}/": None})
    session = repository.writable_session("main")
    virtual.vz.to_icechunk(session.store)
    session.commit("references")
    return repository.readonly_session("main").store


@pytest.mark.parametrize("name", ["product.nc", "sst_global.nc"])
def test_icechunk_is_read_back(name):
    """Groups, coordinates and masks included."""
    tree = H5RangeParser()(f"file://{DATA / name}", registry()).to_virtual_datatree()
    with xr.open_datatree(icechunk_of(tree, DATA), engine="zarr", consolidated=False, zarr_format=3) as read:
        with xr.open_datatree(DATA / name, engine="h5range") as direct:
            xr.testing.assert_equal(read.load(), direct.load())


def test_arrays_without_elements_are_written(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("none", (0, 3), "i4", chunks=(2, 3), maxshape=(None, 3))
        f.create_dataset("some", data=np.arange(1, 5))
    vds = H5RangeParser()(f"file://{tmp_path / 'a.h5'}", registry()).to_virtual_dataset()
    vds.vz.to_kerchunk(str(tmp_path / "a.json"), format="json")
    with xr.open_dataset(str(tmp_path / "a.json"), engine="kerchunk") as ds:
        assert ds.none.shape == (0, 3) and ds.some.values.tolist() == [1, 2, 3, 4]


def test_what_lies_in_another_file_is_not_named(tmp_path):
    """A dataset behind an external link used to be named by offsets of the other file in this one."""
    with h5py.File(tmp_path / "b.h5", "w") as f:
        f["x"] = np.arange(100)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["here"] = np.arange(10)
        f["there"] = h5py.ExternalLink("b.h5", "/x")
    group = H5RangeParser(on_unsupported="skip")(f"file://{tmp_path / 'a.h5'}", registry())._group
    assert list(group.arrays) == ["here"]
