"""GDAL's programs and rasterio on a remote file: the same answers as on a copy on disk, and the file alone is asked for."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import DATA
from osgeo import gdal

SST = DATA / "sst_global.nc"


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
    assert np.array_equal(ds.GetRasterBand(1).ReadAsArray(10, 20, 30, 5), local.GetRasterBand(1).ReadAsArray(10, 20, 30, 5))


def test_h5range_gdalmdimtranslate_vrt(remote, local, tmp_path):
    run("gdalmdimtranslate", "-of", "VRT", "-array", "analysed_sst", "H5RANGE:%s" % remote, tmp_path / "out.vrt")
    array = gdal.OpenEx(str(tmp_path / "out.vrt"), gdal.OF_MULTIDIM_RASTER).GetRootGroup().OpenMDArray("analysed_sst")
    assert array.ReadAsArray(array_start_idx=[1, 0, 0], count=[1, 5, 6]).shape == (1, 5, 6)
    assert array.GetUnit() == "kelvin"


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
import rasterio
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window
url = sys.argv[1]
with rasterio.open(url) as ds:
    names = ds.subdatasets
with rasterio.open(names[0]) as ds:
    window = ds.read(2, window=Window(100, 50, 4, 3))
    said = dict(names=len(names), first=names[0], driver=ds.driver, crs=ds.crs.to_epsg(), count=ds.count, nodata=ds.nodata, scales=ds.scales[0], units=ds.units[0],
                description=ds.descriptions[1], tags=ds.tags(2), window=window.tolist(), transform=list(ds.transform)[:6])
    with WarpedVRT(ds, crs="EPSG:3857") as vrt:
        said["warped"] = vrt.read(1, window=Window(0, 0, 2, 2)).shape
print(json.dumps(said))
"""


def test_h5range_rasterio(remote, local):
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    if subprocess.run([python, "-c", "import rasterio, sys; sys.exit(rasterio.__gdal_version__[:4] != %r[:4])" % gdal.VersionInfo("RELEASE_NAME")], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no rasterio of this GDAL: scripts/deps.sh test")
    process = subprocess.run([python, "-c", RASTERIO, "/vsicurl/" + remote], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, env=dict(os.environ))
    assert process.returncode == 0, process.stderr
    said = json.loads(process.stdout)
    band = local.GetRasterBand(2)
    assert said["first"].replace('"', "") == "H5RANGE:/vsicurl/%s:/analysed_sst" % remote  # rasterio takes the quotes off
    assert (said["driver"], said["crs"], said["count"], said["nodata"]) == ("H5RANGE", 4326, local.RasterCount, band.GetNoDataValue())
    assert (said["scales"], said["units"], said["description"]) == (band.GetScale(), band.GetUnitType(), band.GetDescription())
    assert said["tags"] == band.GetMetadata()
    assert said["window"] == band.ReadAsArray(100, 50, 4, 3).tolist()
    assert said["transform"] == [1, 0, -180, 0, -1, 90]
    assert said["warped"] == [2, 2]
