"""Which names and files the driver takes."""
import shutil

import pytest
from conftest import DATA, Errors, open_multidim
from osgeo import gdal


def driver_of(name, flags=gdal.OF_MULTIDIM_RASTER, **options):
    with Errors():
        ds = gdal.OpenEx(str(name), flags, **options)
    return ds.GetDriver().ShortName if ds is not None else None


def first_driver(name):
    found = gdal.IdentifyDriverEx(str(name), gdal.OF_RASTER | gdal.OF_MULTIDIM_RASTER)
    return found.ShortName if found is not None else None


@pytest.fixture
def claim():
    def set_claim(policy):
        gdal.SetConfigOption("H5RANGE_CLAIM", policy)

    yield set_claim
    gdal.SetConfigOption("H5RANGE_CLAIM", None)


def test_h5range_local_files_stay_with_the_built_in_drivers_by_default():
    assert first_driver(DATA / "plain.h5") == "HDF5"
    assert first_driver(DATA / "conventions.nc") == "netCDF"


def test_h5range_claims_local_files_when_told(claim):
    claim("ALL")
    assert first_driver(DATA / "plain.h5") == "H5RANGE"
    assert first_driver(DATA / "conventions.nc") == "H5RANGE"
    claim("NONE")
    assert first_driver(DATA / "plain.h5") == "HDF5"


def test_h5range_claims_remote_files(nginx, claim):
    url = nginx.url("plain.h5")
    for name in ("/vsicurl/" + url, url):
        assert driver_of(name) == "H5RANGE"
    claim("NONE")
    assert first_driver("/vsicurl/" + url) == "HDF5"


def test_h5range_single_allowed_driver():
    assert driver_of(DATA / "plain.h5", allowed_drivers=["H5RANGE"]) == "H5RANGE"
    assert driver_of(DATA / "make.py", allowed_drivers=["H5RANGE"]) is None


def test_h5range_leaves_other_files_alone(nginx_folder, nginx, claim):
    claim("ALL")
    shutil.copy(DATA / "make.py", nginx_folder / "text.h5")
    assert first_driver(nginx_folder / "text.h5") is None
    assert driver_of("/vsicurl/" + nginx.url("text.h5")) is None


def test_h5range_products_of_other_drivers_are_left_to_them(tmp_path, claim):
    claim("ALL")
    shutil.copy(DATA / "plain.h5", tmp_path / "x.bag")
    assert first_driver(tmp_path / "x.bag") == "BAG"


@pytest.mark.parametrize("form", ['H5RANGE:%s', 'H5RANGE:"%s"', 'h5range:%s'])
def test_h5range_prefix(form):
    assert driver_of(form % (DATA / "plain.h5")) == "H5RANGE"


@pytest.mark.parametrize("form", ['HDF5:"%s"://group/a', "HDF5:%s://group/a", 'NETCDF:"%s":/group/a', 'netcdf:%s:/group/a'])
def test_h5range_names_of_the_built_in_drivers_are_taken_where_the_policy_covers_the_file(form, claim):
    assert first_driver(form % (DATA / "plain.h5")) != "H5RANGE"
    claim("ALL")
    assert driver_of(form % (DATA / "plain.h5"), gdal.OF_RASTER) == "H5RANGE"
    ds = gdal.Open(form % (DATA / "plain.h5"))
    assert (ds.RasterXSize, ds.RasterYSize) == (3, 1)


def test_h5range_unquoted_hdf5_name_of_a_remote_file(nginx):
    assert driver_of("HDF5:/vsicurl/%s://group/a" % nginx.url("plain.h5"), gdal.OF_RASTER) == "H5RANGE"


@pytest.mark.parametrize("form", ['H5RANGE:%s#/group/a', 'H5RANGE:"%s":/group/a', 'H5RANGE:%s:/group/a', 'H5RANGE:"%s"://group/a'])
def test_h5range_array_names_open_that_array(form):
    ds = gdal.Open(form % (DATA / "plain.h5"))
    assert (ds.RasterXSize, ds.RasterYSize, ds.RasterCount) == (3, 1, 1)


def test_h5range_user_block_longer_than_the_header(tmp_path):
    name = tmp_path / "late.h5"
    name.write_bytes(b"\0" * 4096 + (DATA / "compact.h5").read_bytes())
    assert driver_of("H5RANGE:%s" % name) == "H5RANGE"
    assert driver_of(name, allowed_drivers=["H5RANGE"]) == "H5RANGE"


def test_h5range_does_not_write():
    with Errors() as errors:
        assert gdal.OpenEx("H5RANGE:%s" % (DATA / "plain.h5"), gdal.OF_RASTER | gdal.OF_UPDATE) is None
    assert any("does not write" in text for text in errors.failures())


def test_h5range_vsimem():
    gdal.FileFromMemBuffer("/vsimem/h5range.h5", (DATA / "plain.h5").read_bytes())
    try:
        assert open_multidim("H5RANGE:/vsimem/h5range.h5").GetRootGroup().OpenMDArray("a").ReadAsArray().shape == (3, 4)
    finally:
        gdal.Unlink("/vsimem/h5range.h5")


def test_h5range_a_file_that_changed_is_read_again(tmp_path):
    name = tmp_path / "x.h5"
    shutil.copy(DATA / "plain.h5", name)
    assert "a" in open_multidim("H5RANGE:%s" % name).GetRootGroup().GetMDArrayNames()
    shutil.copy(DATA / "compact.h5", name)
    assert open_multidim("H5RANGE:%s" % name).GetRootGroup().GetMDArrayNames() == ["compact"]


UNDERSCORED = "f = h5py.File(sys.argv[1], 'w')\nf['Data Fields/my group/x'] = np.arange(6).reshape(2, 3)\nf['Data Fields/y'] = np.zeros((2, 2))"


def test_h5range_underscores_for_blanks_open_without_a_word(made, claim):
    """Names that our own list of subdatasets prints said "Cannot find group Data_Fields" before they opened."""
    claim("ALL")
    file = made("blanks.h5", UNDERSCORED)
    names = sorted(name for name, _ in gdal.Open('HDF5:"%s"' % file).GetSubDatasets())
    assert names[0] == 'HDF5:"%s"://Data_Fields/my_group/x' % file
    with Errors() as errors:
        gdal.ErrorReset()
        assert gdal.Open(names[0]).RasterXSize == 3
        assert gdal.GetLastErrorMsg() == ""
    assert errors.messages == []
    gdal.ErrorReset()
    assert gdal.Open(names[0]).RasterXSize == 3  # with exceptions
    assert gdal.GetLastErrorType() == gdal.CE_None


@pytest.mark.parametrize("array", ["/no/x", "/Data Fields", "/Data Fields/no"])
def test_h5range_an_array_that_is_not_there_is_one_error(made, array):
    file = made("blanks.h5", UNDERSCORED)
    with Errors() as errors:
        assert gdal.Open('H5RANGE:"%s":%s' % (file, array)) is None
    assert errors.failures() == ["%s has no array %s" % (file, array)]


@pytest.mark.parametrize("form", ['HDF5:"%s"://group/a', "NETCDF:%s:/group/a"])
def test_h5range_names_of_the_built_in_drivers_are_taken_when_no_other_driver_is_allowed(form, nginx):
    """Only the policy counted: -if H5RANGE opened nothing."""
    for file in (str(DATA / "plain.h5"), "/vsicurl/" + nginx.url("plain.h5")):
        assert driver_of(form % file, gdal.OF_RASTER, allowed_drivers=["H5RANGE"]) == "H5RANGE"
    assert driver_of(form % (DATA / "plain.h5"), gdal.OF_RASTER, allowed_drivers=["GTiff"]) is None


@pytest.mark.parametrize("prefix", ["H5RANGE", "NETCDF"])
def test_h5range_local_files_with_colons_in_their_names(tmp_path, claim, prefix):
    """What followed the last colon was an array, and the file before it was not found."""
    claim("ALL")
    name = tmp_path / "wrfout_d01_2005-08-28_00:00:00"
    shutil.copy(DATA / "plain.h5", name)
    assert driver_of("%s:%s" % (prefix, name)) == "H5RANGE"
    assert gdal.Open("%s:%s:/group/a" % (prefix, name)).RasterXSize == 3


def test_h5range_a_name_with_colons_that_is_not_there_is_told_about_quotes(nginx, tmp_path):
    nginx.requests()
    for file in ("/vsicurl/" + nginx.url("wrfout_00:00:00"), str(tmp_path / "wrfout_00:00:00")):
        with Errors() as errors:
            assert open_multidim("H5RANGE:" + file) is None
        assert len(errors.failures()) == 1 and 'H5RANGE:"<file>"' in errors.failures()[0]
    assert {path for _, path, _, _ in nginx.requests()} == {"/wrfout_00:00"}


def test_h5range_a_folder_is_no_empty_file(tmp_path):
    """It "looks like nothing: the file is empty"."""
    with Errors() as errors:
        assert open_multidim("H5RANGE:%s" % tmp_path) is None
    assert errors.failures() == ["%s is a folder, not a file" % tmp_path]
