#!/usr/bin/env python3
"""memory.py - what GDAL's readers hold while a whole array is read, and whose it is.

    memory.py --data DIR [--plugins DIR]

read        GDALMDArray::Read() of the whole array
raster      GDALRasterIO() of the whole raster
stripes     GDALRasterIO() of 512 lines after another
lines       GDALRasterIO() of one line after the other
translate   gdal_translate to a GeoTIFF

Each run is a process of its own; printed is its largest resident size less that after opening and less the buffer that the values are read
into, in MB. GDAL keeps blocks in a cache of its own, 5 % of the machine's memory where GDAL_CACHEMAX says nothing: each task runs with that and
with 64 MB. gdal_translate writes its result through the same cache: it takes that much whoever reads.
"""
import argparse
import glob
import os
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FILE, ARRAY = "grid.h5", "/science/LSAR/GCOV/grids/frequencyA/HHHH"
READERS = {"h5range": ("H5RANGE", 'H5RANGE:"%s":%s'), "GDAL HDF5": ("HDF5", 'HDF5:"%s":/%s')}
TASKS = ("read", "raster", "stripes", "lines", "translate")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(task, reader, path):
    from osgeo import gdal
    gdal.UseExceptions()
    driver, name = READERS[reader]
    if task == "read":
        dataset = gdal.OpenEx(("H5RANGE:" if reader == "h5range" else "") + path, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver])
        array = dataset.GetRootGroup().OpenMDArrayFromFullname(ARRAY)
        before = peak()
        held = len(array.Read())
    else:
        dataset = gdal.Open(name % (path, ARRAY))
        width, height = dataset.RasterXSize, dataset.RasterYSize
        before, held = peak(), 0
        if task == "raster":
            held = len(dataset.ReadRaster())
        elif task == "translate":
            with tempfile.TemporaryDirectory() as folder:
                gdal.Translate(os.path.join(folder, "out.tif"), dataset)
        else:
            step = 512 if task == "stripes" else 1
            for y in range(0, height, step):
                held = max(held, len(dataset.ReadRaster(0, y, width, min(step, height - y))))
    print("%.0f" % (peak() - before - held / 1048576), flush=True)
    os._exit(0)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--work":
        work(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--plugins", default=os.environ.get("H5RANGE_PLUGINS", ""))
    args = parser.parse_args()
    plugins = args.plugins or os.path.dirname(next(iter(glob.glob(os.path.join(ROOT, "build", "release", "**", "gdal_H5RANGE.so"), recursive=True)), ""))
    path = os.path.join(args.data, FILE)
    print("| reader | GDAL_CACHEMAX | %s |\n|---|---%s|" % (" | ".join(TASKS), "|---" * len(TASKS)))
    for reader in READERS:
        for cache in ("", "64"):
            env = {k: v for k, v in os.environ.items() if k != "GDAL_CACHEMAX"}
            env.update({"GDAL_DRIVER_PATH": plugins} if reader == "h5range" else {"GDAL_SKIP": "netCDF"})
            env.update({"GDAL_CACHEMAX": cache} if cache else {})
            cells = []
            for task in TASKS:
                p = subprocess.run([os.environ.get("GDAL_PYTHON", "/usr/bin/python3"), os.path.abspath(__file__), "--work", task, reader, path],
                                   capture_output=True, text=True, env=env)
                cells.append(p.stdout.strip() if p.returncode == 0 else "n/a")
            print("| %s | %s | %s |" % (reader, cache or "5 %", " | ".join(cells)), flush=True)


if __name__ == "__main__":
    main()
