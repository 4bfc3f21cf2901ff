#!/usr/bin/env python3
"""full_read.py - reads and decodes four whole arrays of local files with one and with two threads, beside the limit of the machine (T7).

    full_read.py --data DIR --limit LIMIT [--files grid,cube] [--readers NAME,...] [--repeat 5] [--out results.json]
    full_read.py --report results.json

LIMIT is the program that inflates a list of chunks from mapped memory and unshuffles them, with nothing else: what can be reached at best. It
is called as "LIMIT FILE LIST THREADS ELSIZE RAWSIZE REPEAT" (LIST: pairs of offset and size, 8 bytes little-endian each) and prints JSON with
"inflate_unshuffle", MB/s of decoded data, the best of REPEAT; limit.c is compiled by "cc -O3 -march=native limit.c -ldeflate -lpthread".

"h5range C" is h5range_bench (built with -DH5RANGE_BENCH=ON), which reads into memory that is there, as LIMIT does; both read whole arrays. The other
readers run in an interpreter, read the windows of local.py into memory that they get for it, and must agree on the values. Two threads are told to ours
by NUM_THREADS and to hidefix by RAYON_NUM_THREADS; the others get two halves, each read by a thread with a handle of its own. netCDF4 is not
thread-safe and has one. Every run is a process with the file in the page cache; the runs of all readers alternate, and medians count. A reader that cannot
open a file reads a copy of the array alone ("~"; made in --work).

Held: one thread of "h5range C" at least at 80 % of the limit, its gain from two threads at least 90 % of the limit's; "h5range GDAL" ahead of GDAL's
drivers and "h5range Python" ahead of Python's readers. What does not hold is listed and makes the exit code 1.
"""
import argparse
import array
import glob
import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
from local import CASES, LIMIT_CASES  # noqa: E402

# chunk shape, bytes of an element, whether it is shuffled, reads of a run of the limit and of h5range C (a short one is repeated, and the best counts;
# libraries would answer a second read in a process from what they keep)
CHUNKS = {"grid": ((512, 512), 4, True, 1), "cube": ((16, 90, 180), 2, True, 1), "atl03": ((10000,), 8, True, 9), "geos": ((226, 226), 2, False, 1)}
# name: kind, driver, environment
READERS = {
    "limit": ("limit", None, {}),
    "h5range C": ("bench", None, {}),
    "h5range GDAL": ("gdal", "H5RANGE", {}),
    "h5range Python": ("h5range", None, {}),
    "GDAL HDF5": ("gdal", "HDF5", {"GDAL_SKIP": "netCDF"}),
    "GDAL netCDF": ("gdal", "netCDF", {"GDAL_SKIP": "HDF5,HDF5Image"}),
    "h5py": ("h5py", None, {}),
    "netCDF4": ("netCDF4", None, {}),
    "hidefix": ("hidefix", None, {}),
    "pyfive": ("pyfive", None, {}),
}
RIVALS = {"h5range GDAL": ["GDAL HDF5", "GDAL netCDF"], "h5range Python": ["h5py", "netCDF4", "hidefix", "pyfive"]}


# ---------------------------------------------------------------- readers, in a process of their own
def parts_of(count, chunk, threads):
    """(first, count) of each thread's part, along the first dimension, in whole chunks."""
    rows = -(-(-(-count[0] // chunk[0])) // threads) * chunk[0]
    return [((a,) + (0,) * (len(count) - 1), (min(rows, count[0] - a),) + tuple(count[1:])) for a in range(0, count[0], rows)]


def slices(first, count):
    return tuple(slice(a, a + n) for a, n in zip(first, count))


def readers_of(kind, driver, path, name, count, chunk, threads):
    """Functions that read a part each; opening is not timed."""
    whole = ((0,) * len(count), count)
    parts = parts_of(count, chunk, threads)
    if kind == "gdal":
        from osgeo import gdal, gdal_array  # noqa: F401
        gdal.UseExceptions()
        ours = driver == "H5RANGE"
        options = ["NUM_THREADS=%d" % threads] if ours else []
        sets = [gdal.OpenEx(path, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver], open_options=options) for _ in ([whole] if ours else parts)]
        arrays = [d.GetRootGroup().OpenMDArrayFromFullname(name) for d in sets]
        readers_of.keep = sets
        return [lambda a=a, w=w: a.ReadAsArray(list(w[0]), list(w[1])) for a, w in zip(arrays, [whole] if ours else parts)]
    if kind == "h5range":
        import h5range
        d = h5range.open(path, threads=threads)[name]
        return [lambda: d[slices(*whole)]]
    if kind == "hidefix":
        import hidefix
        d = hidefix.Index(path).dataset(name.strip("/"))
        return [lambda: d[slices(*whole)]]
    if kind == "netCDF4":
        import netCDF4
        v = netCDF4.Dataset(path)[name.strip("/")]
        v.set_auto_maskandscale(False)
        return [lambda: v[slices(*whole)]]
    module = __import__(kind)
    return [lambda d=module.File(path, "r")[name], w=w: d[slices(*w)] for w in parts]


def work(reader, case, threads, path):
    import numpy
    kind, driver, _ = READERS[reader]
    _, name, count, _, _ = CASES[case]
    crc = 0
    try:
        calls = readers_of(kind, driver, path, name, tuple(count), CHUNKS[case][0], int(threads))
        start = time.perf_counter()
        if len(calls) == 1:
            values = [calls[0]()]
        else:
            with ThreadPoolExecutor(len(calls)) as pool:
                values = list(pool.map(lambda call: call(), calls))
        seconds = time.perf_counter() - start
        for v in values:
            v = numpy.ascontiguousarray(v)
            crc = zlib.crc32(v.astype(v.dtype.newbyteorder("="), copy=False).view("u1").reshape(-1), crc)
        answer = {"mb_s": sum(v.nbytes for v in values) / 1e6 / seconds, "crc": "%08x" % crc}
    except Exception as e:
        answer = {"error": "%s: %s" % (type(e).__name__, str(e).splitlines()[0][:200] if str(e) else "")}
    print(json.dumps(answer), flush=True)
    os._exit(0)


# ---------------------------------------------------------------- runs
def write_list(args, case, path):
    """Chunks of an array, as LIMIT wants them."""
    file, name = CASES[case][:2]
    out = subprocess.run([args.cli, "chunks", "%s#%s" % (os.path.join(args.data, file), name)], capture_output=True, text=True, check=True).stdout
    with open(path, "wb") as f:
        array.array("Q", (int(n) for line in out.splitlines() for n in line.split()[-3:-1])).tofile(f)


def copy_alone(args, case):
    """A file with nothing but the array; chunks are copied as they are stored."""
    file, name = CASES[case][:2]
    path = os.path.join(args.work, "alone_" + os.path.splitext(file)[0] + ".h5")
    if not os.path.exists(path):
        os.makedirs(args.work, exist_ok=True)
        subprocess.run([args.python, "-c", """
import h5py, os, sys
source, name, path = sys.argv[1:]
with h5py.File(source) as a, h5py.File(path + ".part", "w", libver="v110") as b:
    above, last = name.rsplit("/", 1)
    a.copy(name, b.require_group(above or "/"), last, without_attrs=True)
os.rename(path + ".part", path)""", os.path.join(args.data, file), name, path], check=True)
    return path


def run_once(args, reader, case, threads, path):
    kind, driver, env = READERS[reader]
    chunk, size, shuffled, repeat = CHUNKS[case]
    name = CASES[case][1]
    env = {**os.environ, **env, "RAYON_NUM_THREADS": str(threads)}
    if driver == "H5RANGE":
        env["GDAL_DRIVER_PATH"] = args.plugins
    raw = size
    for n in chunk:
        raw *= n
    command = {"limit": [args.limit, path, os.path.join(args.work, case + ".chunks"), str(threads), str(size if shuffled else 1), str(raw), str(repeat)],
               "bench": [args.tool, "read", path, name, str(threads), str(repeat)],
               "gdal": [args.gdal_python]}.get(kind, [args.python])
    if kind not in ("limit", "bench"):
        command += [os.path.abspath(__file__), "--work", reader, case, str(threads), path]
    p = subprocess.run(command, capture_output=True, text=True, env=env, timeout=600)
    lines = [line for line in p.stdout.splitlines() if line.startswith("{")]
    if p.returncode or not lines:
        return {"error": "exit code %d: %s" % (p.returncode, p.stderr.strip().splitlines()[-1:])}
    answer = json.loads(lines[-1])
    if kind == "limit":
        answer["mb_s"] = answer["inflate_unshuffle"]
    return {"mb_s": answer["best_mb_s"]} if kind == "bench" else answer


def run_case(args, case, readers):
    """Cells of all readers, by "reader|threads"."""
    path = os.path.join(args.data, CASES[case][0])
    write_list(args, case, os.path.join(args.work, case + ".chunks"))
    paths, runs, why = {}, {}, {}
    for _ in range(args.repeat):
        for reader in readers:
            for threads in (1, 2):
                if reader in why or (reader == "netCDF4" and threads > 1):
                    continue
                one = run_once(args, reader, case, threads, paths.get(reader, path))
                if "error" in one and reader not in paths and reader not in ("limit", "bench"):
                    paths[reader] = copy_alone(args, case)
                    one = run_once(args, reader, case, threads, paths[reader])
                if "error" in one:
                    why[reader] = one["error"]
                    continue
                runs.setdefault("%s|%d" % (reader, threads), []).append(one)
    cells = {}
    for key, of in runs.items():
        reader = key.split("|")[0]
        cells[key] = {"mb_s": statistics.median(r["mb_s"] for r in of), "runs": [round(r["mb_s"]) for r in of], "crc": of[0].get("crc"), "alone": reader in paths}
    cells.update({"%s|1" % reader: {"error": e} for reader, e in why.items()})
    return cells


# ---------------------------------------------------------------- report
def rate(cells, reader, threads):
    cell = cells.get("%s|%d" % (reader, threads))
    return cell["mb_s"] if cell and "error" not in cell else None


def show(cells, reader):
    one, two = rate(cells, reader, 1), rate(cells, reader, 2)
    if one is None:
        return "n/a"
    return "%s%.0f / %s" % ("~" if cells["%s|1" % reader]["alone"] else "", one, "%.0f" % two if two else "-")


def report(results):
    """Tables; what does not hold. True when all does."""
    bad = []
    cases = [c for c in LIMIT_CASES if c in results]
    print("| MB/s of decoded data, 1 / 2 threads | %s |\n|---|%s" % (" | ".join(cases), "---|" * len(cases)))
    for reader in READERS:
        if any("%s|1" % reader in results[c] for c in cases):
            print("| %s | %s |" % ("**limit**" if reader == "limit" else reader, " | ".join(show(results[c], reader) for c in cases)))
    rows = [c for c in cases if all(rate(results[c], r, t) for r in ("limit", "h5range C") for t in (1, 2))]
    if rows:
        print("\n| array | one thread, of the limit | gain of two threads | the limit's gain |\n|---|---|---|---|")
    for c in rows:
        ours, limit = [[rate(results[c], r, t) for t in (1, 2)] for r in ("h5range C", "limit")]
        part, gain, limit_gain = ours[0] / limit[0], ours[1] / ours[0], limit[1] / limit[0]
        print("| %s | %.0f %% | %.2f | %.2f |" % (c, 100 * part, gain, limit_gain))
        if part < 0.8:
            bad.append("%s: one thread at %.0f %% of the limit" % (c, 100 * part))
        if gain < 0.9 * limit_gain:
            bad.append("%s: two threads gain %.2f, %.0f %% of the limit's %.2f" % (c, gain, 100 * gain / limit_gain, limit_gain))
    for c in cases:
        crcs = {x["crc"] for k, x in results[c].items() if x.get("crc") and k.endswith("|1")}
        if len(crcs) > 1:
            bad.append("%s: values differ: %s" % (c, {k: x.get("crc") for k, x in results[c].items() if x.get("crc")}))
        for ours, rivals in RIVALS.items():
            for threads in (1, 2):
                mine = rate(results[c], ours, threads)
                for r in rivals:
                    theirs = rate(results[c], r, threads)
                    if mine and theirs and theirs >= mine:
                        bad.append("%s, %d threads: %s %.0f MB/s, %s %.0f MB/s" % (c, threads, ours, mine, r, theirs))
        for key, cell in results[c].items():
            if "error" in cell:
                print("\n%s %s: %s" % (key.split("|")[0], c, cell["error"]))
    if bad:
        print("\nDoes not hold:\n\n" + "\n".join("- " + b for b in bad))
    return not bad


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "--work":
        work(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the files")
    parser.add_argument("--limit", help="the program that is the limit")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "bench"))
    parser.add_argument("--files", default="", help="parts of the names of arrays")
    parser.add_argument("--readers", default=",".join(READERS))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--plugins", default=os.environ.get("H5RANGE_PLUGINS", ""))
    parser.add_argument("--cli", default=os.environ.get("H5RANGE_CLI", ""))
    parser.add_argument("--tool", default=os.environ.get("H5RANGE_BENCH_TOOL", ""))
    parser.add_argument("--python", default=os.environ.get("H5RANGE_BENCH_PYTHON", sys.executable), help="with h5range, h5py, netCDF4, hidefix, pyfive")
    parser.add_argument("--gdal-python", default=os.environ.get("GDAL_PYTHON", "/usr/bin/python3"))
    parser.add_argument("--out")
    parser.add_argument("--report")
    args = parser.parse_args()
    if args.report:
        return 0 if report(json.load(open(args.report))) else 1
    build = os.path.join(ROOT, "build", "release")
    args.plugins = args.plugins or os.path.dirname(next(iter(glob.glob(os.path.join(build, "**", "gdal_H5RANGE.so"), recursive=True)), ""))
    args.cli = args.cli or next(iter(glob.glob(os.path.join(build, "**", "bin", "h5range"), recursive=True)), "")
    args.tool = args.tool or next(iter(glob.glob(os.path.join(build, "**", "h5range_bench"), recursive=True)), "")
    readers = [r for r in READERS if r in args.readers.split(",") and not (r == "limit" and not args.limit) and not (r == "h5range C" and not args.tool)]
    os.makedirs(args.work, exist_ok=True)
    results = {}
    for case in LIMIT_CASES:
        if any(part in case for part in args.files.split(",")) and os.path.exists(os.path.join(args.data, CASES[case][0])):
            results[case] = run_case(args, case, readers)
            print(case, {k: c.get("runs") or c["error"] for k, c in results[case].items()}, file=sys.stderr, flush=True)
            if args.out:
                json.dump(results, open(args.out, "w"), indent=1)
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
