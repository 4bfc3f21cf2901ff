"""compare.py on the project's own files, and on some of the shared ones: every difference is explained in docs/differences.md."""
import pathlib
import re

import compare
import compare_rules
import pytest
from conftest import DATA, ROOT

SAMPLE = ["CCI-Tools+cate/tests/data/precip_and_temp.nc", "OPENDAP+bes/modules/hdf5_handler/data/grid_4_2d_origin.h5",
          "OPENDAP+bes/modules/hdf5_handler/data/swath_2_3d_2x2yz.h5", "OPENDAP+bes/modules/hdf5_handler/data/dim_scale.h5",
          "nasa+harmony-opendap-subsetter/tests/data/f16_ssmis_geo_no_vars.nc", "nasa+harmony-opendap-subsetter/tests/data/GPM_3IMERGHH_bounds.nc4",
          "r-spatial+stars/inst/nc/lcc_km.nc", "Unidata+netcdf4-python/test/20171025_2056.Cloud_Top_Height.nc",
          "corteva+rioxarray/test/test_data/input/test_find_crs.nc", "skjerns+mat7.3/tests/testfile1.mat", "generated/dimscales_earliest.h5"]


def titles():
    return [title for title in re.findall(r"^## (.*)$", (ROOT / "docs" / "differences.md").read_text(), re.M) if title != "Not compared"]


def check(files):
    compare.SECONDS = 120  # machines that test are busy
    differences, failures = compare.run(files)
    assert failures == []
    assert [d for d in differences if d.why is None] == []
    return differences


def test_h5range_every_explanation_is_written_down():
    assert sorted({title for title, _ in compare_rules.RULES}) == sorted(titles())


def test_h5range_differences_of_our_own_files_are_explained():
    own = [DATA / name for name in ("product.nc", "sst_global.nc", "conventions.nc", "chunk_indexes.h5")]
    differences = check(own + [pathlib.Path(__file__).resolve().parent / "data" / "rasters.nc"])
    assert differences  # it does see some


def test_h5range_differences_of_shared_files_are_explained(shared):
    files = [shared / "corpus" / "files" / name for name in SAMPLE if "swath" not in name or compare.VERSION < 3100000]  # which newer HDF5 drivers crash on
    assert all(file.exists() for file in files)
    check(files)


def difference(field, theirs, ours, model="raster", driver="netCDF", array="/v", file=DATA / "conventions.nc"):
    return compare.Difference(model, driver, str(file), array, field, theirs, ours)


def band(name, value):
    return {("band metadata", 1, name): value}


PLANE = {("size",): (4, 3), ("bands",): 1}
MULTIDIM = {"model": "multidim", "array": "/packed"}
HDF5 = {"driver": "HDF5"}


@pytest.mark.parametrize("field, theirs, ours, said, of", [
    (("scale", 1), 0.5, 1.0, {}, {}), (("scale", 1), None, 2.0, band("scale_factor", "3"), HDF5), (("unit", 1), "m", "km", {}, {}), (("unit", 1), "", "km", band("units", "m"), HDF5),
    (("values", 1), "1 of 12 values, first 3: 5.0 and 6.5", "", {}, {}), (("values", 1), "ours cannot be read", "", {}, {}),
    (("values", 1), "2 of 12 values, first 3: 0.0 and 6.5; theirs are all the same", "", {}, {}), (("values",), "3 of 9 values, first 3: -1.0 and 6.5", "", {}, MULTIDIM),
    (("values", 1), "theirs cannot be read", "", {("_structure",): ["DEFLATE", "SHUFFLE"]}, {}), (("values", 1), "3 of 9 values, first 3: nan and 5.0", "", {}, {}),
    (("nodata", 1), -1.0, None, band("_FillValue", "-1"), {}), (("nodata", 1), None, 5.0, band("_FillValue", "7"), {}), (("nodata", 1), 3.0, 4.0, {}, {}),
    (("geotransform",), [0, 1, 0, 3, 0, -1], [0, 1, 0, 4, 0, -1], {}, {}), (("geotransform",), [0, 1, 0, 3, 0, -1], None, band("units", "K"), {"array": "/packed"}),
    (("geotransform",), [0, 1, 0, 3, 0, -1], [0, 1000, 0, 4000, 0, -1000], {}, {}),
    (("crs",), {"wkt": 'PROJCRS["a",CONVERSION["b",METHOD["Mercator"]]]', "axes": [1, 2]}, {"wkt": 'PROJCRS["c",CONVERSION["d",METHOD["Mercator"]]]', "axes": [1, 2]}, {}, {}),
    (("block", 1), (4, 1), (3, 2), PLANE, {}), (("block",), [2, 2], [1, 2], {}, MULTIDIM), (("size",), (4, 3), (4, 2), {**PLANE, ("size",): (4, 2)}, {}),
    (("type",), "Int16", "Int32", {}, MULTIDIM), (("type", 1), "Byte", "Int16", {}, {}), (("shape",), [3, 4], [4, 4], {}, {**MULTIDIM, **HDF5}), (("attribute", "x"), 1, 2, {}, MULTIDIM),
    (("attribute", "x"), "text", None, {}, MULTIDIM), (("group attribute", "x"), 1, None, {}, MULTIDIM), (("metadata", "v#long_name"), "a", "b", {}, {}),
    (("metadata", "v#long_name"), "a", None, {}, {}), (("metadata", "NC_GLOBAL#title"), "a", None, {}, {}), (("band metadata", 1, "long_name"), "a", None, {}, {}),
    (("metadata", "/g/NC_GLOBAL#x"), "a", None, {}, {"array": "/g/v"}), (("json", "json:ISO_METADATA"), "{}", None, {}, {}), (("metadata", "NETCDF_DIM_lat_VALUES"), "{1,2}", None, {}, {"array": "/packed"}),
    (("GEOLOCATION", "LINE_STEP"), "1", "2", {}, {}), (("GEOLOCATION", "X_DATASET"), "/a", "/b", {}, {}), (("coordinates",), ["/lat"], ["/lon"], {}, MULTIDIM),
    (("dimension name", 0), "/x", None, {}, MULTIDIM), (("indexing variable", 0), "/lat", None, {("dimension name", 0): "/lat"}, MULTIDIM), (("group dimension", "gone"), 4, None, {}, MULTIDIM),
    (("array listed", "gone"), True, None, {}, {**MULTIDIM, "array": "/@"}), (("group listed", "gone"), True, None, {}, {**MULTIDIM, "array": "/@"}),
    (("listed", "/packed"), "[2x3x4] packed (16-bit integer)", "[2x3x5] packed (16-bit integer)", {}, {"array": ""}), (("opens",), "yes", "no: HTTP error 500", {}, {}),
])
def test_h5range_defects_would_not_be_explained(field, theirs, ours, said, of):
    assert compare_rules.explained(difference(field, theirs, ours, **of), {**said, **PLANE}, {**PLANE, **said}) is None


@pytest.mark.parametrize("title, field, theirs, ours, said, of", [
    ("Fill values of HDF5", ("nodata", 1), -1.0, None, {}, {}), ("Nodata of every origin", ("nodata", 1), None, 7.0, band("_FillValue", "7"), {}),
    ("Kilometres", ("geotransform",), [1, 1, 0, 3, 0, -1], [1000, 1000, 0, 3000, 0, -1000], {}, {}),
    ("Blocks that were never written", ("values", 1), "2 of 12 values, first 3: 0.0 and 6.5; theirs are all the same; ours are all the same", "", {}, {}),
    ("Data that the others cannot read", ("values", 1), "theirs cannot be read", "", {("_structure",): ["ZSTD"]}, {}), ("Blocks", ("block", 1), (4, 1), (4, 3), PLANE, {})])
def test_h5range_rules_hold_for_what_they_are_made_for(title, field, theirs, ours, said, of):
    assert compare_rules.explained(difference(field, theirs, ours, **of), {**said, **PLANE}, {**PLANE, **said}) == title
