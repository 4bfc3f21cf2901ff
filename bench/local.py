#!/usr/bin/env python3
"""local.py - how fast files on this machine are read, beside GDAL's own drivers and h5py.

    local.py --data DIR [--tasks read,blocks] [--files grid,cube] [--readers NAME,...] [--repeat 5] [--out results.json]
    local.py --report results.json

read       a whole array (or a large part of it) by one call: GDAL's multidimensional API, h5py
translate  gdal_translate of a raster to a plain one in memory
blocks     GDALReadBlock() of all blocks, row by row
lines      GDALRasterIO() of one line after the other
random     GDALRasterIO() of 300 windows of 64 x 64 here and there
info       gdalinfo of the file
memory     the command reads all values: "cat" one array to nowhere, "check --data" the whole file; most memory either takes
limit      h5range_bench read: what decoding the same chunks costs at best, with 1 and 2 threads (built with -DH5RANGE_BENCH=ON)

Every run is a process of its own with the file in the page cache; the runs of the readers alternate, and the median of them counts.
Starting the interpreter is not timed. Seconds are those of the clock; the second number is the processor's, of all threads, which other
programs disturb less. Readers must agree on the values. A cell where h5range takes longer than a driver of GDAL is marked "!" and makes
the exit code 1.

DIR has the files that range_server.py's companion make_files.py makes; plain.h5, arrays without filters, is made in --work by h5py.
$H5RANGE_PLUGINS is the folder of the GDAL plugin, $H5RANGE_BENCH_TOOL the h5range_bench; they default to the release build.
"""
import argparse
import glob
import json
import os
import random
import statistics
import subprocess
import sys
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
HHHH = "/science/LSAR/GCOV/grids/frequencyA/HHHH"
DETAIL = "/PRODUCT/SUPPORT_DATA/DETAILED_RESULTS/detail_00"

# name of the case: file, array, first elements that are read, bands and lines that the raster tasks go through
CASES = {
    "grid": ("grid.h5", HHHH, (10240, 10240), 1, 4096),
    "cube": ("cube.nc", "/t2m", (224, 360, 720), 32, 360),
    "swath": ("swath.nc", DETAIL, (1, 3245, 450), 1, 3245),
    "geos": ("geos.nc", "/CMI", (5424, 5424), 1, 5424),
    "atl03": ("atl03.h5", "/gt1l/heights/lat_ph", (1000000,), 0, 0),
    "contiguous": ("plain.h5", "/contiguous", (8192, 8192), 1, 8192),
    "unfiltered": ("plain.h5", "/unfiltered", (8192, 8192), 1, 8192),
}
TASKS = ["read", "translate", "blocks", "lines", "random", "info"]
READERS = {
    "h5range": ("H5RANGE", {}),
    "GDAL HDF5": ("HDF5", {"GDAL_SKIP": "netCDF"}),
    "GDAL netCDF": ("netCDF", {"GDAL_SKIP": "HDF5,HDF5Image"}),
    "h5py": (None, {}),
}
LIMIT_CASES = ["grid", "cube", "atl03", "geos"]


# ---------------------------------------------------------------- tasks, in a process of their own
class Clock:
    """Adds up the time between start and stop, and what all threads took of the processor."""

    def __init__(self):
        self.seconds = self.cpu = 0.0

    def __enter__(self):
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self._start[0]
        self.cpu += time.process_time() - self._start[1]


def byte_sum(values):
    """Does not depend on the order in which values come."""
    import numpy
    return int(numpy.frombuffer(values, "u1").sum(dtype="u8"))


def raster_name(driver, file, array):
    return {"HDF5": 'HDF5:"%s":/%s', "netCDF": 'NETCDF:"%s":%s', "H5RANGE": 'H5RANGE:"%s":%s'}[driver] % (file, array)


def gdal_task(driver, task, file, array, shape, bands, lines):
    from osgeo import gdal
    gdal.UseExceptions()
    clock = Clock()
    if task == "read":
        with clock:
            values = gdal.OpenEx(file, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver]).GetRootGroup().OpenMDArrayFromFullname(array).ReadAsArray(
                [0] * len(shape), shape)
        return clock, "%08x" % zlib.crc32(values.reshape(-1).view("u1"))
    if task == "info":
        with clock:
            gdal.Info(gdal.OpenEx(file, gdal.OF_RASTER, allowed_drivers=[driver]))
        return clock, None
    with clock:
        dataset = gdal.OpenEx(raster_name(driver, file, array), gdal.OF_RASTER)
        dataset.GetRasterBand(1)
    width, total = dataset.RasterXSize, 0
    if task == "translate":
        with clock:
            gdal.Translate("/vsimem/out.img", dataset, format="ENVI", bandList=list(range(1, bands + 1)), srcWin=[0, 0, width, lines])
        f = gdal.VSIFOpenL("/vsimem/out.img", "rb")
        while piece := gdal.VSIFReadL(1, 1 << 24, f):
            total += byte_sum(bytes(piece))
        return clock, total
    for number in range(1, bands + 1):
        band = dataset.GetRasterBand(number)
        size = gdal.GetDataTypeSize(band.DataType) // 8
        if task == "blocks":
            import numpy
            step_x, step_y = band.GetBlockSize()
            for y in range(0, lines, step_y):
                for x in range(0, width, step_x):
                    with clock:
                        block = band.ReadBlock(x // step_x, y // step_y)
                    inside = numpy.frombuffer(block, "u1").reshape(step_y, step_x, size)
                    total += byte_sum(inside[:lines - y, :width - x].tobytes())
        elif task == "lines":
            for y in range(lines):
                with clock:
                    line = band.ReadRaster(0, y, width, 1)
                total += byte_sum(bytes(line))
    if task == "random":
        draw = random.Random(1)
        for _ in range(300):
            band, x, y = dataset.GetRasterBand(draw.randint(1, bands)), draw.randint(0, width - 64), draw.randint(0, lines - 64)
            with clock:
                window = band.ReadRaster(x, y, 64, 64)
            total += byte_sum(bytes(window))
        if driver == "netCDF":
            total = None  # its rows may start in the south: other windows
    return clock, total


def h5py_read(file, array, shape):
    import h5py
    import numpy
    clock = Clock()
    with clock:
        values = h5py.File(file, "r")[array][tuple(slice(0, n) for n in shape)]
    return clock, "%08x" % zlib.crc32(numpy.ascontiguousarray(values).reshape(-1).view("u1"))


def work(reader, task, case, folder):
    import resource
    file, array, shape, bands, lines = CASES[case]
    driver, _ = READERS[reader]
    try:
        if driver is None:
            import h5py  # noqa: F401 - not timed
            clock, result = h5py_read(os.path.join(folder, file), array, shape)
        else:
            from osgeo import gdal, gdal_array  # noqa: F401
            gdal.GetDriverByName(driver)
            clock, result = gdal_task(driver, task, os.path.join(folder, file), array, shape, bands, lines)
        answer = {"seconds": clock.seconds, "cpu": clock.cpu, "result": result, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    except Exception as e:  # a reader that cannot do it is a cell of the table, too
        answer = {"error": "%s: %s" % (type(e).__name__, str(e)[:200])}
    print(json.dumps(answer), flush=True)
    os._exit(0)


# ---------------------------------------------------------------- cells
def make_plain(path, python):
    subprocess.run([python, "-c", """
import h5py, numpy, os, sys
values = numpy.random.default_rng(1).standard_normal((8192, 8192), dtype="f4")
with h5py.File(sys.argv[1] + ".part", "w") as f:
    f.create_dataset("contiguous", data=values)
    f.create_dataset("unfiltered", data=values, chunks=(256, 256))
os.rename(sys.argv[1] + ".part", sys.argv[1])""", path], check=True)


def takes(reader, task, case):
    file, array, shape, bands, _ = CASES[case]
    driver, _ = READERS[reader]
    if driver is None:
        return task == "read"
    if task == "info":
        return case != "unfiltered"  # the same file as contiguous
    return task == "read" or bands > 0


def run_once(args, reader, task, case):
    driver, env = READERS[reader]
    env = {**os.environ, **env}
    if driver == "H5RANGE":
        env["GDAL_DRIVER_PATH"] = args.plugins
    python = args.python if driver is None else args.gdal_python
    folder = args.work if CASES[case][0] == "plain.h5" else args.data
    p = subprocess.run([python, os.path.abspath(__file__), "--work", reader, task, case, folder], capture_output=True, text=True, env=env,
                       timeout=600)
    lines = [line for line in p.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": "exit code %d: %s" % (p.returncode, p.stderr[-200:])}


def run_cell(args, task, case, readers):
    runs = {r: [] for r in readers}
    for _ in range(args.repeat):
        for r in readers:
            runs[r].append(run_once(args, r, task, case))
    cells = {}
    for r in readers:
        bad = next((x for x in runs[r] if "error" in x), None)
        cells[r] = bad or {"seconds": statistics.median(x["seconds"] for x in runs[r]), "cpu": statistics.median(x["cpu"] for x in runs[r]),
                           "peak_mb": max(x["peak_mb"] for x in runs[r]), "result": runs[r][0]["result"]}
    return cells


def run_limit(args, case):
    """Parts of the limit that one and two threads reach, and how two threads gain beside how the limit gains."""
    file, array = CASES[case][:2]
    runs = {1: [], 2: []}
    for _ in range(args.repeat):
        for threads in runs:
            out = subprocess.run([args.tool, "read", os.path.join(args.data, file), array, str(threads), "1"], capture_output=True, text=True, check=True)
            runs[threads].append(json.loads(out.stdout))
    cell = {}
    for threads, r in runs.items():
        for key in ("mb_s", "limit_mb_s", "of_limit", "of_limit_cpu"):
            cell["%s_%d" % (key, threads)] = statistics.median(x[key] for x in r)
    cell["gain"] = statistics.median(b["mb_s"] / a["mb_s"] for a, b in zip(runs[1], runs[2]))
    cell["limit_gain"] = statistics.median(b["limit_mb_s"] / a["limit_mb_s"] for a, b in zip(runs[1], runs[2]))
    return cell


def run_memory(args, case):
    """Peak memory of the command in MB, by what it does."""
    file, array = CASES[case][:2]
    path = os.path.join(args.data, file)
    peaks = {}
    for name, command in (("cat", ["cat", "--format", "raw", "%s#%s" % (path, array)]), ("check --data", ["check", "--data", path])):
        with open(os.devnull, "w") as nowhere:
            p = subprocess.Popen([args.cli] + command, stdout=nowhere)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = status
        peaks[name] = usage.ru_maxrss / 1024 if status == 0 else None
    return peaks


def is_slower(cells):
    """By the clock and by the processor: threads of other programs cost the one or the other."""
    ours = cells.get("h5range")
    if ours is None or "error" in ours:
        return True
    others = [c for r, c in cells.items() if r.startswith("GDAL") and "error" not in c]
    return any(ours["seconds"] > c["seconds"] * 1.05 + 0.005 and ours["cpu"] > c["cpu"] * 1.05 + 0.005 for c in others)


def show(cell):
    if cell is None:
        return "-"
    return "n/a" if "error" in cell else "%.3f / %.3f" % (cell["seconds"], cell["cpu"])


def report(results):
    slower = []
    for task in TASKS:
        cases = [c for c in CASES if "%s|%s" % (task, c) in results]
        if not cases:
            continue
        readers = [r for r in READERS if any(r in results["%s|%s" % (task, c)] for c in cases)]
        print("\n### %s\n\n| seconds / of the processor | %s |\n|---|%s" % (task, " | ".join(cases), "---|" * len(cases)))
        for r in readers:
            cells = []
            for c in cases:
                all_of = results["%s|%s" % (task, c)]
                mark = "! " if r == "h5range" and is_slower(all_of) else ""
                if mark:
                    slower.append("%s %s" % (task, c))
                cells.append(mark + show(all_of.get(r)))
            print("| %s | %s |" % (r, " | ".join(cells)))
    limits = [c for c in LIMIT_CASES if "limit|%s" % c in results]
    if limits:
        print("\n### limit\n\n| array | 1 thread, MB/s | of the limit (of the processor's) | 2 threads, MB/s | of the limit (of the processor's) | gain of two, beside the limit's |"
              "\n|---|---|---|---|---|---|")
        for c in limits:
            r = results["limit|%s" % c]
            print("| %s | %.0f | %.0f %% (%.0f %%) | %.0f | %.0f %% (%.0f %%) | %.2f, %.2f |" %
                  (c, r["mb_s_1"], 100 * r["of_limit_1"], 100 * r["of_limit_cpu_1"], r["mb_s_2"], 100 * r["of_limit_2"], 100 * r["of_limit_cpu_2"],
                   r["gain"], r["limit_gain"]))
    memory = [c for c in CASES if "memory|%s" % c in results]
    if memory:
        print("\n### memory\n\n| file | size, MB | cat of one array, MB | check --data, MB |\n|---|---|---|---|")
        for c in memory:
            r = results["memory|%s" % c]
            print("| %s | %.0f | %.0f | %.0f |" % (CASES[c][0], r["size_mb"], r["cat"], r["check --data"]))
    if slower:
        print("\nSlower than a driver of GDAL: %s" % ", ".join(slower))
    return slower


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "--work":
        work(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the files")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "bench"), help="folder for plain.h5 (540 MB)")
    parser.add_argument("--tasks", default=",".join(TASKS + ["memory", "limit"]))
    parser.add_argument("--files", default="", help="parts of the names of cases")
    parser.add_argument("--readers", default=",".join(READERS))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--plugins", default=os.environ.get("H5RANGE_PLUGINS", ""))
    parser.add_argument("--cli", default=os.environ.get("H5RANGE_CLI", ""))
    parser.add_argument("--tool", default=os.environ.get("H5RANGE_BENCH_TOOL", ""))
    parser.add_argument("--python", default=os.environ.get("H5RANGE_BENCH_PYTHON", os.path.join(ROOT, ".venv", "bin", "python")), help="that has h5py")
    parser.add_argument("--gdal-python", default=os.environ.get("GDAL_PYTHON", "/usr/bin/python3"))
    parser.add_argument("--out")
    parser.add_argument("--report")
    args = parser.parse_args()
    if args.report:
        return 1 if report(json.load(open(args.report))) else 0
    build = os.path.join(ROOT, "build", "release")
    args.plugins = args.plugins or os.path.dirname(next(iter(glob.glob(os.path.join(build, "**", "gdal_H5RANGE.so"), recursive=True)), ""))
    args.cli = args.cli or next(iter(glob.glob(os.path.join(build, "**", "bin", "h5range"), recursive=True)), "")
    args.tool = args.tool or next(iter(glob.glob(os.path.join(build, "**", "h5range_bench"), recursive=True)), "")
    results = {}
    for case, (file, *_) in CASES.items():
        if not any(part in case for part in args.files.split(",")):
            continue
        if file == "plain.h5" and not os.path.exists(os.path.join(args.work, file)):
            os.makedirs(args.work, exist_ok=True)
            make_plain(os.path.join(args.work, file), args.python)
        if file != "plain.h5" and not os.path.exists(os.path.join(args.data, file)):
            continue
        for task in args.tasks.split(","):
            if task == "memory":
                if case in ("grid", "cube") and args.cli:
                    results["memory|%s" % case] = {**run_memory(args, case), "size_mb": os.path.getsize(os.path.join(args.data, file)) / 1e6}
                    print(task, case, results["memory|%s" % case], file=sys.stderr, flush=True)
                continue
            if task == "limit":
                if case in LIMIT_CASES and args.tool:
                    results["limit|%s" % case] = run_limit(args, case)
                    print(task, case, results["limit|%s" % case], file=sys.stderr, flush=True)
                continue
            readers = [r for r in args.readers.split(",") if takes(r, task, case)]
            if not readers:
                continue
            cells = results["%s|%s" % (task, case)] = run_cell(args, task, case, readers)
            answers = {json.dumps(c["result"]) for c in cells.values() if "error" not in c and c["result"] is not None}
            print("%-9s %-10s %s%s" % (task, case, ", ".join("%s %s%s" % (r, show(c), " (%s)" % c["error"] if "error" in c else "") for r, c in cells.items()),
                  "" if len(answers) < 2 else "  VALUES DIFFER: %s" % {r: c.get("result") for r, c in cells.items()}), file=sys.stderr, flush=True)
            if args.out:
                json.dump(results, open(args.out, "w"), indent=1)
    if args.out:
        json.dump(results, open(args.out, "w"), indent=1)
    return 1 if report(results) else 0


if __name__ == "__main__":
    sys.exit(main())
