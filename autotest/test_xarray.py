"""rioxarray and gdalxarray, in an environment of their own over Debian's GDAL: a remote file gives what the local one gives, what GDAL's
netCDF driver gives, and the values that h5netcdf gives."""
import shutil
import subprocess

import pytest
from conftest import DATA, ROOT, run_script
from osgeo import gdal

NAMES = ("sst_global.nc", "product.nc", "conventions.nc")


@pytest.fixture(scope="module")
def python():
    found = ROOT / "build/programs/venv/bin/python"
    if not found.exists():
        pytest.skip("no rioxarray and gdalxarray in build/programs/venv: run scripts/programs.sh")
    check = "import rioxarray, gdalxarray, h5netcdf; from osgeo import gdal; print(gdal.VersionInfo('RELEASE_NAME'))"
    process = subprocess.run([str(found), "-c", check], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 0, process.stderr
    if process.stdout.split()[-1] != gdal.VersionInfo("RELEASE_NAME"):
        pytest.skip("build/programs/venv is for another GDAL than this one")
    return found


@pytest.fixture(scope="module")
def hdf5(made):
    return made("plain_grid.h5", """
f = h5py.File(sys.argv[1], 'w')
for name, values, unit in (('row', np.arange(5) * 10., 'degrees_north'), ('col', np.arange(7) + .5, 'degrees_east')):
    f[name] = values; f[name].make_scale(name); f[name].attrs['units'] = unit
for name, where, kind in (('heights', f, '>f4'), ('counts', f.create_group('inner'), '<u2')):
    d = where.create_dataset(name, data=np.arange(35).reshape(5, 7).astype(kind), chunks=(2, 3), compression='gzip', shuffle=True)
    d.attrs['long_name'] = name + ' of something'; d.attrs['flags'] = np.arange(3)
    if where is f: d.dims[0].attach_scale(f['row']); d.dims[1].attach_scale(f['col'])
f.attrs['title'] = 'plain HDF5'; f.close()""")


@pytest.fixture
def folders(tmp_path, nginx_folder, nginx, hdf5):
    """The files on disk, as copies that may get side files, and on the server."""
    for file in [*(DATA / name for name in NAMES), hdf5]:
        shutil.copy(file, tmp_path)
        shutil.copy(file, nginx_folder)
    nginx.requests()
    yield tmp_path, "/vsicurl/" + nginx.url("")[:-1]
    asked = nginx.requests()
    assert asked and {path[1:] for _, path, _, _ in asked} <= {*NAMES, hdf5.name}, asked


def compare(python, script, folders):
    """Runs a script that compares for itself. Debian's pyproj does not find its data from within an environment."""
    return run_script(python, "import json, sys\nimport numpy as np\nimport xarray as xr\nlocal, remote = sys.argv[1:]\n" + script, *folders,
                      PROJ_LIB="/usr/share/proj", PYTHONWARNINGS="ignore")


RIOXARRAY = """
import rioxarray
said = {}
def name_of(prefix, folder, name, array): return '%s:"%s/%s":%s' % (prefix, folder, name, array)
for name, array in (("sst_global.nc", "/analysed_sst"), ("sst_global.nc", "/mask"), ("sst_global.nc", "/statistics/observations"), ("product.nc", "/sst"),
                    ("product.nc", "/quality/level"), ("conventions.nc", "/packed"), ("plain_grid.h5", "/heights")):
    for options in ({}, dict(masked=True), dict(mask_and_scale=True), dict(default_name="z", decode_times=False)):
        one = rioxarray.open_rasterio(name_of("H5RANGE", remote, name, array), **options)
        xr.testing.assert_identical(one, rioxarray.open_rasterio(name_of("H5RANGE", local, name, array), **options))
    one = rioxarray.open_rasterio(name_of("H5RANGE", remote, name, array))
    first = one.dims[0]
    said[array] = dict(type=str(one.dtype), dims=one.dims, shape=one.shape, nodata=one.rio.nodata if one.rio.nodata is None else float(one.rio.nodata),
                       crs=one.rio.crs and one.rio.crs.to_epsg(), transform=list(one.rio.transform())[:6],
                       scale=one.attrs.get("scale_factor"), offset=one.attrs.get("add_offset"), times=[str(t)[:16] for t in one[first].values])

    # values and coordinates are those that another reader gives
    masked = rioxarray.open_rasterio(name_of("H5RANGE", remote, name, array), mask_and_scale=True)
    other = xr.open_dataset(local + "/" + name, engine="h5netcdf", group=array.rpartition("/")[0] or None)[array.rpartition("/")[2]]
    y = slice(None, None, -1) if array in ("/analysed_sst", "/mask", "/statistics/observations", "/packed", "/heights") else slice(None) # rows from north to south
    values = other.values[..., y, :]
    np.testing.assert_allclose(masked.values, values if values.ndim == 3 else values[None], rtol=1e-6)
    for here, there in (("x", other.dims[-1]), ("y", other.dims[-2])):
        if there in other.coords:
            np.testing.assert_allclose(masked[here].values, other[there].values[y if here == "y" else slice(None)])
    if "time" in other.coords:
        assert masked["time"].values.astype(str).tolist() == [str(t)[:19].replace("T", " ") for t in other["time"].values], masked["time"]

for name in ("sst_global.nc", "product.nc"): # the arrays of a file together
    files = [rioxarray.open_rasterio(folder + "/" + name if folder == remote else "H5RANGE:" + folder + "/" + name) for folder in (remote, local)]
    xr.testing.assert_identical(*files)
    said[name] = {v: files[0][v].dims for v in files[0].data_vars}
    group = rioxarray.open_rasterio(remote + "/" + name, group="statistics" if name == "sst_global.nc" else "quality")
    said[name + " group"] = list(group.data_vars)
print(json.dumps(said))
"""


def test_h5range_rioxarray(python, folders):
    said = compare(python, RIOXARRAY, folders)
    sst = said["/analysed_sst"]
    assert (sst["type"], sst["dims"], sst["shape"]) == ("int16", ["time", "y", "x"], [6, 180, 360])
    assert (sst["crs"], sst["transform"], sst["nodata"]) == (4326, [1, 0, -180, 0, -1, 90], -32768)
    assert (sst["scale"], sst["offset"]) == (0.01, 273.15)
    assert sst["times"] == ["2020-01-0%d 12:00" % day for day in range(1, 7)]
    assert (said["/statistics/observations"]["crs"], said["/statistics/observations"]["times"]) == (4326, sst["times"])
    product = said["/sst"]
    assert (product["crs"], product["transform"]) == (3413, [25000, 0, -1012500, 0, -25000, 1012500])
    assert product["times"] == ["2020-01-0%d 00:00" % day for day in range(1, 5)]
    assert said["/packed"]["times"] == ["2000-01-01 00:00", "2000-01-01 06:00"]
    assert (said["/heights"]["type"], said["/heights"]["dims"]) == ("float32", ["band", "y", "x"])
    assert said["sst_global.nc"] == {v: ["time", "y", "x"] for v in ("analysed_sst", "analysis_error", "sea_ice_fraction", "mask", "observations")}
    assert said["product.nc"] == {v: ["time", "y", "x"] for v in ("sst", "level")}
    assert (said["sst_global.nc group"], said["product.nc group"]) == (["observations"], ["level"])


# What differs from the netCDF driver is in docs/differences.md: the CRS that longitudes and latitudes have, attributes of groups beside the
# array's, descriptions of bands (which rioxarray takes for the long_name).
NETCDF = """
import rioxarray
for name, array in (("sst_global.nc", "analysed_sst"), ("sst_global.nc", "sea_ice_fraction"), ("product.nc", "sst"), ("conventions.nc", "packed")):
    for options in ({}, dict(masked=True), dict(mask_and_scale=True)):
        pair = [rioxarray.open_rasterio('H5RANGE:"%s/%s":/%s' % (remote, name, array), **options),
                rioxarray.open_rasterio("netcdf:%s/%s:%s" % (local, name, array), **options)]
        for one in pair:
            for mapping in ("spatial_ref", "crs"):
                if mapping in one.coords:
                    kept = {key: value for key, value in one[mapping].attrs.items() if key == "GeoTransform"}
                    assert kept or name == "conventions.nc"
                    one[mapping].attrs = kept
            for other in ("long_name", "description", "level"):
                one.attrs.pop(other, None)
        xr.testing.assert_identical(*pair)
        assert len(pair[0].attrs) > 3
print(json.dumps("compared"))
"""


def test_h5range_rioxarray_like_netcdf(python, folders):
    assert compare(python, NETCDF, folders) == "compared"


# gdalxarray leaves out the attributes that GDAL answers otherwise (GetUnit(), GetSpatialRef()), numbers dimensions without coordinates, and
# GDAL 3.6 has no 8-bit integers with a sign.
GDALXARRAY = """
import gdalxarray
said = {}
for name, group in (("sst_global.nc", None), ("sst_global.nc", "statistics"), ("product.nc", None), ("plain_grid.h5", None), ("plain_grid.h5", "inner")):
    for options in ({}, dict(mask_and_scale=False)):
        one = xr.open_dataset("H5RANGE:%s/%s" % (remote, name), engine="gdalxarray", group=group, **options)
        xr.testing.assert_identical(one, xr.open_dataset("H5RANGE:%s/%s" % (local, name), engine="gdalxarray", group=group, **options))
        other = xr.open_dataset(local + "/" + name, engine="h5netcdf", group=group, phony_dims="sort", **options)
        if group == "inner": # h5netcdf numbers dimensions without a name through the file
            other = other.rename(phony_dim_2="phony_dim_0", phony_dim_3="phony_dim_1")
        assert one.encoding["gdal_driver"] == "H5RANGE"
        said[" ".join(filter(None, (name, group)))] = [sorted(one.data_vars), one.attrs.get("title")]
        if not options and name == "sst_global.nc":
            window = dict(lat=slice(20, 60, 3), lon=slice(None, None, -7))
            for key in (window, dict(time=slice(None, None, -1), **window)):
                xr.testing.assert_equal(one.isel(key).drop_vars(set(one.coords) - set(other.coords)).drop_vars("mask", errors="ignore"),
                                        other.isel(key).drop_vars("mask", errors="ignore"))
        if options: # times stay numbers there, with other attributes
            one, other = one.drop_vars("time", errors="ignore"), other.drop_vars("time", errors="ignore")
        one = one.drop_vars(set(one.coords) - set(other.coords))
        for set_ in (one, other):
            if "mask" in set_: set_["mask"] = set_["mask"].astype("i2").assign_attrs(set_["mask"].attrs)
            for variable in set_.variables.values():
                for key in ("units", "grid_mapping", "calendar", "scale_factor", "add_offset", "_FillValue") if options else ("units", "grid_mapping", "calendar"):
                    variable.attrs.pop(key, None)
                variable.attrs = {key: np.asarray(value).tolist() for key, value in variable.attrs.items()}
        xr.testing.assert_identical(one, other)
        assert any(variable.attrs for variable in one.variables.values())
print(json.dumps(said))
"""


def test_h5range_gdalxarray(python, folders):
    assert compare(python, GDALXARRAY, folders) == {
        "sst_global.nc": [["analysed_sst", "analysis_error", "mask", "sea_ice_fraction"], "Global sea surface temperature, six daily analyses on one degree"],
        "sst_global.nc statistics": [["mean_sst", "observations"], None],
        "product.nc": [["crs", "sst"], "Sea surface temperature, demonstration product"],
        "plain_grid.h5": [["heights"], "plain HDF5"],
        "plain_grid.h5 inner": [["counts"], None],
    }


CLASSIC = """
import gdalxarray
for folder in (remote, local):
    one = xr.open_dataset('H5RANGE:"%s/sst_global.nc":/analysed_sst' % folder, engine="gdalxarray", multidim=False)
    other = xr.open_dataset(local + "/sst_global.nc", engine="h5netcdf")["analysed_sst"]
    np.testing.assert_allclose(one["band_data"].values, other.values[:, ::-1])
    np.testing.assert_allclose(one["y"].values, other["lat"].values[::-1])
    np.testing.assert_allclose(one["x"].values, other["lon"].values)
    assert one.proj.crs.to_epsg() == 4326
print(json.dumps(one["band_data"].attrs["descriptions"][1]))
"""


def test_h5range_gdalxarray_classic(python, folders):
    assert compare(python, CLASSIC, folders) == "analysed sea surface temperature, time=1230811200 (seconds since 1981-01-01)"
