"""Reading over HTTP: what is asked for, how often, and what is said when it fails."""
import itertools

import numpy as np
import pytest
from conftest import DATA, Errors, open_multidim
from osgeo import gdal
from scripted_server import ScriptedServer, ranges, status, whole


NUMBERS = itertools.count()


@pytest.fixture
def server():
    s = ScriptedServer()
    yield s
    s.stop()


@pytest.fixture
def fresh(nginx_folder):
    """Copies a file of tests/data to a name that no test has used: open files are shared in the process."""

    def copy(name):
        new = "%d_%s" % (next(NUMBERS), name)
        (nginx_folder / new).write_bytes((DATA / name).read_bytes())
        return new

    return copy


def walk(group, found):
    for name in group.GetMDArrayNames() or []:
        array = group.OpenMDArray(name)
        if array is not None:
            found.append(array.GetFullName())
            array.GetAttributes()
    for name in group.GetGroupNames() or []:
        walk(group.OpenGroup(name), found)
    return found


def test_h5range_remote_values_equal_local_ones(nginx):
    remote = open_multidim("/vsicurl/" + nginx.url("conventions.nc")).GetRootGroup()
    local = open_multidim("H5RANGE:%s" % (DATA / "conventions.nc")).GetRootGroup()
    for name in ("packed", "two_d", "station"):
        assert np.array_equal(remote.OpenMDArray(name).ReadAsArray(), local.OpenMDArray(name).ReadAsArray())


def test_h5range_small_file_costs_only_its_open(nginx, fresh):
    url = nginx.url(fresh("conventions.nc"))
    nginx.requests()
    assert len(walk(open_multidim(url).GetRootGroup(), [])) > 10
    asked = nginx.requests()
    assert len(asked) <= 3 and [r[0] for r in asked[:2]] == ["HEAD", "GET"], asked  # GDAL's own two, and the rest of the file


def test_h5range_second_open_costs_nothing(nginx, fresh):
    name = nginx.url(fresh("conventions.nc"))
    walk(open_multidim(name).GetRootGroup(), [])
    nginx.requests()
    again = open_multidim(name)
    walk(again.GetRootGroup(), [])
    again.GetRootGroup().OpenMDArray("packed").ReadAsArray()
    assert nginx.requests() == []


def test_h5range_a_remote_file_that_changed_is_read_again(nginx, fresh, nginx_folder):
    name = fresh("conventions.nc")
    assert "packed" in open_multidim(nginx.url(name)).GetRootGroup().GetMDArrayNames()
    (nginx_folder / name).write_bytes((DATA / "compact.h5").read_bytes())
    gdal.VSICurlClearCache()
    assert open_multidim(nginx.url(name)).GetRootGroup().GetMDArrayNames() == ["compact"]


def test_h5range_listing_does_not_grow_with_the_number_of_objects(nginx, fresh):
    """200 datasets cost the rounds of 10: wide_earliest.h5 and flat_earliest.h5 differ in nothing else."""
    counts = {}
    for name in ("flat_earliest.h5", "wide_earliest.h5"):
        url = nginx.url(fresh(name))
        nginx.requests()
        assert len(walk(open_multidim(url).GetRootGroup(), [])) in (10, 200)
        counts[name] = len(nginx.requests())
    assert counts["wide_earliest.h5"] <= counts["flat_earliest.h5"] + 2


def test_h5range_asks_for_no_side_files(server):
    """A request that the script does not expect is answered by 500 and noted."""
    server.routes["/product.nc"] = ranges((DATA / "product.nc").read_bytes())
    ds = gdal.OpenEx(server.url("/product.nc"), gdal.OF_RASTER)
    assert ds is not None
    gdal.OpenEx(server.url("/product.nc"), gdal.OF_MULTIDIM_RASTER).GetRootGroup().GetMDArrayNames()
    gdal.Info(ds)
    for sub, _ in ds.GetSubDatasets():
        gdal.Info(gdal.Open(sub))
    assert server.unexpected == []


def test_h5range_asks_for_no_side_files_of_views(nginx, fresh):
    """GDAL looks for <file>.gmac when a view of an array is read, and for <file>.aux.xml when a raster is made of it, unless the array has no file."""
    name = fresh("conventions.nc")
    nginx.requests()
    array = open_multidim(nginx.url(name)).GetRootGroup().OpenMDArray("packed")
    values = array.ReadAsArray()
    assert np.array_equal(array.GetView("[1,::2,:]").ReadAsArray(), values[1, ::2])
    assert np.array_equal(array.Transpose([2, 0, 1]).ReadAsArray(), values.transpose(2, 0, 1))
    assert np.array_equal(array.AsClassicDataset(2, 1).ReadAsArray(), values)
    assert array.GetUnscaled().ReadAsArray().shape == array.GetMask().ReadAsArray().shape == values.shape
    assert array.GetStatistics() is not None
    assert {path for _, path, _, _ in nginx.requests()} == {"/" + name}


def test_h5range_never_downloads_the_whole_of_a_large_file(server):
    body = (DATA / "conventions.nc").read_bytes() + b"\0" * (4 << 20)
    server.routes["/big.nc"] = ranges(body)
    assert open_multidim(server.url("/big.nc")).GetRootGroup().OpenMDArray("packed").ReadAsArray().shape == (2, 3, 4)
    sizes = [r[2] for r in server.requests if r[0] == "GET"]
    assert all(sizes) and len(sizes) < 6


@pytest.mark.parametrize("code, words", [(404, ["404"]), (401, ["401", "credentials"]), (403, ["403", "credentials"]), (500, ["500"])])
def test_h5range_http_errors_say_what_and_what_to_do(server, code, words):
    server.routes["/x.h5"] = status(code)
    for name in ("H5RANGE:" + server.url("/x.h5"), server.url("/x.h5")):
        with Errors() as errors:
            assert open_multidim(name) is None
        mine = [text for text in errors.failures() if server.url("/x.h5") in text]
        assert mine and all(word in " ".join(mine) for word in words), errors.messages
        assert "BEARER" not in " ".join(mine)  # which GDAL 3.6 does not know


def test_h5range_login_page(server):
    server.routes["/x.h5"] = whole(b"<!DOCTYPE html><html><body>Log in</body></html>", Content_Type="text/html")
    for name in ("H5RANGE:" + server.url("/x.h5"), server.url("/x.h5")):
        with Errors() as errors:
            assert open_multidim(name) is None
        assert any("HTML page" in text and server.url("/x.h5") in text for text in errors.failures()), errors.messages


def test_h5range_text_file(server):
    server.routes["/x.h5"] = ranges(b"just some text\n" * 100)
    with Errors() as errors:
        assert open_multidim("H5RANGE:" + server.url("/x.h5")) is None
    assert any("looks like text" in text and server.url("/x.h5") in text for text in errors.failures()), errors.messages


def test_h5range_truncated_file(server, tmp_path):
    body = (DATA / "chunk_indexes.h5").read_bytes()
    server.routes["/x.h5"] = ranges(body[:len(body) // 2])
    (tmp_path / "x.h5").write_bytes(body[:len(body) // 2])
    for name in ("H5RANGE:" + server.url("/x.h5"), "H5RANGE:%s" % (tmp_path / "x.h5")):
        with Errors() as errors:
            root = open_multidim(name).GetRootGroup()
        assert ["x.h5 is truncated: %d of %d bytes" % (len(body) // 2, len(body)) in text for text in errors.warnings()] == [True]
        failed = 0
        for path in ("plain", "filtered"):
            for array in ("single", "fixed", "extensible", "btree2"):
                try:
                    root.OpenMDArrayFromFullname("/%s/%s" % (path, array)).ReadAsArray()
                except RuntimeError as e:
                    failed += "truncated" in str(e)
        assert failed > 0


def test_h5range_server_without_ranges(server):
    server.routes["/x.h5"] = whole((DATA / "conventions.nc").read_bytes() + b"\0" * (4 << 20))
    with Errors() as errors:
        ds = open_multidim("H5RANGE:" + server.url("/x.h5"))
    if ds is None:
        assert len(errors.failures()) == 1, errors.messages
        assert "does not support byte ranges" in errors.failures()[0] and server.url("/x.h5") in errors.failures()[0]
    else:  # GDAL may keep the whole answer of a small file
        assert ds.GetRootGroup().OpenMDArray("packed").ReadAsArray().shape == (2, 3, 4)


def test_h5range_other_formats_at_plain_urls_are_left_to_others(server):
    """A GeoTIFF on a server without ranges: GDAL's HTTP driver downloads it."""
    gdal.GetDriverByName("GTiff").Create("/vsimem/h5range_other.tif", 3, 2)
    f = gdal.VSIFOpenL("/vsimem/h5range_other.tif", "rb")
    body = gdal.VSIFReadL(1, 1 << 20, f)
    gdal.VSIFCloseL(f)
    gdal.Unlink("/vsimem/h5range_other.tif")
    server.routes["/x.tif"] = whole(bytes(body))
    with Errors() as errors:
        ds = gdal.Open(server.url("/x.tif"))
    assert ds is not None and ds.RasterXSize == 3, errors.messages


def test_h5range_a_bad_chunk_is_an_error_not_zeros(server):
    body = bytearray((DATA / "conventions.nc").read_bytes())
    root = open_multidim("H5RANGE:%s" % (DATA / "conventions.nc")).GetRootGroup()
    whole_values = root.OpenMDArray("packed").ReadAsArray()
    at = body.find(b"\x78")  # the zlib header of some chunk, or nothing that matters
    positions = [i for i in range(len(body) - 1) if body[i] == 0x78 and body[i + 1] in (0x5E, 0x9C)]
    assert positions and at >= 0
    for i in positions:
        body[i + 2] ^= 0xFF
    server.routes["/bad.nc"] = ranges(bytes(body))
    array = open_multidim(server.url("/bad.nc")).GetRootGroup().OpenMDArray("packed")
    with pytest.raises(RuntimeError, match="packed.*(chunk|deflate)"):
        array.ReadAsArray()
    assert whole_values.shape == (2, 3, 4)


def test_h5range_takes_all_that_gdal_has_read_to_identify_the_file(nginx, fresh):
    """CPL_VSIL_CURL_CHUNK_SIZE: GDAL's first read may hold more than 16 KiB."""
    import os
    import subprocess

    name = fresh("wide_earliest.h5")
    code = """
import sys
from osgeo import gdal
gdal.UseExceptions()
print(len(gdal.OpenEx("/vsicurl/" + sys.argv[1], gdal.OF_RASTER, allowed_drivers=["H5RANGE"]).GetSubDatasets()))
"""
    nginx.requests()
    p = subprocess.run(["/usr/bin/python3", "-c", code, nginx.url(name)], capture_output=True, text=True, check=True,
                       env={**os.environ, "CPL_VSIL_CURL_CHUNK_SIZE": "1048576"})
    assert int(p.stdout) == 200
    assert [r[0] for r in nginx.requests()] == ["HEAD", "GET"]


def test_h5range_what_lies_in_one_piece_comes_side_by_side(nginx, nginx_folder, made):
    """One request on one connection is as slow as that connection. Who wants them joined says so to GDAL."""
    file = made("one_piece.h5", "f = h5py.File(sys.argv[1], 'w'); f['a'] = np.arange(1 << 21, dtype='i4'); f.close()")
    for option, requests in ((None, 4), ("YES", 1)):
        name = "%d_one_piece.h5" % next(NUMBERS)
        (nginx_folder / name).write_bytes(file.read_bytes())
        gdal.SetConfigOption("GDAL_HTTP_MERGE_CONSECUTIVE_RANGES", option)
        try:
            array = open_multidim("/vsicurl/" + nginx.url(name)).GetRootGroup().OpenMDArray("a")
            nginx.requests()
            assert np.array_equal(array.ReadAsArray(), np.arange(1 << 21))
        finally:
            gdal.SetConfigOption("GDAL_HTTP_MERGE_CONSECUTIVE_RANGES", None)
        assert len(nginx.requests()) == requests


# What a process does with a file: prints an answer.
TASKS = {
    "list": """
def walk(group):
    return sum(len(group.OpenMDArray(n).GetAttributes()) + 1 for n in group.GetMDArrayNames() or []) + sum(walk(group.OpenGroup(n)) for n in group.GetGroupNames() or [])
print(walk(gdal.OpenEx("/vsicurl/" + sys.argv[1], gdal.OF_MULTIDIM_RASTER).GetRootGroup()))
""",
    "raster info": """
print(gdal.Info(gdal.OpenEx("/vsicurl/" + sys.argv[1], gdal.OF_RASTER)))
""",
    "open by path": """
array = gdal.OpenEx("/vsicurl/" + sys.argv[1], gdal.OF_MULTIDIM_RASTER).GetRootGroup().OpenMDArrayFromFullname(sys.argv[2])
print([d.GetSize() for d in array.GetDimensions()], array.GetBlockSize(), len(array.GetAttributes()))
""",
    "one chunk": """
array = gdal.OpenEx("/vsicurl/" + sys.argv[1], gdal.OF_MULTIDIM_RASTER).GetRootGroup().OpenMDArrayFromFullname(sys.argv[2])
n = array.GetDimensionCount()
print(bytes(array.Read([0] * n, [1] * n)))
""",
    "one chunk of a raster": """
dataset = gdal.Open('H5RANGE:"/vsicurl/%s":%s' % tuple(sys.argv[1:3]))
print(dataset.GetRasterBand(1).ReadBlock(0, 0))
""",
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("file, array", [("wide_earliest.h5", "/d150"), ("chunk_indexes.h5", "/filtered/extensible"), ("large/nodes_v1.h5", "/btree1"),
                                         ("scattered/earliest.h5", "/beam1/heights/variable_5")])
def test_h5range_another_process_asks_for_nothing_that_is_kept(nginx, nginx_folder, tmp_path, task, file, array):
    """H5RANGE_INDEX_CACHE: beyond GDAL's own requests, which open the file and identify it, a second process asks for data alone."""
    import os
    import subprocess

    name = "%d_%s" % (next(NUMBERS), file.replace("/", "_"))
    (nginx_folder / name).write_bytes((DATA / file).read_bytes())
    os.utime(nginx_folder / name, (1e9, 1e9))
    code = "import sys\nfrom osgeo import gdal\ngdal.UseExceptions()\n" + TASKS[task]
    answers, asked = [], []
    for _ in range(2):
        nginx.requests()
        p = subprocess.run(["/usr/bin/python3", "-c", code, nginx.url(name), array], capture_output=True, text=True, check=True,
                           env={**os.environ, "H5RANGE_INDEX_CACHE": str(tmp_path / "kept")})
        answers.append(p.stdout)
        asked.append([r[3] for r in nginx.requests() if r[0] == "GET"])
    assert answers[0] == answers[1] != ""
    data = [r for r in asked[1] if r != "bytes=0-16383"]
    if "chunk" not in task:
        assert asked[1] == ["bytes=0-16383"]
    else:
        assert len(data) <= 1 and len(asked[1]) <= 2
        assert sum(last - first + 1 for first, last in (map(int, r[6:].split("-")) for r in data)) < 8192
    assert os.listdir(tmp_path / "kept")
