#!/usr/bin/env python3
"""remote.py - what the tasks T1 to T6 cost over a network: rounds, requests, bytes and seconds, beside the limit and other readers.

    remote.py --data DIR [--tasks T1,T3] [--files atl03,grid] [--readers ours|all|NAME,...] [--out results.json]
    remote.py --report results.json... [--ideal ideal.json]

T1 list everything with all attributes   T2 open one dataset by path   T3 one chunk, decoded   T4 a medium window, decoded
T5 the chunk index of a dataset of 200,000 chunks   T6 the chunk indexes of a whole file

Each cell is a fresh process against a server of its own, 50 ms and 100 MB/s a connection away; starting the interpreter is not
timed. Rounds, requests and bytes are counted by the server. The limit of a cell follows from ideal.json, which says what a reader does
that fetches all it knows and lacks in blocks of 256 KiB or 1 MiB: rounds of the better of the two plus one (through GDAL two more for
its own open, and for a listing by the multidimensional API two more a level of groups), bytes of the 1 MiB blocks plus 1 % plus 64 KiB. A reader of ours that needs
more is marked "!" and makes the exit code 1.

The folder with range_server.py and ideal.json (or ideal.py, which makes it for the files at hand) is --tools or $H5RANGE_BENCH; without it a simpler
server is used and no limits are shown. $H5RANGE_PLUGINS is the folder of the GDAL plugin, $H5RANGE_CLI the command; they default
to the release build.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
HEIGHTS = "/gt1l/heights/"
PRODUCT = "/PRODUCT/"
HHHH = "/science/LSAR/GCOV/grids/frequencyA/HHHH"

# file: dataset, window of one chunk (first, count), windows of T4, levels of groups below the root; lengths along the first
# dimension follow the scale that the files were made with
FILES = {
    "atl03.h5": (HEIGHTS + "h_ph", ((500000,), (10000,)), [(HEIGHTS + n, (0,), (1000000,)) for n in ("lat_ph", "lon_ph", "h_ph")], 3),
    "atl03_paged.h5": (HEIGHTS + "h_ph", ((500000,), (100000,)), [(HEIGHTS + n, (0,), (1000000,)) for n in ("lat_ph", "lon_ph", "h_ph")], 3),
    "cube.nc": ("/t2m", ((96, 90, 180), (16, 90, 180)), [("/t2m", (0, 90, 180), (224, 90, 180))], 0),
    "swath.nc": (PRODUCT + "nitrogendioxide_tropospheric_column", ((0, 812, 225), (1, 406, 225)),
                 [(PRODUCT + n, (0, 0, 0), (1, 3245, 450)) for n in ("latitude", "longitude", "qa_value", "nitrogendioxide_tropospheric_column")], 3),
    "geos.nc": ("/CMI", ((2260, 2260), (226, 226)), [("/CMI", (1130, 1130), (2260, 2260))], 0),
    "grid.h5": (HHHH, ((5120, 5120), (512, 512)), [(HHHH, (5120, 5120), (5120, 5120))], 5),
    "widegroup.h5": ("/wide/variable_05000", None, None, 1),
    "widegroup_v1.h5": ("/wide/variable_05000", None, None, 1),
    "attrs.h5": ("/many", None, None, 0),
}
MANY = ["manychunks_%s.h5" % k for k in ("v1", "fa", "ea", "bt2")]
FILES.update({f: ("/grp/data", ((16000, 800), (16, 16)), None, 1) for f in MANY})
STRUCTURED = ["atl03.h5", "atl03_paged.h5", "cube.nc", "swath.nc", "geos.nc", "grid.h5"]
WIDE = ["widegroup.h5", "widegroup_v1.h5", "attrs.h5"]
TASKS = {"T1": STRUCTURED + WIDE, "T2": STRUCTURED + WIDE, "T3": STRUCTURED + MANY, "T4": STRUCTURED, "T5": MANY,
         "T6": [f for f in STRUCTURED if f != "geos.nc"]}

TUNED = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_CHUNK_SIZE": "1048576", "CPL_VSIL_CURL_CACHE_SIZE": "1073741824",
         "GDAL_CACHEMAX": "512", "GDAL_INGESTED_BYTES_AT_OPEN": "32768", "GDAL_HTTP_MULTIPLEX": "YES",
         "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES", "VSI_CACHE": "TRUE", "VSI_CACHE_SIZE": "268435456"}
GDAL_TASKS = ["T1", "T2", "T3", "T4"]
# name: kind, driver, environment, tasks
READERS = {
    "h5range command": ("command", None, {}, ["T1", "T2", "T5", "T6"]),
    "h5range GDAL": ("multidim", "H5RANGE", {}, GDAL_TASKS),
    "h5range GDAL raster": ("raster", "H5RANGE", {}, GDAL_TASKS),
    "GDAL HDF5": ("multidim", "HDF5", {"GDAL_SKIP": "netCDF"}, GDAL_TASKS),
    "GDAL HDF5 tuned": ("multidim", "HDF5", {"GDAL_SKIP": "netCDF", **TUNED}, GDAL_TASKS),
    "GDAL HDF5 raster": ("raster", "HDF5", {"GDAL_SKIP": "netCDF"}, GDAL_TASKS),
    "GDAL HDF5 raster tuned": ("raster", "HDF5", {"GDAL_SKIP": "netCDF", **TUNED}, GDAL_TASKS),
    "GDAL netCDF": ("multidim", "netCDF", {"GDAL_SKIP": "HDF5,HDF5Image"}, GDAL_TASKS),
    "GDAL netCDF tuned": ("multidim", "netCDF", {"GDAL_SKIP": "HDF5,HDF5Image", **TUNED}, GDAL_TASKS),
    "h5py fsspec 8 MiB": ("h5py", None, {}, list(TASKS)),
}
OURS = [r for r in READERS if r.startswith("h5range")]


# ---------------------------------------------------------------- tasks, in a process of their own
def windows_of(task, name, shape_of):
    """The windows of T3 or T4, cut to the shape of the dataset: files of a small scale are shorter."""
    path, one, medium, _ = FILES[name]
    for path, first, count in [(path,) + one] if task == "T3" else medium:
        shape = shape_of(path)
        first = [min(a, max(0, n - c)) if task == "T3" else min(a, n // 4) for a, c, n in zip(first, count, shape)]
        if task == "T3" and name in STRUCTURED:
            first = [a - a % c for a, c in zip(first, count)]
        yield path, first, [min(c, n - a) for a, c, n in zip(first, count, shape)]


def digest(arrays):
    import numpy
    crc = 0
    for a in arrays:
        crc = zlib.crc32(numpy.ascontiguousarray(a).view("u1").reshape(-1), crc)
    return "%08x" % crc


def multidim(driver, task, name, url):
    from osgeo import gdal
    gdal.UseExceptions()
    root = gdal.OpenEx("/vsicurl/" + url, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver]).GetRootGroup()
    if task == "T1":
        counts = [0, 0]

        def read_attributes(o):
            for a in o.GetAttributes():
                a.Read()
                counts[1] += 1

        def walk(group):
            read_attributes(group)
            for n in group.GetMDArrayNames() or []:
                try:
                    array = group.OpenMDArray(n)
                except RuntimeError:
                    continue
                if array is None:
                    continue
                counts[0] += 1
                read_attributes(array)
                [d.GetSize() for d in array.GetDimensions()], array.GetDataType().GetName(), array.GetBlockSize(), array.GetUnit()
            for n in group.GetGroupNames() or []:
                walk(group.OpenGroup(n))
        walk(root)
        return "%d arrays, %d attributes" % tuple(counts)
    if task == "T2":
        array = root.OpenMDArrayFromFullname(FILES[name][0])
        return "%s, %d attributes" % ([d.GetSize() for d in array.GetDimensions()], len([a.Read() for a in array.GetAttributes()]))
    arrays = {}

    def shape_of(path):
        arrays[path] = root.OpenMDArrayFromFullname(path)
        return [d.GetSize() for d in arrays[path].GetDimensions()]
    windows = list(windows_of(task, name, shape_of))
    for path, first, count in windows: # all are announced before the first is read
        arrays[path].AdviseRead(first, count)
    return digest(arrays[p].ReadAsArray(first, count) for p, first, count in windows)


def raster(driver, task, name, url):
    from osgeo import gdal
    gdal.UseExceptions()

    def open_one(path):
        return gdal.OpenEx('%s:"/vsicurl/%s":/%s' % (driver, url, path), gdal.OF_RASTER)
    if task == "T1":
        dataset = gdal.OpenEx("/vsicurl/" + url, gdal.OF_RASTER, allowed_drivers=[driver])
        gdal.Info(dataset)
        return "%d subdatasets, %d items" % (len(dataset.GetSubDatasets()), len(dataset.GetMetadata()))
    if task == "T2":
        dataset = open_one(FILES[name][0])
        return "%d x %d" % (dataset.RasterXSize, dataset.RasterYSize)
    datasets = {}
    ranks = {w[0]: len(w[1]) for w in [(FILES[name][0],) + FILES[name][1]] + (FILES[name][2] or [])}

    def shape_of(path):
        d = datasets[path] = open_one(path)
        return {1: [d.RasterXSize], 2: [d.RasterYSize, d.RasterXSize], 3: [d.RasterCount, d.RasterYSize, d.RasterXSize]}[ranks[path]]

    def read(path, first, count):
        d = datasets[path]
        if len(count) == 3:
            return d.ReadRaster(first[2], first[1], count[2], count[1], band_list=list(range(first[0] + 1, first[0] + count[0] + 1)))
        return d.ReadRaster(first[-1], first[0] if len(count) > 1 else 0, count[-1], count[0] if len(count) > 1 else 1)
    import numpy
    return digest(numpy.frombuffer(read(*w), "u1") for w in windows_of(task, name, shape_of))


def h5py_fsspec(task, name, url):
    import fsspec
    import h5py
    if task in ("T3", "T4"):
        import hdf5plugin  # noqa: F401
    f = h5py.File(fsspec.filesystem("http").open(url, cache_type="blockcache", block_size=8 << 20), "r")
    if task == "T1":
        counts = [0, len([f.attrs[k] for k in f.attrs])]

        def visit(_, o):
            counts[0] += isinstance(o, h5py.Dataset)
            counts[1] += len([o.attrs[k] for k in o.attrs])
        f.visititems(visit)
        return "%d arrays, %d attributes" % tuple(counts)
    if task == "T2":
        return "%s, %d attributes" % (list(f[FILES[name][0]].shape), len([f[FILES[name][0]].attrs[k] for k in f[FILES[name][0]].attrs]))
    if task in ("T3", "T4"):
        return digest(f[p][tuple(slice(a, a + c) for a, c in zip(first, count))]
                      for p, first, count in windows_of(task, name, lambda path: f[path].shape))
    chunks = []
    take = chunks.append
    if task == "T5":
        f[FILES[name][0]].id.chunk_iter(take)
    else:
        f.visititems(lambda _, o: o.id.chunk_iter(take) if isinstance(o, h5py.Dataset) and o.chunks else None)
    return "%d chunks" % len(chunks)


def command(task, name, url):
    path = "%s#%s" % (url, FILES[name][0])
    args = {"T1": ["tree", "--attributes", url], "T2": ["info", path], "T5": ["chunks", path], "T6": ["chunks", "--recursive", url]}[task]
    p = subprocess.run([os.environ["H5RANGE_CLI"]] + args, capture_output=True)
    if p.returncode:
        raise RuntimeError(p.stderr.decode()[-300:])
    return "%d lines" % p.stdout.count(b"\n")


def work(reader, task, name, url):
    """Runs one task and prints what it took."""
    import resource
    kind, driver = READERS[reader][:2]
    if kind in ("multidim", "raster"):
        from osgeo import gdal  # noqa: F401 - not timed
    elif kind == "h5py":
        import aiohttp, fsspec, h5py  # noqa: E401, F401
    tasks = {"multidim": lambda: multidim(driver, task, name, url), "raster": lambda: raster(driver, task, name, url),
             "h5py": lambda: h5py_fsspec(task, name, url), "command": lambda: command(task, name, url)}
    start = time.perf_counter()
    try:
        answer = {"result": tasks[kind]()}
    except Exception as e:  # a reader that cannot do it is a cell of the table, too
        answer = {"error": "%s: %s" % (type(e).__name__, str(e)[:200])}
    answer["seconds"] = time.perf_counter() - start
    who = resource.RUSAGE_CHILDREN if kind == "command" else resource.RUSAGE_SELF
    answer["peak_mb"] = resource.getrusage(who).ru_maxrss / 1024
    print(json.dumps(answer), flush=True)
    os._exit(0)


# ---------------------------------------------------------------- cells
def get(port, path):
    return json.loads(urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=30).read())


def interpreter(kind):
    return os.environ.get("H5RANGE_BENCH_PYTHON", sys.executable) if kind == "h5py" else os.environ.get("GDAL_PYTHON", "/usr/bin/python3")


def run_cell(args, reader, task, name, port=0):
    kind, _, env, _ = READERS[reader]
    env = {**os.environ, **env}
    if reader in OURS and kind != "command":
        env["GDAL_DRIVER_PATH"] = args.plugins
    env["H5RANGE_CLI"] = args.cli
    server = subprocess.Popen([sys.executable, args.server, "--root", args.data, "--latency", str(args.latency),
                               "--bandwidth", str(args.bandwidth), "--port", str(port)], stdout=subprocess.PIPE, text=True)
    port = json.loads(server.stdout.readline())["port"]
    p = subprocess.Popen([interpreter(kind), os.path.abspath(__file__), "--work", reader, task, name, "http://127.0.0.1:%d/%s" % (port, name)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    try:
        out, err = p.communicate(timeout=args.timeout)
        lines = [line for line in out.splitlines() if line.startswith("{")]
        cell = json.loads(lines[-1]) if lines else {"error": "exit code %d: %s" % (p.returncode, err[-200:]), "seconds": 0}
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
        cell = {"cut": True, "seconds": args.timeout}
    stats = get(port, "/__stats")
    cell.update({k: stats[k] for k in ("rounds", "requests", "bytes")})
    server.terminate()
    server.wait()
    return cell


def limit_of(ideal, reader, task, name):
    """Rounds and bytes that a reader of ours may take, or None."""
    cell = ideal.get("%s|%s" % (task, name))
    if cell is None:
        return None
    policy = cell["policy"]
    rounds = min(policy["256K"]["rounds"], policy["1M"]["rounds"]) + 1
    kind = READERS[reader][0]
    if kind != "command":
        rounds += 2
    if kind == "multidim" and task == "T1":
        rounds += 2 * FILES[name][3]
    return rounds, policy["1M"]["mb"] * 1e6 * 1.01 + 65536


def is_over(cell, limit):
    return bool(cell.get("error") or cell.get("cut") or (limit and (cell["rounds"] > limit[0] or cell["bytes"] > limit[1])))


def show(cell, mark=""):
    if cell is None:
        return "-"
    if cell.get("error"):
        return "n/a"
    return "%s%d rounds, %d req, %.2f MB, %s%.2f s" % (mark, cell["rounds"], cell["requests"], cell["bytes"] / 1e6,
                                                      ">" if cell.get("cut") else "", cell["seconds"])


def report(results, ideal):
    """Tables, a row a reader, and the cells of ours that are over the limit."""
    over = []
    for task, names in TASKS.items():
        names = [n for n in names if any(k.split("|")[1:] == [task, n] for k in results)]
        if not names:
            continue
        print("\n### %s\n\n| reader | %s |\n|---|%s" % (task, " | ".join(names), "---|" * len(names)))
        if ideal:
            limits = [limit_of(ideal, "h5range command", task, n) for n in names]
            print("| **limit** | %s |" % " | ".join("%d rounds, %.2f MB" % (x[0], x[1] / 1e6) if x else "-" for x in limits))
        for reader in READERS:
            cells = [results.get("|".join((reader, task, n))) for n in names]
            if not any(cells):
                continue
            marks = []
            for n, c in zip(names, cells):
                bad = c and reader in OURS and is_over(c, limit_of(ideal, reader, task, n))
                marks.append("! " if bad else "")
                if bad:
                    over.append("%s %s %s: %s; at most %s" % (reader, task, n, c.get("error") or show(c), limit_of(ideal, reader, task, n)))
            print("| %s | %s |" % (reader, " | ".join(show(c, m) for c, m in zip(cells, marks))))
    if over:
        print("\nOver the limit:\n\n" + "\n".join("- " + o for o in over))
    return over


def find_ideal(args):
    """Limits of the files at hand: ideal.json beside them, else made by ideal.py, else those of the full scale."""
    beside = os.path.join(args.data, "ideal.json")
    made = os.path.join(args.tools, "ideal.json") if args.tools else ""
    if args.make_ideal:
        subprocess.run([sys.executable, os.path.join(args.tools, "ideal.py"), "--data", args.data, "--out", beside], check=True, stdout=subprocess.DEVNULL)
    path = args.ideal or (beside if os.path.exists(beside) else made)
    return json.load(open(path)) if path and os.path.exists(path) else {}


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "--work":
        work(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the files")
    parser.add_argument("--tools", default=os.environ.get("H5RANGE_BENCH", ""))
    parser.add_argument("--ideal")
    parser.add_argument("--make-ideal", action="store_true", help="compute the limits of the files at hand first")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--files", default="", help="parts of names")
    parser.add_argument("--readers", default="ours", help="ours, all, or names")
    parser.add_argument("--cli", default=os.environ.get("H5RANGE_CLI", ""))
    parser.add_argument("--plugins", default=os.environ.get("H5RANGE_PLUGINS", ""))
    parser.add_argument("--latency", type=float, default=50)
    parser.add_argument("--bandwidth", type=float, default=100e6)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--repeat", type=int, default=1, help="seconds are the median of that many runs")
    parser.add_argument("--out")
    parser.add_argument("--report", nargs="+", help="files that --out wrote, shown together")
    args = parser.parse_args()
    if args.report:
        results = {}
        for name in args.report:
            results.update(json.load(open(name)))
        return 1 if report(results, json.load(open(args.ideal)) if args.ideal else {}) else 0
    shared = os.path.join(args.tools, "range_server.py")
    args.server = shared if args.tools and os.path.exists(shared) else os.path.join(HERE, "server.py")
    build = os.path.join(ROOT, "build", "release")
    args.cli = args.cli or next(iter(glob.glob(os.path.join(build, "**", "h5range"), recursive=True)), "")
    args.plugins = args.plugins or os.path.dirname(next(iter(glob.glob(os.path.join(build, "**", "gdal_H5RANGE.so"), recursive=True)), ""))
    ideal = find_ideal(args)
    readers = OURS if args.readers == "ours" else list(READERS) if args.readers == "all" else args.readers.split(",")
    results = {}
    for task in args.tasks.split(","):
        for name in TASKS[task]:
            if not any(part in name for part in args.files.split(",")) or not os.path.exists(os.path.join(args.data, name)):
                continue
            for reader in readers:
                if task not in READERS[reader][3]:
                    continue
                runs = [run_cell(args, reader, task, name) for _ in range(args.repeat)]
                cell = results["|".join((reader, task, name))] = runs[-1]
                cell["seconds"] = statistics.median(r["seconds"] for r in runs)
                limit = limit_of(ideal, reader, task, name) if reader in OURS else None
                print("%-22s %s %-17s %s%s  %s" % (reader, task, name, show(cell, "! " if reader in OURS and is_over(cell, limit) else ""),
                      " of %d rounds, %.2f MB" % (limit[0], limit[1] / 1e6) if limit else "", cell.get("error", cell.get("result", ""))), file=sys.stderr, flush=True)
                if args.out:
                    json.dump(results, open(args.out, "w"), indent=1)
    return 1 if report(results, ideal) else 0


if __name__ == "__main__":
    sys.exit(main())
