"""Files whose parts lie in other files, beside them on the same file system."""
import shutil
import threading
import time

import numpy as np
import pytest
from conftest import DATA, Errors, open_multidim
from osgeo import gdal
from scripted_server import ScriptedServer, ranges

PARTS = DATA / "parts"


@pytest.fixture(scope="module")
def remote(nginx_folder, nginx):
    shutil.copytree(PARTS, nginx_folder / "parts")
    return lambda name: "/vsicurl/" + nginx.url("parts/" + name)


def check(name, file, arrays, oracle):
    root = open_multidim(name).GetRootGroup()
    for array in arrays:
        got, expected = root.OpenMDArrayFromFullname(array).ReadAsArray(), oracle.read(PARTS / file, array)
        assert np.array_equal(got, expected), array


@pytest.mark.parametrize("file, arrays", [("virtual.h5", ["/stacked", "/mixed", "/flattened", "/grown", "/numbered", "/here", "/nested"]),
                                          ("virtual_v1.h5", ["/stacked", "/numbered"]), ("linked.h5", ["/block", "/file/line", "/soft", "/twice"]),
                                          ("split-m.h5", [])])
def test_h5range_parts_equal_h5py(file, arrays, oracle, remote):
    check("H5RANGE:%s" % (PARTS / file), file, arrays, oracle)
    check(remote(file), file, arrays, oracle)


def test_h5range_external_raw_data(remote):
    raw = np.arange(36, dtype="i2").reshape(4, 9)
    for name in ("H5RANGE:%s" % (PARTS / "external.h5"), remote("external.h5")):
        array = open_multidim(name).GetRootGroup().OpenMDArray("data")
        assert np.array_equal(array.ReadAsArray(), raw)
        assert np.array_equal(array.ReadAsArray(array_start_idx=[3, 8], count=[2, 3], array_step=[-2, -3]), raw[3::-2, 8::-3][:2, :3])


def test_h5range_multi_file_sets(remote):
    for prefix in (lambda n: "H5RANGE:%s" % (PARTS / n), remote):
        assert open_multidim(prefix("family_00000.h5")).GetRootGroup().OpenMDArray("x").ReadAsArray().tolist() == list(range(600))
        assert open_multidim(prefix("split-m.h5")).GetRootGroup().OpenMDArray("x").ReadAsArray().tolist() == list(range(100))


def test_h5range_external_links_are_listed_where_they_lead_somewhere(remote):
    with Errors() as errors:
        root = open_multidim(remote("linked.h5")).GetRootGroup()
        assert sorted(root.GetMDArrayNames()) == ["absolute", "block", "soft", "twice"]
        assert root.GetGroupNames() == ["file"]
        assert root.OpenGroup("file").GetMDArrayNames() == ["block", "line"]
    said = " ".join(errors.warnings())
    assert "outside this file's folder" in said and "/loop" in said and "/nowhere" not in said


def test_h5range_other_files_option(remote, nginx):
    name = "H5RANGE:%s" % (PARTS / "virtual.h5")
    root = open_multidim(name, open_options=["OTHER_FILES=NO"]).GetRootGroup()
    with pytest.raises(RuntimeError, match="virtual_source_0.h5.*no other file may be opened"):
        root.OpenMDArray("stacked").ReadAsArray()
    assert root.OpenMDArray("here").ReadAsArray().tolist()[1] == [0, 1, 2, 3, 4, 5]
    with gdal.config_option("H5RANGE_OTHER_FILES", "NO") if hasattr(gdal, "config_option") else _config("H5RANGE_OTHER_FILES", "NO"):
        with pytest.raises(RuntimeError, match="no other file may be opened"):
            open_multidim(name).GetRootGroup().OpenMDArray("stacked").ReadAsArray()
    nginx.requests()
    with Errors():
        assert open_multidim(remote("linked.h5")).GetRootGroup().OpenMDArray("outside") is None
    assert all("virtual_source_0" not in r[1] for r in nginx.requests())


def _config(key, value):
    import contextlib

    @contextlib.contextmanager
    def block():
        gdal.SetConfigOption(key, value)
        try:
            yield
        finally:
            gdal.SetConfigOption(key, None)

    return block()


def test_h5range_virtual_dataset_as_raster(remote):
    ds = gdal.Open('H5RANGE:"%s":/numbered' % remote("virtual.h5"))
    assert (ds.RasterXSize, ds.RasterYSize) == (4, 9)
    assert ds.ReadAsArray()[0].tolist() == [0, 1, 2, 3] or ds.ReadAsArray()[-1].tolist() == [0, 1, 2, 3]


def test_h5range_a_link_leads_back_to_its_own_file_without_end(remote):
    with Errors():
        root = open_multidim(remote("linked.h5")).GetRootGroup()
        assert root.OpenMDArray("loop") is None


def test_h5range_parts_are_read_with_the_options_of_the_calling_thread(made):
    """Sources of a virtual dataset are read by threads of the core. What was set for the caller's thread alone (a token, say) counts there."""
    folder = made("virtual.h5", """
import os
layout = h5py.VirtualLayout((6, 5), "i4")
for i in range(6):
    with h5py.File(os.path.join(os.path.dirname(sys.argv[1]), "source%d.h5" % i), "w") as f:
        f["x"] = np.arange(5) + 10 * i
    layout[i] = h5py.VirtualSource("source%d.h5" % i, "x", (5,))
with h5py.File(sys.argv[1], "w", libver="latest") as f:
    f.create_virtual_dataset("all", layout)
""").parent
    server, lock, inside = ScriptedServer(), threading.Lock(), [0, 0]

    def answer_slowly(handler, answer):
        with lock:
            inside[:] = inside[0] + 1, max(inside[1], inside[0] + 1)
        time.sleep(0.1)  # several threads have to help
        with lock:
            inside[0] -= 1
        if handler.headers.get("Authorization") == "Bearer x":
            answer(handler)
        else:
            handler.reply(401)

    for path in folder.glob("*.h5"):
        server.routes["/token/" + path.name] = lambda h, a=ranges(path.read_bytes()): answer_slowly(h, a)
    gdal.SetThreadLocalConfigOption("GDAL_HTTP_HEADERS", "Authorization: Bearer x")
    try:
        array = open_multidim("/vsicurl/" + server.url("/token/virtual.h5")).GetRootGroup().OpenMDArray("all")
        got = array.ReadAsArray()
    finally:
        gdal.SetThreadLocalConfigOption("GDAL_HTTP_HEADERS", None)
        server.stop()
    assert np.array_equal(got, np.arange(5) + 10 * np.arange(6)[:, None])
    assert inside[1] > 1
