"""CRS, geotransform and roles of dimensions by the CF conventions."""
import pathlib

import pytest
from conftest import Errors, open_multidim
from osgeo import gdal

RASTERS = pathlib.Path(__file__).resolve().parent / "data" / "rasters.nc"
ELLIPSOID = " +ellps=WGS84 +units=m +no_defs"


def open_array(path):
    ds = gdal.OpenEx('H5RANGE:"%s":%s' % (RASTERS, path), gdal.OF_RASTER)
    assert ds is not None
    return ds


@pytest.mark.parametrize("name,proj", [
    ("albers_conical_equal_area", "+proj=aea +lat_0=40 +lon_0=10 +lat_1=30 +lat_2=50 +x_0=0 +y_0=0"),
    ("azimuthal_equidistant", "+proj=aeqd +lat_0=40 +lon_0=10 +x_0=0 +y_0=0"),
    ("lambert_azimuthal_equal_area", "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=0"),
    ("lambert_conformal_conic", "+proj=lcc +lat_0=42.5 +lon_0=-100 +lat_1=25 +lat_2=60 +x_0=0 +y_0=0"),
    ("lambert_cylindrical_equal_area", "+proj=cea +lat_ts=30 +lon_0=5 +x_0=0 +y_0=0"),
    ("mercator", "+proj=merc +lat_ts=30 +lon_0=10 +x_0=0 +y_0=0"),
    ("oblique_mercator", "+proj=omerc +lat_0=40 +lonc=10 +alpha=30 +gamma=30 +k=1 +x_0=0 +y_0=0"),
    ("orthographic", "+proj=ortho +lat_0=40 +lon_0=10 +x_0=0 +y_0=0"),
    ("polar_stereographic", "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +x_0=0 +y_0=0"),
    ("sinusoidal", "+proj=sinu +lon_0=10 +x_0=0 +y_0=0"),
    ("stereographic", "+proj=stere +lat_0=40 +lon_0=10 +k=0.99 +x_0=0 +y_0=0"),
    ("transverse_mercator", "+proj=tmerc +lat_0=0 +lon_0=10 +k=0.9996 +x_0=500000 +y_0=0"),
    ("vertical_perspective", "+proj=nsper +lat_0=40 +lon_0=10 +h=35785831 +x_0=0 +y_0=0"),
    ("geostationary", "+proj=geos +sweep=x +lon_0=-75 +h=35786023 +x_0=0 +y_0=0"),
])
def test_h5range_grid_mapping(name, proj):
    ds = open_array("/mappings/on_" + name)
    assert ds.GetSpatialRef().ExportToProj4() == proj + ELLIPSOID
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)
    assert ds.GetMetadataItem("/mappings/crs/%s#grid_mapping_name" % name) == name


def test_h5range_geographic_grid_mappings():
    srs = open_array("/mappings/on_latitude_longitude").GetSpatialRef()
    assert srs.IsGeographic()
    assert srs.GetAttrValue("PRIMEM", 1) == "2.5"
    srs = open_array("/mappings/on_rotated_latitude_longitude").GetSpatialRef()
    assert srs.IsDerivedGeographic()
    assert "+o_lat_p=32.5" in srs.ExportToProj4() and "+lon_0=350" in srs.ExportToProj4()


def test_h5range_expanded_grid_mapping_is_that_of_the_axes():
    assert "+proj=tmerc" in open_array("/mappings/expanded").GetSpatialRef().ExportToProj4()


def test_h5range_missing_grid_mapping_is_a_warning():
    with Errors() as errors:
        ds = gdal.Open('H5RANGE:"%s":/mappings/missing' % RASTERS)
    assert ds.GetSpatialRef() is None
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)
    assert errors.failures() == []
    assert any("nowhere" in text for text in errors.warnings())


def test_h5range_kilometres_become_metres_in_rasters_and_stay_in_arrays():
    ds = open_array("/mappings/km/data")
    assert ds.GetSpatialRef().GetLinearUnits() == 1
    assert ds.GetSpatialRef().GetProjParm("false_easting") == 500000000
    assert ds.GetGeoTransform() == pytest.approx((5, 10, 0, 35, 0, -10))
    srs = open_multidim("H5RANGE:%s" % RASTERS).GetRootGroup().OpenMDArrayFromFullname("/mappings/km/data").GetSpatialRef()
    assert srs.GetLinearUnits() == 1000
    assert srs.GetProjParm("false_easting") == 500000


def test_h5range_scan_angles_are_scaled_by_the_height():
    h = 35786023
    assert open_array("/mappings/scan_angles/data").GetGeoTransform() == pytest.approx((0.005 * h, 0.01 * h, 0, 0.035 * h, 0, -0.01 * h))


@pytest.mark.parametrize("path,geotransform,rows", [
    ("north_up/data", (0.5, 1, 0, 3.5, 0, -1), [[0, 1], [2, 3], [4, 5]]),
    ("north_up/deep/down/data", (0.5, 1, 0, 3.5, 0, -1), [[0, 1], [2, 3], [4, 5]]),  # axes of a group above
    ("north_up/transposed", (0.5, 1, 0, 3.5, 0, -1), [[0, 3], [1, 4], [2, 5]]),
    ("south_up/data", (0.5, 1, 0, 3.5, 0, -1), [[4, 5], [2, 3], [0, 1]]),
    ("date_line/data", (-182.5, 1, 0, 3.5, 0, -1), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]),
    ("pacific/data", (-165, 10, 0, 3.5, 0, -1), [[0, 1], [2, 3], [4, 5]]),
    ("one_row/data", (0.5, 1, 0, 3.5, 0, -1), [[0, 1]]),
    ("one_column/data", (8, 4, 0, 3.5, 0, -1), [[0], [1]]),
])
def test_h5range_geotransform_and_order_of_rows(path, geotransform, rows):
    ds = open_array("/axes/" + path)
    assert ds.GetGeoTransform() == geotransform
    assert ds.ReadAsArray().tolist() == rows
    assert ds.GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert ds.GetSpatialRef().GetDataAxisToSRSAxisMapping() == [2, 1]


def test_h5range_uneven_latitudes_are_listed():
    ds = open_array("/axes/uneven/data")
    assert ds.GetGeoTransform(can_return_null=True) is None
    assert ds.GetMetadataItem("Y_VALUES", "GEOLOCATION2") == "{9,8,4,1}"
    geolocation = ds.GetMetadata("GEOLOCATION")
    assert geolocation["X_DATASET"].endswith(":/axes/uneven/lon") and geolocation["Y_DATASET"].endswith(":/axes/uneven/lat")
    warped = gdal.Warp("", ds, format="MEM", geoloc=True, dstSRS="EPSG:4326", xRes=1, yRes=1)
    assert warped.GetGeoTransform()[3] == 9.5
    rows = warped.ReadAsArray()[:9].tolist()  # of latitudes 9, 8, ... 1
    assert rows[0] == [0, 1] and rows[1] == [2, 3] and rows[5] == [4, 5] and rows[8] == [6, 7]


def test_h5range_axis_mapping_of_arrays():
    root = open_multidim("H5RANGE:%s" % RASTERS).GetRootGroup()
    assert root.OpenMDArrayFromFullname("/bands/flipped").GetSpatialRef().GetDataAxisToSRSAxisMapping() == [3, 4]
    assert root.OpenMDArrayFromFullname("/axes/north_up/transposed").GetSpatialRef().GetDataAxisToSRSAxisMapping() == [2, 1]
    assert root.OpenMDArrayFromFullname("/mappings/on_mercator").GetSpatialRef().GetDataAxisToSRSAxisMapping() == [2, 1]


def test_h5range_roles_of_dimensions():
    root = open_multidim("H5RANGE:%s" % RASTERS).GetRootGroup()
    dims = root.OpenMDArrayFromFullname("/bands/flipped").GetDimensions()
    assert [(d.GetType(), d.GetDirection()) for d in dims] == [("TEMPORAL", ""), ("VERTICAL", ""), ("HORIZONTAL_Y", "NORTH"), ("HORIZONTAL_X", "EAST")]
    dims = root.OpenMDArrayFromFullname("/mappings/on_mercator").GetDimensions()
    assert [(d.GetType(), d.GetDirection()) for d in dims] == [("HORIZONTAL_Y", ""), ("HORIZONTAL_X", "")]
