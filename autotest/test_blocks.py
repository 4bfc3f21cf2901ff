"""How data are asked for: blocks, lines, windows, bands, threads, announced windows. Rounds and requests are counted by the server."""
import itertools
import re
import subprocess
import threading
import time

import numpy as np
import pytest
from conftest import BUILD, ROOT, Errors, open_multidim
from osgeo import gdal
from scripted_server import ScriptedServer, ranges

NUMBERS = itertools.count()
SIDE, CHUNK = 640, 64  # 100 chunks of 4,096 values that deflate does not make much smaller


def values(bands=1):
    return np.random.default_rng(7).integers(0, 1 << 15, (bands, SIDE, SIDE)).astype("i2")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """/one and /other (y, x), /bands (band, y, x) with chunks of one band, /together with chunks of all bands, /plain without filters."""
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("no .venv: run scripts/venv.sh")
    folder = tmp_path_factory.mktemp("tiles")
    np.save(folder / "values.npy", values(3))
    subprocess.run([str(ROOT / ".venv/bin/python"), "-c", """
import h5py, numpy, sys
v = numpy.load(sys.argv[1] + "/values.npy")
with h5py.File(sys.argv[1] + "/tiles.h5", "w", libver="latest") as f:
    d, kind = dict(compression="gzip", shuffle=True), v.dtype
    f.create_dataset("one", v[0].shape, kind, chunks=(%d, %d), **d)
    f.create_dataset("other", v[1].shape, kind, chunks=(%d, %d), **d)
    f.create_dataset("bands", v.shape, kind, chunks=(1, %d, %d), **d)
    f.create_dataset("together", v.shape, kind, chunks=(3, %d, %d), **d)
    f.create_dataset("plain", v[0].shape, kind, chunks=(%d, %d))
    f.create_dataset("contiguous", v[2].shape, kind)
    f.flush()  # headers first: where they lie among the chunks else depends on the version of HDF5, and with them what an open reads
    for name, values in dict(one=v[0], other=v[1], bands=v, together=v, plain=v[0], contiguous=v[2]).items():
        f[name][...] = values
""" % ((CHUNK,) * 10), str(folder)], check=True)
    return folder / "tiles.h5"


class Served:
    """The file behind a server that notes ranges, under a name that no test has used."""

    def __init__(self, server, file):
        self._server, self._name = server, "/%d.h5" % next(NUMBERS)
        server.routes[self._name] = ranges(file.read_bytes())

    @property
    def uri(self):
        return "/vsicurl/" + self._server.url(self._name)

    def raster(self, array, **options):
        return gdal.OpenEx('H5RANGE:"%s":/%s' % (self.uri, array), gdal.OF_RASTER, **options)

    def asked(self):
        """Ranges asked for since the last call."""
        found = [tuple(map(int, re.match(r"bytes=(\d+)-(\d+)", r[2]).groups())) for r in self._server.requests if r[1] == self._name and r[2]]
        self._server.requests.clear()
        return found

    def amount(self):
        return sum(last - first + 1 for first, last in self.asked())


@pytest.fixture
def served(tiles):
    server = ScriptedServer()
    yield Served(server, tiles)
    server.stop()


def read_blocks(band):
    x_size, y_size = band.GetBlockSize()
    out = np.zeros((band.YSize, band.XSize), "i2")
    for y in range(0, band.YSize, y_size):
        for x in range(0, band.XSize, x_size):
            block = np.frombuffer(band.ReadBlock(x // x_size, y // y_size), "i2").reshape(y_size, x_size)
            out[y:y + y_size, x:x + x_size] = block[:band.YSize - y, :band.XSize - x]
    return out


@pytest.mark.parametrize("array,bands", [("one", [0]), ("plain", [0]), ("bands", [0, 2]), ("together", [1, 2])])
def test_h5range_blocks_in_order_are_read_once(served, tiles, array, bands):
    """GDALReadBlock() does not look into the block cache: what was read ahead used to be read again for every block."""
    ds = served.raster(array)
    stored = sum(c.nbytes for c in values(3)) if array in ("bands", "together") else values().nbytes
    served.asked()
    for band in bands:
        assert np.array_equal(read_blocks(ds.GetRasterBand(band + 1)), values(3)[band])
    assert served.amount() < stored * 1.1 + (2 << 20)  # the index lies in a block of its own
    local = gdal.Open('H5RANGE:"%s":/%s' % (tiles, array))
    for band in bands:
        assert np.array_equal(read_blocks(local.GetRasterBand(band + 1)), values(3)[band])


def test_h5range_blocks_in_order_take_few_requests(served):
    ds = served.raster("one")
    served.asked()
    read_blocks(ds.GetRasterBand(1))
    assert len(served.asked()) <= 4


@pytest.mark.parametrize("array,step,overlap", [("one", CHUNK, 0), ("one", CHUNK, 1), ("one", 100, 0), ("bands", CHUNK, 0), ("together", 80, 2)])
def test_h5range_windows_along_rows_take_few_requests(served, array, step, overlap):
    """rasterio's block_windows() and QGIS's statistics, whose windows overlap by a pixel, used to cost a round for each window."""
    ds = served.raster(array)
    ds.GetRasterBand(1).ReadAsArray(0, 0, 1, 1)  # the index
    served.asked()
    out = np.zeros((ds.RasterCount, SIDE, SIDE), "i2")
    for y in range(0, SIDE, step):
        for x in range(0, SIDE, step):
            rows, cols = min(step + overlap, SIDE - y), min(step + overlap, SIDE - x)
            out[:, y:y + rows, x:x + cols] = ds.ReadAsArray(x, y, cols, rows).reshape(-1, rows, cols)
    assert np.array_equal(out, values(3)[:ds.RasterCount] if ds.RasterCount > 1 else values(3)[:1])
    asked = served.asked()
    assert len(asked) <= 12, asked
    assert sum(last - first + 1 for first, last in asked) < out.nbytes * 1.1 + (1 << 20)


def test_h5range_two_windows_beside_each_other_read_little_more(served):
    band = (ds := served.raster("one")).GetRasterBand(1)
    served.asked()
    for x in (0, CHUNK):
        assert np.array_equal(band.ReadAsArray(x, 5 * CHUNK, CHUNK, CHUNK), values()[0][5 * CHUNK:6 * CHUNK, x:x + CHUNK])
    assert len(served.asked()) <= 3
    assert ds.RasterCount == 1


def test_h5range_a_sample_of_blocks_takes_few_requests(served):
    """Approximate statistics take every n-th block: a round for each of them, once."""
    ds = served.raster("one")
    band = ds.GetRasterBand(1)
    served.asked()
    expected = values()[0]
    for n in range(0, 100, 11):  # GDAL's sample of 10 times 10 blocks
        x, y = n % 10, n // 10
        got = np.frombuffer(band.ReadBlock(x, y), "i2").reshape(CHUNK, CHUNK)
        assert np.array_equal(got, expected[y * CHUNK:(y + 1) * CHUNK, x * CHUNK:(x + 1) * CHUNK])
    rounds = int(ds.GetMetadataItem("ROUNDS", "H5RANGE"))
    minimum, maximum, _, _ = band.ComputeStatistics(True)
    sample = np.concatenate([expected[(n // 10) * CHUNK:(n // 10 + 1) * CHUNK, (n % 10) * CHUNK:(n % 10 + 1) * CHUNK] for n in range(0, 100, 11)])
    assert (minimum, maximum) == (sample.min(), sample.max())
    assert int(ds.GetMetadataItem("ROUNDS", "H5RANGE")) == rounds  # all were there
    assert len(served.asked()) <= 12 and rounds <= 7


def test_h5range_damage_in_a_sample_does_not_spoil_it(tiles, tmp_path):
    ds = gdal.Open('H5RANGE:"%s":/one' % tiles)
    offset = int(ds.GetRasterBand(1).GetMetadataItem("BLOCK_OFFSET_4_4", "H5RANGE"))
    damaged = bytearray(tiles.read_bytes())
    damaged[offset:offset + 64] = bytes(64)
    (tmp_path / "damaged.h5").write_bytes(damaged)
    band = (ds := gdal.Open('H5RANGE:"%s":/one' % (tmp_path / "damaged.h5"))).GetRasterBand(1)
    for n in (0, 1, 2, 3):
        assert np.array_equal(np.frombuffer(band.ReadBlock(n, n), "i2").reshape(CHUNK, CHUNK), values()[0][n * CHUNK:(n + 1) * CHUNK, n * CHUNK:(n + 1) * CHUNK])
    with Errors() as errors:
        assert band.ReadBlock(4, 4) is None
    assert len(errors.failures()) == 1
    assert np.array_equal(np.frombuffer(band.ReadBlock(5, 5), "i2").reshape(CHUNK, CHUNK), values()[0][5 * CHUNK:6 * CHUNK, 5 * CHUNK:6 * CHUNK])
    assert ds.RasterCount == 1


@pytest.mark.parametrize("array", ["contiguous", "plain"])
def test_h5range_local_lines_without_filters(tiles, array):
    ds = gdal.Open('H5RANGE:"%s":/%s' % (tiles, array))
    band = ds.GetRasterBand(1)
    expected = values(3)[2 if array == "contiguous" else 0]
    for y in range(SIDE):
        assert np.array_equal(band.ReadAsArray(0, y, SIDE, 1), expected[y:y + 1])
    assert np.array_equal(band.ReadAsArray(3, 5, 70, 90), expected[5:95, 3:73])
    assert np.array_equal(read_blocks(band), expected)


def test_h5range_all_bands_are_one_plan(served):
    ds = served.raster("bands")
    ds.GetRasterBand(1).ReadAsArray(0, 0, 1, 1)  # the index
    served.asked()
    got = np.frombuffer(ds.ReadRaster(0, 0, SIDE, SIDE, band_list=[3, 1, 2]), "i2").reshape(3, SIDE, SIDE)
    assert np.array_equal(got, values(3)[[2, 0, 1]])
    assert len(served.asked()) <= 2 # neighbours in the file; one round for each band made three


def test_h5range_smaller_view_asks_for_all_blocks_at_once(served):
    ds = served.raster("one")
    served.asked()
    assert ds.ReadAsArray(buf_xsize=SIDE // 4, buf_ysize=SIDE // 4).shape == (SIDE // 4, SIDE // 4)
    assert len(served.asked()) <= 2


def test_h5range_warp_reads_what_it_needs_once(served):
    ds = served.raster("one")
    served.asked()
    out = gdal.Warp("", gdal.Translate("", ds, format="VRT", outputBounds=[0, SIDE, SIDE, 0], outputSRS="EPSG:32631"), format="MEM",
                    width=SIDE // 2, height=SIDE // 2)
    assert out.ReadAsArray().any()
    assert served.amount() < values().nbytes * 1.1


def test_h5range_announced_arrays_are_read_together(served):
    root = open_multidim(served.uri).GetRootGroup()
    one, other = root.OpenMDArray("one"), root.OpenMDArray("other")
    apart = open_multidim(served.uri, open_options=["NUM_THREADS=1"]).GetRootGroup()
    served.asked()
    assert one.AdviseRead([64, 0], [128, SIDE]) == gdal.CE_None
    assert other.AdviseRead([0, 0], [64, SIDE]) == gdal.CE_None
    assert served.asked() == []
    assert np.array_equal(one.ReadAsArray([64, 0], [64, SIDE]), values(3)[0, 64:128])
    assert served.asked()
    assert np.array_equal(other.ReadAsArray([0, 0], [64, SIDE]), values(3)[1, :64])
    assert np.array_equal(one.ReadAsArray([191, 0], [64, SIDE // 2], [-1, 2]), values(3)[0, 191:127:-1, ::2])
    assert served.asked() == []
    assert np.array_equal(one.ReadAsArray([0, 0], [192, SIDE]), values(3)[0, :192]) # beyond what was announced
    assert apart.OpenMDArray("one") is not None


def test_h5range_an_announced_window_that_is_read_whole(tiles):
    root = open_multidim("H5RANGE:%s" % tiles).GetRootGroup()
    one, other = root.OpenMDArray("one"), root.OpenMDArray("other")
    for a, b in ((one, other), (other, one)):
        for array in (a, b):
            array.AdviseRead([10, 20], [100, 50])
        for array in (a, b, a):
            assert np.array_equal(array.ReadAsArray([10, 20], [100, 50]), values(3)[0 if array is one else 1, 10:110, 20:70])
    one.AdviseRead([0, 0], [SIDE, SIDE], ["CACHE_SIZE=1000"]) # does not fit
    assert np.array_equal(one.ReadAsArray(), values(3)[0])


def test_h5range_damage_in_an_announced_window_is_told_where_it_is_read(tiles, tmp_path):
    body = bytearray(tiles.read_bytes())
    info = subprocess.run([str(BUILD / "bin" / "h5range"), "chunks", "%s#/other" % tiles], capture_output=True, text=True)
    offset = int(info.stdout.split("\n")[0].split()[1])
    body[offset:offset + 2] = b"\xff\xff"
    bad = tmp_path / "bad.h5"
    bad.write_bytes(body)
    root = open_multidim("H5RANGE:%s" % bad).GetRootGroup()
    one, other = root.OpenMDArray("one"), root.OpenMDArray("other")
    for array in (one, other):
        array.AdviseRead([0, 0], [SIDE, SIDE])
    assert np.array_equal(one.ReadAsArray([0, 0], [10, SIDE]), values(3)[0, :10])
    with pytest.raises(RuntimeError, match="/other.*chunk 0"):
        other.ReadAsArray([0, 0], [10, SIDE])


def test_h5range_damage_ahead_does_not_spoil_the_block_that_is_read(tiles, tmp_path):
    body = bytearray(tiles.read_bytes())
    info = subprocess.run([str(BUILD / "bin" / "h5range"), "chunks", "%s#/one" % tiles], capture_output=True, text=True)
    offset = int(info.stdout.split("\n")[5].split()[1])
    body[offset:offset + 2] = b"\xff\xff"
    bad = tmp_path / "bad.h5"
    bad.write_bytes(body)
    ds = gdal.Open('H5RANGE:"%s":/one' % bad)
    band = ds.GetRasterBand(1)
    with Errors() as errors:
        for x in range(5):
            assert np.array_equal(np.frombuffer(band.ReadBlock(x, 0), "i2").reshape(64, 64), values()[0, :64, x * 64:x * 64 + 64])
        assert errors.messages == []
        assert band.ReadBlock(5, 0) is None
        assert len(errors.failures()) == 1 and "chunk 5" in errors.failures()[0]
    assert np.array_equal(np.frombuffer(band.ReadBlock(6, 0), "i2").reshape(64, 64), values()[0, :64, 384:448])


@pytest.mark.parametrize("of", ["band", "dataset"])
def test_h5range_announced_raster_windows_are_read_at_once(served, of):
    ds = served.raster("bands")
    served.asked()
    if of == "dataset":
        assert ds.AdviseRead(0, 0, SIDE, SIDE) == gdal.CE_None
    else:
        assert ds.GetRasterBand(2).AdviseRead(0, 0, SIDE, SIDE) == gdal.CE_None
    for band in ([1, 2, 3] if of == "dataset" else [2]):
        for y in range(0, SIDE, 160):
            for x in range(0, SIDE, 160):
                assert np.array_equal(ds.GetRasterBand(band).ReadAsArray(x, y, 160, 160), values(3)[band - 1, y:y + 160, x:x + 160])
    assert len(served.asked()) <= 3


@pytest.mark.parametrize("array", ["contiguous", "plain", "one", "together"])
def test_h5range_translate_of_a_local_raster(tiles, array):
    """GDAL announces the whole raster first. That of plain storage used to end in an endless recursion."""
    ds = gdal.Open('H5RANGE:"%s":/%s' % (tiles, array))
    for of in (ds, ds.GetRasterBand(1)):
        assert of.AdviseRead(0, 0, SIDE, SIDE) == gdal.CE_None
        with pytest.raises(RuntimeError, match="AdviseRead"):
            of.AdviseRead(SIDE - 10, 0, 20, 20)
    gdal.Translate("/vsimem/translated.img", ds, format="ENVI")
    expected = values(3) if array == "together" else values(3)[2 if array == "contiguous" else 0]
    assert np.array_equal(gdal.Open("/vsimem/translated.img").ReadAsArray(), expected)
    gdal.GetDriverByName("ENVI").Delete("/vsimem/translated.img")


@pytest.mark.parametrize("option", ["1", "2", "ALL_CPUS", "0", "many"])
def test_h5range_number_of_threads(tiles, option):
    """Threads of the process while a file is open that has decoded something."""
    code = """
import sys
from osgeo import gdal
gdal.UseExceptions()
def read(name, **options):
    ds = gdal.OpenEx(name, gdal.OF_MULTIDIM_RASTER, **options)
    array = ds.GetRootGroup().OpenMDArray("bands")
    for _ in range(3):
        array.ReadAsArray()
    return ds, array, len(__import__("os").listdir("/proc/self/task"))
before = len(__import__("os").listdir("/proc/self/task"))
kept = read("H5RANGE:" + sys.argv[1], open_options=["NUM_THREADS=" + sys.argv[2]])
del kept
gdal.SetConfigOption("GDAL_NUM_THREADS", sys.argv[2])
again = read("H5RANGE:" + sys.argv[1])
print(again[2] - before)
"""
    p = subprocess.run(["/usr/bin/python3", "-c", code, str(tiles), option], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    more = int(p.stdout)
    warned = "is neither ALL_CPUS nor a number from 1 on" in p.stderr
    if option in ("0", "many"):
        assert warned
    else:
        assert not warned
        assert more == {"1": 0, "2": 1}.get(option, more) and (option != "ALL_CPUS" or more >= 1)


def test_h5range_threads_do_not_wait_for_each_other(tiles):
    """Eight threads on the arrays of one file behind a slow server: their requests are on the wire at the same time."""
    server = ScriptedServer()
    answer, lock, waiting = ranges(tiles.read_bytes()), threading.Lock(), [0, 0]

    def slow(handler):
        with lock:
            waiting[0] += 1
            waiting[1] = max(waiting)
        time.sleep(0.1)
        with lock:
            waiting[0] -= 1
        answer(handler)

    server.routes["/slow%d.h5" % next(NUMBERS)] = slow
    array = open_multidim("/vsicurl/" + server.url(list(server.routes)[0])).GetRootGroup().OpenMDArray("one")
    array.ReadAsArray([0, 0], [1, 1])
    got, waiting[1] = {}, 0

    def read(i):
        got[i] = array.ReadAsArray([64 + 64 * i, 0], [64, SIDE])

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    server.stop()
    for i in range(8):
        assert np.array_equal(got[i], values(3)[0, 64 + 64 * i:128 + 64 * i])
    assert waiting[1] >= 4


@pytest.mark.parametrize("other", ["the same array", "another array", "a raster", "a listing"])
def test_h5range_a_slow_read_delays_no_other_thread(tiles, other):
    """One thread's data do not come until another one has read something else of the file."""
    server = ScriptedServer()
    answer, begun, done, late = ranges(tiles.read_bytes()), threading.Event(), threading.Event(), []
    name = "/held%d.h5" % next(NUMBERS)
    server.routes[name] = answer
    url = server.url(name)
    group = open_multidim("/vsicurl/" + url).GetRootGroup()
    array = group.OpenMDArray("one")
    array.ReadAsArray([0, 0], [1, 1])  # the index
    want, got = values(3), {}

    def slow():
        got["slow"] = array.ReadAsArray([320, 0], [64, 64])

    def first_is_slow(handler):
        server.routes[name] = answer
        begun.set()
        late.append(not done.wait(20))
        answer(handler)

    server.routes[name] = first_is_slow
    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(20)
    if other == "the same array":
        assert np.array_equal(array.ReadAsArray([128, 0], [64, SIDE]), want[0, 128:192])
    elif other == "another array":
        assert np.array_equal(group.OpenMDArray("other").ReadAsArray([0, 0], [64, SIDE]), want[1, :64])
    elif other == "a raster":
        raster = gdal.Open('H5RANGE:"/vsicurl/%s":/other' % url)
        assert np.array_equal(raster.ReadAsArray(0, 64, SIDE, 64), want[1, 64:128])
    else:
        assert len(open_multidim("/vsicurl/" + url).GetRootGroup().GetMDArrayNames()) == 6
    done.set()
    thread.join()
    server.stop()
    assert np.array_equal(got["slow"], want[0, 320:384, :64])
    assert late == [False]
