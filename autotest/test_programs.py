"""GDAL's programs and rasterio on a remote file: the same answers as on a copy on disk, and the file alone is asked for."""
import json
import shutil
import subprocess

import numpy as np
import pytest
from conftest import DATA, run_script, system_python
from osgeo import gdal

SST = DATA / "sst_global.nc"
NAMES = ["analysed_sst", "analysis_error", "sea_ice_fraction", "mask", "statistics/observations"]


@pytest.fixture
def remote(nginx_folder, nginx):
    shutil.copy(SST, nginx_folder / "programs.nc")
    nginx.requests()
    yield nginx.url("programs.nc")
    asked = nginx.requests()
    assert {path for _, path, _, _ in asked} <= {"/programs.nc"}, asked
    assert len(asked) <= 12, asked
    assert all(method == "HEAD" or byte_range != "-" for method, _, _, byte_range in asked), asked


def run(*command):
    found = shutil.which(command[0])
    if found is None:
        pytest.skip("no " + command[0])
    process = subprocess.run([found, *map(str, command[1:])], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert "ERROR" not in process.stderr, process.stderr
    return process.stdout


@pytest.fixture
def local():
    return gdal.Open('H5RANGE:"%s":/analysed_sst' % SST)


def test_h5range_gdalinfo(remote, local):
    said = json.loads(run("gdalinfo", "-json", "-norat", 'H5RANGE:"%s":/analysed_sst' % remote))
    assert said["driverShortName"] == "H5RANGE"
    assert said["size"] == [local.RasterXSize, local.RasterYSize]
    assert said["geoTransform"] == list(local.GetGeoTransform())
    assert said["metadata"][""] == local.GetMetadata()
    assert len(said["bands"]) == local.RasterCount
    assert {"NETCDF_DIM_time_DEF", "NETCDF_DIM_time_VALUES", "NETCDF_DIM_EXTRA"} <= set(said["metadata"][""])


def test_h5range_gdalinfo_of_the_file(remote):
    said = json.loads(run("gdalinfo", "-json", remote))
    assert said["metadata"]["SUBDATASETS"]["SUBDATASET_1_NAME"] == 'H5RANGE:"/vsicurl/%s":/analysed_sst' % remote


def test_h5range_gdalmdiminfo(remote):
    said = json.loads(run("gdalmdiminfo", "H5RANGE:%s" % remote))
    array = said["arrays"]["analysed_sst"]
    assert (array["datatype"], array["unit"], array["scale"]) == ("Int16", "kelvin", 0.01)
    assert array["dimensions"] == ["/time", "/lat", "/lon"]


def test_h5range_gdal_translate(remote, local, tmp_path):
    run("gdal_translate", "-q", "-b", "2", "-srcwin", 100, 50, 40, 30, 'H5RANGE:"%s":/analysed_sst' % remote, tmp_path / "out.tif")
    ds = gdal.Open(str(tmp_path / "out.tif"))
    assert np.array_equal(ds.ReadAsArray(), local.GetRasterBand(2).ReadAsArray(100, 50, 40, 30))
    assert (ds.GetGeoTransform()[0], ds.GetGeoTransform()[3]) == (-80, 40)
    assert ds.GetSpatialRef().IsSame(local.GetSpatialRef())


def test_h5range_gdalwarp(remote, local, tmp_path):
    run("gdalwarp", "-q", "-t_srs", "EPSG:3857", "-te", 0, 0, 1000000, 1000000, "-ts", 20, 20, 'H5RANGE:"%s":/analysed_sst' % remote, tmp_path / "out.tif")
    expected = gdal.Warp("", local, format="MEM", dstSRS="EPSG:3857", outputBounds=(0, 0, 1000000, 1000000), width=20, height=20)
    assert np.array_equal(gdal.Open(str(tmp_path / "out.tif")).ReadAsArray(), expected.ReadAsArray())


def test_h5range_gdalbuildvrt(remote, local, tmp_path):
    run("gdalbuildvrt", "-q", "-separate", "-b", "1", tmp_path / "out.vrt", 'H5RANGE:"%s":/analysed_sst' % remote, 'H5RANGE:"%s":/mask' % remote)
    ds = gdal.Open(str(tmp_path / "out.vrt"))
    assert ds.RasterCount == 2
    for band, source in ((1, local), (2, gdal.Open('H5RANGE:"%s":/mask' % SST))):
        assert np.array_equal(ds.GetRasterBand(band).ReadAsArray(10, 20, 30, 5), source.GetRasterBand(1).ReadAsArray(10, 20, 30, 5))
    assert ds.GetGeoTransform() == local.GetGeoTransform() and ds.GetSpatialRef().IsSame(local.GetSpatialRef())


def test_h5range_gdalbuildvrt_mosaic(made, nginx_folder, nginx, tmp_path):
    script = """
n = netCDF4.Dataset(sys.argv[1], 'w'); west = %d
for name, values, unit in (('lat', 49.5 - np.arange(20), 'degrees_north'), ('lon', west + .5 + np.arange(30), 'degrees_east')):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values; v.units = unit
v = n.createVariable('height', 'f4', ('lat', 'lon'), fill_value=-1, chunksizes=(10, 10), zlib=True); v[:] = west * 1000 + np.arange(600).reshape(20, 30); n.close()"""
    for name, west in (("west.nc", 0), ("east.nc", 30)):
        shutil.copy(made(name, script % west), nginx_folder)
    run("gdalbuildvrt", "-q", tmp_path / "out.vrt", *('H5RANGE:"%s":/height' % nginx.url(name) for name in ("east.nc", "west.nc")))
    ds = gdal.Open(str(tmp_path / "out.vrt"))
    assert (ds.RasterXSize, ds.RasterYSize, ds.GetGeoTransform()) == (60, 20, (0, 1, 0, 50, 0, -1))
    assert ds.GetRasterBand(1).GetNoDataValue() == -1
    half = np.arange(600).reshape(20, 30)
    assert np.array_equal(ds.ReadAsArray(), np.hstack([half, 30000 + half]))


def test_h5range_gdalmdimtranslate_vrt(remote, tmp_path, oracle):
    run("gdalmdimtranslate", "-of", "VRT", "-array", "analysed_sst", "H5RANGE:%s" % remote, tmp_path / "out.vrt")
    array = gdal.OpenEx(str(tmp_path / "out.vrt"), gdal.OF_MULTIDIM_RASTER).GetRootGroup().OpenMDArray("analysed_sst")
    expected = oracle.read(SST, "/analysed_sst")
    assert np.array_equal(array.ReadAsArray(), expected)
    # (GDAL 3.6's VRT reads steps backwards wrongly, whatever is below it)
    assert np.array_equal(array.ReadAsArray(array_start_idx=[1, 30, 40], count=[2, 5, 6], array_step=[3, 2, 7]), expected[1::3, 30:40:2, 40:82:7])
    assert (array.GetUnit(), array.GetScale(), array.GetOffset()) == ("kelvin", 0.01, 273.15)
    assert [(d.GetName(), d.GetSize(), d.GetType()) for d in array.GetDimensions()] == [("time", 6, "TEMPORAL"), ("lat", 180, "HORIZONTAL_Y"), ("lon", 360, "HORIZONTAL_X")]


def test_h5range_gdalmdimtranslate_subset(remote, tmp_path, oracle):
    run("gdalmdimtranslate", "-of", "netCDF", "-array", "analysed_sst", "-subset", "lat(10.5,20.5)", "-subset", "lon(-170.5,-100.5)", "-scaleaxes", "time(2)",
        "H5RANGE:%s" % remote, tmp_path / "part.nc")
    expected = oracle.read(SST, "/analysed_sst")[::2, 100:111, 9:80]
    assert np.array_equal(oracle.read(tmp_path / "part.nc", "/analysed_sst"), expected)
    assert oracle.read(tmp_path / "part.nc", "/lat").tolist() == [10.5 + i for i in range(11)]
    assert oracle.read(tmp_path / "part.nc", "/lon").tolist() == [-170.5 + i for i in range(71)]


def test_h5range_gdalmdimtranslate_netcdf(made, nginx_folder, nginx, oracle, tmp_path):
    # without chunks longer than their dimensions, which GDAL's netCDF driver cannot write back
    file = made("copied.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w'); n.title = 'grid'
for name, values, unit in (('lat', [3., 2., 1.], 'degrees_north'), ('lon', [1., 2., 3., 4.], 'degrees_east')):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values; v.units = unit
n.createVariable('crs', 'i1').grid_mapping_name = 'latitude_longitude'
v = n.createVariable('data', 'i2', ('lat', 'lon'), chunksizes=(2, 2), zlib=True, fill_value=-9); v.setncatts(dict(grid_mapping='crs', units='K', scale_factor=0.5))
v.set_auto_maskandscale(False); v[:] = np.arange(12).reshape(3, 4); n.close()""")
    shutil.copy(file, nginx_folder / "copied.nc")
    run("gdalmdimtranslate", "-of", "netCDF", "H5RANGE:%s" % nginx.url("copied.nc"), tmp_path / "out.nc")
    for name in ("data", "lat", "lon"):
        assert np.array_equal(oracle.read(tmp_path / "out.nc", "/" + name), oracle.read(file, "/" + name)), name
    array = gdal.OpenEx(str(tmp_path / "out.nc"), gdal.OF_MULTIDIM_RASTER).GetRootGroup().OpenMDArray("data")
    assert (array.GetUnit(), array.GetScale(), array.GetNoDataValueAsDouble(), array.GetSpatialRef().IsGeographic()) == ("K", 0.5, -9, 1)


RASTERIO = """
import json, sys
import numpy as np
import rasterio
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
url, file = sys.argv[1:3]
with rasterio.open(url) as ds:
    names = ds.subdatasets
with rasterio.open(names[0]) as ds:
    window = ds.read(2, window=Window(100, 50, 4, 3))
    said = dict(names=names, driver=ds.driver, crs=ds.crs.to_epsg(), count=ds.count, nodata=ds.nodata, scales=ds.scales[0], units=ds.units[0],
                description=ds.descriptions[1], tags=ds.tags(2), window=window.tolist(), transform=list(ds.transform)[:6], blocks=ds.block_shapes[0])
    local = rasterio.open('H5RANGE:"%s":/analysed_sst' % file)
    everything = local.read()
    assert np.array_equal(ds.read(), everything)
    assert np.array_equal(ds.read([5, 2], window=Window(7, 9, 50, 40)), everything[[4, 1], 9:49, 7:57])
    assert np.array_equal(ds.read(3, window=Window(-2, -1, 5, 4), boundless=True, fill_value=-7)[1:, 2:], everything[2, :3, :3])
    assert np.array_equal(ds.read(1, masked=True).mask, everything[0] == ds.nodata)
    for _, window in ds.block_windows(4):
        assert np.array_equal(ds.read(4, window=window), everything[(3, *window.toslices())])
    assert [v.tolist() for v in ds.sample([(10.5, 20.5)], indexes=[1, 6])] == [everything[[0, 5], 69, 190].tolist()]
    grid = dict(crs="EPSG:3857", transform=rasterio.transform.from_origin(-3e6, 5e6, 2e5, 2e5), width=40, height=30, resampling=rasterio.enums.Resampling.bilinear)
    with WarpedVRT(ds, **grid) as vrt, WarpedVRT(local, **grid) as other:
        part = Window(5, 4, 30, 20)
        warped = vrt.read([1, 6], window=part)
        assert np.array_equal(warped, other.read([1, 6], window=part)) and len(np.unique(warped)) > 100
        assert np.array_equal(vrt.read(3), other.read(3))
    said["rounds"] = int(ds.tags(ns="H5RANGE")["ROUNDS"])
print(json.dumps(said))
"""


def test_h5range_rasterio(remote, local):
    said = run_script(system_python("rasterio"), RASTERIO, "/vsicurl/" + remote, SST)
    band = local.GetRasterBand(2)
    # rasterio takes the quotes off
    assert [name.replace('"', "") for name in said["names"]] == ["H5RANGE:/vsicurl/%s:/%s" % (remote, name) for name in NAMES]
    assert (said["driver"], said["crs"], said["count"], said["nodata"]) == ("H5RANGE", 4326, local.RasterCount, band.GetNoDataValue())
    assert (said["scales"], said["units"], said["description"]) == (band.GetScale(), band.GetUnitType(), band.GetDescription())
    assert said["tags"] == band.GetMetadata()
    assert said["window"] == band.ReadAsArray(100, 50, 4, 3).tolist()
    assert said["transform"] == [1, 0, -180, 0, -1, 90]
    assert said["blocks"] == list(reversed(band.GetBlockSize()))
    assert said["rounds"] <= 4


VRT = """
import json, sys
import numpy as np
import rasterio
from rasterio.shutil import copy
url, file, out = sys.argv[1:4]
with rasterio.open('H5RANGE:"%s":/mask' % url) as ds:
    copy(ds, out, driver="VRT")
with rasterio.open(out) as vrt, rasterio.open('H5RANGE:"%s":/mask' % file) as local:
    assert vrt.files and (vrt.transform, vrt.crs, vrt.descriptions) == (local.transform, local.crs, local.descriptions)
    assert np.array_equal(vrt.read(), local.read())
    print(json.dumps(vrt.read(2).max().item()))
"""


def test_h5range_rasterio_vrt(remote, tmp_path, oracle):
    assert run_script(system_python("rasterio"), VRT, "/vsicurl/" + remote, SST, tmp_path / "out.vrt") == oracle.read(SST, "/mask")[1].max()
