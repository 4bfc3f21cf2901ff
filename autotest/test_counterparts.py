"""Traits of the files that the reading tests of GDAL's HDF5 and netCDF drivers use, on files made here."""
import shutil

import numpy as np
import pytest
from conftest import Errors, band_of, open_multidim
from osgeo import gdal

VERSION = int(gdal.VersionInfo())


def numbers(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


def open_array(file, path, **options):
    return gdal.OpenEx('H5RANGE:"%s":%s' % (file, path), gdal.OF_RASTER, open_options=["%s=%s" % item for item in options.items()])


@pytest.fixture
def claim_all():
    gdal.SetConfigOption("H5RANGE_CLAIM", "ALL")
    yield
    gdal.SetConfigOption("H5RANGE_CLAIM", None)


# -------------------------------------------------------------------------------------------------------------------------- hdf5


@pytest.fixture
def groups(made):
    return made("groups.h5", """
f = h5py.File(sys.argv[1], 'w')
f.attrs['root'] = 1; f.attrs['a name'] = np.bytes_('text')
g = f.create_group('G1'); g.attrs['of group'] = 2.5; g['D1'] = np.arange(30, dtype='u1').reshape(6, 5); g['D1'].attrs['level'] = np.arange(3)
h = g.create_group('G 2'); h.attrs['deep'] = 'x'; h['D 3'] = np.arange(30, dtype='u1').reshape(6, 5); h['D 3'].attrs['text'] = ['ab', 'c']; h['e'] = np.ones((2, 2))""")


def test_h5range_subdatasets_of_groups(groups, claim_all):
    ds = gdal.Open('HDF5:"%s"' % groups)
    assert sorted(ds.GetSubDatasets()) == [
        ('HDF5:"%s"://G1/D1' % groups, "[6x5] //G1/D1 (8-bit unsigned character)"),
        ('HDF5:"%s"://G1/G_2/D_3' % groups, "[6x5] //G1/G_2/D_3 (8-bit unsigned character)"),
        ('HDF5:"%s"://G1/G_2/e' % groups, "[2x2] //G1/G_2/e (64-bit floating-point)")]
    for name, _ in ds.GetSubDatasets():
        assert gdal.Open(name).GetDriver().ShortName == "H5RANGE"
    assert gdal.Open(ds.GetSubDatasets()[-1][0]) is not None


def test_h5range_keys_of_metadata_by_level(groups, claim_all):
    found = gdal.Open('HDF5:"%s"' % groups).GetMetadata()
    assert {key: found[key] for key in ("root", "a_name", "G1_of_group", "G1_D1_level", "G1_G_2_deep", "G1_G_2_D_3_text")} == {
        "root": "1", "a_name": "text", "G1_of_group": "2.5", "G1_D1_level": "0 1 2", "G1_G_2_deep": "x", "G1_G_2_D_3_text": "ab c"}
    band = band_of(gdal.Open('HDF5:"%s"://G1/G_2/D_3' % groups), 1)
    assert band.GetMetadata() == {"text": "ab c"}
    found = gdal.Open('NETCDF:"%s"' % groups).GetMetadata()
    assert {key: found[key] for key in ("NC_GLOBAL#root", "NC_GLOBAL#a name", "/G1/NC_GLOBAL#of group", "/G1/G 2/NC_GLOBAL#deep")} == {
        "NC_GLOBAL#root": "1", "NC_GLOBAL#a name": "text", "/G1/NC_GLOBAL#of group": "2.5", "/G1/G 2/NC_GLOBAL#deep": "x"}
    assert gdal.Open('NETCDF:"%s":/G1/D1' % groups).GetMetadataItem("/G1/D1#level") == "{0,1,2}"


def test_h5range_a_single_array_opens_directly(made):
    ds = gdal.Open("H5RANGE:%s" % made("one.h5", "f = h5py.File(sys.argv[1], 'w'); f['TestArray'] = np.arange(30, dtype='>u1').reshape(6, 5)"))
    assert (ds.RasterXSize, ds.RasterYSize, ds.GetSubDatasets()) == (5, 6, [])
    band = ds.GetRasterBand(1)
    assert (band.GetNoDataValue(), band.GetScale(), band.GetOffset()) == (None, None, None)
    assert np.array_equal(ds.ReadAsArray(), numbers(6, 5))


def test_h5range_overviews_of_a_subdataset(groups, tmp_path):
    copy = tmp_path / "groups.h5"
    shutil.copy(groups, copy)
    ds = open_array(copy, "/G1/D1")
    ds.BuildOverviews("NEAREST", [2])
    ds = None
    ds = open_array(copy, "/G1/D1")
    assert ds.GetRasterBand(1).GetOverviewCount() == 1
    assert ds.GetRasterBand(1).GetOverview(0).XSize == 3
    assert band_of(open_array(copy, "/G1/G 2/D 3"), 1).GetOverviewCount() == 0


def test_h5range_attributes_of_all_types(made, claim_all):
    kinds = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i2", ">f8"]
    file = made("kinds.h5", "f = h5py.File(sys.argv[1], 'w'); d = f.create_dataset('a', data=np.zeros((2, 2)))\nfor k in %r: d.attrs['k' + k] = np.array(125, k)" % kinds)
    assert band_of(gdal.Open('HDF5:"%s"://a' % file), 1).GetMetadata() == {"k" + kind: "125" for kind in kinds}
    assert {band_of(open_array(file, "/a"), 1).GetMetadataItem("k" + kind) for kind in kinds} == {"125"}


def test_h5range_complex_numbers(made):
    file = made("complex.h5", """
f = h5py.File(sys.argv[1], 'w'); v = np.arange(6).reshape(2, 3) * (1 + 2j)
f['f64'] = v; f['f32'] = v.astype('c8'); h = np.zeros((2, 3), [('r', 'f2'), ('i', 'f2')]); h['r'], h['i'] = v.real, v.imag; f['f16'] = h""")
    texts = [text for _, text in gdal.Open("H5RANGE:%s" % file).GetSubDatasets()]
    assert texts[1:] == ["[2x3] f32 (complex, 32-bit floating-point)", "[2x3] f64 (complex, 64-bit floating-point)"]
    assert texts[0].startswith("[2x3] f16 (")
    for name in ("f16", "f32", "f64"):
        assert np.array_equal(open_array(file, "/" + name).ReadAsArray(), numbers(2, 3) * (1 + 2j))
        assert np.array_equal(open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray(name).ReadAsArray(), numbers(2, 3) * (1 + 2j))


def test_h5range_groups_that_lead_back(made):
    file = made("recursive.h5", """
f = h5py.File(sys.argv[1], 'w'); g = f.create_group('subgroup'); g['hard'] = f['/']; g['self'] = g; f['soft'] = h5py.SoftLink('/subgroup')
f['loop'] = h5py.SoftLink('/loop'); f['external'] = h5py.ExternalLink(sys.argv[1].rsplit('/', 1)[1], '/'); g['data'] = np.zeros((2, 2))""")
    with Errors():
        root = open_multidim("H5RANGE:%s" % file).GetRootGroup()
        assert "subgroup" in root.GetGroupNames() and "soft" not in root.GetGroupNames()
        assert not root.OpenGroup("subgroup").GetGroupNames()
        assert gdal.Open("H5RANGE:%s" % file) is not None


SWATHS = """
f = h5py.File(sys.argv[1], 'w')
def swath(name, rows, cols, lon, **options):
    g = f.create_group(name); g['folder/data'] = np.zeros((rows, cols), 'i2'); g.create_dataset('folder/cube', data=np.zeros((2, rows, cols), 'i2'))
    y, x = np.mgrid[:rows, :cols]; x = (lon + x / 4 + 180) % 360 - 180; y = 60 - y / 4; x[0, 0] = y[0, 5] = -9999.9
    for kind, values in ((options.get('names', ('Longitude', 'Latitude'))[0], x), (options.get('names', ('Longitude', 'Latitude'))[1], y)):
        d = g.create_dataset(kind, data=values.astype('f4')); d.attrs['_FillValue'] = np.float32(-9999.9)
swath('a', 200, 90, 10); swath('b', 130, 31, 150, names=('longitude', 'latitude')); swath('c', 130, 31, 176); swath('small', 99, 90, 0); swath('narrow', 200, 29, 0)
f['far/away'] = np.zeros((200, 90), 'u1'); f['far/alone'] = np.zeros((200, 91), 'u1')
"""


# GDAL's own HDF5 driver says the same of a file with one of these swaths; of several it looks at the first only.
@pytest.mark.parametrize("path,count,first,last,shift", [
    ("/a/folder/data", 100 * 30 - 1, (3.5, 0.5, 10.75, 60), (87.5, 198.5, 31.75, 10.5), None),
    ("/a/folder/cube", 100 * 30 - 1, (3.5, 0.5, 10.75, 60), (87.5, 198.5, 31.75, 10.5), None),
    ("/b/folder/data", 130 * 31 - 2, (1.5, 0.5, 150.25, 60), (30.5, 129.5, 157.5, 27.75), None),
    ("/c/folder/data", 130 * 31 - 2, (1.5, 0.5, 356.25, 60), (30.5, 129.5, 3.5, 27.75), None),  # across the date line
    ("/c/folder/data", 130 * 31 - 2, (1.5, 0.5, 176.25, 60), (30.5, 129.5, -176.5, 27.75), "NO"),
    ("/a/folder/data", 100 * 30 - 1, (3.5, 0.5, 190.75, 60), (87.5, 198.5, 211.75, 10.5), "YES"),
    ("/far/away", 100 * 30 - 1, (3.5, 0.5, 10.75, 60), (87.5, 198.5, 31.75, 10.5), None),
    ("/far/alone", 0, None, None, None), ("/small/folder/data", 0, None, None, None), ("/narrow/folder/data", 0, None, None, None)])
def test_h5range_ground_control_points_of_names_in_hdf5_form(made, claim_all, monkeypatch, path, count, first, last, shift):
    if shift:
        monkeypatch.setenv("HDF5_SHIFT_GCPX_BY_180", shift)
    file = made("swaths.h5", SWATHS)
    ds = gdal.Open('HDF5:"%s":/%s' % (file, path))
    assert ds.GetDriver().ShortName == "H5RANGE"
    assert ds.GetGCPCount() == len(ds.GetGCPs()) == count
    if count:
        assert [(p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY) for p in (ds.GetGCPs()[0], ds.GetGCPs()[-1])] == [first, last]
        assert ds.GetGCPSpatialRef().GetAuthorityCode(None) == "4326"
    assert open_array(file, path).GetGCPCount() == 0


def test_h5range_ground_control_points_are_read_when_asked(made, claim_all):
    ds = gdal.Open('HDF5:"%s"://a/folder/data' % made("lazy.h5", SWATHS))
    cost = [int(ds.GetMetadataItem("BYTES", "H5RANGE"))]
    for _ in range(2):
        assert ds.GetGCPCount() == 2999
        cost.append(int(ds.GetMetadataItem("BYTES", "H5RANGE")))
    assert cost[1] > cost[0] and cost[2] == cost[1]


def test_h5range_ground_control_points_that_cannot_be_read(made, claim_all):
    file = made("broken.h5", SWATHS + """
d = f.create_dataset('broken/Longitude', data=np.zeros((200, 90)), chunks=(50, 90), compression='gzip'); f['broken/Latitude'] = d; f['broken/data'] = np.zeros((200, 90))
offset = d.id.get_chunk_info(1).byte_offset; f.close()
with open(sys.argv[1], 'r+b') as g: g.seek(offset); g.write(b'\\xff' * 16)""")
    ds = gdal.Open('HDF5:"%s"://broken/data' % file)
    with Errors() as errors:
        assert ds.GetGCPCount() == 0
    assert errors.failures() == [] and "there are no ground control points" in errors.warnings()[0]


def test_h5range_labels_that_are_missing(made):
    file = made("labels.h5", "f = h5py.File(sys.argv[1], 'w'); d = f.create_dataset('d', data=np.zeros((2, 3, 4))); d.dims[2].label = 'x'; d.dims[0].label = ''")
    names = [d.GetName() for d in open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray("d").GetDimensions()]
    assert names == ["phony_dim_0", "phony_dim_1", "x"]
    assert open_array(file, "/d").RasterCount == 2


def test_h5range_attributes_with_a_value_for_each_band(made, claim_all):
    file = made("fwhm.h5", """
f = h5py.File(sys.argv[1], 'w'); d = f.create_dataset('MyDataField', data=np.zeros((2, 3, 4)))
d.attrs.update(dict(fwhm=[0.01, 0.02], center_wavelengths=[1., 2.], bad_band_list=[0, 1], a_coefficients=[5, 6], other=[1, 2, 3], one='x'))""")
    ds = gdal.Open('HDF5:"%s"://MyDataField' % file)
    assert ds.GetRasterBand(1).GetMetadata() == {"fwhm": "0.01", "center_wavelength": "1", "bad_band": "0", "a_coefficient": "5", "other": "1 2 3", "one": "x"}
    assert ds.GetRasterBand(2).GetMetadataItem("center_wavelength") == "2"
    assert band_of(open_array(file, "/MyDataField"), 2).GetMetadataItem("fwhm") == "{0.01,0.02}"


def test_h5range_arrays_longer_than_a_raster_may_be(made):
    file = made("long.h5", "f = h5py.File(sys.argv[1], 'w'); f.create_dataset('a', (2, 2**31), 'u1', chunks=(1, 2**20)); f['b'] = np.zeros((2, 2))")
    assert gdal.Open("H5RANGE:%s" % file).RasterXSize == 2
    with Errors() as errors:
        assert gdal.Open('H5RANGE:"%s":/a' % file) is None
    assert len(errors.failures()) == 1 and "longer than GDAL's raster model allows" in errors.failures()[0]
    array = open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray("a")
    assert array.ReadAsArray(array_start_idx=[1, 2**31 - 2], count=[1, 2]).tolist() == [[0, 0]]


def test_h5range_array_of_one_dimension_in_chunks(made):
    file = made("line.h5", "f = h5py.File(sys.argv[1], 'w'); f.create_dataset('Band1', data=np.arange(400, dtype='u1'), chunks=(20,))")
    ds = open_array(file, "/Band1")
    assert (ds.RasterXSize, ds.RasterYSize, ds.GetRasterBand(1).GetBlockSize()) == (400, 1, [20, 1])
    assert ds.ReadAsArray()[0].tolist() == (np.arange(400) % 256).tolist()


def test_h5range_raw_data_of_a_chunk(made):
    file = made("deflate.h5", "f = h5py.File(sys.argv[1], 'w'); f.create_dataset('Band1', data=np.arange(8, dtype='<u2').reshape(4, 2), chunks=(1, 2), compression=4, shuffle=True)")
    array = open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray("Band1")
    assert array.GetBlockSize() == [1, 2]
    assert array.GetStructuralInfo() == {"COMPRESSION": "DEFLATE", "FILTER": "SHUFFLE"}
    if VERSION >= 3120000:
        info = array.GetRawBlockInfo([1, 0])
        assert (info.GetFilename(), info.GetInfo()) == (str(file), ["COMPRESSION=DEFLATE", "FILTER=SHUFFLE", "ENDIANNESS=LITTLE"])
        import zlib
        body = file.read_bytes()[info.GetOffset():info.GetOffset() + info.GetSize()]
        assert zlib.decompress(body) == b"\x02\x03\x00\x00"


# ------------------------------------------------------------------------------------------------------------------------ netcdf

GRID = """
n = netCDF4.Dataset(sys.argv[1], 'w')
def axis(name, values, **attributes):
    n.createDimension(name, len(values)); v = n.createVariable(name, attributes.pop('kind', 'f8'), (name,)); v.setncatts(attributes); v.set_auto_maskandscale(False); v[:] = values
def array(name, dims, kind='i2', **attributes):
    fill = attributes.pop('fill', None)
    v = n.createVariable(name, kind, dims, fill_value=fill); v.setncatts(attributes); v.set_auto_maskandscale(False)
    if v.shape: v[:] = np.arange(v.size).reshape(v.shape)
XY = dict(units='m', standard_name='projection_y_coordinate'), dict(units='m', standard_name='projection_x_coordinate')
axis('y', [3000., 2000., 1000.], **XY[0]); axis('x', [1000., 2000., 3000., 4000.], **XY[1])
"""


@pytest.mark.parametrize("attributes,proj", [
    (dict(grid_mapping_name="polar_stereographic", latitude_of_projection_origin=-90.0, straight_vertical_longitude_from_pole=0.0, scale_factor_at_projection_origin=0.97),
     "+proj=stere +lat_0=-90 +lon_0=0 +k=0.97 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"),
    (dict(grid_mapping_name="polar_stereographic", latitude_of_projection_origin=90.0, straight_vertical_longitude_from_pole=-45.0, standard_parallel=75.0),
     "+proj=stere +lat_0=90 +lat_ts=75 +lon_0=-45 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"),
    (dict(grid_mapping_name="lambert_conformal_conic", standard_parallel=25.0, longitude_of_central_meridian=-95.0, latitude_of_projection_origin=25.0),
     "+proj=lcc +lat_1=25 +lat_0=25 +lon_0=-95 +k_0=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"),
    (dict(grid_mapping_name="albers_conical_equal_area", standard_parallel=[29.5, 45.5], longitude_of_central_meridian=-96.0, latitude_of_projection_origin=37.5,
          semi_major_axis=6378137.0, inverse_flattening=298.257222101), "+proj=aea +lat_0=37.5 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +x_0=0 +y_0=0 +ellps=GRS80 +units=m +no_defs"),
    (dict(grid_mapping_name="transverse_mercator", longitude_of_projection_origin=8.0, scale_factor_at_projection_origin=0.9996, false_easting=500000.0),
     "+proj=tmerc +lat_0=0 +lon_0=8 +k=0.9996 +x_0=500000 +y_0=0 +datum=WGS84 +units=m +no_defs"),
    (dict(srid="urn:ogc:def:crs:EPSG::6931"), "+proj=laea +lat_0=90 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"),
    (dict(proj4_string="+proj=laea +lat_0=90 +datum=WGS84"), "+proj=laea +lat_0=90 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"),
    (dict(crs_wkt="EPSG:32631"), "+proj=utm +zone=31 +datum=WGS84 +units=m +no_defs"),
    (dict(spatial_ref="not a CRS", grid_mapping_name="sinusoidal"), "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"),
])
def test_h5range_projections(made, attributes, proj):
    script = GRID + "v = n.createVariable('crs', 'i1'); v.setncatts(%r); array('data', ('y', 'x'), grid_mapping='crs'); n.close()" % attributes
    ds = open_array(made("crs.nc", script), "/data")
    assert ds.GetSpatialRef().ExportToProj4() == proj
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)


@pytest.mark.parametrize("crs, known", [("+init=epsg:32631", True), ("EPSG:32631", True), ("+proj=utm +zone=31 +datum=WGS84", True), ("a name", False)])
def test_h5range_arrays_of_xarrays_former_open_rasterio(made, crs, known):
    """MODIS_ARRAY.nc: x and y without attributes, the CRS as a text on the array."""
    script = ("n = netCDF4.Dataset(sys.argv[1], 'w')\nfor name, values in (('y', [3000., 2000., 1000.]), ('x', [1000., 2000., 3000., 4000.])):\n"
              "    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values\n"
              "v = n.createVariable('data', 'i2', ('y', 'x')); v.setncatts(dict(crs='%s', res=[1000., 1000.], transform=[1000., 0., 500., 0., -1000., 3500.], is_tiled=0)); n.close()" % crs)
    ds = open_array(made("modis.nc", script), "/data")
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)
    assert (ds.GetSpatialRef() is not None) == known
    assert not known or ds.GetSpatialRef().ExportToProj4() == "+proj=utm +zone=31 +datum=WGS84 +units=m +no_defs"


def test_h5range_names_of_a_geographic_crs(made):
    attributes = dict(grid_mapping_name="albers_conical_equal_area", standard_parallel=[55.0, 65.0], geographic_crs_name="NAD83", horizontal_datum_name="datum name",
                      reference_ellipsoid_name="spheroid", semi_major_axis=6378137.0, inverse_flattening=298.257, prime_meridian_name="Greenwich", towgs84=[1.0, 2.0, 3.0])
    ds = open_array(made("names.nc", GRID + "v = n.createVariable('crs', 'i1'); v.setncatts(%r); array('data', ('y', 'x'), grid_mapping='crs'); n.close()" % attributes), "/data")
    srs = ds.GetSpatialRef()
    assert [srs.GetAttrValue(name) for name in ("GEOGCS", "DATUM", "SPHEROID")] == ["NAD83", "datum name", "spheroid"]
    assert srs.GetTOWGS84()[:3] == (1, 2, 3)


def test_h5range_crs_of_the_whole_file(made):
    file = made("bounds.nc", GRID + "n.geospatial_bounds_crs = 'EPSG:32661'; array('data', ('y', 'x')); n.close()")
    assert open_array(file, "/data").GetSpatialRef().GetAuthorityCode(None) == "32661"


def test_h5range_rotated_pole_without_an_ellipsoid(made):
    script = ("n = netCDF4.Dataset(sys.argv[1], 'w')\nfor name, unit, size in (('rlat', 'grid_latitude', 3), ('rlon', 'grid_longitude', 4)):\n"
              "    n.createDimension(name, size); v = n.createVariable(name, 'f8', (name,)); v[:] = np.arange(size); v.setncatts(dict(units='degrees', standard_name=unit))\n"
              "v = n.createVariable('rotated_pole', 'i1'); v.setncatts(dict(grid_mapping_name='rotated_latitude_longitude', grid_north_pole_latitude=39.25, grid_north_pole_longitude=-162.))\n"
              "v = n.createVariable('data', 'i2', ('rlat', 'rlon')); v.grid_mapping = 'rotated_pole'; n.close()")
    ds = open_array(made("rotated.nc", script), "/data")
    assert ds.GetSpatialRef().IsDerivedGeographic()
    assert ds.GetGeoTransform() == (-0.5, 1, 0, 2.5, 0, -1)


@pytest.mark.parametrize("written,expected", [
    ("500 1000 0 3500 0 -1000", (500, 1000, 0, 3500, 0, -1000)),
    ("500.00001 1000.00001 0 3500 0 -1000", (500.00001, 1000.00001, 0, 3500, 0, -1000)),  # more digits than the coordinates have
    ("7 1 0 7 0 -1", (500, 1000, 0, 3500, 0, -1000)),  # of another grid
    ("500 1000 0 500 0 1000", (500, 1000, 0, 3500, 0, -1000)),  # rows from the south
    ("not numbers", (500, 1000, 0, 3500, 0, -1000)),
    ("0 0 0 0 0 0", (500, 1000, 0, 3500, 0, -1000)),
])
def test_h5range_geotransform_that_was_written_beside_coordinates(made, written, expected):
    script = GRID + "v = n.createVariable('crs', 'i1'); v.setncatts(dict(spatial_ref='EPSG:32631', GeoTransform='%s')); array('data', ('y', 'x'), grid_mapping='crs'); n.close()" % written
    assert open_array(made("gt.nc", script), "/data").GetGeoTransform() == pytest.approx(expected, abs=1e-6)


def test_h5range_geotransform_without_coordinates(made):
    script = ("n = netCDF4.Dataset(sys.argv[1], 'w'); n.createDimension('y', 3); n.createDimension('x', 4); v = n.createVariable('crs', 'i1')\n"
              "v.setncatts(dict(spatial_ref='EPSG:32631', GeoTransform='500 1000 0 3500 0 -1000')); v = n.createVariable('data', 'i2', ('y', 'x')); v.grid_mapping = 'crs'\n"
              "v[:] = np.arange(12).reshape(3, 4); v = n.createVariable('bounds', 'i1')\n"
              "v.setncatts(dict(grid_mapping_name='sinusoidal', Northernmost_Northing=3000., Southernmost_Northing=1000., Easternmost_Easting=4000., Westernmost_Easting=1000.))\n"
              "n.createVariable('other', 'i2', ('y', 'x')).grid_mapping = 'bounds'; n.close()")
    file = made("bare_gt.nc", script)
    ds = open_array(file, "/data")
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)
    assert np.array_equal(ds.ReadAsArray(), numbers(3, 4))
    assert open_array(file, "/other").GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)


@pytest.mark.parametrize("axis,expected", [
    ("axis('lon', [0.5, 1.5, 2.5, 3.5], kind='f4', units='degrees_east', actual_range=[0.5, 3.5])", (0, 1)),
    ("axis('lon', [3.5, 2.5, 1.5, 0.5], units='degrees_east', actual_range=[0.5, 3.5])", (4, -1)),  # the range in the other order
    ("axis('lon', [0.5, 1.5, 2.5, 3.5], units='degrees_east', actual_range=[100., 400.])", (0, 1)),  # a range of something else
    ("axis('lon', [0, 1, 2, 3], kind='i2', units='degrees_east', scale_factor=0.1, add_offset=5.)", (4.95, 0.1)),
    ("axis('lon', [200., 210., 220., 230.], units='degrees_east')", (-165, 10)),
])
def test_h5range_longitudes(made, axis, expected):
    file = made("lon.nc", GRID + "axis('lat', [3., 2., 1.], units='degrees_north'); %s; array('data', ('lat', 'lon')); n.close()" % axis)
    assert open_array(file, "/data").GetGeoTransform() == pytest.approx((expected[0], expected[1], 0, 3.5, 0, -1))


def test_h5range_longitudes_beyond_180_stay_when_asked(made):
    file = made("lon.nc", GRID + "axis('lat', [3., 2., 1.], units='degrees_north'); axis('lon', [200., 210., 220., 230.], units='degrees_east'); array('data', ('lat', 'lon')); n.close()")
    gdal.SetConfigOption("GDAL_NETCDF_CENTERLONG_180", "NO")
    try:
        assert open_array(file, "/data").GetGeoTransform()[0] == 195
    finally:
        gdal.SetConfigOption("GDAL_NETCDF_CENTERLONG_180", None)


def test_h5range_uneven_axes(made):
    file = made("uneven.nc", GRID + "axis('lat', [9., 8., 4.], units='degrees_north'); axis('lon', [1., 2., 4., 9.], units='degrees_east'); array('data', ('lat', 'lon')); n.close()")
    assert open_array(file, "/data").GetGeoTransform(can_return_null=True) is None
    gdal.SetConfigOption("GDAL_NETCDF_IGNORE_EQUALLY_SPACED_XY_CHECK", "YES")
    try:
        assert open_array(file, "/data").GetGeoTransform()[1] == pytest.approx(8 / 3)
    finally:
        gdal.SetConfigOption("GDAL_NETCDF_IGNORE_EQUALLY_SPACED_XY_CHECK", None)


@pytest.fixture
def many(made):
    return made("many.nc", GRID + """
axis('time', [10., 20.], units='days since 2000-01-01', calendar='noleap'); axis('level', [1000, 500], kind='i4', units='hPa', positive='down'); axis('member', [1, 2, 3], kind='i8')
array('five', ('time', 'level', 'member', 'y', 'x'), long_name='five dimensions'); array('packed', ('y', 'x'), scale_factor=0.01, add_offset=1.5, units='K')
array('nan', ('y', 'x'), 'f4', fill=np.float32('nan')); array('text_fill', ('y', 'x'), 'f4', missing_value='-99'); array('text_none', ('y', 'x'), 'f4', missing_value='none')
array('both', ('y', 'x'), 'i2', fill=np.int16(-1), missing_value=np.int16(-2)); array('u8', ('y', 'x'), 'u8', fill=np.uint64(2**64 - 1)); array('bare', ('y', 'x'), 'u2', fill=False)
array('a:column', ('y', 'x')); array('a blank', ('y', 'x')); array('wide', ('y', 'x'), 'i2', missing_value=-1e30); array('double', ('y', 'x'), 'f4', missing_value=-9999.9)
array('several', ('y', 'x'), 'i2', fill=False, missing_value=np.array([-99, -98], 'i2')); array('empty', ('y', 'x'), nothing=np.array([], 'f8')); n.createDimension('records', None); n.createVariable('none', 'i2', ('records', 'x'))
n.close()""")


def test_h5range_five_dimensions_as_bands(many):
    ds = open_array(many, "/five")
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 12)
    assert np.array_equal(ds.ReadAsArray(), numbers(12, 3, 4))
    assert ds.GetMetadataItem("NETCDF_DIM_EXTRA") == "{time,level,member}"
    assert [ds.GetMetadataItem("NETCDF_DIM_%s_%s" % (d, what)) for d in ("time", "level", "member") for what in ("DEF", "VALUES")] == [
        "{2,6}", "{10,20}", "{2,4}", "{1000,500}", "{3,10}", "{1,2,3}"]
    assert (ds.GetMetadataItem("time#units"), ds.GetMetadataItem("time#calendar"), ds.GetMetadataItem("level#positive")) == ("days since 2000-01-01", "noleap", "down")
    found = ds.GetRasterBand(8).GetMetadata()  # slowest first: (1, 0, 1)
    assert [found["NETCDF_DIM_" + d] for d in ("time", "level", "member")] == ["20", "1000", "2"]
    assert ds.GetRasterBand(8).GetDescription() == "five dimensions, time=20 (days since 2000-01-01), level=1000 (hPa), member=2"
    gdal.SetConfigOption("GDAL_MAX_BAND_COUNT", "5")
    try:
        with Errors() as errors:
            assert gdal.Open('H5RANGE:"%s":/five' % many).RasterCount == 5
        assert any("GDAL_MAX_BAND_COUNT" in text for text in errors.warnings())
    finally:
        gdal.SetConfigOption("GDAL_MAX_BAND_COUNT", None)


def test_h5range_values_of_extra_dimensions_are_left_out_when_asked(many, monkeypatch):
    monkeypatch.setenv("GDAL_NETCDF_REPORT_EXTRA_DIM_VALUES", "NO")
    ds = open_array(many, "/five")
    assert ds.GetMetadataItem("NETCDF_DIM_EXTRA") == "{time,level,member}"
    assert not [key for key in ds.GetMetadata() if key.endswith(("_DEF", "_VALUES"))]
    assert ds.GetRasterBand(8).GetDescription() == "five dimensions, time=2, level=1, member=2"
    found = ds.GetRasterBand(8).GetMetadata()  # a band that is asked reads them
    assert [found["NETCDF_DIM_" + d] for d in ("time", "level", "member")] == ["20", "1000", "2"]


def test_h5range_bytes_of_attributes_as_text_when_asked(made, claim_all, monkeypatch):
    file = made("characters.h5", """
f = h5py.File(sys.argv[1], 'w'); d = f.create_dataset('d', data=np.zeros((3, 4)))
d.attrs.update(dict(text=np.frombuffer(b'abc\\0', 'u1'), signed=np.frombuffer(b'xy', 'i1'), wide=np.array([97, 98], 'i2')))""")
    assert band_of(gdal.Open('HDF5:"%s"://d' % file), 1).GetMetadata() == {"text": "97 98 99 0", "signed": "120 121", "wide": "97 98"}
    monkeypatch.setenv("GDAL_HDF5_CHAR_AS_STRING", "YES")
    assert band_of(gdal.Open('HDF5:"%s"://d' % file), 1).GetMetadata() == {"text": "abc", "signed": "xy", "wide": "97 98"}
    assert band_of(open_array(file, "/d"), 1).GetMetadataItem("text") == "{97,98,99,0}"


@pytest.mark.parametrize("name,nodata", [("text_fill", -99), ("text_none", pytest.approx(9.96921e36)), ("both", -1), ("bare", None), ("u8", 2**64 - 1), ("packed", -32767),
                                         ("double", pytest.approx(-9999.9)), ("several", -99)])
def test_h5range_nodata(many, name, nodata):
    assert band_of(open_array(many, "/" + name), 1).GetNoDataValue() == nodata


def test_h5range_nodata_that_no_value_can_be(many):
    with Errors() as errors:
        ds = gdal.Open('H5RANGE:"%s":/wide' % many)
    assert ds.GetRasterBand(1).GetNoDataValue() == -32767
    assert any("is no value of the array's type" in text for text in errors.warnings())


def test_h5range_nan_is_nodata_and_stays_nan(many):
    band = band_of(open_array(many, "/nan"), 1)
    assert np.isnan(band.GetNoDataValue())
    assert band.ComputeStatistics(False)[:2] == [0, 11]


def test_h5range_packed_values(many):
    band = band_of(open_array(many, "/packed"), 1)
    assert (band.GetScale(), band.GetOffset(), band.GetUnitType()) == (0.01, 1.5, "K")
    array = open_multidim("H5RANGE:%s" % many).GetRootGroup().OpenMDArray("packed")
    assert (array.GetScale(), array.GetOffset(), array.GetUnit()) == (0.01, 1.5, "K")
    assert array.GetUnscaled().ReadAsArray()[0, 1] == pytest.approx(1.51)


def test_h5range_names_with_colons_and_blanks(many, claim_all):
    for name in ("a:column", "a blank"):
        for form in ('NETCDF:"%s":"%s"', 'H5RANGE:"%s":/%s', 'NETCDF:"%s":%s'):
            ds = gdal.Open(form % (many, name))
            assert ds.GetRasterBand(1).GetMetadataItem("NETCDF_VARNAME") == name
    listed = [name for name, _ in gdal.Open('NETCDF:"%s"' % many).GetSubDatasets()]
    assert 'NETCDF:"%s":"a:column"' % many in listed and 'NETCDF:"%s":packed' % many in listed


def test_h5range_arrays_without_elements(many):
    with Errors() as errors:
        assert gdal.Open('H5RANGE:"%s":/none' % many) is None
    assert ["empty" in text for text in errors.failures()] == [True]
    assert open_multidim("H5RANGE:%s" % many).GetRootGroup().OpenMDArray("none").GetDimensions()[0].GetSize() == 0
    assert open_array(many, "/empty").GetMetadataItem("empty#nothing") == ""


def test_h5range_statistics_of_a_grid_are_those_of_its_values(many):
    assert band_of(open_array(many, "/both"), 1).GetStatistics(False, True)[:3] == [0, 11, 5.5]


def test_h5range_grid_mapping_that_is_no_text(made):
    script = GRID + "array('data', ('y', 'x'), grid_mapping=np.int32(5)); n.close()"
    with Errors() as errors:
        ds = gdal.Open('H5RANGE:"%s":/data' % made("mapping.nc", script))
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)
    assert errors.failures() == []


def test_h5range_swapped_axes(made):
    script = GRID + "array('data', ('x', 'y')); array('bands_last', ('y', 'x', 'z') if 'z' in n.dimensions else ('y', 'x')); n.close()"
    ds = open_array(made("swapped.nc", script), "/data")
    assert (ds.RasterXSize, ds.RasterYSize) == (4, 3)
    assert np.array_equal(ds.ReadAsArray(), numbers(4, 3).T)


def test_h5range_microradians(made):
    script = """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, values in (('y', [3000., 2000., 1000.]), ('x', [1000., 2000.])):
    n.createDimension(name, len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values; v.setncatts(dict(units='microradian', standard_name='projection_%s_coordinate' % name))
v = n.createVariable('crs', 'i1'); v.setncatts(dict(grid_mapping_name='geostationary', perspective_point_height=35785831., longitude_of_projection_origin=0., sweep_angle_axis='y'))
n.createVariable('data', 'i2', ('y', 'x')).grid_mapping = 'crs'; n.close()"""
    ds = open_array(made("geos.nc", script), "/data")
    h = 35.785831
    assert ds.GetGeoTransform() == pytest.approx((500 * h, 1000 * h, 0, 3500 * h, 0, -1000 * h))
    assert "+proj=geos" in ds.GetSpatialRef().ExportToProj4() and "+sweep=x" not in ds.GetSpatialRef().ExportToProj4()


def test_h5range_array_as_a_classic_dataset(many):
    root = open_multidim("H5RANGE:%s" % many).GetRootGroup()
    ds = root.OpenMDArray("packed").AsClassicDataset(1, 0)
    assert ds.GetGeoTransform() == (500, 1000, 0, 3500, 0, -1000)
    assert np.array_equal(ds.ReadAsArray(), numbers(3, 4))
    assert np.array_equal(root.OpenMDArray("five").Transpose([4, 3, 2, 1, 0]).ReadAsArray(), numbers(2, 2, 3, 3, 4).transpose(4, 3, 2, 1, 0))
    assert root.OpenMDArray("five").GetView("[1,::-1,2,...]").ReadAsArray().tolist() == numbers(2, 2, 3, 3, 4)[1, ::-1, 2].tolist()
    assert root.OpenMDArray("nan").GetMask().ReadAsArray().min() == 1
    assert root.OpenMDArray("both").AdviseRead() == gdal.CE_None


@pytest.mark.parametrize("mapping,ellipsoid", [("transverse_mercator", "+a=6377563.396"), ("rotated_latitude_longitude", "+datum=WGS84")])
def test_h5range_longitudes_beside_a_projection_are_on_its_ellipsoid(made, mapping, ellipsoid):
    from osgeo import osr

    script = GRID + ("for name in ('lon', 'lat'):\n    array(name, ('y', 'x'), 'f8', units='degrees_' + dict(lon='east', lat='north')[name])\n"
                     "v = n.createVariable('crs', 'i1'); v.setncatts(dict(grid_mapping_name='%s', semi_major_axis=6377563.396, semi_minor_axis=6356256.909, grid_north_pole_latitude=39.))\n"
                     "array('data', ('y', 'x'), grid_mapping='crs', coordinates='lon lat'); n.close()" % mapping)
    srs = osr.SpatialReference()
    srs.ImportFromWkt(open_array(made("beside.nc", script), "/data").GetMetadataItem("SRS", "GEOLOCATION"))
    assert ellipsoid in srs.ExportToProj4()


def test_h5range_name_of_one_letter(made, claim_all):
    file = made("letter.h5", "f = h5py.File(sys.argv[1], 'w'); f['e'] = np.arange(4.).reshape(2, 2); f['f'] = np.zeros((2, 2))")
    assert gdal.Open('HDF5:"%s"://e' % file).ReadAsArray().tolist() == [[0, 1], [2, 3]]


def test_h5range_other_formats_are_not_opened_even_when_told(tmp_path):
    gdal.GetDriverByName("GTiff").Create(str(tmp_path / "byte.tif"), 2, 2)
    for flag in (gdal.OF_RASTER, gdal.OF_MULTIDIM_RASTER):
        with Errors() as errors:
            assert gdal.OpenEx(str(tmp_path / "byte.tif"), flag, allowed_drivers=["H5RANGE"]) is None
        assert len(errors.failures()) >= 1


def test_h5range_texts_of_variable_length_on_bands(made, claim_all):
    file = made("vlen.h5", "f = h5py.File(sys.argv[1], 'w'); d = f.create_dataset('d', data=np.zeros((2, 3))); d.attrs['CLASS'] = 'IMAGE'\n"
                           "d.attrs.create('texts', ['ab', 'c d'], dtype=h5py.string_dtype()); d.attrs['long'] = 'x' * 70000; g = f.create_dataset('e', data=np.zeros((2, 3)))")
    found = band_of(gdal.Open('HDF5:"%s"://d' % file), 1).GetMetadata()
    assert (found["CLASS"], found["texts"], len(found["long"])) == ("IMAGE", "ab c d", 70000)


def test_h5range_values_kept_in_a_file_beside(many, tmp_path):
    """GDALMDArray::Cache()."""
    file = shutil.copy(many, tmp_path / "many.nc")
    array = open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray("packed")
    assert array.Cache() is True
    assert (tmp_path / "many.nc.gmac").exists()
    array = open_multidim("H5RANGE:%s" % file).GetRootGroup().OpenMDArray("packed")
    assert np.array_equal(array.ReadAsArray(), numbers(3, 4))


def test_h5range_ranges_of_pixels_and_of_nodes(made):
    """GMT: node_offset = 1 says that actual_range is that of the pixels' edges, 0 that it is that of their centres."""
    for offset, lat, lon in ((0, [1., 3.], [1., 4.]), (1, [0.5, 3.5], [0.5, 4.5])):
        file = made("gmt%d.nc" % offset, GRID + "n.node_offset = np.int32(%d); axis('lat', [1., 2., 3.], units='degrees_north', actual_range=%r)\n"
                                                "axis('lon', [1., 2., 3., 4.], units='degrees_east', actual_range=%r); array('z', ('lat', 'lon')); n.close()" % (offset, lat, lon))
        ds = open_array(file, "/z")
        assert ds.GetGeoTransform() == (0.5, 1, 0, 3.5, 0, -1)
        assert np.array_equal(ds.ReadAsArray(), numbers(3, 4)[::-1])


def test_h5range_statistics_of_an_array_as_a_classic_dataset(many, tmp_path):
    file = shutil.copy(many, tmp_path / "many.nc")
    root = open_multidim("H5RANGE:%s" % file).GetRootGroup()
    band = band_of(root.OpenMDArray("both").AsClassicDataset(1, 0), 1)
    assert band.ComputeStatistics(False)[:3] == [0, 11, 5.5]


def test_h5range_rasters_beside_others_of_another_size(made):
    """Sentinel-3 radiances: a band and its errors are subdatasets, of one size; their exceptions are not in the way."""
    file = made("Oa01_radiance.nc", "n = netCDF4.Dataset(sys.argv[1], 'w'); n.createDimension('rows', 3); n.createDimension('columns', 4); n.product_name = 'OL_1'\n"
                                    "for name, k in (('Oa01_radiance', 'u2'), ('Oa01_radiance_err', 'u1')):\n"
                                    "    v = n.createVariable(name, k, ('rows', 'columns')); v[:] = np.arange(12).reshape(3, 4); v.scale_factor = 0.01; v.coordinates = 'time_stamp altitude latitude longitude'\n"
                                    "n.close()")
    ds = gdal.Open("H5RANGE:%s" % file)
    assert [name.rsplit(":", 1)[1] for name, _ in ds.GetSubDatasets()] == ["/Oa01_radiance", "/Oa01_radiance_err"]
    assert ds.GetMetadataItem("NC_GLOBAL#product_name") == "OL_1"
    assert band_of(open_array(file, "/Oa01_radiance"), 1).GetScale() == 0.01
    assert open_array(file, "/Oa01_radiance").GetMetadata("GEOLOCATION") == {}


def test_h5range_texts_as_coordinates_of_bands(made):
    file = made("classes.nc", GRID + "n.createDimension('kind', 2); v = n.createVariable('kind', str, ('kind',)); v[0] = 'rain'; v[1] = 'snow'\n"
                                     "array('data', ('kind', 'y', 'x')); n.close()")
    ds = open_array(file, "/data")
    assert {key: value for key, value in ds.GetMetadata().items() if key.startswith("NETCDF_DIM_")} == {
        "NETCDF_DIM_EXTRA": "{kind}", "NETCDF_DIM_kind_DEF": "{2,12}", "NETCDF_DIM_kind_VALUES": "{rain,snow}"}
    assert [band_of(ds, i).GetMetadataItem("NETCDF_DIM_kind") for i in (1, 2)] == ["rain", "snow"]
    assert ds.GetRasterBand(2).GetDescription() == "data, kind=snow"


def test_h5range_names_of_attributes_that_differ_in_capitals(made):
    file = made("units.nc", GRID + "array('data', ('y', 'x'), Units='mm/hr', units='mm'); n.close()")
    found = open_array(file, "/data").GetMetadata_List()
    assert "data#Units=mm/hr" in found and "data#units=mm" in found


def test_h5range_container_in_hdf5_form_has_the_attributes_of_all_arrays(made, claim_all):
    file = made("all.h5", "f = h5py.File(sys.argv[1], 'w'); f['a'] = np.zeros((2, 2), 'i1'); f['b'] = np.zeros((2, 2)); f['g/line'] = np.arange(3); f['one'] = 5\n"
                          "for name in ('a', 'g/line', 'one'): f[name].attrs['about'] = 'of ' + name")
    ds = gdal.Open('HDF5:"%s"' % file)
    assert {key: value for key, value in ds.GetMetadata().items()} == {"a_about": "of a", "g_line_about": "of g/line", "one_about": "of one"}
    assert [text for _, text in ds.GetSubDatasets()] == ["[2x2] //a (8-bit character)", "[2x2] //b (64-bit floating-point)"]
