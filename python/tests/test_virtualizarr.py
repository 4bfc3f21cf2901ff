"""The parser of VirtualiZarr: manifests compared with those of its own HDF parser, virtual datasets read back."""

import asyncio
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr

virtualizarr = pytest.importorskip("virtualizarr")

from conftest import DATA, hdf5_files, label  # noqa: E402
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


@pytest.mark.parametrize("path", [p for p in hdf5_files(100 << 10) if p.suffix in (".nc", ".nc4")][::2], ids=label)
def test_manifests_equal_those_of_its_own_parser(path):
    url = f"file://{path}"
    ours = dict(arrays(H5RangeParser(on_unsupported="skip")(url, registry())._group))
    try:
        theirs = dict(arrays(HDFParser()(url, registry())._group))
    except Exception:
        return
    with h5py.File(path) as f:
        for name in ours.keys() & theirs.keys():
            if f[name].chunks is not None and f[name].id.get_num_chunks() < np.prod(theirs[name].manifest.shape_chunk_grid):
                continue  # of chunks never written they say whatever was in memory
            a, b = ours[name].manifest, theirs[name].manifest
            assert dict(a.dict()) == dict(b.dict()), name


def test_virtual_datasets_are_read_back():
    url = f"file://{DATA / 'sst_global.nc'}"
    for store in (H5RangeParser()(url, registry()), asyncio.run(open_virtual_hdf5(str(DATA / "sst_global.nc")[1:], store=LocalStore("/"), url=url))):
        with xr.open_zarr(store, consolidated=False, zarr_format=3) as ds, xr.open_dataset(DATA / "sst_global.nc", engine="h5range") as direct:
            xr.testing.assert_equal(ds.load(), direct.load())
    vds = H5RangeParser()(url, registry()).to_virtual_dataset()
    assert vds.analysed_sst.dims == ("time", "lat", "lon") and vds.analysed_sst.attrs["units"] == "kelvin"


def test_kerchunk_references_are_read_back(tmp_path):
    vds = H5RangeParser()(f"file://{DATA / 'sst_global.nc'}", registry()).to_virtual_dataset(loadable_variables=["time", "lat", "lon"])
    vds.vz.to_kerchunk(str(tmp_path / "refs.json"), format="json")
    with xr.open_dataset(str(tmp_path / "refs.json"), engine="kerchunk") as ds, xr.open_dataset(DATA / "sst_global.nc", engine="h5range") as direct:
        np.testing.assert_array_equal(ds.analysed_sst.values, direct.analysed_sst.values)


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


def test_what_lies_in_another_file_is_not_named(tmp_path):
    """A dataset behind an external link used to be named by offsets of the other file in this one."""
    with h5py.File(tmp_path / "b.h5", "w") as f:
        f["x"] = np.arange(100)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["here"] = np.arange(10)
        f["there"] = h5py.ExternalLink("b.h5", "/x")
    group = H5RangeParser(on_unsupported="skip")(f"file://{tmp_path / 'a.h5'}", registry())._group
    assert list(group.arrays) == ["here"]
