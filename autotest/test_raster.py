"""Arrays as rasters: bands, windows, blocks, metadata, side files."""
import pathlib
import shutil

import numpy as np
import pytest
from conftest import DATA, Errors
from osgeo import gdal

RASTERS = pathlib.Path(__file__).resolve().parent / "data" / "rasters.nc"


def open_array(path, file=RASTERS):
    ds = gdal.OpenEx('H5RANGE:"%s":%s' % (file, path), gdal.OF_RASTER)
    assert ds is not None
    return ds


def counted(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


def test_h5range_container_lists_arrays_of_all_groups():
    ds = gdal.OpenEx("H5RANGE:%s" % (DATA / "product.nc"), gdal.OF_RASTER)
    assert ds.RasterCount == 0
    assert ds.GetSubDatasets() == [
        ('H5RANGE:"%s":/sst' % (DATA / "product.nc"), "[4x60x80] sea_surface_temperature (16-bit integer)"),
        ('H5RANGE:"%s":/quality/level' % (DATA / "product.nc"), "[4x60x80] /quality/level (8-bit unsigned integer)"),
    ]
    assert ds.GetMetadataItem("NC_GLOBAL#Conventions") == "CF-1.8"
    for name, _ in ds.GetSubDatasets():
        assert gdal.OpenEx(name, gdal.OF_RASTER).RasterCount == 4


def test_h5range_dimensions_beyond_the_plane_are_bands():
    ds = open_array("/bands/flipped")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (53, 37, 6)
    band = ds.GetRasterBand(5)
    assert band.DataType == gdal.GDT_Int32
    assert band.GetBlockSize() == [11, 8]
    assert (band.GetNoDataValue(), band.GetScale(), band.GetOffset(), band.GetUnitType()) == (-5, 0.5, 10, "1")
    assert band.GetMetadata() == {
        "NETCDF_VARNAME": "flipped", "NETCDF_DIM_time": "6.5", "NETCDF_DIM_level": "500", "long_name": "counter", "units": "1",
        "scale_factor": "0.5", "add_offset": "10", "missing_value": "-5"}
    assert band.GetDescription() == "counter, time=6.5 (hours since 2000-01-01), level=500 (hPa)"
    metadata = ds.GetMetadata()
    assert metadata["NETCDF_DIM_EXTRA"] == "{time,level}"
    assert (metadata["NETCDF_DIM_time_DEF"], metadata["NETCDF_DIM_time_VALUES"]) == ("{2,6}", "{0,6.5}")
    assert (metadata["NETCDF_DIM_level_DEF"], metadata["NETCDF_DIM_level_VALUES"]) == ("{3,4}", "{1000,500,10}")
    assert metadata["/bands/time#units"] == "hours since 2000-01-01"
    assert metadata["/bands/flipped#missing_value"] == "-5"
    assert metadata["NC_GLOBAL#Conventions"] == "CF-1.8"
    assert ds.GetMetadata("IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"


@pytest.mark.parametrize("cache", [64 << 20, 20000], ids=["cache", "little_cache"])
def test_h5range_windows_blocks_and_lines_of_a_flipped_array(cache):
    expected = counted(6, 37, 53)[:, ::-1]
    old = gdal.GetCacheMax()
    gdal.SetCacheMax(cache)
    try:
        ds = open_array("/bands/flipped")
        assert np.array_equal(ds.GetRasterBand(3).ReadAsArray(5, 7, 20, 9), expected[2, 7:16, 5:25])
        for x, y in ((0, 0), (4, 4), (2, 3), (4, 0)):
            block = np.frombuffer(ds.GetRasterBand(6).ReadBlock(x, y), "i4").reshape(8, 11)
            part = expected[5, y * 8:y * 8 + 8, x * 11:x * 11 + 11]
            assert np.array_equal(block[:part.shape[0], :part.shape[1]], part)
        for y in range(37):
            assert np.array_equal(ds.GetRasterBand(1).ReadAsArray(0, y, 53, 1), expected[0, y:y + 1])
        assert np.array_equal(ds.ReadAsArray(), expected)
        for bands in ([1, 2, 3, 4, 5, 6], [2, 3, 4, 5], [6, 4, 2], [3, 3], [5, 1, 6]):
            got = np.frombuffer(ds.ReadRaster(3, 2, 30, 33, band_list=bands), "i4").reshape(len(bands), 33, 30)
            assert np.array_equal(got, expected[[b - 1 for b in bands], 2:35, 3:33])
        pixels = np.frombuffer(ds.ReadRaster(3, 2, 30, 33, buf_type=gdal.GDT_Float64, buf_pixel_space=48, buf_line_space=48 * 30, buf_band_space=8))
        assert np.array_equal(pixels.reshape(33, 30, 6).transpose(2, 0, 1), expected[:, 2:35, 3:33])
        half = ds.GetRasterBand(2).ReadAsArray(0, 0, 52, 36, 26, 18)
        assert np.array_equal(half, expected[1, 1:36:2, 1:52:2])
    finally:
        gdal.SetCacheMax(old)


def test_h5range_last_dimension_as_bands():
    ds = open_array("/bands/last")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (53, 37, 3)
    assert np.array_equal(ds.ReadAsArray(), counted(37, 53, 3).transpose(2, 0, 1)[:, ::-1])
    assert ds.GetRasterBand(1).GetNoDataValue() is None  # written without a fill value


def test_h5range_fill_value_of_the_netcdf_library_is_nodata():
    ds = open_array("/axes/north_up/data")
    assert ds.GetRasterBand(1).GetNoDataValue() == -32767
    ds = open_array("/a", DATA / "plain.h5")
    assert ds.GetRasterBand(1).GetNoDataValue() is None


def test_h5range_signed_bytes():
    ds = open_array("/bands/bytes")
    band = ds.GetRasterBand(1)
    if int(gdal.VersionInfo()) >= 3070000:
        assert gdal.GetDataTypeName(band.DataType) == "Int8"
    else:
        assert (band.DataType, band.GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE")) == (gdal.GDT_Byte, "SIGNEDBYTE")
    assert band.GetNoDataValue() == -7
    assert np.array_equal(np.frombuffer(ds.ReadRaster(), "i1").reshape(37, 53), counted(37, 53).astype("i1")[::-1])
    assert gdal.OpenEx("H5RANGE:%s" % RASTERS).GetSubDatasets()[34][1] == "[37x53] /bands/bytes (8-bit integer)"


def test_h5range_unsigned_by_convention():
    ds = open_array("/bands/unsigned")
    band = ds.GetRasterBand(1)
    assert band.DataType == gdal.GDT_UInt16
    assert band.GetNoDataValue() == 65535


@pytest.mark.parametrize("kind,bits", [("i1", 8), ("i2", 16), ("i4", 32), ("i8", 64)])
def test_h5range_attributes_that_hold_values_are_unsigned_as_the_band_is(made, kind, bits):
    script = """
n = netCDF4.Dataset(sys.argv[1], 'w'); n.createDimension('y', 2); n.createDimension('x', 3)
for kind in ('i1', 'i2', 'i4', 'i8'):
    v = n.createVariable(kind, kind, ('y', 'x'), fill_value=-1); v.set_auto_maskandscale(False); v._Unsigned = 'true'; v.valid_range = np.array([0, -2], kind)
    v.offset_of_rows = np.array([-5], kind); v.flag_values = np.array([1, 2], 'i8' if kind == 'i1' else 'i1'); v[:] = 1
n.close()"""
    ds = open_array("/" + kind, made("unsigned.nc", script))
    found = ds.GetRasterBand(1).GetMetadata()
    assert (found["_FillValue"], found["valid_range"]) == (str(2**bits - 1), "{0,%d}" % (2**bits - 2))
    assert (found["offset_of_rows"], found["flag_values"]) == ("-5", "{1,2}")


def test_h5range_64_bit_nodata():
    ds = open_array("/bands/large")
    band = ds.GetRasterBand(1)
    assert band.DataType == gdal.GDT_Int64
    assert band.GetNoDataValue() == 2**60 + 1


def test_h5range_one_dimension_is_one_row():
    ds = open_array("/bands/lat")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (37, 1, 1)
    assert np.array_equal(ds.ReadAsArray(), np.arange(37).reshape(1, 37) / 2)


def test_h5range_complex_and_plain_hdf5_rows_stay_as_stored():
    assert np.array_equal(open_array("/a", DATA / "plain.h5").ReadAsArray(), counted(3, 4))
    ds = open_array("/complex", DATA / "plain.h5")
    assert ds.GetRasterBand(1).DataType == gdal.GDT_CFloat32
    assert ds.ReadAsArray().tolist() == [[1 + 2j, 3 - 4j]]


def test_h5range_geolocation_of_a_swath():
    ds = open_array("/axes/swath/data")
    found = ds.GetMetadata("GEOLOCATION")
    assert found["X_DATASET"] == 'H5RANGE:"%s":/axes/swath/lon' % RASTERS
    assert found["Y_DATASET"] == 'H5RANGE:"%s":/axes/swath/lat' % RASTERS
    assert (found["X_BAND"], found["PIXEL_STEP"], found["LINE_OFFSET"]) == ("1", "1", "0")
    assert gdal.OpenEx(found["Y_DATASET"]).ReadAsArray().tolist() == ds.ReadAsArray().tolist()
    assert open_array("/axes/swath/lat").GetMetadata("GEOLOCATION") == {}


def test_h5range_names_in_hdf5_form_have_its_metadata():
    gdal.SetConfigOption("H5RANGE_CLAIM", "ALL")
    try:
        ds = gdal.Open('HDF5:"%s"' % (DATA / "product.nc"))
        assert ds.GetDriver().ShortName == "H5RANGE"
        assert ds.GetSubDatasets()[0] == ('HDF5:"%s"://sst' % (DATA / "product.nc"), "[4x60x80] //sst (16-bit integer)")
        assert ds.GetMetadataItem("Conventions") == "CF-1.8"
        assert ds.GetMetadataItem("sst_standard_name") == "sea_surface_temperature"
        array = gdal.Open(ds.GetSubDatasets()[0][0])
        assert array.GetRasterBand(1).GetMetadataItem("standard_name") == "sea_surface_temperature"
        assert array.GetRasterBand(1).GetMetadataItem("NETCDF_VARNAME") is None
    finally:
        gdal.SetConfigOption("H5RANGE_CLAIM", None)


def test_h5range_statistics_of_a_subdataset_are_kept_beside_the_file(tmp_path):
    copy = tmp_path / "rasters.nc"
    shutil.copy(RASTERS, copy)
    ds = open_array("/bands/last", copy)
    ds = None
    assert list(tmp_path.iterdir()) == [copy]  # opening writes nothing
    ds = open_array("/bands/last", copy)
    ds.GetRasterBand(2).ComputeStatistics(False)
    ds = None
    ds = open_array("/bands/last", copy)
    assert ds.GetRasterBand(2).GetMetadataItem("STATISTICS_MAXIMUM") == "5881"
    assert ds.GetRasterBand(2).GetMetadataItem("NETCDF_VARNAME") == "last"
    assert ds.GetFileList() == [str(copy), str(copy) + ".aux.xml"]
    ds = open_array("/bands/flipped", copy)
    assert ds.GetRasterBand(2).GetMetadataItem("STATISTICS_MAXIMUM") is None


def test_h5range_descriptions_stay_beside_a_side_file_of_another_driver(tmp_path):
    # used to be lost: GDAL takes the description of each band of the side file, also where there is none
    copy = tmp_path / "rasters.nc"
    shutil.copy(RASTERS, copy)
    ds = gdal.OpenEx("NETCDF:%s:/bands/last" % copy, allowed_drivers=["netCDF"])
    ds.GetRasterBand(2).ComputeStatistics(False)
    ds = None
    ds, untouched = open_array("/bands/last", copy), open_array("/bands/last")
    assert "STATISTICS_MAXIMUM" in ds.GetRasterBand(2).GetMetadata()
    descriptions = [ds.GetRasterBand(i + 1).GetDescription() for i in range(ds.RasterCount)]
    assert descriptions == [untouched.GetRasterBand(i + 1).GetDescription() for i in range(ds.RasterCount)]
    assert all(descriptions)


def test_h5range_remote_raster_asks_for_the_file_alone(nginx_folder, nginx):
    shutil.copy(RASTERS, nginx_folder)
    nginx.requests()
    ds = gdal.Open('H5RANGE:"%s":/bands/flipped' % nginx.url("rasters.nc"))
    before = ds.GetMetadata("H5RANGE")
    assert np.array_equal(ds.ReadAsArray(), counted(6, 37, 53)[:, ::-1])
    after = ds.GetMetadata("H5RANGE")
    assert int(after["ROUNDS"]) - int(before["ROUNDS"]) <= 2
    band = ds.GetRasterBand(1)
    band.GetOverviewCount()
    band.GetMaskFlags()
    band.ComputeStatistics(False)
    assert ds.GetFileList() == ["/vsicurl/" + nginx.url("rasters.nc")]
    ds = None
    assert {request[1] for request in nginx.requests()} == {"/rasters.nc"}


@pytest.mark.parametrize("name,text", [("/nothing", "has no array /nothing"), ("/mappings/crs/mercator", "a scalar cannot be shown as a raster")])
def test_h5range_what_is_no_raster_is_one_error(name, text):
    with Errors() as errors:
        assert gdal.Open('H5RANGE:"%s":%s' % (RASTERS, name)) is None
    assert len(errors.failures()) == 1
    assert text in errors.failures()[0]
