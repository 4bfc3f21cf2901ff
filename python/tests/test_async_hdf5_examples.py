"""What async-hdf5's documentation shows (its README, docstrings, and the notebooks of its demonstration), on our package and on async-hdf5 itself.

Each example is a function of the package and the name of its xarray engine: porting is a change of these two. The samples' ``months since`` units,
which xarray refuses, are ``days since`` here. A server on loopback stands in for the buckets and archives.
"""

import asyncio
import importlib
import inspect

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from conftest import DATA, RangeServer

async_hdf5 = pytest.importorskip("async_hdf5")

import h5range  # noqa: E402
import h5range.async_hdf5  # noqa: E402

OURS = ("h5range.async_hdf5", "h5range")
THEIRS = ("async_hdf5", "async_hdf5")
TEMPERATURE = np.random.default_rng(42).standard_normal((12, 18, 36), dtype=np.float32) * 10 + 280
BEAMS = ["gt1l", "gt2r"]

# zarr-python says so of the codecs of numcodecs, which async-hdf5's stores and all manifests name
pytestmark = pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds a bucket, and in it the sample of the README and a granule with groups like those of the notebooks."""
    top = tmp_path_factory.mktemp("examples")
    bucket = top / "bucket" / "path"
    bucket.mkdir(parents=True)
    with h5py.File(bucket / "sample.h5", "w") as f:
        f.attrs["Conventions"] = "CF-1.8"
        f.attrs["title"] = "Sample temperature dataset"
        for name, values, units in (
            ("time", np.arange(12.0), "days since 2020-01-01"),
            ("lat", np.linspace(-90, 90, 18), "degrees_north"),
            ("lon", np.linspace(-180, 180, 36), "degrees_east"),
        ):
            f[name] = values
            f[name].attrs["units"] = units
        t = f.create_dataset("temperature", data=TEMPERATURE, chunks=(4, 18, 36), compression="gzip")
        t.attrs["units"], t.attrs["long_name"] = "K", "Near-Surface Air Temperature"
    with h5py.File(bucket / "granule.h5", "w") as f:
        for i, beam in enumerate(BEAMS):
            g = f.create_group(f"{beam}/land_ice_segments")
            heights = np.arange(1000, dtype="f4") + i
            heights[::7] = 3.4028235e38
            h = g.create_dataset("h_li", data=heights, chunks=(100,), compression="gzip", shuffle=True, fillvalue=3.4028235e38, maxshape=(None,))
            h.attrs["_FillValue"] = np.float32(3.4028235e38)
            g.create_dataset("latitude", data=np.linspace(60, 85, 1000), chunks=(100,), compression="gzip")
            g.create_dataset("atl06_quality_summary", data=np.arange(1000, dtype="i1") % 2, chunks=(100,))
            g.create_dataset("fit/n", data=np.arange(3, dtype="i4"))
    return top


@pytest.fixture(scope="module")
def web(folder):
    s = RangeServer(folder)
    yield s
    s.close()


def store_of(package):
    return importlib.import_module(package + ".store")


# ---------------------------------------------------------------- the examples


def opening_a_file(package, engine, folder, web):
    module = importlib.import_module(package)
    path = str(folder / "bucket/path/sample.h5")

    async def look():
        file = await module.HDF5File.open(path, store=store_of(package).LocalStore())
        root = await file.root_group()
        ds = await root.dataset("temperature")
        index = await ds.chunk_index()
        return {
            "title": (await root.attributes())["title"], "children": sorted(await root.children()), "shape": tuple(ds.shape),
            "dtype": ds.numpy_dtype, "chunk": tuple(ds.chunk_shape), "filters": ds.filters, "grid": tuple(index.grid_shape),
            "count": len(index), "chunks": sorted((tuple(c.indices), c.byte_offset, c.byte_length) for c in index),
        }  # fmt: skip

    return asyncio.run(look())


def an_xarray_engine(package, engine, folder, web):
    with xr.open_dataset(str(folder / "bucket/path/sample.h5"), engine=engine) as ds:
        repr(ds), repr(ds["temperature"])
        return ds.load()


def xarray_over_a_bucket(package, engine, folder, web):
    s3 = store_of(package).S3Store(
        bucket="bucket", region="us-east-1", skip_signature=True, endpoint=web.url, client_options={"allow_http": True}
    )  # fmt: skip
    with xr.open_dataset("path/sample.h5", engine=engine, store=s3) as ds:
        return ds.load()


def xarray_over_a_url_of_a_bucket(package, engine, folder, web):
    store = store_of(package).S3Store.from_url(
        "s3://bucket", skip_signature=True, region="us-east-1", endpoint=web.url, client_options={"allow_http": True}
    )
    with xr.open_dataset("path/sample.h5", engine=engine, store=store) as ds:
        return ds.load()


def a_zarr_store(package, engine, folder, web):
    open_hdf5 = importlib.import_module(package + ".zarr").open_hdf5
    store = asyncio.run(open_hdf5(path=str(folder / "bucket/path/sample.h5"), store=store_of(package).LocalStore()))
    with xr.open_dataset(store, engine="zarr", consolidated=False, zarr_format=3) as ds:
        return ds.load()


def a_virtual_dataset(package, engine, folder, web):
    open_virtual_hdf5 = importlib.import_module(package + ".virtualizarr").open_virtual_hdf5
    path = str(folder / "bucket/path/sample.h5")
    manifests = asyncio.run(open_virtual_hdf5(path, store=store_of(package).LocalStore(), url=f"file://{path}"))
    vds = manifests.to_virtual_dataset()
    repr(vds)
    return {name: dict(v.data.manifest.dict()) for name, v in vds.variables.items()}


def http_store(package, web):
    return store_of(package).HTTPStore.from_url(
        f"{web.url}/bucket/path", client_options={"default_headers": {"Authorization": "Bearer token"}, "allow_http": True}
    )


def a_group_over_http(package, engine, folder, web):
    with xr.open_dataset("granule.h5", engine=engine, group="gt1l/land_ice_segments", store=http_store(package, web)) as ds:
        return ds[["h_li", "latitude"]].load()


def a_tree_over_http(package, engine, folder, web):
    with xr.open_datatree("granule.h5", engine=engine, store=http_store(package, web)) as tree:
        return {node.path: len(node.dataset.data_vars) for node in tree.subtree}


def groups_step_by_step(package, engine, folder, web):
    module = importlib.import_module(package)

    async def look():
        f = await module.HDF5File.open("granule.h5", store=http_store(package, web))
        segments = await (await (await f.root_group()).group("gt1l")).group("land_ice_segments")
        ds = await segments.dataset("h_li")
        return tuple(ds.shape), ds.numpy_dtype, tuple(ds.chunk_shape), [f["id"] for f in ds.filters], len(list(await ds.chunk_index()))

    return asyncio.run(look())


def many_groups_at_once(package, engine, folder, web):
    """zarr's blocking calls within the event loop that opened the store."""
    open_hdf5 = importlib.import_module(package + ".zarr").open_hdf5

    async def beam(name):
        store = await open_hdf5(path="granule.h5", store=http_store(package, web), group=f"{name}/land_ice_segments")
        group = zarr.open_group(store, mode="r")
        return [group[v][:] for v in ("h_li", "latitude", "atl06_quality_summary")]

    async def main():
        return await asyncio.gather(*(beam(name) for name in BEAMS))

    return asyncio.run(main())


def a_virtual_group(package, engine, folder, web):
    open_virtual_hdf5 = importlib.import_module(package + ".virtualizarr").open_virtual_hdf5
    url = f"{web.url}/bucket/path/granule.h5"
    manifests = asyncio.run(
        open_virtual_hdf5("granule.h5", store=http_store(package, web), group="gt1l/land_ice_segments", url=url)
    )
    vds = manifests.to_virtual_dataset()
    return type(manifests).__name__, len(vds["h_li"].data.manifest.dict()), dict(vds["h_li"].data.manifest.dict())


EXAMPLES = [
    opening_a_file, an_xarray_engine, xarray_over_a_bucket, xarray_over_a_url_of_a_bucket, a_zarr_store, a_virtual_dataset, a_group_over_http,
    a_tree_over_http, groups_step_by_step, many_groups_at_once, a_virtual_group,
]  # fmt: skip


def same(ours, theirs):
    if isinstance(ours, xr.Dataset):
        assert set(ours.variables) == set(theirs.variables)
        for name in ours.variables:
            # async-hdf5 loses the attributes of these datasets, so its xarray has nothing to decode them by: compared is what is stored.
            assert theirs[name].attrs.items() <= ours[name].attrs.items()
            lost = theirs[name].attrs == {} and ours[name].encoding.keys() & {"_FillValue", "units"}
            mine = xr.conventions.encode_cf_variable(ours[name].variable) if lost else ours[name]
            np.testing.assert_array_equal(mine.values, theirs[name].values)
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            same(ours[key], theirs[key])
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # async-hdf5 leaves event loops open
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda f: f.__name__)
def test_example_gives_what_async_hdf5_gives(example, folder, web):
    same(example(*OURS, folder, web), example(*THEIRS, folder, web))


def test_examples_give_what_is_in_the_files(folder, web):
    told = opening_a_file(*OURS, folder, web)
    with h5py.File(folder / "bucket/path/sample.h5") as f:
        ds = f["temperature"]
        info = [ds.id.get_chunk_info(i) for i in range(3)]
        assert told["chunks"] == [((i, 0, 0), c.byte_offset, c.size) for i, c in enumerate(info)]
        assert (told["title"], told["shape"], told["dtype"], told["chunk"]) == (f.attrs["title"], ds.shape, ds.dtype.str, ds.chunks)
        assert told["filters"][0]["id"] == 1 and told["children"] == sorted(f)
    for example in (an_xarray_engine, xarray_over_a_bucket, xarray_over_a_url_of_a_bucket, a_zarr_store):
        ds = example(*OURS, folder, web)
        np.testing.assert_array_equal(ds["temperature"].values, TEMPERATURE)
        assert ds["temperature"].attrs["units"] == "K" and ds["time"].values[1] == np.datetime64("2020-01-02") and ds.attrs["Conventions"] == "CF-1.8"
    with h5py.File(folder / "bucket/path/granule.h5") as f:
        heights = f["gt1l/land_ice_segments/h_li"][...]
    masked = np.where(heights > 1e38, np.nan, heights)
    np.testing.assert_array_equal(a_group_over_http(*OURS, folder, web)["h_li"].values, masked)
    np.testing.assert_array_equal(many_groups_at_once(*OURS, folder, web)[0][0], heights)
    assert a_tree_over_http(*OURS, folder, web)["/gt2r/land_ice_segments"] == 3


def test_months_since_is_refused_as_with_h5netcdf(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["time"] = np.arange(3.0)
        f["time"].attrs["units"] = "months since 2020-01-01"
    said = []
    for engine in ("h5netcdf", "h5range"):
        with pytest.raises(ValueError, match="decode time units") as e:
            xr.open_dataset(tmp_path / "a.h5", engine=engine)
        said.append(str(e.value).split("\n")[0])
    assert said[0] == said[1]


def test_the_surface_is_complete():
    """Every public name of async-hdf5's modules and classes is ours, too."""
    for module in ("", ".store", ".zarr", ".virtualizarr", ".xarray"):
        theirs, ours = importlib.import_module("async_hdf5" + module), importlib.import_module("h5range.async_hdf5" + module)
        here = [n for n, v in vars(theirs).items() if inspect.isroutine(v) or inspect.isclass(v)]
        here = [n for n in here if getattr(theirs, n).__module__ == theirs.__name__ and not n.startswith("_")]
        names = getattr(theirs, "__all__", here)
        assert names and [n for n in names if not hasattr(ours, n)] == [], module
    index = h5range.open(DATA / "product.nc")["sst"].index()
    instances = {"ChunkIndex": index, "ChunkLocation": next(iter(index))}  # what the constructor sets is no attribute of the class
    for name in ("HDF5File", "HDF5Group", "HDF5Dataset", "ChunkIndex", "ChunkLocation"):
        public = {n for n in dir(getattr(async_hdf5, name)) if not n.startswith("_")}
        assert public and public <= set(dir(instances.get(name, getattr(h5range.async_hdf5, name)))), name
    for name in ("open_hdf5", "HDF5Store", "open_virtual_hdf5", "store"):
        assert hasattr(h5range.async_hdf5, name)
    with pytest.raises(AttributeError, match="nothing"):
        h5range.async_hdf5.nothing  # noqa: B018
