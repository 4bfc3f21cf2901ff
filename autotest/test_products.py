"""Products that say where they lie in other words than CF's: small files with the traits of each."""
import json
import shutil

import numpy as np
import pytest
from conftest import Errors, band_of, open_multidim
from osgeo import gdal


def open_array(file, path, prefix="H5RANGE", **options):
    return gdal.OpenEx('%s:"%s":%s' % (prefix, file, path), gdal.OF_RASTER, open_options=["%s=%s" % item for item in options.items()])


def array_of(file, path):
    return open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArrayFromFullname(path)


def numbers(start, *shape):
    return start + np.arange(np.prod(shape)).reshape(shape)


# ---------------------------------------------------------------------------------------------------------------- HDF-EOS5

EOS = r"""
def grid(number, name, projection, corners, extra="", origin="", fields=(("data", ("YDim", "XDim"), (3, 4)),)):
    text = "\tGROUP=GRID_%d\n\t\tGridName=\"%s\"\n\t\tXDim=4\n\t\tYDim=3\n" % (number, name)
    text += "\t\tUpperLeftPointMtrs=(%f,%f)\n\t\tLowerRightMtrs=(%f,%f)\n\t\tProjection=%s\n%s" % (*corners, projection, extra)
    text += "\t\tGridOrigin=%s\n" % origin if origin else ""
    text += "\t\tGROUP=Dimension\n\t\tEND_GROUP=Dimension\n\t\tGROUP=DataField\n"
    for i, (field, dims, shape) in enumerate(fields):
        text += "\t\t\tOBJECT=DataField_%d\n\t\t\t\tDataFieldName=\"%s\"\n\t\t\t\tDimList=(%s)\n\t\t\tEND_OBJECT=DataField_%d\n" % (
            i + 1, field, ",".join('"%s"' % d for d in dims), i + 1)
        f["HDFEOS/GRIDS/%s/Data Fields/%s" % (name, field)] = np.arange(np.prod(shape)).reshape(shape).astype("i4")
    return text + "\t\tEND_GROUP=DataField\n\tEND_GROUP=GRID_%d\n" % number

f = h5py.File(sys.argv[1], "w")
"""
END = r"""
f.create_dataset("HDFEOS INFORMATION/StructMetadata.0", data=np.bytes_(text))
"""
GRIDS = EOS + r"""
text = "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n"
text += grid(1, "Sinus", "HE5_GCTP_SNSOID", (-4000, 3000, 4000, -3000), "\t\tProjParams=(6371007.181000,0,0,0,0,0,0,0,0,0,\n\t\t\t0,0,0)\n\t\tSphereCode=-1\n",
             fields=(("data", ("YDim", "XDim"), (3, 4)), ("bands", ("YDim", "XDim", "nBands"), (3, 4, 2))))
text += grid(2, "Utm", "HE5_GCTP_UTM", (210584, 3322395, 213584, 3322095), "\t\tZoneCode=-40\n\t\tSphereCode=12\n")
text += grid(3, "Geo", "HE5_GCTP_GEO", (-180000000, 90000000, -176000000, 87030000))
text += grid(4, "South up", "HE5_GCTP_GEO", (0, 3000000, 4000000, 0), origin="HE5_HDFE_GD_LL")
text += grid(5, "Polar", "HE5_GCTP_LAMAZ", (-2000, 1500, 2000, -1500), "\t\tProjParams=(6371228,0,0,0,0,90000000,0,0,0,0,0,0,0)\n\t\tSphereCode=-1\n")
text += grid(6, "Ease", "HE5_GCTP_CEA", (-2000, 1500, 2000, -1500), "\t\tProjParams=(0,0,0,0,0,30000000,0,0,0,0,0,0,0)\n")
text += grid(7, "Unknown", "HE5_GCTP_BEYOND", (-2000, 1500, 2000, -1500))
text += "END_GROUP=GridStructure\nEND\n"
""" + END


@pytest.fixture
def grids(made):
    return made("grids.he5", GRIDS)


@pytest.mark.parametrize("name,proj,geotransform", [
    ("Sinus", "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs", (-4000, 2000, 0, 3000, 0, -2000)),
    ("Utm", "+proj=utm +zone=40 +south +datum=WGS84 +units=m +no_defs", (210584, 750, 0, 3322395, 0, -100)),
    ("Geo", "+proj=longlat +datum=WGS84 +no_defs", (-180, 1, 0, 90, 0, -2.5 / 3)),
    ("Polar", "+proj=laea +lat_0=90 +lon_0=0 +x_0=0 +y_0=0 +R=6371228 +units=m +no_defs", (-2000, 1000, 0, 1500, 0, -1000)),
    ("Ease", "+proj=cea +lat_ts=30 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs", (-2000, 1000, 0, 1500, 0, -1000)),
])
def test_h5range_eos_grid(grids, name, proj, geotransform):
    ds = open_array(grids, "/HDFEOS/GRIDS/%s/Data Fields/data" % name)
    assert ds.GetSpatialRef().ExportToProj4() == proj
    assert ds.GetGeoTransform() == pytest.approx(geotransform)
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 3, 4))


def test_h5range_eos_grid_of_an_unknown_projection_has_its_geotransform(grids):
    ds = open_array(grids, "/HDFEOS/GRIDS/Unknown/Data Fields/data")
    assert ds.GetSpatialRef() is None
    assert ds.GetGeoTransform() == (-2000, 1000, 0, 1500, 0, -1000)


def test_h5range_eos_grid_whose_origin_is_in_the_south(grids):
    path = "/HDFEOS/GRIDS/South up/Data Fields/data"
    ds = open_array(grids, path)
    assert ds.GetGeoTransform() == (0, 1, 0, 3, 0, -1)
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 3, 4)[::-1])
    gdal.SetConfigOption("H5RANGE_CLAIM", "ALL")
    try:
        ds = open_array(grids, "/" + path.replace(" ", "_"), "HDF5")  # the HDF5 driver shows rows as they are stored
        assert ds.GetGeoTransform() == (0, 1, 0, 0, 0, 1)
        assert np.array_equal(ds.ReadAsArray(), numbers(0, 3, 4))
    finally:
        gdal.SetConfigOption("H5RANGE_CLAIM", None)


def test_h5range_eos_grid_with_bands_last(grids):
    ds = open_array(grids, "/HDFEOS/GRIDS/Sinus/Data Fields/bands")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 2)
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 3, 4, 2).transpose(2, 0, 1))
    assert ds.GetMetadataItem("NETCDF_DIM_EXTRA") == "{nBands}"


def test_h5range_eos_grid_multidim(grids):
    array = array_of(grids, "/HDFEOS/GRIDS/Geo/Data Fields/data")
    y, x = array.GetDimensions()
    assert (y.GetFullName(), y.GetType(), y.GetDirection()) == ("/HDFEOS/GRIDS/Geo/YDim", "HORIZONTAL_Y", "NORTH")
    assert (x.GetFullName(), x.GetType(), x.GetDirection()) == ("/HDFEOS/GRIDS/Geo/XDim", "HORIZONTAL_X", "EAST")
    assert x.GetIndexingVariable().ReadAsArray().tolist() == [-179.5, -178.5, -177.5, -176.5]
    assert y.GetIndexingVariable().ReadAsArray() == pytest.approx(90 - 2.5 / 6 - np.arange(3) * 2.5 / 3)
    assert array.GetSpatialRef().GetDataAxisToSRSAxisMapping() == [1, 2]
    group = open_multidim("H5RANGE:%s" % grids).GetRootGroup().OpenGroupFromFullname("/HDFEOS/GRIDS/Geo")  # whose arrays and dimensions they are
    assert group.GetMDArrayNames() == ["YDim", "XDim"] and group.GetMDArrayNames(["SHOW_INDEXING=NO"]) in ([], None)
    assert [(d.GetName(), d.GetSize()) for d in group.GetDimensions()] == [("YDim", 3), ("XDim", 4)]
    assert group.OpenMDArray("XDim").ReadAsArray().tolist() == [-179.5, -178.5, -177.5, -176.5]
    assert (group.OpenMDArray("XDim").GetFullName(), group.OpenMDArray("XDim").GetDimensions()[0].GetType()) == ("/HDFEOS/GRIDS/Geo/XDim", "HORIZONTAL_X")
    assert array_of(grids, "/HDFEOS/GRIDS/Sinus/Data Fields/bands").GetSpatialRef().GetDataAxisToSRSAxisMapping() == [2, 1]


SWATH = r"""
f = h5py.File(sys.argv[1], "w")
g = f.create_group("HDFEOS/SWATHS/Scan")
for name, shape in (("Longitude", (3, 2)), ("Latitude", (3, 2)), ("Time", (3,))):
    g["Geolocation Fields/" + name] = np.arange(np.prod(shape)).reshape(shape).astype("f4")
for name, shape in (("fine", (2, 6, 4)), ("coarse", (3, 2)), ("last", (6, 4, 2)), ("curtain", (3, 9))):
    g["Data Fields/" + name] = np.arange(np.prod(shape)).reshape(shape).astype("i4")
text = '''GROUP=SwathStructure
 GROUP=SWATH_1
  SwathName="Scan"
  GROUP=Dimension
  END_GROUP=Dimension
  GROUP=DimensionMap
   OBJECT=DimensionMap_1
    GeoDimension="GeoTrack"
    DataDimension="AlongTrack"
    Offset=1
    Increment=2
   END_OBJECT=DimensionMap_1
   OBJECT=DimensionMap_2
    GeoDimension="GeoXtrack"
    DataDimension="CrossTrack"
    Offset=0
    Increment=2
   END_OBJECT=DimensionMap_2
  END_GROUP=DimensionMap
  GROUP=GeoField
'''
for kind, fields in (("Geo", (("Longitude", "GeoTrack,GeoXtrack"), ("Latitude", "GeoTrack,GeoXtrack"), ("Time", "GeoTrack"))),
                     ("Data", (("fine", "Band,AlongTrack,CrossTrack"), ("coarse", "GeoTrack,GeoXtrack"), ("last", "AlongTrack,CrossTrack,Band"),
                               ("curtain", "GeoTrack,Height")))):
    text += "  END_GROUP=GeoField\n  GROUP=DataField\n" if kind == "Data" else ""
    for name, dims in fields:
        text += '   OBJECT=%s_%s\n    %sFieldName="%s"\n    DimList=(%s)\n   END_OBJECT=%s_%s\n' % (
            kind, name, kind, name, ",".join('"%s"' % d for d in dims.split(",")), kind, name)
text += "  END_GROUP=DataField\n END_GROUP=SWATH_1\nEND_GROUP=SwathStructure\nEND\n"
f["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(text[:300])  # writers cut long texts
f["HDFEOS INFORMATION/StructMetadata.1"] = np.bytes_(text[300:])
"""


def test_h5range_eos_swath(made):
    file = made("swath.he5", SWATH)
    ds = open_array(file, "/HDFEOS/SWATHS/Scan/Data Fields/fine")
    found = ds.GetMetadata("GEOLOCATION")
    folder = 'H5RANGE:"%s":/HDFEOS/SWATHS/Scan/Geolocation Fields/' % file
    assert (found["X_DATASET"], found["Y_DATASET"]) == (folder + "Longitude", folder + "Latitude")
    assert [found[key] for key in ("PIXEL_OFFSET", "PIXEL_STEP", "LINE_OFFSET", "LINE_STEP")] == ["0", "2", "1", "2"]
    assert gdal.OpenEx(found["X_DATASET"]).ReadAsArray().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert open_array(file, "/HDFEOS/SWATHS/Scan/Data Fields/coarse").GetMetadataItem("LINE_STEP", "GEOLOCATION") == "1"
    ds = open_array(file, "/HDFEOS/SWATHS/Scan/Data Fields/last")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 6, 2)
    assert ds.GetMetadataItem("LINE_STEP", "GEOLOCATION") == "2"
    for path in ("Data Fields/curtain", "Geolocation Fields/Longitude"):
        assert open_array(file, "/HDFEOS/SWATHS/Scan/" + path).GetMetadata("GEOLOCATION") == {}
    array = array_of(file, "/HDFEOS/SWATHS/Scan/Data Fields/coarse")
    assert [d.GetFullName() for d in array.GetDimensions()] == ["/HDFEOS/SWATHS/Scan/GeoTrack", "/HDFEOS/SWATHS/Scan/GeoXtrack"]
    assert [c.GetName() for c in array.GetCoordinateVariables()] == ["Longitude", "Latitude"]
    assert not array_of(file, "/HDFEOS/SWATHS/Scan/Data Fields/fine").GetCoordinateVariables()  # not of the same pixels
    assert not array_of(file, "/HDFEOS/SWATHS/Scan/Geolocation Fields/Latitude").GetCoordinateVariables()


@pytest.mark.parametrize("text", ["", "GROUP=GridStructure\\nGROUP=GRID_1\\n", "GROUP=A\\n" * 1000, "(((", "GROUP=GridStructure\\nGROUP=G\\nXDim=(1,\\n"])
def test_h5range_eos_text_that_is_damaged_costs_the_georeferencing_alone(made, text):
    file = made("damaged.he5", "f = h5py.File(sys.argv[1], 'w'); f['HDFEOS/GRIDS/G/Data Fields/d'] = np.zeros((3, 4))\n"
                               "f['HDFEOS INFORMATION/StructMetadata.0'] = np.bytes_('%s' or ' ')" % text)
    ds = open_array(file, "/HDFEOS/GRIDS/G/Data Fields/d")
    assert ds.GetGeoTransform(can_return_null=True) is None
    assert ds.ReadAsArray().shape == (3, 4)


# -------------------------------------------------------------------------------------------------- longitudes and latitudes


def lonlat(folder, dims="y x", shape="3, 4", names=("longitude", "latitude")):
    return "".join("v = n.createVariable('%s/%s', 'f4', %r); v.units = 'degrees_%s'; v[:] = np.arange(12).reshape(%s)\n"
                   % (folder, name, tuple(dims.split()), "east" if name.startswith("lon") else "north", shape) for name in names)


START = "n = netCDF4.Dataset(sys.argv[1], 'w')\nfor name, size in dict(y=3, x=4, z=2, one=1).items(): n.createDimension(name, size)\n"
PLACES = {
    "ocean colour": (lonlat("/navigation_data"), "/geophysical_data/chlor_a", "y x", "/navigation_data/longitude"),
    "PACE": (lonlat("/geolocation_data"), "/observation_data/rhot_blue", "z y x", "/geolocation_data/longitude"),
    "EMIT": (lonlat("/location", names=("lon", "lat")), "/reflectance", "y x z", "/location/lon"),
    "VIIRS": (lonlat("/All_Data/VIIRS-MOD-GEO-TC_All").replace("longitude", "Longitude").replace("latitude", "Latitude"),
              "/All_Data/VIIRS-M4-SDR_All/Radiance", "y x", "/All_Data/VIIRS-MOD-GEO-TC_All/Longitude"),
    "same group": (lonlat("/NS").replace("longitude", "Longitude").replace("latitude", "Latitude"), "/NS/rate", "y x", "/NS/Longitude"),
}


@pytest.mark.parametrize("product", list(PLACES))
def test_h5range_geolocation_of_products(made, product):
    places, path, dims, longitudes = PLACES[product]
    script = START + places + "v = n.createVariable('%s', 'i2', %r); v[:] = np.arange(v.size).reshape(v.shape)\n" % (path, tuple(dims.split()))
    if product == "EMIT":  # bands come last: only the geolocation tells
        script += "v.coordinates = '/location/lon /location/lat'\n"
    file = made("product.nc", script + "n.close()")
    ds = open_array(file, path)
    assert (ds.RasterXSize, ds.RasterYSize) == (4, 3)
    assert ds.RasterCount == (2 if "z" in dims else 1)
    found = ds.GetMetadata("GEOLOCATION")
    assert found["X_DATASET"] == 'H5RANGE:"%s":%s' % (file, longitudes)
    assert gdal.OpenEx(found["X_DATASET"]).ReadAsArray().shape == (3, 4)
    names = [c.GetFullName() for c in array_of(file, path).GetCoordinateVariables()]
    assert names[0] == longitudes and len(names) == 2


@pytest.mark.parametrize("names", ["", "longitude latitude"], ids=["unnamed", "named without their group"])
def test_h5range_bands_behind_rows_and_columns_that_lie_somewhere(made, names):
    """The dimensions of the longitudes are rows and columns, whatever the third one is called."""
    script = START + lonlat("/navigation_data") + "v = n.createVariable('/geophysical_data/aot', 'i2', ('y', 'x', 'z')); v[:] = np.arange(24).reshape(3, 4, 2)\n"
    file = made("l2.nc", script + ("v.coordinates = %r\n" % names if names else "") + "n.close()")
    ds = open_array(file, "/geophysical_data/aot")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 2)
    assert ds.GetMetadata("GEOLOCATION")["X_DATASET"] == 'H5RANGE:"%s":/navigation_data/longitude' % file
    assert [c.GetFullName() for c in array_of(file, "/geophysical_data/aot").GetCoordinateVariables()] == ["/navigation_data/longitude", "/navigation_data/latitude"]


def test_h5range_bands_behind_anonymous_rows_and_columns(made):
    """Of arrays without scales the sizes tell."""
    file = made("gpm.h5", """
f = h5py.File(sys.argv[1], "w"); lat, lon = np.meshgrid([10., 11, 12], [1., 2, 3, 4], indexing="ij")
f["NS/Latitude"] = lat; f["NS/Longitude"] = lon; f["NS/SLV/z"] = np.arange(3 * 4 * 5).reshape(3, 4, 5); f["NS/DSD/n"] = np.zeros((2, 3, 4)); f.close()""")
    ds = open_array(file, "/NS/SLV/z")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 5)
    assert ds.GetMetadata("GEOLOCATION")["Y_DATASET"] == 'H5RANGE:"%s":/NS/Latitude' % file
    ds = open_array(file, "/NS/DSD/n")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 2)


def test_h5range_numbers_of_lines_and_pixels_place_nothing(made):
    """Sentinel-5P calls them axes; its longitudes and latitudes tell where they are."""
    script = START + lonlat("/PRODUCT", "one y x", "1, 3, 4") + """
for name, axis, size in ('y', 'Y', 3), ('x', 'X', 4): v = n.createVariable(name, 'i4', (name,)); v[:] = np.arange(size); v.axis = axis; v.units = '1'
v = n.createVariable('/PRODUCT/no2', 'i4', ('one', 'y', 'x')); v[:] = np.arange(12).reshape(1, 3, 4); v.coordinates = 'longitude latitude'
v = n.createVariable('/PRODUCT/plain', 'i4', ('one', 'y', 'x')); v[:] = 1; n.close()"""
    file = made("s5p.nc", script)
    for path in "/PRODUCT/no2", "/PRODUCT/plain":
        ds = open_array(file, path)
        assert ds.GetGeoTransform(can_return_null=True) is None and ds.GetSpatialRef() is None
        assert ds.GetMetadata("GEOLOCATION")["X_DATASET"] == 'H5RANGE:"%s":/PRODUCT/longitude' % file
    ds = open_array(file, "/PRODUCT/no2")
    stored = {tuple(v): k for k, v in enumerate(zip(array_of(file, "/PRODUCT/longitude").ReadAsArray().ravel(), array_of(file, "/PRODUCT/latitude").ReadAsArray().ravel()))}
    places = zip(*(gdal.OpenEx(ds.GetMetadata("GEOLOCATION")[key]).ReadAsArray().ravel() for key in ("X_DATASET", "Y_DATASET")))
    assert [stored[place] for place in places] == ds.ReadAsArray().ravel().tolist()  # rows in one order


def test_h5range_packed_longitudes_are_unpacked_for_gdalwarp(made):
    """Sentinel-3 has millionths of degrees in integers; GDAL takes the values of the geolocation's datasets as they are."""
    script = START + lonlat("/") + """
n['latitude'][:], n['longitude'][:] = np.meshgrid([40., 41, 42], [10., 11, 12, 13], indexing='ij')
for name in 'longitude', 'latitude':
    v = n.createVariable('packed_' + name, 'i4', ('y', 'x'), fill_value=-1); v.scale_factor = 1e-6; v.units = n[name].units; v.standard_name = name; v[:] = n[name][:]
v = n.createVariable('altitude', 'i2', ('y', 'x')); v[:] = 7; v.coordinates = 'packed_longitude packed_latitude'; n.close()"""
    file = made("geo.nc", script)
    ds = open_array(file, "/altitude")
    found = ds.GetMetadata("GEOLOCATION")
    for key, name in ("X_DATASET", "longitude"), ("Y_DATASET", "latitude"):
        assert np.allclose(gdal.OpenEx(found[key]).ReadAsArray(), open_array(file, "/" + name).ReadAsArray(), rtol=0, atol=1e-6)
    warped = gdal.Warp("", ds, format="MEM", geoloc=True, dstSRS="EPSG:4326")
    assert abs(warped.GetGeoTransform()[0] - 10) < 1 and abs(warped.GetGeoTransform()[3] - 42) < 1 and (warped.ReadAsArray() == 7).any()


def test_h5range_sentinel5p(made):
    """Longitudes and latitudes have a time of one step, as the values have."""
    script = START + lonlat("/PRODUCT", "one y x", "1, 3, 4") + "v = n.createVariable('/PRODUCT/no2', 'f4', ('one', 'y', 'x')); v.coordinates = 'longitude latitude'\n"
    script += "v[:] = 1\nv = n.createVariable('/PRODUCT/kernel', 'f4', ('one', 'y', 'x', 'z')); v.coordinates = 'longitude latitude'\n"
    file = made("s5p.nc", script + "v[:] = np.arange(24).reshape(v.shape)\nn.close()")
    ds = open_array(file, "/PRODUCT/no2")
    assert ds.RasterCount == 1
    assert ds.GetMetadata("GEOLOCATION")["Y_DATASET"] == 'H5RANGE:"%s":/PRODUCT/latitude' % file
    assert [c.GetName() for c in array_of(file, "/PRODUCT/no2").GetCoordinateVariables()] == ["longitude", "latitude"]
    ds = open_array(file, "/PRODUCT/kernel")  # layers come last: they are bands
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 2)
    assert np.array_equal(ds.GetRasterBand(2).ReadAsArray(), numbers(0, 3, 4, 2)[::-1, :, 1])
    assert ds.GetMetadata("GEOLOCATION")["Y_DATASET"] == 'H5RANGE:"%s":/PRODUCT/latitude' % file


S5P_METADATA = """
n = netCDF4.Dataset(sys.argv[1], 'w'); n.institution = 'KNMI'
for name, size in dict(one=1, y=3, x=4).items(): n.createDimension(name, size)
iso = n.createGroup('METADATA/ISO_METADATA')
iso.setncatts({'gmd:dateStamp': '2018-12-11', 'level': 2, 'real': 0.5, 'two': np.array([1, 2], 'i4'), 'key#1': 'first', 'key#2': 'second'})
for i in (1, 2): n.createGroup('METADATA/ISO_METADATA/gmd:language#%d' % i).url = 'http://host/%d' % i
n.createGroup('METADATA/ISO_METADATA/deep/deeper').empty = ''
n.createGroup('METADATA/GRANULE_DESCRIPTION').GranuleStart = '2018'; n.createGroup('METADATA/OTHER').kept = 'here'
v = n.createVariable('/PRODUCT/no2', 'f4', ('one', 'y', 'x')); v[:] = 1
n.createGroup('PRODUCT/SUPPORT_DATA').about = 'support'; n.createGroup('PRODUCT/SUPPORT_DATA/DETAILED').quality = 'good'
v = n.createVariable('/PRODUCT/SUPPORT_DATA/DETAILED/fit', 'f4', ('one', 'y', 'x')); v[:] = 2; n.close()"""
S5P_ISO = {"gmd:dateStamp": "2018-12-11", "level": "2", "real": 0.5, "two": "{1,2}", "key": ["first", "second"],
           "gmd:language": [{"url": "http://host/1"}, {"url": "http://host/2"}], "deep": {"deeper": {"empty": ""}}}


@pytest.mark.parametrize("array", ["", ":/PRODUCT/no2"])
def test_h5range_sentinel5p_metadata_as_json(made, array):
    """The texts of GDAL's netCDF driver, to the letter."""
    file = made("s5p_metadata.nc", S5P_METADATA)
    ds, theirs = (gdal.Open('%s:"%s"%s' % (prefix, file, array)) for prefix in ("H5RANGE", "NETCDF"))
    assert theirs.GetDriver().ShortName == "netCDF"
    domains = [domain for domain in ds.GetMetadataDomainList() if domain.startswith("json:")]
    assert sorted(domains) == ["json:GRANULE_DESCRIPTION", "json:ISO_METADATA", "json:SUPPORT_DATA"]
    assert sorted(domains) == sorted(domain for domain in theirs.GetMetadataDomainList() if domain.startswith("json:"))
    for domain in domains:
        assert ds.GetMetadata_List(domain) == theirs.GetMetadata_List(domain)
    assert json.loads(ds.GetMetadata_List("json:ISO_METADATA")[0]) == S5P_ISO
    assert json.loads(ds.GetMetadata_List("json:SUPPORT_DATA")[0]) == {"about": "support", "DETAILED": {"quality": "good"}}
    assert ds.GetMetadata_List("json:ESA_METADATA") is None
    assert not [key for key in ds.GetMetadata() if "ISO_METADATA" in key or "SUPPORT_DATA" in key]  # told once
    if not array:
        assert ds.GetMetadataItem("/METADATA/OTHER/NC_GLOBAL#kept") == "here"


def test_h5range_sentinel5p_metadata_as_attributes(made):
    file = made("s5p_metadata.nc", S5P_METADATA)
    ours, theirs = (gdal.OpenEx(str(file), gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver]).GetRootGroup() for driver in ("H5RANGE", "netCDF"))
    assert {a.GetName(): a.Read() for a in ours.GetAttributes()} == {a.GetName(): a.Read() for a in theirs.GetAttributes()}
    assert ours.GetAttribute("ISO_METADATA").Read() == S5P_ISO  # the bindings parse it
    assert ours.GetAttribute("ISO_METADATA").GetDataType().GetSubType() == gdal.GEDTST_JSON
    for name in ("ESA_METADATA", "SUPPORT_DATA"):
        with pytest.raises(RuntimeError, match="does not exist"):
            ours.GetAttribute(name)
    assert [a.GetName() for a in ours.GetAttributes(["SHOW_ALL=YES"]) if a.GetName() != "_NCProperties"] == ["institution"]  # what is stored
    assert ours.OpenGroup("METADATA").OpenGroup("ISO_METADATA").GetAttribute("level").Read() == 2


EMIT = """
n = netCDF4.Dataset(sys.argv[1], 'w'); n.geotransform = np.array([10., 0.01, 0, 50., 0, -0.01]); rows, cols, bands, height, width = 300, 280, 5, 400, 380
n.spatial_ref = 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
for name, size in dict(downtrack=rows, crosstrack=cols, bands=bands, ortho_y=height, ortho_x=width).items(): n.createDimension(name, size)
for name, kind, dims, fill in (('reflectance', 'f4', ('downtrack', 'crosstrack', 'bands'), -9999.), ('depth', 'f4', ('downtrack', 'crosstrack'), None),
                               ('classes', 'u1', ('downtrack', 'crosstrack'), False)):
    v = n.createVariable(name, kind, dims, fill_value=fill, chunksizes=(64, 96, 2)[:len(dims)], zlib=True); v[:] = np.arange(v.size).reshape(v.shape) % 251
for name, unit in (('lon', 'degrees east'), ('lat', 'degrees north')):
    v = n.createVariable('location/' + name, 'f8', ('downtrack', 'crosstrack'), fill_value=-9999.); v[:] = 1; v.units = unit
y, x = np.mgrid[0:height, 0:width] - np.array([height, width]).reshape(2, 1, 1) / 2; turn = np.radians(20)
row = np.round(y * np.cos(turn) - x * np.sin(turn) + rows / 2).astype(int); col = np.round(y * np.sin(turn) + x * np.cos(turn) + cols / 2).astype(int)
there = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
for name, values in (('glt_x', col), ('glt_y', row)):
    v = n.createVariable('location/' + name, 'i4', ('ortho_y', 'ortho_x'), fill_value=0); v.set_auto_mask(False); v[:] = np.where(there, values + 1, 0)
v = n.createVariable('sensor_band_parameters/good_wavelengths', 'u1', ('bands',)); v[:] = 1
n.close()"""
OUT_OF_THE_SWATH = EMIT + """
n = netCDF4.Dataset(sys.argv[1], 'a'); n['location/glt_x'][200, :5] = [-3, 281, 2**31 - 1, 1, 1]; n['location/glt_y'][200, :5] = [1, 1, 1, 301, -2**31]; n.close()"""


def ortho(file, path):
    """What a lookup table says, by NumPy."""
    x, y, swath = (open_array(file, name, BOTTOMUP="NO").ReadAsArray() for name in ("/location/glt_x", "/location/glt_y", path))
    swath = swath.reshape((-1,) + swath.shape[-2:])
    there = (x > 0) & (y > 0) & (x <= swath.shape[2]) & (y <= swath.shape[1])
    assert 0 < there.sum() < there.size
    return swath[:, np.where(there, y, 1) - 1, np.where(there, x, 1) - 1], there


@pytest.mark.parametrize("path, nodata", [("/reflectance", -9999), ("/depth", np.float32(9.96921e36)), ("/classes", None)])
def test_h5range_emit_on_the_grid_of_its_lookup_table(made, path, nodata):
    file = made("emit.nc", OUT_OF_THE_SWATH)
    ds = open_array(file, path, GLT="YES")
    assert (ds.RasterXSize, ds.RasterYSize, ds.GetGeoTransform()) == (380, 400, (10, 0.01, 0, 50, 0, -0.01))
    assert ds.GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert ds.GetMetadata("GEOLOCATION") == {}
    assert ds.GetRasterBand(1).GetNoDataValue() == pytest.approx(nodata)
    values, there = ortho(file, path)
    expected = np.where(there, values, 0 if nodata is None else nodata)
    assert ds.RasterCount == len(expected)
    assert np.array_equal(ds.ReadAsArray().reshape(expected.shape), expected)
    for i in reversed(range(ds.RasterCount)):  # windows of one band, and blocks
        band = ds.GetRasterBand(i + 1)
        assert np.array_equal(band.ReadAsArray(101, 190, 250, 30), expected[i, 190:220, 101:351])
        assert np.array_equal(band.ReadAsArray(), expected[i])
    assert band.GetMetadataItem("BLOCK_OFFSET_0_0", "H5RANGE") is None  # its blocks are none of the file's


def test_h5range_emit_in_blocks_and_types(made):
    file = made("emit.nc", EMIT)
    values, there = ortho(file, "/reflectance")
    band = band_of(open_array(file, "/reflectance", GLT="YES"), 3)
    width, height = band.GetBlockSize()
    for y in range(-(-400 // height)):
        for x in range(-(-380 // width)):
            block = np.frombuffer(band.ReadBlock(x, y), "f4").reshape(height, width)
            part = np.where(there, values[2], -9999)[y * height:(y + 1) * height, x * width:(x + 1) * width]
            assert np.array_equal(block[:part.shape[0], :part.shape[1]], part)
    numbers_ = np.frombuffer(band.ReadRaster(buf_type=gdal.GDT_Int16), "i2").reshape(400, 380)
    assert np.array_equal(numbers_, np.where(there, values[2], -9999).astype("i2"))


def test_h5range_emit_statistics_are_kept_apart(made, tmp_path):
    file = shutil.copy(made("emit.nc", EMIT), tmp_path / "emit.nc")
    swath, grid = (band_of(open_array(file, "/depth", **options), 1).ComputeStatistics(False) for options in ({}, {"GLT": "YES"}))
    assert swath != grid
    for options, expected in (({}, swath), ({"GLT": "YES"}, grid)):
        assert band_of(open_array(file, "/depth", **options), 1).GetStatistics(False, False) == pytest.approx(expected)


@pytest.mark.parametrize("change, path, why", [
    ("", "/location/glt_x", "its rows and columns are not those of the swath"),
    ("n = netCDF4.Dataset(sys.argv[1], 'a'); n.renameGroup('location', 'place'); n.close()", "/depth", "no lookup table"),
    ("n = netCDF4.Dataset(sys.argv[1], 'a'); n.delncattr('geotransform'); n.close()", "/depth", "no attribute geotransform")])
def test_h5range_lookup_tables_that_are_not_there(made, change, path, why):
    with pytest.raises(RuntimeError, match=why):
        open_array(made("no_emit.nc", EMIT + "\n" + change), path, GLT="YES")


@pytest.mark.skipif(int(gdal.VersionInfo()) < 3080000, reason="GDAL knows the lookup table of EMIT from 3.8 on")
def test_h5range_emit_resampled_by_gdal(made):
    file = made("emit.nc", EMIT)
    values, there = ortho(file, "/reflectance")
    array = array_of(file, "/reflectance").GetResampled([None] * 3, gdal.GRIORA_NearestNeighbour, None)
    assert [d.GetSize() for d in array.GetDimensions()] == [400, 380, 5]
    assert np.array_equal(array.ReadAsArray(), np.where(there, values, -9999).transpose(1, 2, 0))


def test_h5range_resampling_by_geolocation(made):
    script = START + ("lon, lat = np.meshgrid(10 + np.arange(4.), 50 - np.arange(3.))\n"
                      "for name, values, unit in (('lon', lon, 'east'), ('lat', lat, 'north')):\n"
                      "    v = n.createVariable(name, 'f8', ('y', 'x')); v[:] = values; v.units = 'degrees_' + unit\n"
                      "v = n.createVariable('data', 'f4', ('y', 'x')); v[:] = np.arange(12).reshape(3, 4); v.coordinates = 'lon lat'\nn.close()")
    array = array_of(made("warp.nc", script), "/data")
    if int(gdal.VersionInfo()) >= 3080000:
        resampled = array.GetResampled([None, None], gdal.GRIORA_NearestNeighbour, None)
        values = resampled.ReadAsArray()
        lat, lon = (d.GetIndexingVariable().ReadAsArray() for d in resampled.GetDimensions())
        assert values.shape == (len(lat), len(lon)) and len(lat) >= 3 and len(lon) >= 4
        for i, y in enumerate(lat):
            for j, x in enumerate(lon):
                if abs(y - 49) < 1 and abs(x - 11.5) < 1.5:  # inside, where the nearest pixel is one at most half a step away
                    row, col = divmod(values[i, j], 4)
                    assert abs(50 - row - y) <= 0.75 and abs(10 + col - x) <= 0.75
    else:  # what it needs, as GDAL 3.6 warps with one only
        assert [c.GetName() for c in array.GetCoordinateVariables()] == ["lon", "lat"]


# --------------------------------------------------------------------------------------------------------------- grids by CF


def test_h5range_goes_r(made):
    script = """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, size, first, step in (('y', 3, 0.1, -0.001), ('x', 4, -0.05, 0.001)):
    n.createDimension(name, size); v = n.createVariable(name, 'i2', (name,)); v.set_auto_maskandscale(False); v[:] = np.arange(size)
    v.setncatts(dict(scale_factor=np.float32(step), add_offset=np.float32(first), units='rad', axis=name.upper(), standard_name='projection_%s_coordinate' % name))
v = n.createVariable('goes_imager_projection', 'i4')
v.setncatts(dict(grid_mapping_name='geostationary', perspective_point_height=35786023., semi_major_axis=6378137., semi_minor_axis=6356752.31414,
                 inverse_flattening=298.2572221, latitude_of_projection_origin=0., longitude_of_projection_origin=-75., sweep_angle_axis='x'))
v = n.createVariable('Rad', 'i2', ('y', 'x'), fill_value=np.int16(1023)); v.set_auto_maskandscale(False); v[:] = np.arange(12).reshape(3, 4)
v.setncatts(dict(_Unsigned='true', grid_mapping='goes_imager_projection', scale_factor=np.float32(0.5), add_offset=np.float32(-1), valid_range=np.array([0, 1022], 'i2')))
v = n.createVariable('DQF', 'i1', ('y', 'x')); v.setncatts(dict(_Unsigned='true', grid_mapping='goes_imager_projection')); n.close()"""
    file = made("goes.nc", script)
    ds = open_array(file, "/Rad")
    h = 35786023
    assert ds.GetGeoTransform() == pytest.approx((-0.0505 * h, 0.001 * h, 0, 0.1005 * h, 0, -0.001 * h), rel=1e-5)
    assert "+sweep=x" in ds.GetSpatialRef().ExportToProj4()
    band = ds.GetRasterBand(1)
    assert (band.DataType, band.GetNoDataValue(), band.GetScale(), band.GetOffset()) == (gdal.GDT_UInt16, 1023, 0.5, -1)
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 3, 4))
    assert band_of(open_array(file, "/DQF"), 1).DataType == gdal.GDT_Byte


def test_h5range_nisar(made):
    script = """
f = h5py.File(sys.argv[1], 'w')
g = f.create_group('science/LSAR/GCOV/grids/frequencyA')
g['yCoordinates'] = 4000000. - 20 * np.arange(3); g['xCoordinates'] = 500000. + 20 * np.arange(4)
for name in ('yCoordinates', 'xCoordinates'):
    g[name].attrs['standard_name'] = np.bytes_('projection_%s_coordinate' % name[0]); g[name].attrs['units'] = np.bytes_('meters'); g[name].make_scale(name)
g['projection'] = np.uint32(32611); g['projection'].attrs['epsg_code'] = 32611
g['HHHH'] = np.arange(12, dtype='f4').reshape(3, 4); g['HHHH'].attrs['grid_mapping'] = np.bytes_('projection')
g['HHHH'].dims[0].attach_scale(g['yCoordinates']); g['HHHH'].dims[1].attach_scale(g['xCoordinates'])"""
    ds = open_array(made("nisar.h5", script), "/science/LSAR/GCOV/grids/frequencyA/HHHH")
    assert ds.GetSpatialRef().GetAuthorityCode(None) == "32611"
    assert ds.GetGeoTransform() == (499990, 20, 0, 4000010, 0, -20)


@pytest.mark.parametrize("prefix,path,geotransform", [
    ("H5RANGE", "/science/LSAR/GUNW/grids/frequencyA/HHHH", (500000, 20, 0, 4000000, 0, -20)),
    ("H5RANGE", "/science/LSAR/GUNW/metadata/radarGrid/incidenceAngle", (499500, 1000, 0, 4000500, 0, -1000)),
    ("HDF5", "//science/LSAR/GUNW/grids/frequencyA/HHHH", (500000, 20, 0, 4000000, 0, -20)),
    ("H5RANGE", "/science/LSAR/GUNW/grids/frequencyA/unmapped", None), ("H5RANGE", "/science/LSAR/GUNW/grids/frequencyA/other", None)])
def test_h5range_nisar_without_dimension_scales(made, monkeypatch, prefix, path, geotransform):
    script = """
f = h5py.File(sys.argv[1], 'w'); f.attrs['mission_name'] = np.bytes_('NISAR')
p = f.create_dataset('projection', data=np.uint32(32611)); p.attrs['epsg_code'] = 32611
g = f.create_group('science/LSAR/GUNW/grids/frequencyA'); g['projection'] = p
g['yCoordinates'] = 3999990. - 20 * np.arange(3); g['xCoordinates'] = 500010. + 20 * np.arange(4)
for name, shape in (('HHHH', (3, 4)), ('unmapped', (3, 4)), ('other', (4, 3))):
    g[name] = np.arange(12, dtype='f4').reshape(shape)
    if name != 'unmapped': g[name].attrs['grid_mapping'] = np.bytes_('projection')
g = f.create_group('science/LSAR/GUNW/metadata/radarGrid'); g['projection'] = p; g['heightAboveEllipsoid'] = [0., 500.]
g['yCoordinates'] = 4000000. - 1000 * np.arange(3); g['xCoordinates'] = 500000. + 1000 * np.arange(4)
g['incidenceAngle'] = np.arange(24, dtype='f4').reshape(2, 3, 4); g['incidenceAngle'].attrs['grid_mapping'] = np.bytes_('projection')"""
    monkeypatch.setenv("H5RANGE_CLAIM", "ALL")
    ds = open_array(made("bare.h5", script), path, prefix)
    assert ds.GetGeoTransform(can_return_null=True) == geotransform
    assert np.array_equal(ds.ReadAsArray().ravel(), np.arange(12 * ds.RasterCount))
    if geotransform:
        assert ds.GetSpatialRef().GetAuthorityCode(None) == "32611"


def test_h5range_imerg_is_turned(made):
    """Global Precipitation Measurement: (time, lon, lat), latitudes from the south."""
    script = """
n = netCDF4.Dataset(sys.argv[1], 'w'); g = n.createGroup('Grid')
for name, values, unit in (('time', [0], 'seconds since 1970-01-01 00:00:00 UTC'), ('lon', [0.5, 1.5, 2.5, 3.5], 'degrees_east'), ('lat', [10.5, 11.5, 12.5], 'degrees_north')):
    g.createDimension(name, len(values)); v = g.createVariable(name, 'f4', (name,)); v[:] = values; v.units = unit
v = g.createVariable('precipitation', 'f4', ('time', 'lon', 'lat')); v[:] = np.arange(12).reshape(1, 4, 3); v.coordinates = 'time lon lat'; n.close()"""
    ds = open_array(made("imerg.h5", script), "/Grid/precipitation")
    assert ds.GetGeoTransform() == (0, 1, 0, 13, 0, -1)
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 4, 3).T[::-1])
    assert ds.GetSpatialRef().GetAuthorityCode(None) == "4326"


@pytest.mark.parametrize("path,bands,header,turned", [
    ("/Grid/rain", 1, dict(), True), ("/Grid/sub/layers", 2, dict(), True), ("/Grid/rain", 1, dict(Origin="NORTHWEST"), False),
    ("/Grid/rain", 1, dict(LongitudeResolution="2"), None), ("/Grid/rain", 1, dict(Origin="SOUTHEAST"), None), ("/Grid/rain", 1, dict(NorthBoundingCoordinate="north"), None),
    ("/Grid/other", 1, dict(), None)])
def test_h5range_gpm_grid_without_coordinates(made, path, bands, header, turned):
    known = dict(BinMethod="ARITHMEAN", Registration="CENTER", LatitudeResolution="5", LongitudeResolution="1", NorthBoundingCoordinate="20", SouthBoundingCoordinate="5",
                 EastBoundingCoordinate="-176", WestBoundingCoordinate="-180", Origin="SOUTHWEST")
    script = """
f = h5py.File(sys.argv[1], 'w'); g = f.create_group('Grid'); g.attrs['GridHeader'] = np.bytes_(%r)
for name, shape, dims in (('rain', (4, 3), 'nlon,nlat'), ('sub/layers', (2, 4, 3), 'nlayer,nlon,nlat'), ('other', (4, 3), 'nscan,nray')):
    g[name] = np.arange(np.prod(shape)).reshape(shape); g[name].attrs['DimensionNames'] = np.bytes_(dims)""" % "".join(
        "%s=%s;\n" % item for item in dict(known, **header).items())
    ds = open_array(made("gpm.HDF5", script), path)
    values = numbers(0, bands, 4, 3)
    if turned is None:
        assert ds.GetGeoTransform(can_return_null=True) is None and ds.GetSpatialRef() is None
        return
    values = values.transpose(0, 2, 1)
    assert ds.GetGeoTransform() == (-180, 1, 0, 20, 0, -5)
    assert ds.GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert np.array_equal(ds.ReadAsArray().reshape(bands, 3, 4), values[:, ::-1] if turned else values)


# -------------------------------------------------------------------------------------------------------------------- others


def test_h5range_odim_composite(made):
    script = """
f = h5py.File(sys.argv[1], 'w'); f.attrs['Conventions'] = np.bytes_('ODIM_H5/V2_2'); f['dataset1/data1/data'] = np.arange(12, dtype='u1').reshape(3, 4)
w = f.create_group('where'); w.attrs['projdef'] = np.bytes_('+proj=laea +lat_0=55 +lon_0=10 +x_0=0 +y_0=0 +ellps=WGS84')
w.attrs.update(dict(xsize=4, ysize=3, LL_lon=9.96887, LL_lat=54.98653, UR_lon=10.03131, UR_lat=55.01347))
f['dataset1/quality1/data'] = np.zeros((2, 2))"""
    file = made("radar.h5", script)
    ds = open_array(file, "/dataset1/data1/data")
    assert ds.GetGeoTransform() == pytest.approx((-2000, 1000, 0, 1500, 0, -1000), abs=20)
    assert "+proj=laea" in ds.GetSpatialRef().ExportToProj4()
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 3, 4))
    assert open_array(file, "/dataset1/quality1/data").GetGeoTransform(can_return_null=True) is None


# Data of 4 MB between the groups, so that one read does not hold them all.
VOLUME = """
f = h5py.File(sys.argv[1], 'w'); f.attrs['Conventions'] = np.bytes_('%s')
def described(at, **groups):
    for name, attributes in groups.items(): f.create_group(at + name).attrs.update(attributes)
for i in (1, 2):
    described('dataset%%d/' %% i, where={'elangle': 0.5 * i}, how={'antspeed': 9.5})
    for j in (1, 2):
        at = 'dataset%%d/data%%d/' %% (i, j)
        f[at + 'data'] = np.zeros((2000, 2000), 'u1')
        described(at, what={'gain': 0.5, 'nodata': 255., 'quantity': np.bytes_('DBZH' if j == 1 else 'VRADH')})
described('', what={'object': np.bytes_('PVOL')}, where={'lat': 50.25})
"""
WHERE_AND_HOW = {"dataset1_where_elangle": "0.5", "dataset1_how_antspeed": "9.5", "what_object": "PVOL", "where_lat": "50.25"}


@pytest.mark.parametrize("prefix, slash", [("H5RANGE", "/"), ("NETCDF", "/"), ("HDF5", "//")])
def test_h5range_odim_groups_beside_and_above_describe_an_array(made, prefix, slash):
    """Only the groups on the way to the array were looked at, and no raster had its gain, nodata and elevation."""
    file = made("volume.h5", VOLUME % "ODIM_H5/V2_3")
    gdal.SetConfigOption("H5RANGE_CLAIM", "ALL")
    try:
        items = open_array(file, slash + "dataset1/data2/data", prefix).GetMetadata()
    finally:
        gdal.SetConfigOption("H5RANGE_CLAIM", None)
    wanted = {"dataset1_data2_what_gain": "0.5", "dataset1_data2_what_nodata": "255", "dataset1_data2_what_quantity": "VRADH", **WHERE_AND_HOW}
    if prefix == "HDF5":
        assert items == {"Conventions": "ODIM_H5/V2_3", **wanted}
    else:
        assert items == {"NC_GLOBAL#Conventions": "ODIM_H5/V2_3", **{
            "/%s/NC_GLOBAL#%s" % ("/".join(key.split("_")[:-1]), key.split("_")[-1]): value for key, value in wanted.items()}}


def test_h5range_odim_groups_take_no_further_requests(made, nginx, nginx_folder):
    asked = {}
    for conventions in ("ODIM_H5/V2_3", "CF-1.8"):
        name = "volume_%s.h5" % conventions[:4]
        shutil.copy(made(name, VOLUME % conventions), nginx_folder)
        nginx.requests()
        items = open_array("/vsicurl/" + nginx.url(name), "/dataset2/data2/data").GetMetadata()
        assert ("/dataset2/data2/what/NC_GLOBAL#gain" in items) == (conventions != "CF-1.8")
        asked[conventions] = len(nginx.requests())
    assert asked["ODIM_H5/V2_3"] == asked["CF-1.8"]  # one read brings a group and what describes it


COSMO = """
f = h5py.File(sys.argv[1], 'w'); f.attrs['Mission ID'] = np.bytes_('CSK'); d = f.create_dataset('S01/SBI', data=np.arange(24, dtype='i2').reshape(3, 4, 2))
f.attrs.update({'Projection ID': np.bytes_('UNIVERSAL TRANSVERSE MERCATOR'), 'Map Projection Zone': 33, 'Map Projection False East-North': [500000., 0.]})
"""


def test_h5range_cosmo_skymed_corners(made):
    ds = open_array(made("csk.h5", COSMO + "for i, corner in enumerate(('Top Left', 'Top Right', 'Bottom Left', 'Bottom Right')):\n"
                                           "    d.attrs[corner + ' Geodetic Coordinates'] = [45. - i, 12. + i, 100.]"), "/S01/SBI")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 2)  # real and imaginary parts
    assert np.array_equal(ds.GetRasterBand(2).ReadAsArray(), numbers(0, 3, 4, 2)[:, :, 1])
    assert ds.GetGCPCount() == 4
    assert [(g.GCPPixel, g.GCPLine, g.GCPX, g.GCPY, g.GCPZ) for g in ds.GetGCPs()] == [
        (0, 0, 12, 45, 100), (ds.RasterXSize, 0, 13, 44, 100), (0, ds.RasterYSize, 14, 43, 100), (ds.RasterXSize, ds.RasterYSize, 15, 42, 100)]
    assert ds.GetGCPSpatialRef().GetAuthorityCode(None) == "4326"


def test_h5range_cosmo_skymed_map(made):
    ds = open_array(made("gec.h5", COSMO + "d.attrs.update({'Top Left East-North': [275000., 4998000.], 'Column Spacing': 30., 'Line Spacing': 25.})"), "/S01/SBI")
    assert ds.GetGCPCount() == 0
    assert ds.GetGeoTransform() == (275000, 30, 0, 4998000, 0, -25)
    assert ds.GetSpatialRef().ExportToProj4() == "+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs"


def test_h5range_tracks_are_listed_on_request(made):
    """ICESat-2 and GEDI: lines of one dimension, beside a few arrays of two."""
    script = """
f = h5py.File(sys.argv[1], 'w')
for beam in ('gt1l', 'gt1r'):
    for name in ('h_ph', 'lat_ph', 'lon_ph'): f['%s/heights/%s' % (beam, name)] = np.arange(5.)
f['gt1l/signal_conf_ph'] = np.zeros((5, 2), 'i1'); f['gt1r/signal_conf_ph'] = np.zeros((5, 2), 'i1')"""
    file = made("atl03.h5", script)
    assert len(gdal.OpenEx("H5RANGE:%s" % file).GetSubDatasets()) == 2
    ds = gdal.OpenEx("H5RANGE:%s" % file, open_options=["LIST=ALL", "GROUP=gt1l"])
    assert sorted(name.rsplit(":", 1)[1] for name, _ in ds.GetSubDatasets()) == [
        "/gt1l/heights/h_ph", "/gt1l/heights/lat_ph", "/gt1l/heights/lon_ph", "/gt1l/signal_conf_ph"]
    lines = open_array(file, "/gt1l/heights/h_ph")
    assert (lines.RasterXSize, lines.RasterYSize, lines.ReadAsArray().ravel().tolist()) == (5, 1, [0, 1, 2, 3, 4])
    only = made("tracks.h5", "f = h5py.File(sys.argv[1], 'w'); f['a/h'] = np.arange(5.); f['b/h'] = np.arange(5.)")
    assert len(gdal.OpenEx("H5RANGE:%s" % only).GetSubDatasets()) == 2  # nothing of two dimensions: lines it is


def test_h5range_matlab(made):
    script = """
f = h5py.File(sys.argv[1], 'w', userblock_size=512); f['A'] = np.arange(12.).reshape(4, 3); f['A'].attrs['MATLAB_class'] = np.bytes_('double')
f['text'] = np.frombuffer('hello'.encode('utf-16-le'), 'u2').reshape(5, 1); f['text'].attrs['MATLAB_class'] = np.bytes_('char'); f.close()
with open(sys.argv[1], 'r+b') as out: out.write(b'MATLAB 7.3 MAT-file'.ljust(124) + b'\\0\\2IM')"""
    file = made("x.mat", script)
    ds = open_array(file, "/A")
    assert np.array_equal(ds.ReadAsArray(), numbers(0, 4, 3))
    assert ds.GetRasterBand(1).GetMetadataItem("MATLAB_class") == "double"
    assert gdal.OpenEx(str(file), gdal.OF_RASTER, allowed_drivers=["H5RANGE"]).GetDriver().ShortName == "H5RANGE"


def test_h5range_blocks_in_the_file(made):
    script = """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, size in dict(t=2, lat=4, lon=6).items(): n.createDimension(name, size)
for name, unit in (('lat', 'degrees_north'), ('lon', 'degrees_east')):
    v = n.createVariable(name, 'f4', (name,)); v[:] = np.arange(len(v)); v.units = unit
v = n.createVariable('plain', 'u1', ('t', 'lat', 'lon'), chunksizes=(1, 2, 4)); v[:] = np.arange(48).reshape(2, 4, 6)
v = n.createVariable('flat', 'u1', ('lat', 'lon'), contiguous=True); v[:] = 1; n.close()"""
    file = made("blocks.nc", script)
    ds = open_array(file, "/plain")
    band = ds.GetRasterBand(2)
    body = file.read_bytes()
    for y in range(2):
        for x in range(2):
            offset, size = (int(band.GetMetadataItem("BLOCK_%s_%d_%d" % (what, x, y), "H5RANGE")) for what in ("OFFSET", "SIZE"))
            assert size == 8
            stored = np.frombuffer(body[offset:offset + size], "u1").reshape(2, 4)
            shown = np.frombuffer(band.ReadBlock(x, y), "u1").reshape(2, 4)
            assert np.array_equal(stored[::-1], shown) if x == 0 else np.array_equal(stored[::-1, :2], shown[:, :2])
    for name in ("BLOCK_OFFSET_2_0", "BLOCK_SIZE_0_2", "BLOCK_OFFSET_0", "OTHER"):
        assert band.GetMetadataItem(name, "H5RANGE") is None
    assert band_of(open_array(file, "/flat"), 1).GetMetadataItem("BLOCK_OFFSET_0_0", "H5RANGE") is None


def test_h5range_geolocation_of_other_sizes_is_none(made):
    file = made("other.nc", START + lonlat("/navigation_data") + "v = n.createVariable('/a/b', 'i2', ('x', 'y'))\nn.close()")
    with Errors() as errors:
        assert open_array(file, "/a/b").GetMetadata("GEOLOCATION") == {}
    assert errors.failures() == []
