"""Open options of rasters, options of listings, names taken apart."""
import pathlib
import shutil

import numpy as np
import pytest
from conftest import DATA, Errors, band_of, open_multidim
from osgeo import gdal

RASTERS = pathlib.Path(__file__).resolve().parent / "data" / "rasters.nc"
VERSION = int(gdal.VersionInfo())


def open_with(file=RASTERS, **options):
    return gdal.OpenEx("H5RANGE:%s" % file, gdal.OF_RASTER, open_options=["%s=%s" % item for item in options.items()])


def arrays_of(ds):
    return [name.rsplit(":", 1)[1] for name, _ in ds.GetSubDatasets()]


def test_h5range_options_are_documented(driver):
    text = driver.GetMetadataItem("DMD_OPENOPTIONLIST")
    for name in ("GROUP", "VARIABLE", "LIST", "LIST_ALL_ARRAYS", "HONOUR_VALID_RANGE", "ASSUME_LONGLAT", "PRESERVE_AXIS_UNIT_IN_CRS", "BOTTOMUP",
                 "IGNORE_XY_AXIS_NAME_CHECKS", "VARIABLES_AS_BANDS", "GLT", "OTHER_FILES"):
        assert "name='%s'" % name in text


def test_h5range_group():
    assert arrays_of(open_with(GROUP="/bands")) == ["/bands/" + name for name in ("flipped", "last", "bytes", "unsigned", "large")]
    assert arrays_of(open_with(GROUP="axes/north_up/")) == ["/axes/north_up/data", "/axes/north_up/transposed", "/axes/north_up/deep/down/data"]
    with pytest.raises(RuntimeError, match="has no group /nowhere"):
        open_with(GROUP="/nowhere")


def test_h5range_variable():
    ds = open_with(GROUP="/axes/south_up", VARIABLE="data")
    assert ds.ReadAsArray().tolist() == [[4, 5], [2, 3], [0, 1]]
    assert open_with(VARIABLE="/axes/south_up/data").GetMetadataItem("/axes/south_up/lat#units") == "degrees_north"
    with pytest.raises(RuntimeError, match="has no array /bands/nothing"):
        open_with(GROUP="bands", VARIABLE="nothing")


def test_h5range_list(made):
    file = made("lines.h5", "f = h5py.File(sys.argv[1], 'w'); f['a/x'] = np.arange(3); f['a/y'] = np.arange(6).reshape(2, 3); f['b/z'] = np.arange(4)")
    assert arrays_of(open_with(file, LIST="ALL")) == arrays_of(open_with(file, LIST_ALL_ARRAYS="YES")) == ["/a/x", "/a/y", "/b/z"]
    assert open_with(file).RasterYSize == open_with(file, LIST="2D").RasterYSize == 2  # the only one, opened
    assert open_with(file, GROUP="b").RasterXSize == 4
    with pytest.raises(RuntimeError, match="no numeric array of two dimensions"):
        open_with(file, GROUP="b", LIST="2D")
    with Errors() as errors:
        assert open_with(file, LIST="SOME") is not None
    assert any("LIST=SOME" in text for text in errors.warnings())


def test_h5range_bottom_up():
    up = open_with(VARIABLE="/axes/south_up/data", BOTTOMUP="NO")
    assert up.ReadAsArray().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert up.GetGeoTransform() == (0.5, 1, 0, 0.5, 0, 1)
    plain = 'H5RANGE:"%s":/a' % (DATA / "plain.h5")
    rows = gdal.Open(plain).ReadAsArray()
    gdal.SetConfigOption("GDAL_NETCDF_BOTTOMUP", "YES")
    try:
        assert np.array_equal(gdal.Open(plain).ReadAsArray(), rows[::-1])
    finally:
        gdal.SetConfigOption("GDAL_NETCDF_BOTTOMUP", None)
    assert np.array_equal(gdal.OpenEx(plain, open_options=["BOTTOMUP=YES"]).ReadAsArray(), rows[::-1])


def test_h5range_unit_of_axes_is_kept_when_asked():
    ds = open_with(VARIABLE="/mappings/km/data", PRESERVE_AXIS_UNIT_IN_CRS="YES")
    assert ds.GetSpatialRef().GetLinearUnits() == 1000
    assert ds.GetGeoTransform() == pytest.approx((0.005, 0.01, 0, 0.035, 0, -0.01))


VALID = """
n = netCDF4.Dataset(sys.argv[1], 'w')
n.createDimension('y', 2); n.createDimension('x', 4)
for name, kind, values, kw in [('range', 'i2', [-5, 0, 1, 10, 11, 12, -1, 5], dict(valid_range=np.array([0, 10], 'i2'))),
                               ('limits', 'f4', [-5, 0, 1, 10, 11, np.nan, -1, 5], dict(valid_min=np.float32(0), valid_max=np.float32(10))),
                               ('unsigned', 'i1', [-1, -2, -56, 0, 1, 2, 3, 127], dict(_Unsigned='true', valid_range=np.array([1, -56], 'i1'))),
                               ('wrong', 'i2', [-5, 0, 1, 10, 11, 12, -1, 5], dict(valid_min=np.int16(10), valid_max=np.int16(0))),
                               ('texts', 'i1', [-1, -2, -56, 0, 1, 2, 3, 127], dict(valid_range=np.array([0, 255], 'i2')))]:
    v = n.createVariable(name, kind, ('y', 'x'), fill_value=dict(range=-99, limits=-99, unsigned=-2, wrong=-99, texts=None)[name])
    v.setncatts(kw); v.set_auto_maskandscale(False); v[:] = np.array(values, kind).reshape(2, 4)
n.close()"""


def test_h5range_values_outside_the_valid_range_are_nodata(made):
    file = made("valid.nc", VALID)

    def values(name, **options):
        return np.array(open_with(file, VARIABLE=name, BOTTOMUP="NO", **options).ReadAsArray()).ravel().tolist()

    assert values("range") == [-99, 0, 1, 10, -99, -99, -99, 5]
    assert values("range", HONOUR_VALID_RANGE="NO") == [-5, 0, 1, 10, 11, 12, -1, 5]
    assert [v for v in values("limits") if v == v] == [-99, 0, 1, 10, -99, -99, 5]
    assert values("unsigned") == [254, 254, 200, 254, 1, 2, 3, 127]
    assert values("wrong") == [-5, 0, 1, 10, 11, 12, -1, 5]
    assert values("texts") == [255, 254, 200, 0, 1, 2, 3, 127]
    ds = open_with(file, VARIABLE="range", BOTTOMUP="NO")
    assert np.frombuffer(ds.ReadRaster(1, 0, 3, 2, buf_type=gdal.GDT_Float64), "f8").tolist() == [0, 1, 10, -99, -99, 5]
    assert np.frombuffer(ds.ReadRaster(buf_type=gdal.GDT_Byte), "u1").tolist() == [0, 0, 1, 10, 0, 0, 0, 5]
    assert open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray("range").ReadAsArray().ravel()[0] == -5


def test_h5range_assume_longlat(made):
    file = made("bare.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, values in (('y', [3., 2., 1.]), ('x', [1., 2.]), ('far', [100., 200., 300.])):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values
n.createVariable('a', 'i2', ('y', 'x')); n.createVariable('b', 'i2', ('far', 'x')); n.close()""")
    assert open_with(file, VARIABLE="a").GetSpatialRef() is None
    ds = open_with(file, VARIABLE="a", ASSUME_LONGLAT="YES")
    assert ds.GetGeoTransform() == (0.5, 1, 0, 3.5, 0, -1)
    assert ds.GetSpatialRef().IsGeographic()
    assert open_with(file, VARIABLE="b", ASSUME_LONGLAT="YES").GetSpatialRef() is None
    ds = open_with(file, VARIABLE="b", IGNORE_XY_AXIS_NAME_CHECKS="YES")
    assert ds.GetGeoTransform() == (0.5, 1, 0, 350, 0, -100)


def test_h5range_variables_as_bands(made):
    file = made("two.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w')
n.title = 'two'
for name, values, unit in (('lat', [3., 2., 1.], 'degrees_north'), ('lon', [1., 2.], 'degrees_east')):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values; v.units = unit
for i, name in enumerate(('a', 'b')):
    v = n.createVariable(name, 'i2', ('lat', 'lon')); v[:] = np.arange(6).reshape(3, 2) + 10 * i; v.long_name = 'name of ' + name
n.close()""")
    assert len(open_with(file).GetSubDatasets()) == 2
    ds = open_with(file, VARIABLES_AS_BANDS="YES")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (2, 3, 2)
    assert ds.ReadAsArray().ravel().tolist() == list(range(6)) + list(range(10, 16))
    assert ds.GetGeoTransform() == (0.5, 1, 0, 3.5, 0, -1)
    assert ds.GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert [ds.GetRasterBand(i).GetDescription() for i in (1, 2)] == ["name of a", "name of b"]
    assert ds.GetRasterBand(2).GetMetadataItem("NETCDF_VARNAME") == "b"
    assert (ds.GetMetadataItem("NC_GLOBAL#title"), ds.GetMetadataItem("b#long_name")) == ("two", "name of b")
    assert ds.GetRasterBand(1).GetNoDataValue() == -32767
    assert open_with(VARIABLES_AS_BANDS="YES").RasterCount == 0  # not of one grid


def test_h5range_variables_as_bands_have_side_files(made, tmp_path):
    """Statistics and overviews went nowhere."""
    file = shutil.copy(made("pair.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w'); n.createDimension('y', 4); n.createDimension('x', 6)
for i, name in enumerate('ab'):
    v = n.createVariable(name, 'f4', ('y', 'x')); v[:] = np.arange(24).reshape(4, 6) + 100 * i
n.close()"""), tmp_path / "pair.nc")
    ds = open_with(file, VARIABLES_AS_BANDS="YES")
    statistics = [ds.GetRasterBand(i).ComputeStatistics(False) for i in (1, 2)]
    ds.BuildOverviews("NEAREST", [2])
    ds = None
    ds = open_with(file, VARIABLES_AS_BANDS="YES")
    assert [ds.GetRasterBand(i).GetStatistics(False, False) for i in (1, 2)] == [pytest.approx(s) for s in statistics]
    assert statistics[1][:2] == [100, 123]
    assert [ds.GetRasterBand(i).GetOverviewCount() for i in (1, 2)] == [1, 1]
    assert ds.GetRasterBand(2).ReadAsArray(buf_xsize=3, buf_ysize=2).min() >= 100
    assert sorted(name.rsplit("/", 1)[1] for name in ds.GetFileList()) == ["pair.nc", "pair.nc.aux.xml", "pair.nc.ovr"]
    assert band_of(gdal.OpenEx('H5RANGE:"%s":/a' % file), 1).GetOverviewCount() == 0  # theirs, not those of each array


LISTED = """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, values in (('time', [0., 1.]), ('lat', [1., 2.]), ('lon', [1., 2., 3.])):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values
n['time'].units = 'days since 2000-01-01'; n['lat'].bounds = 'lat_bnds'
n.createDimension('two', 2); n.createVariable('lat_bnds', 'f8', ('lat', 'two')); n.createVariable('crs', 'i1')
n.createVariable('elevation', 'f4', ('lon',)); n.createVariable('place', 'f4', ('lat', 'lon'))
n.createVariable('data', 'f4', ('time', 'lat', 'lon')).coordinates = 'place'; n.close()"""


def test_h5range_listing_options(made):
    root = open_multidim("H5RANGE:%s" % made("listed.nc", LISTED)).GetRootGroup()
    everything = ["time", "lat", "lon", "lat_bnds", "crs", "elevation", "place", "data"]

    def hidden(*options):
        return [name for name in everything if name not in root.GetMDArrayNames(list(options))]

    assert root.GetMDArrayNames() == everything
    assert hidden("SHOW_ZERO_DIM=NO") == ["crs"]
    assert hidden("SHOW_COORDINATES=NO") == ["place"]
    assert hidden("SHOW_BOUNDS=NO") == ["lat_bnds"]
    assert hidden("SHOW_INDEXING=NO") == ["time", "lat", "lon"]
    assert hidden("SHOW_TIME=NO") == ["time"]
    assert hidden("SHOW_TIME=NO", "SHOW_BOUNDS=NO", "SHOW_ALL=YES") == []
    assert hidden("GROUP_BY=SAME_DIMENSION") == ["time", "lat", "lon", "elevation"]
    assert root.GetGroupNames(["GROUP_BY=SAME_DIMENSION"]) == ["time", "lat", "lon"]
    assert not root.GetGroupNames()
    group = root.OpenGroup("lon", ["GROUP_BY=SAME_DIMENSION"])
    assert group.GetMDArrayNames() == ["lon", "elevation"]
    assert group.OpenMDArray("elevation").GetFullName() == "/elevation"
    with Errors():
        assert group.OpenMDArray("lat") is None
        assert root.OpenGroup("lon") is None


@pytest.mark.skipif(VERSION < 3080000, reason="GDALSubdatasetInfo is of GDAL 3.8")
@pytest.mark.parametrize("name,path,array,moved", [
    ('H5RANGE:"a b.h5":/g/x', "a b.h5", "/g/x", 'H5RANGE:"new":/g/x'),
    ("H5RANGE:a.h5#/g/x", "a.h5", "/g/x", "H5RANGE:new#/g/x"),
    ("H5RANGE:https://host:81/a.h5#/x", "https://host:81/a.h5", "/x", "H5RANGE:new#/x"),
    ('h5range:"/vsicurl/http://host/a.h5":/x', "/vsicurl/http://host/a.h5", "/x", 'h5range:"new":/x'),
])
def test_h5range_parts_of_names(name, path, array, moved):
    info = gdal.GetSubdatasetInfo(name)
    assert (info.GetPathComponent(), info.GetSubdatasetComponent()) == (path, array)
    assert info.ModifyPathComponent("new") == moved


@pytest.mark.skipif(VERSION < 3080000, reason="GDALSubdatasetInfo is of GDAL 3.8")
@pytest.mark.parametrize("name", ["H5RANGE:a.h5", 'H5RANGE:"a.h5"', "a.h5", "H5RANGE:", 'H5RANGE:"a'])
def test_h5range_names_without_parts(name):
    assert gdal.GetSubdatasetInfo(name) is None
