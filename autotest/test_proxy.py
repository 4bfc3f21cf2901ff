"""Statistics and overviews of remote files: in GDAL's folder for what cannot lie beside a file (GDAL_PAM_PROXY_DIR), or nowhere."""
import os
import shutil

import pytest
from conftest import run_script
from osgeo import gdal

NEW = int(gdal.VersionInfo()) >= 3100000
NO_STATISTICS = None if NEW else [0, 0, 0, -1]
FILE = "f = h5py.File(sys.argv[1], 'w')\nfor n in (%s): f[n] = np.arange(512 * 512, dtype='i4').reshape(512, 512)"

# What a process asks a dataset for; prints an answer. Names have the forms of sys.argv[1:].
START = """
import json, sys
from osgeo import gdal
gdal.UseExceptions()
ds = gdal.OpenEx(sys.argv[1], gdal.OF_RASTER)
band = ds.GetRasterBand(1)
"""
ASK = START + """
gdal.Info(ds)
print(json.dumps([band.GetStatistics(True, False), band.GetOverviewCount(), band.GetMaskFlags(), ds.GetMetadataItem("OVERVIEW_FILE", "OVERVIEWS")]))
"""
STATISTICS = START + "band.ComputeStatistics(False)\nds = band = None\nprint('[]')\n"
OVERVIEWS = START + "ds.BuildOverviews('NEAREST', [2, 4])\nds = band = None\nprint('[]')\n"
CLEAN = START + "ds.BuildOverviews('NONE', [])\nds = band = None\nprint('[]')\n"
HALF = START + """
half = band.GetOverview(0)
print(json.dumps([half.XSize, list(half.ReadRaster(0, 0, 2, 1, buf_type=gdal.GDT_Byte))]))
"""


@pytest.fixture
def ask(nginx, tmp_path):
    """Runs a script in a process of its own, as GDAL reads the folder's name once; counts its requests."""
    folder = tmp_path / "proxies"
    folder.mkdir()

    def run(script, name, proxy=True):
        nginx.requests()
        answer = run_script("/usr/bin/python3", script, name, **({"GDAL_PAM_PROXY_DIR": str(folder)} if proxy else {}))
        return answer, nginx.requests()

    run.folder = folder
    return run


@pytest.fixture(params=["the file", "an array", "in HDF5's form"])
def remote(request, made, nginx, nginx_folder):
    arrays = "'a'," if request.param == "the file" else "'a', 'b'"
    name = request.param.replace(" ", "_").replace("'", "") + ".h5"
    shutil.copy(made(name, FILE % arrays), nginx_folder)
    form = {"the file": "%s", "an array": 'H5RANGE:"/vsicurl/%s":/a', "in HDF5's form": 'HDF5:"/vsicurl/%s"://a'}[request.param]
    return form % nginx.url(name)


def test_h5range_statistics_of_remote_files_are_kept_in_the_proxy_folder(ask, remote):
    """They were forgotten, whether there was a folder for them or not."""
    without, asked = ask(ASK, remote, proxy=False)
    assert without[:2] == [NO_STATISTICS, 0]
    before, asked_before = ask(ASK, remote)
    assert before == without and asked_before == asked
    ask(STATISTICS, remote)
    assert any(name.endswith(".aux.xml") for name in os.listdir(ask.folder))
    after, asked_after = ask(ASK, remote)
    assert after[0][:3] == [0, 262143, 131071.5] and asked_after == asked


def test_h5range_overviews_of_remote_files_are_built_in_the_proxy_folder(ask, remote):
    _, asked = ask(ASK, remote, proxy=False)
    _, asked_to_build = ask(OVERVIEWS, remote)
    # GDAL itself looks for an .aux.xml beside the file before it builds, since some version.
    assert {path.rsplit(".", 1)[1] for _, path, _, _ in asked_to_build} - ({"xml"} if NEW else set()) == {"h5"}
    assert any(name.endswith(".ovr") for name in os.listdir(ask.folder))
    answer, asked_after = ask(ASK, remote)
    assert answer[1] == 2 and asked_after == asked
    (size, pixels), asked_for_half = ask(HALF, remote)
    assert size == 256 and pixels == [0, 2] and len(asked_for_half) < len(asked_to_build)
    ask(OVERVIEWS.replace("[2, 4]", "[2, 8]"), remote)
    assert ask(ASK, remote)[0][1] == 3
    ask(CLEAN, remote)
    answer, asked_after = ask(ASK, remote)
    assert answer[1] == 0 and answer[3] is None and asked_after == asked
    assert not any(name.endswith(".ovr") for name in os.listdir(ask.folder))


def test_h5range_arrays_have_side_files_of_their_own_in_the_proxy_folder(ask, made, nginx, nginx_folder):
    shutil.copy(made("several.h5", FILE % "'a', 'b'"), nginx_folder)
    name = 'H5RANGE:"/vsicurl/%s":/' % nginx.url("several.h5")
    ask(STATISTICS, name + "a")
    ask(OVERVIEWS, name + "b")
    a, b = ask(ASK, name + "a")[0], ask(ASK, name + "b")[0]
    assert a[0][1] == 262143 and a[1] == 0
    assert b[0] == NO_STATISTICS and b[1] == 2


def test_h5range_without_a_proxy_folder_nothing_is_kept_and_overviews_are_refused(ask, remote):
    ask(STATISTICS, remote, proxy=False)
    answer, _ = ask(ASK, remote, proxy=False)
    assert answer[0] == NO_STATISTICS
    with pytest.raises(AssertionError, match="not supported"):
        ask(OVERVIEWS, remote, proxy=False)
