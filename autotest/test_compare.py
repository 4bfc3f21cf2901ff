"""compare.py on the project's own files, and on some of the shared ones: every difference is explained in docs/differences.md."""
import pathlib
import re

import compare
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
    assert [d for d in differences if compare.explained(d) is None] == []
    return differences


def test_h5range_every_explanation_is_written_down():
    assert sorted({title for title, _ in compare.RULES}) == sorted(titles())


def test_h5range_differences_of_our_own_files_are_explained():
    own = [DATA / name for name in ("product.nc", "sst_global.nc", "conventions.nc", "chunk_indexes.h5")]
    differences = check(own + [pathlib.Path(__file__).resolve().parent / "data" / "rasters.nc"])
    assert differences  # it does see some


def test_h5range_differences_of_shared_files_are_explained(shared):
    files = [shared / "corpus" / "files" / name for name in SAMPLE]
    assert all(file.exists() for file in files)
    check(files)


@pytest.mark.parametrize("field, theirs, ours", [(("scale", 1), 0.5, 1.0), (("values", 1), "1 of 12 values, first 3: 5.0 and 6.5", ""),
                                                 (("values", 1), "ours cannot be read", ""), (("unit", 1), "m", "km"),
                                                 (("geotransform",), [0, 1, 0, 3, 0, -1], [0, 1, 0, 4, 0, -1])])
def test_h5range_defects_would_not_be_explained(field, theirs, ours):
    assert compare.explained(compare.Difference("raster", "netCDF", "x.nc", "/v", field, theirs, ours)) is None
