"""What programs ask a server for: opening and reading costs the same whichever program does it, apart from what docs/driver.md says of each."""
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, system_python
from osgeo import gdal

ENVIRONMENT = ROOT / "build/programs/venv/bin/python"

# Chunks without compression, whose sizes do not depend on a version of zlib; with checksums, so that they are read whole.
CUBE = """
n = netCDF4.Dataset(sys.argv[1], 'w')
for name, values, unit in (('time', np.arange(24), 'days since 2020-01-01'), ('lat', 60 - np.arange(300) * .1, 'degrees_north'), ('lon', np.arange(400) * .1, 'degrees_east')):
    n.createDimension(name, None if name == 'time' else len(values)); v = n.createVariable(name, 'f8', (name,)); v[:] = values; v.units = unit
for name in ('t2m', 'sp'):
    v = n.createVariable(name, 'i2', ('time', 'lat', 'lon'), chunksizes=(1, 100, 100), fletcher32=True, fill_value=-32768)
    v.set_auto_maskandscale(False); v.scale_factor = .01; v[:] = np.arange(24 * 300 * 400).reshape(24, 300, 400) % 3001
n.close()"""
IMAGE = """
f = h5py.File(sys.argv[1], 'w')
f.create_dataset('counts', data=(np.arange(2600 * 2600) % 40009).astype('u2').reshape(2600, 2600), chunks=(130, 130), fletcher32=True); f.close()"""

QGIS = """
import sys
from qgis.core import *
from qgis.PyQt.QtCore import QSize
app = QgsApplication([], False)
app.initQgis()
def draw(layer):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(360, 180))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
layer = QgsRasterLayer(sys.argv[1], "layer")
assert layer.isValid()
%s
layer = None
app.exitQgis()
"""

# title: (interpreter or program, arguments); FILE is a name of the file, ARRAY that of a raster in it, MULTIDIM one for the multidimensional API
OPENING = {
    "`gdalinfo` of the array": ("gdalinfo", ["ARRAY"]),
    "`gdalmdiminfo`": ("gdalmdiminfo", ["MULTIDIM"]),
    "rasterio: `open()`": ("rasterio", ["import rasterio, sys; d = rasterio.open(sys.argv[1]); d.profile, d.tags(), d.tags(1), d.descriptions, d.overviews(1)", "ARRAY"]),
    "rioxarray: `open_rasterio()`": ("venv", ["import rioxarray, sys; rioxarray.open_rasterio(sys.argv[1])", "ARRAY"]),
    "gdalxarray: `open_dataset()`": ("venv", ["import sys, xarray; xarray.open_dataset(sys.argv[1], engine='gdalxarray')", "MULTIDIM"]),
}
READING = {
    "`gdal_translate -b 1`": ("gdal_translate", ["-q", "-b", "1", "ARRAY", "/vsimem/out.tif"]),
    "rasterio: `read(1)`": ("rasterio", ["import rasterio, sys; rasterio.open(sys.argv[1]).read(1)", "ARRAY"]),
    "rioxarray: first band": ("venv", ["import rioxarray, sys; rioxarray.open_rasterio(sys.argv[1])[0].load()", "ARRAY"]),
}
OTHERS = {
    "`gdalinfo` of the file": ("gdalinfo", ["FILE"]),
    "rasterio: `block_windows(1)`": ("rasterio", ["import rasterio, sys; d = rasterio.open(sys.argv[1]); [d.read(1, window=w) for _, w in d.block_windows(1)]", "ARRAY"]),
    "`ComputeStatistics(True)` of a band": ("python", ["from osgeo import gdal; import sys; d = gdal.Open(sys.argv[1]); d.GetRasterBand(1).ComputeStatistics(True)", "ARRAY"]),
    "QGIS: a layer is opened": ("qgis.core", [QGIS % "", "ARRAY"]),
    "QGIS: and drawn": ("qgis.core", [QGIS % "draw(layer)", "ARRAY"]),
}


@pytest.fixture(scope="module")
def files(made, nginx_folder):
    found = {made("requests_cube.nc", CUBE): "sp", made("requests_image.h5", IMAGE): "counts"}
    for file in found:
        shutil.copy(file, nginx_folder)
    return found


@pytest.fixture(scope="module")
def asked(files, nginx, tmp_path_factory):
    """The requests of a program for each of the files: (method, range)s, in the order of their ranges. Each program is run once."""
    work, known = tmp_path_factory.mktemp("requests"), {}
    environment = dict(os.environ, PROJ_LIB="/usr/share/proj", PYTHONWARNINGS="ignore", QT_QPA_PLATFORM="offscreen", HOME=str(work), XDG_RUNTIME_DIR=str(work))
    os.chmod(work, 0o700)

    def interpreter(program):
        if program == "venv":
            if not ENVIRONMENT.exists():
                pytest.skip("no rioxarray and gdalxarray in build/programs/venv: run scripts/programs.sh")
            return [str(ENVIRONMENT), "-c"]
        if program == "python":
            return [sys.executable, "-c"]
        if program in ("rasterio", "qgis.core"):
            return [system_python(program), "-c"]
        return [shutil.which(program) or pytest.skip("no " + program)]

    def requests(title):
        if title in known:
            return known[title]
        program, arguments = {**OPENING, **READING, **OTHERS}[title]
        by_file = []
        for file, array in files.items():
            url = "/vsicurl/" + nginx.url(file.name)
            names = {"FILE": url, "ARRAY": 'H5RANGE:"%s":/%s' % (url, array), "MULTIDIM": "H5RANGE:" + url}
            nginx.requests()
            process = subprocess.run(interpreter(program) + [names.get(a, a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                     timeout=300, env=environment)
            assert process.returncode == 0, (title, process.stderr)
            found = nginx.requests()
            assert {path for _, path, _, _ in found} == {"/" + file.name}, (title, found)  # no side files
            by_file.append(sorted(((method, byte_range) for method, _, _, byte_range in found), key=first_byte))
        known[title] = by_file
        return by_file

    return requests


def first_byte(request):
    return int((re.findall(r"\d+", request[1]) or [-1])[0])


def amount(requests, size):
    ranges = [map(int, re.findall(r"\d+", byte_range)) for method, byte_range in requests if method == "GET"]
    return sum(min(last, size - 1) - first + 1 for first, last in ranges)


@pytest.mark.parametrize("title", OPENING)
def test_h5range_opening_costs_the_same(asked, title):
    assert asked(title) == asked("`gdalinfo` of the array")


@pytest.mark.parametrize("title", READING)
def test_h5range_reading_costs_the_same(asked, title):
    assert asked(title) == asked("`gdal_translate -b 1`")


def test_h5range_qgis_asks_for_statistics_too(asked):
    # QGIS samples the bands that it will draw when it opens a layer; drawing asks for what is missing then
    for opened, layer, drawn, sample in zip(*map(asked, ("`gdalinfo` of the array", "QGIS: a layer is opened", "QGIS: and drawn", "`ComputeStatistics(True)` of a band"))):
        assert set(opened) <= set(layer) <= set(drawn)
        assert len(layer) >= len(sample) > len(opened)


def test_h5range_requests_of_programs_are_those_of_the_table(asked, files):
    """Prints the table where it is not that of docs/driver.md."""
    if gdal.VersionInfo("VERSION_NUM")[:3] != "306":
        pytest.skip("the table is of GDAL 3.6")
    rows = ["| | cube.nc | image.h5 |", "| --- | --- | --- |"]
    for title in [*OPENING, "`gdalinfo` of the file", *READING, *(t for t in OTHERS if t != "`gdalinfo` of the file")]:
        cells = ["%d + %d, %.1f MB" % (sum(m == "HEAD" for m, _ in r), sum(m == "GET" for m, _ in r), amount(r, file.stat().st_size) / 1e6)
                 for r, file in zip(asked(title), files)]
        rows.append("| %s | %s |" % (title, " | ".join(cells)))
    table = "\n".join(rows)
    assert table in (ROOT / "docs/driver.md").read_text(), "\n" + table
