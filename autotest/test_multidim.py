"""Groups, arrays, attributes, dimensions and types."""
import numpy as np
import pytest
from conftest import DATA, Errors, open_multidim
from osgeo import gdal

CONVENTIONS = "H5RANGE:%s" % (DATA / "conventions.nc")
PLAIN = "H5RANGE:%s" % (DATA / "plain.h5")


@pytest.fixture
def conventions(root_of):
    return root_of(CONVENTIONS)


@pytest.fixture
def plain(root_of):
    return root_of(PLAIN)


def names_of(dims):
    return [d.GetFullName() for d in dims]


def test_h5range_groups_and_arrays(conventions):
    assert conventions.GetGroupNames() == ["inner"]
    assert conventions.GetMDArrayNames() == ["lat", "lon", "time", "station", "two_d", "packed", "unsigned", "missing", "chars", "strings",
                                             "level", "pairs", "scalar"]
    most = conventions.OpenGroup("inner").OpenGroup("most")
    assert most.GetFullName() == "/inner/most"
    assert most.GetMDArrayNames() == ["v"]
    assert conventions.OpenMDArrayFromFullname("/inner/most/v").GetFullName() == "/inner/most/v"
    assert conventions.OpenGroupFromFullname("/inner/most").GetName() == "most"
    assert conventions.ResolveMDArray("lat", "/inner/most").GetFullName() == "/lat"
    with Errors():
        assert conventions.OpenMDArray("nothing") is None
        assert conventions.OpenGroup("lat") is None
        assert conventions.OpenMDArray("inner") is None


def test_h5range_dimensions_of_netcdf(conventions):
    assert names_of(conventions.GetDimensions()) == ["/time", "/lat", "/lon", "/strlen", "/station"]
    v = conventions.OpenMDArrayFromFullname("/inner/most/v")
    assert names_of(v.GetDimensions()) == ["/inner/most/z", "/time", "/lat"]
    assert [d.GetSize() for d in v.GetDimensions()] == [2, 2, 3]
    time, lat = v.GetDimensions()[1:]
    assert (time.GetType(), time.GetDirection()) == ("TEMPORAL", "")
    assert (lat.GetType(), lat.GetDirection()) == ("HORIZONTAL_Y", "NORTH")
    assert lat.GetIndexingVariable().ReadAsArray().tolist() == [10, 20, 30]
    assert v.GetDimensions()[0].GetIndexingVariable() is None


def test_h5range_dimensions_by_their_numbers(root_of):
    root = root_of("H5RANGE:%s" % (DATA / "dimension_ids.nc"))
    assert [(d.GetName(), d.GetSize()) for d in root.GetDimensions()] == [("z", 2), ("x", 4), ("a", 3)]
    # coordinate variables of two dimensions
    assert names_of(root.OpenMDArray("x").GetDimensions()) == ["/x", "/a"]
    assert names_of(root.OpenMDArray("a").GetDimensions()) == ["/z", "/a"]
    assert names_of(root.OpenMDArray("v").GetDimensions()) == ["/a", "/x", "/z"]
    assert root.OpenMDArray("a").ReadAsArray().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_h5range_variable_with_the_name_of_a_dimension_that_is_not_its_own(conventions):
    station = conventions.OpenMDArray("station")
    assert names_of(station.GetDimensions()) == ["/strlen"]
    assert station.ReadAsArray().tolist() == [0, 1, 2, 3, 4]
    assert conventions.OpenMDArray("strings").GetDimensions()[0].GetIndexingVariable() is None


def test_h5range_anonymous_dimensions_are_named_once_a_length(plain):
    assert names_of(plain.OpenMDArray("a").GetDimensions()) == ["/phony_dim_0", "/phony_dim_1"]
    assert names_of(plain.OpenMDArray("b").GetDimensions()) == ["/phony_dim_1", "/phony_dim_0"]
    square = names_of(plain.OpenMDArray("square").GetDimensions())
    assert square[0] == "/phony_dim_1" and square[1] not in ("/phony_dim_0", "/phony_dim_1")
    assert names_of(plain.OpenMDArray("labelled").GetDimensions()) == ["/row", "/phony_dim_0"]


def test_h5range_anonymous_dimensions_do_not_depend_on_what_was_opened_before(root_of):
    first = names_of(root_of(PLAIN).OpenMDArray("square").GetDimensions())
    root = root_of(PLAIN)
    for name in root.GetMDArrayNames():
        root.OpenMDArray(name)
    assert names_of(root.OpenMDArray("square").GetDimensions()) == first


def test_h5range_types(conventions, plain):
    def type_of(root, name):
        t = root.OpenMDArray(name).GetDataType()
        return gdal.GetDataTypeName(t.GetNumericDataType()) if t.GetClass() == gdal.GEDTC_NUMERIC else t.GetClass()

    assert type_of(conventions, "level") == "Byte"
    assert type_of(conventions, "chars") == gdal.GEDTC_STRING
    assert type_of(conventions, "pairs") == gdal.GEDTC_COMPOUND
    assert type_of(plain, "complex") == "CFloat32"
    assert type_of(plain, "half") == "Float32"
    assert type_of(plain, "b") == "Float32"
    components = conventions.OpenMDArray("pairs").GetDataType().GetComponents()
    assert [(c.GetName(), c.GetOffset()) for c in components] == [("a", 0), ("b", 8)]
    assert plain.OpenMDArray("complex").ReadAsArray().tolist() == [1 + 2j, 3 - 4j]
    assert plain.OpenMDArray("half").ReadAsArray().tolist() == [0.5, -2]


def test_h5range_signed_bytes_keep_their_sign(plain):
    assert plain.OpenGroup("group").OpenMDArray("a").ReadAsArray().tolist() == [-1, 0, 1]


def test_h5range_array_types_add_dimensions(plain):
    array = plain.OpenMDArray("of_arrays")
    assert [d.GetSize() for d in array.GetDimensions()] == [4, 2, 3]
    expected = np.arange(24).reshape(4, 2, 3)
    assert np.array_equal(array.ReadAsArray(), expected)
    got = array.ReadAsArray(array_start_idx=[3, 1, 2], count=[2, 2, 2], array_step=[-2, -1, -2])
    assert np.array_equal(got, expected[3::-2, ::-1, ::-2])


def test_h5range_types_without_a_counterpart_are_strings(plain, root_of):
    assert "sequences" in plain.GetMDArrayNames()
    assert plain.OpenMDArray("sequences").Read() == ["[1, 2]", "[]"]
    types = root_of("H5RANGE:%s" % (DATA / "types.h5"))
    assert types.OpenMDArray("opaque").Read() == ["0x00010203"]
    assert types.OpenMDArray("refs").Read() == ["/fixed", "null"]
    assert types.OpenMDArray("regions").Read() == ["/le_i2[1; 3]"]
    assert types.OpenMDArray("vlen_int").Read() == ["[1, 2, 3]", "[]", "[4]"]


def test_h5range_strings(conventions):
    assert conventions.OpenMDArray("strings").Read() == ["caf\u00e9", ""]
    assert conventions.OpenMDArray("chars").Read() == ["ab", "hello"]


def test_h5range_compound(conventions):
    values = conventions.OpenMDArray("pairs").ReadAsArray()
    assert values["a"].tolist() == [1, 2] and values["b"].tolist() == [1.5, 2.5]
    assert conventions.OpenMDArray("pairs").GetView("['b']").ReadAsArray().tolist() == [1.5, 2.5]
    nested = open_multidim("H5RANGE:%s" % (DATA / "types.h5")).GetRootGroup().OpenMDArray("compound")
    assert nested.GetView("['v']").Read() == ["[0, 0, 0, 0, 0, 0]", "[7, 7, 7, 7, 7, 7]"]
    assert nested.GetView("['s']").Read() == ["one", "two"]
    assert nested.GetView("['x']").ReadAsArray().tolist() == [1.5, -2]


def test_h5range_attributes(conventions):
    assert [a.GetName() for a in conventions.GetAttributes()] == ["history", "numbers"]
    assert conventions.GetAttribute("history").Read() == "made for tests"
    assert conventions.GetAttribute("numbers").Read() == (1, 2, 3)
    assert conventions.GetAttribute("_NCProperties").Read().startswith("version=2")
    with Errors():
        assert conventions.GetAttribute("nothing") is None
    assert conventions.OpenGroup("inner").GetAttribute("level").Read() == 1.25
    packed = conventions.OpenMDArray("packed")
    assert [a.GetName() for a in packed.GetAttributes()] == ["coordinates"]
    everything = [a.GetName() for a in packed.GetAttributes(["SHOW_ALL=YES"])]
    assert "scale_factor" in everything and "_FillValue" in everything
    assert packed.GetAttribute("scale_factor").Read() == 0.5


def test_h5range_packing(conventions):
    packed = conventions.OpenMDArray("packed")
    assert (packed.GetScale(), packed.GetOffset(), packed.GetUnit()) == (0.5, 100, "m")
    assert packed.GetNoDataValueAsDouble() == -1
    assert packed.GetBlockSize() == [1, 2, 3]
    assert packed.GetStructuralInfo() == {"COMPRESSION": "DEFLATE", "FILTER": "SHUFFLE"}
    unscaled = packed.GetUnscaled().ReadAsArray()
    assert np.isnan(unscaled[0, 0, 0]) and unscaled[0, 0, 3] == 101
    assert conventions.OpenMDArray("two_d").GetScale() is None
    assert conventions.OpenMDArray("two_d").GetNoDataValueAsDouble() is None


def test_h5range_unsigned_by_convention(conventions):
    unsigned = conventions.OpenMDArray("unsigned")
    assert unsigned.GetDataType().GetNumericDataType() == gdal.GDT_Byte
    assert unsigned.ReadAsArray().tolist() == [1, 254, 255]
    assert unsigned.GetNoDataValueAsDouble() == 255


def test_h5range_missing_value_of_another_type(conventions):
    missing = conventions.OpenMDArray("missing")
    assert missing.GetNoDataValueAsDouble() == np.float32(-999.9)
    assert missing.GetMask().ReadAsArray().tolist() == [1, 0, 1]


def test_h5range_windows_with_steps(conventions):
    packed = conventions.OpenMDArray("packed")
    expected = np.arange(24, dtype="i2").reshape(2, 3, 4) - 1
    got = packed.ReadAsArray(array_start_idx=[1, 2, 3], count=[2, 2, 2], array_step=[-1, -2, -3])
    assert np.array_equal(got, expected[::-1, ::-2, ::-3])
    as_double = packed.ReadAsArray(buffer_datatype=gdal.ExtendedDataType.Create(gdal.GDT_Float64))
    assert as_double.dtype == np.float64 and np.array_equal(as_double, expected)
    raw = packed.Read(array_start_idx=[0, 1, 0], count=[2, 1, 4], array_step=[1, 1, 1], buffer_stride=[1, 8, 2])
    assert np.array_equal(np.frombuffer(raw, "i2")[:8].reshape(4, 2), expected[:, 1, :].T)


def test_h5range_views(conventions):
    packed = conventions.OpenMDArray("packed")
    expected = np.arange(24, dtype="i2").reshape(2, 3, 4) - 1
    assert np.array_equal(packed.GetView("[1,::-1,1:3]").ReadAsArray(), expected[1, ::-1, 1:3])
    assert np.array_equal(packed.Transpose([2, 1, 0]).ReadAsArray(), expected.T)
    assert packed[0].ReadAsArray().tolist() == expected[0].tolist()


def test_h5range_as_classic_dataset(conventions):
    ds = conventions.OpenMDArray("packed").AsClassicDataset(2, 1)
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (4, 3, 2)
    assert ds.GetRasterBand(2).ReadAsArray().tolist() == [[11, 12, 13, 14], [15, 16, 17, 18], [19, 20, 21, 22]]
    assert ds.GetGeoTransform() == (-0.5, 1, 0, 5, 0, 10)
    assert ds.GetSpatialRef().IsGeographic()


def test_h5range_spatial_reference_of_latitude_and_longitude(conventions):
    srs = conventions.OpenMDArray("packed").GetSpatialRef()
    assert srs.IsGeographic()
    assert srs.GetDataAxisToSRSAxisMapping() == [2, 3]
    assert conventions.OpenMDArray("strings").GetSpatialRef() is None


def test_h5range_coordinate_variables(conventions):
    assert [v.GetFullName() for v in conventions.OpenMDArray("packed").GetCoordinateVariables()] == ["/lat", "/lon"]


def test_h5range_links(plain):
    assert plain.GetGroupNames() == ["group"]
    group = plain.OpenGroup("group")
    assert not group.GetGroupNames()  # "up" leads back to the root
    assert group.GetMDArrayNames() == ["a", "to_a"]  # a soft link to a group is not listed
    assert group.OpenMDArray("to_a").ReadAsArray().shape == (3, 4)
    assert group.OpenGroup("to_root").OpenMDArray("a").ReadAsArray().shape == (3, 4)


def test_h5range_a_null_dataspace_has_no_elements(root_of):
    array = root_of("H5RANGE:%s" % (DATA / "types.h5")).OpenMDArray("null")
    assert [d.GetSize() for d in array.GetDimensions()] == [0]


def test_h5range_never_written(root_of):
    array = root_of("H5RANGE:%s" % (DATA / "types.h5")).OpenMDArray("never_written")
    assert array.ReadAsArray().tolist() == [-9] * 5


def test_h5range_arrays_outlive_their_dataset():
    ds = open_multidim(CONVENTIONS)
    root = ds.GetRootGroup()
    array = root.OpenMDArray("packed")
    dimension = array.GetDimensions()[1]
    del ds, root
    assert array.ReadAsArray().shape == (2, 3, 4)
    del array
    assert dimension.GetIndexingVariable().ReadAsArray().tolist() == [10, 20, 30]


def test_h5range_statistics_are_kept_beside_a_local_file(tmp_path):
    import shutil

    shutil.copy(DATA / "conventions.nc", tmp_path)
    name = "H5RANGE:%s" % (tmp_path / "conventions.nc")
    stats = open_multidim(name).GetRootGroup().OpenMDArray("packed").GetStatistics(False, True)
    assert (stats.min, stats.max) == (0, 22)
    assert (tmp_path / "conventions.nc.aux.xml").exists()
    again = open_multidim(name).GetRootGroup().OpenMDArray("packed").GetStatistics(False, False)
    assert (again.min, again.max) == (0, 22)


@pytest.mark.skipif(int(gdal.VersionInfo()) < 3120000, reason="GetRawBlockInfo() came with GDAL 3.12")
def test_h5range_raw_blocks(plain, oracle):
    array = plain.OpenMDArray("chunked")
    info = array.GetRawBlockInfo([2, 3])
    assert info.GetFilename() == str(DATA / "plain.h5")
    assert info.GetOffset() > 0 and info.GetSize() > 0
    assert info.GetInfo() == ["COMPRESSION=DEFLATE", "ENDIANNESS=BIG"]
    with Errors() as errors:
        assert array.GetRawBlockInfo([3, 0]) is None
    assert "which has 3" in errors.failures()[0]


def test_h5range_characters_are_texts(made):
    file = made("texts.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, size in dict(a=2, b=3, length=5).items(): n.createDimension(name, size)
v = n.createVariable('line', 'S1', ('b', 'length')); v[:] = netCDF4.stringtochar(np.array(['ab', 'hello', ''], 'S5'))
v = n.createVariable('table', 'S1', ('a', 'b', 'length'), chunksizes=(1, 2, 3)); v[:] = netCDF4.stringtochar(np.array([['a', 'bc', 'def'], ['ghijk', '', 'l']], 'S5'))
v = n.createVariable('one', 'S1', ('length',)); v[:] = netCDF4.stringtochar(np.array(['hello'], 'S5'))[0]; n.close()""")
    root = open_multidim("H5RANGE:%s" % file).GetRootGroup()
    line = root.OpenMDArray("line")
    assert ([d.GetName() for d in line.GetDimensions()], line.Read()) == (["b"], ["ab", "hello", ""])
    table = root.OpenMDArray("table")
    assert table.Read() == ["a", "bc", "def", "ghijk", "", "l"]
    assert table.Read(array_start_idx=[1, 2], count=[2, 2], array_step=[-1, -2]) == ["l", "ghijk", "def", "a"]
    assert root.OpenMDArray("one").Read() == list("hello")


def test_h5range_array_shorter_than_its_unlimited_dimension_is_padded(made):
    file = made("short.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w')
n.createDimension('time', None); n.createDimension('x', 3)
v = n.createVariable('time', 'f8', ('time',)); v[:] = np.arange(4.); v.units = 'days since 2000-01-01'
v = n.createVariable('full', 'i2', ('time', 'x')); v[:] = np.arange(12).reshape(4, 3)
v = n.createVariable('short', 'i2', ('time', 'x')); v[:2] = np.arange(6).reshape(2, 3)
v = n.createVariable('marked', 'f4', ('time', 'x'), fill_value=-9.); v[:1] = 1.
v = n.createVariable('empty', 'i4', ('time',)); n.close()""")
    root = open_multidim("H5RANGE:%s" % file).GetRootGroup()
    fill = -32767
    short = root.OpenMDArray("short")
    assert [d.GetSize() for d in short.GetDimensions()] == [4, 3]
    assert short.GetDimensions()[0].GetIndexingVariable().GetName() == "time"
    assert short.ReadAsArray().tolist() == [[0, 1, 2], [3, 4, 5], [fill] * 3, [fill] * 3]
    assert short.ReadAsArray(array_start_idx=[3, 2], count=[4, 2], array_step=[-1, -2]).tolist() == [[fill] * 2, [fill] * 2, [5, 3], [2, 0]]
    assert short.ReadAsArray(array_start_idx=[2, 0], count=[2, 1]).tolist() == [[fill], [fill]]
    assert short.Read(buffer_datatype=gdal.ExtendedDataType.Create(gdal.GDT_Float64), array_start_idx=[1, 0], count=[2, 3]) is not None
    assert root.OpenMDArray("marked").ReadAsArray()[1:].tolist() == [[-9] * 3] * 3
    assert root.OpenMDArray("empty").ReadAsArray().tolist() == [-2147483647] * 4
    ds = gdal.Open('H5RANGE:"%s":/short' % file)
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (3, 4, 1)
    assert sorted(ds.ReadAsArray().ravel().tolist()) == [fill] * 6 + list(range(6))


def test_h5range_unlimited_dimension_without_a_variable_is_as_long_as_its_arrays(made):
    file = made("unlimited.nc", """
n = netCDF4.Dataset(sys.argv[1], 'w'); n.createDimension('record', None); n.createDimension('x', 3); n.createDimension('unused', None)
v = n.createVariable('a', 'i2', ('x', 'record')); v[:, :5] = 1
v = n.createVariable('b', 'i2', ('record',)); v[:2] = 1; n.close()""")
    dims = open_multidim("H5RANGE:%s" % file).GetRootGroup().GetDimensions()
    assert [(d.GetName(), d.GetSize()) for d in dims] == [("record", 5), ("x", 3), ("unused", 0)]
