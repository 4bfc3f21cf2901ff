"""What is held: reading much, and opening often, takes no memory that stays. Peaks are those of a process of its own."""
import subprocess
import sys

import pytest
from conftest import DATA, ROOT

LARGE_MB = 192
PREPARE = """
import resource, sys
from osgeo import gdal
gdal.UseExceptions()
gdal.SetCacheMax(16 << 20)
path = sys.argv[1]
def peak(): # ru_maxrss would begin with what the process was forked from
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
def now():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1048576
"""
READS = {
    "array": """
array = gdal.OpenEx("H5RANGE:" + path, gdal.OF_MULTIDIM_RASTER).GetRootGroup().OpenMDArray("data")
before, held = peak(), 0
held = len(array.Read()) / 1048576
""",
    "raster": """
dataset = gdal.Open('H5RANGE:"%s":/data' % path)
before = peak()
held = len(dataset.ReadRaster()) / 1048576
""",
    "stripes": """
dataset = gdal.Open('H5RANGE:"%s":/data' % path)
before, held = peak(), 0
for y in range(0, dataset.RasterYSize, 256):
    dataset.ReadRaster(0, y, dataset.RasterXSize, 256)
""",
    "lines": """
dataset = gdal.Open('H5RANGE:"%s":/data' % path)
before, held = peak(), 0
for y in range(dataset.RasterYSize):
    dataset.ReadRaster(0, y, dataset.RasterXSize, 1)
""",
    "blocks": """
dataset = gdal.Open('H5RANGE:"%s":/data' % path)
before, held = peak(), 0
band = dataset.GetRasterBand(1)
for y in range(0, dataset.RasterYSize, band.GetBlockSize()[1]):
    for x in range(0, dataset.RasterXSize, band.GetBlockSize()[0]):
        band.ReadBlock(x // band.GetBlockSize()[0], y // band.GetBlockSize()[1])
""",
    "translate": """
dataset = gdal.Open('H5RANGE:"%s":/data' % path)
before, held = peak(), 0
gdal.Translate("/vsimem/out.tif", dataset, creationOptions=["COMPRESS=DEFLATE", "ZLEVEL=1"])
""",
}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """/data, 8192 x 6144 floats in 1,536 chunks: 192 MB of values, few of bytes."""
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("no .venv: run scripts/venv.sh")
    path = tmp_path_factory.mktemp("memory") / "large.h5"
    subprocess.run([str(ROOT / ".venv/bin/python"), "-c", """
import h5py, numpy, sys
with h5py.File(sys.argv[1], "w") as f:
    d = f.create_dataset("data", (8192, 6144), "f4", chunks=(128, 256), compression="gzip", compression_opts=1, shuffle=True)
    line = numpy.arange(6144, dtype="f4") % 64
    for y in range(0, 8192, 128):
        d[y:y + 128] = line + y
""", str(path)], check=True)
    return path


def run(code, *args):
    p = subprocess.run([sys.executable, "-c", PREPARE + code, *map(str, args)], capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stderr
    return float(p.stdout)


@pytest.mark.parametrize("way", READS)
def test_h5range_reading_all_holds_little(large, way):
    """Beside what the caller's own buffer takes: GDAL's block cache (16 MB here), decoded chunks (at most 64 MB), what a thread is working on."""
    grown = run(READS[way] + "print(peak() - before - held)\n", large)
    assert grown < LARGE_MB / 2


def test_h5range_opening_and_listing_200_files_leaves_nothing(tmp_path):
    """Fresh names: files that are open are shared in the process."""
    names = ["plain.h5", "conventions.nc", "chunk_indexes.h5", "product.nc", "wide_earliest.h5"]
    grown = run("""
import os, shutil
names = sys.argv[2].split(",")
def walk(group):
    for name in group.GetMDArrayNames() or []:
        for attribute in group.OpenMDArray(name).GetAttributes():
            attribute.Read()
    for name in group.GetGroupNames() or []:
        walk(group.OpenGroup(name))
for i in range(200):
    name = names[i % len(names)]
    copy = shutil.copy(os.path.join(path, name), os.path.join(sys.argv[3], "%d_%s" % (i, name)))
    walk(gdal.OpenEx("H5RANGE:" + copy, gdal.OF_MULTIDIM_RASTER).GetRootGroup())
    gdal.Info(gdal.Open("H5RANGE:" + copy))
    if i == 99:
        before = now()
print(now() - before)
""", DATA, ",".join(names), tmp_path)
    assert grown < 4
