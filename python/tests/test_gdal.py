"""HDF5 through the GDAL of rasterio's wheel: no plugin, GDAL's own network, our reader."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from conftest import DATA, RangeServer

import h5range
import h5range.gdal

rasterio = pytest.importorskip("rasterio", reason="rasterio, whose wheel has a GDAL with a Zarr driver, is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module", autouse=True)
def installed():
    libraries = h5range.gdal.install()
    assert rasterio.__gdal_version__ in libraries.values()
    assert h5range.gdal.install() == libraries


def name(file, path):
    return f'ZARR:"/vsih5zarr/{{{file}}}":{path}'


def said(e):
    """The message of an exception with those of what caused it: rasterio's versions differ in where they put GDAL's."""
    return f"{e} {said(e.__cause__ or e.__context__)}" if e is not None else ""


def arrays(group, at=""):
    for key, member in group.members().items():
        if isinstance(member, h5range.Group):
            yield from arrays(member, f"{at}/{key}")
        elif isinstance(member, h5range.Dataset):
            yield f"{at}/{key}", member


FILES = [
    "sst_global.nc", "product.nc", "filters_builtin.h5", "filters_plugins.h5", "chunk_indexes.h5", "parts/external.h5", "parts/virtual.h5",
    "parts/overlapping.h5",
]  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_values_over_http(server, file):
    compared = 0
    with h5range.open(DATA / file) as f:
        for path, ds in arrays(f):
            if ds.ndim not in (2, 3) or ds.dtype.kind not in "iuf" or ds.dtype.itemsize < 1 or ds.dtype == np.float16 or 0 in ds.shape:
                continue
            with rasterio.open(name(f"/vsicurl/{server.url}/{file}", path)) as raster:
                got, want = raster.read(), ds[...]
            assert np.array_equal(got, want.reshape(got.shape).astype(got.dtype), equal_nan=got.dtype.kind == "f"), path
            compared += 1
    assert compared > 0


def test_georeference_over_http(server):
    with rasterio.open(name(f"/vsicurl/{server.url}/sst_global.nc", "/analysed_sst")) as raster:
        assert raster.count == 6 and raster.shape == (180, 360) and raster.dtypes[0] == "int16"
        assert raster.crs.to_epsg() == 4326
        assert list(raster.transform)[:6] == [1, 0, -180, 0, 1, -90]
        assert raster.nodata == -32768 and raster.scales[0] == 0.01 and raster.offsets[0] == 273.15
    with rasterio.open(name(f"/vsicurl/{server.url}/product.nc", "/sst")) as raster:
        assert list(raster.transform)[:6] == [25000, 0, -1012500, 0, -25000, 1012500]
        assert raster.crs.to_epsg(confidence_threshold=20) == 3413


def test_axes_in_scaled_angles(tmp_path):
    height = 35786023.0
    with h5py.File(tmp_path / "goes.nc", "w") as f:
        f["data"] = np.arange(12, dtype="i2").reshape(3, 4)
        for dim, n, key in ((0, 3, "y"), (1, 4, "x")):
            f[key] = np.arange(n, dtype="i2")
            step = -0.001 if key == "y" else 0.001
            f[key].attrs.update({"scale_factor": step, "add_offset": -step, "units": "rad", "standard_name": f"projection_{key}_coordinate"})
            f[key].make_scale(key)
            f["data"].dims[dim].attach_scale(f[key])
        f["view"] = 0
        f["view"].attrs.update({
            "grid_mapping_name": "geostationary", "perspective_point_height": height, "longitude_of_projection_origin": -75.0, "semi_major_axis": 6378137.0,
            "semi_minor_axis": 6356752.31414, "sweep_angle_axis": "x", "latitude_of_projection_origin": 0.0,
        })  # fmt: skip
        f["data"].attrs["grid_mapping"] = "view"
    with rasterio.open(name(tmp_path / "goes.nc", "/data")) as raster:
        step = 0.001 * height
        assert np.allclose(list(raster.transform)[:6], [step, 0, -1.5 * step, 0, -step, 1.5 * step], rtol=1e-12)
        assert "sweep=x" in raster.crs.to_wkt() and raster.crs.to_dict()["lon_0"] == -75


def test_requests_are_few(server):
    del server.log[:]
    with rasterio.open(name(f"/vsicurl/{server.url}/sst_global.nc?few", "/analysed_sst")) as raster:
        raster.read(1)
    asked = [r for path, r in server.log if path.endswith("?few")]
    assert len(asked) <= 8, asked  # 4 chunks of the band, come together


def test_options_of_one_thread_reach_every_request(tmp_path):
    """Those that rasterio.Env sets, and also when the core reads files of a virtual dataset by threads of its own."""
    layout = h5py.VirtualLayout((4, 5), "i4")
    for i in range(4):
        with h5py.File(tmp_path / f"part{i}.h5", "w") as f:
            f["x"] = np.full(5, i, "i4")
        layout[i] = h5py.VirtualSource(f"part{i}.h5", "x", (5,))
    with h5py.File(tmp_path / "all.h5", "w") as f:
        f.create_virtual_dataset("x", layout)

    server = RangeServer(tmp_path)

    def read():
        with rasterio.Env(GDAL_HTTP_HEADERS="X-Token: secret"), rasterio.open(name(f"/vsicurl/{server.url}/all.h5", "/x")) as raster:
            return raster.read(1).tolist()

    with ThreadPoolExecutor(1) as pool:  # what Env sets in the first thread of a process is for all of them
        assert pool.submit(read).result() == [[i] * 5 for i in range(4)]
    server.close()
    assert len(server.tokens) >= 5 and set(server.tokens) == {"secret"}


def test_threads(server):
    with h5py.File(DATA / "sst_global.nc") as f:
        want = f["analysed_sst"][()]

    def read(i):
        with rasterio.open(name(f"/vsicurl/{server.url}/sst_global.nc?threads", "/analysed_sst")) as raster:
            return np.array_equal(raster.read(i % 6 + 1), want[i % 6])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(48)))


def test_a_file_that_changes(tmp_path):
    for value in (1, 2):
        with h5py.File(tmp_path / "new.h5", "w") as f:
            f["a"] = np.full((2, 3 + value), value)
        os.replace(tmp_path / "new.h5", tmp_path / "a.h5")
        with rasterio.open(name(tmp_path / "a.h5", "/a")) as raster:
            assert raster.read(1).tolist() == [[value] * (3 + value)] * 2


def test_a_damaged_chunk_is_an_error(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("a", data=np.arange(100).reshape(10, 10), chunks=(10, 10), compression=1)
        where = f["a"].id.get_chunk_info(0)
    with open(tmp_path / "a.h5", "r+b") as f:
        f.seek(where.byte_offset)
        f.write(b"\xff" * where.size)
    with rasterio.open(name(tmp_path / "a.h5", "/a")) as raster, pytest.raises(rasterio.errors.RasterioIOError) as e:
        raster.read(1)
    assert "/a: " in said(e.value)


@pytest.mark.parametrize("file, why", [
    ("/vsicurl/{url}/none.nc", "no such file"), ("{data}/make.py", "not an HDF5 file"), ("/no/such.nc", "no file"),
])  # fmt: skip
def test_files_that_cannot_be_read(server, file, why):
    file = file.format(url=server.url, data=DATA)
    with pytest.raises(rasterio.errors.RasterioIOError) as e:
        rasterio.open(name(file, "/a"))
    assert why in said(e.value)


def test_braces_are_asked_for():
    with pytest.raises(rasterio.errors.RasterioIOError) as e:
        rasterio.open(f'ZARR:"/vsih5zarr/{DATA}/sst_global.nc":/mask')
    assert "in braces" in said(e.value)


def test_the_list_of_arrays():
    with rasterio.open(f"/vsih5zarr/{{{DATA}/sst_global.nc}}") as ds:
        listed = {s.rsplit(":", 1)[1] for s in ds.subdatasets}
    assert {"/analysed_sst", "/sea_ice_fraction", "/statistics/observations"} <= listed


def test_without_gdal_that_is_said():
    program = "import h5range.gdal\ntry: h5range.gdal.install()\nexcept h5range.UnsupportedError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "import rasterio" in done.stdout
    with pytest.raises(h5range.UnsupportedError, match="is not loaded"):
        h5range.gdal.install("/no/libgdal.so")


def test_a_file_in_an_archive(tmp_path):
    shutil.copy(DATA / "product.nc", tmp_path)
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path, "product.nc")
    with rasterio.open(name(f"/vsizip/{tmp_path}/a.zip/product.nc", "/sst")) as raster, h5py.File(DATA / "product.nc") as f:
        assert np.array_equal(raster.read(), f["sst"][()].reshape(raster.read().shape))
