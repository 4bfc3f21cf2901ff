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
more is marked "!".

Answers are compared with those of libhdf5 for the local file (judge.py): "*" marks one that is wrong or incomplete, and the list below the tables says
what it lacks. Cells of ours that a reader with a right answer comes close to (--close seconds) are measured again with it, one after the other,
and seconds are the medians. The plugin has to be faster than GDAL's drivers by the same API, the command as fast as any reader, or 0.1 s behind.
The exit code is 1 when a cell is over the limit, behind, or answered wrongly by ours.

Readers of Python run in $H5RANGE_BENCH_PYTHON, GDAL's in $GDAL_PYTHON; those that are not installed there are left out and named. For all of them:

    pip install h5py hdf5plugin fsspec aiohttp pyfive async-hdf5 obstore numcodecs h5coro kerchunk virtualizarr obspec-utils ./python

The folder with range_server.py and ideal.json (or ideal.py, which makes it for the files at hand) is --tools or $H5RANGE_BENCH; without it a simpler
server is used and no limits are shown. $H5RANGE_PLUGINS is the folder of the GDAL plugin, $H5RANGE_CLI the command; they default
to the release build.
"""
import argparse
import glob
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
import judge  # noqa: E402
from readers import FILES, KINDS, TASKS  # noqa: E402

TUNED = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_CHUNK_SIZE": "1048576", "CPL_VSIL_CURL_CACHE_SIZE": "1073741824",
         "GDAL_CACHEMAX": "512", "GDAL_INGESTED_BYTES_AT_OPEN": "32768", "GDAL_HTTP_MULTIPLEX": "YES",
         "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES", "VSI_CACHE": "TRUE", "VSI_CACHE_SIZE": "268435456"}
NO_NETCDF, NO_HDF5 = {"GDAL_SKIP": "netCDF"}, {"GDAL_SKIP": "HDF5,HDF5Image"}  # in 3.6 each refuses files of the other's extension
OURS_DRIVER, HDF5, NETCDF = {"driver": "H5RANGE"}, {"driver": "HDF5"}, {"driver": "netCDF"}
AS_STORED = {"GDAL_NETCDF_BOTTOMUP": "NO"}  # rows in the file's order: all read the same windows
BLOCKS = {"cache": {"cache_type": "blockcache", "block_size": 8 << 20}}
ALL, GDAL_TASKS, COMMAND_TASKS = list(TASKS), ["T1", "T2", "T3", "T4"], ["T1", "T2", "T5", "T6"]
# name: kind, options, environment, tasks
READERS = {
    "h5range command": ("command", {}, {}, COMMAND_TASKS),
    "h5range Python": ("package", {}, {}, ALL),
    "h5range GDAL": ("multidim", OURS_DRIVER, {}, GDAL_TASKS),
    "h5range GDAL tuned": ("multidim", OURS_DRIVER, TUNED, GDAL_TASKS),
    "h5range GDAL raster": ("raster", OURS_DRIVER, AS_STORED, GDAL_TASKS),
    "h5range GDAL raster tuned": ("raster", OURS_DRIVER, {**AS_STORED, **TUNED}, GDAL_TASKS),
    "GDAL HDF5": ("multidim", HDF5, NO_NETCDF, GDAL_TASKS),
    "GDAL HDF5 tuned": ("multidim", HDF5, {**NO_NETCDF, **TUNED}, GDAL_TASKS),
    "GDAL HDF5 raster": ("raster", HDF5, NO_NETCDF, GDAL_TASKS),
    "GDAL HDF5 raster tuned": ("raster", HDF5, {**NO_NETCDF, **TUNED}, GDAL_TASKS),
    "GDAL netCDF": ("multidim", NETCDF, NO_HDF5, GDAL_TASKS),
    "GDAL netCDF tuned": ("multidim", NETCDF, {**NO_HDF5, **TUNED}, GDAL_TASKS),
    "h5py fsspec": ("h5py", {}, {}, ALL),
    "h5py fsspec 8 MiB": ("h5py", BLOCKS, {}, ALL),
    "pyfive fsspec": ("pyfive", {}, {}, ALL),
    "pyfive fsspec 8 MiB": ("pyfive", BLOCKS, {}, ALL),
    "async-hdf5": ("async-hdf5", {"gather": True}, {}, ALL),
    "async-hdf5 serial": ("async-hdf5", {"gather": False}, {}, ["T1", "T6"]),
    "h5coro": ("h5coro", {}, {}, GDAL_TASKS),
    "kerchunk": ("kerchunk", {}, {}, ["T6"]),
    "VirtualiZarr": ("virtualizarr", {}, {}, ["T6"]),
}
OURS = [r for r in READERS if r.startswith("h5range")]
HELD = ["h5range command", "h5range GDAL", "h5range GDAL raster"]  # default settings: what limits are for
RACING = HELD + ["h5range GDAL tuned", "h5range GDAL raster tuned"]


def rivals(reader):
    """Readers that one of ours is compared with by the clock."""
    kind = READERS[reader][0]
    others = [r for r in READERS if r not in OURS]
    if reader == "h5range command":
        return [r for r in others if READERS[r][0] != "raster"]
    if reader.endswith("tuned"):
        others = [r for r in others if r.endswith("tuned")]
    return [r for r in others if READERS[r][0] == kind] if kind in ("multidim", "raster") else []


# ---------------------------------------------------------------- in a process of its own
def work(reader, task, name, url, chunks):
    """Runs one task and prints what it took."""
    import resource
    kind, options = READERS[reader][:2]
    run, needs = KINDS[kind]
    for module in needs:
        importlib.import_module(module)  # not timed
    start = time.perf_counter()
    try:
        answer = run(options, task, name, url)
        seconds = time.perf_counter() - start
        answer = {"result": judge.pack(answer() if callable(answer) else answer, chunks)}
    except Exception as e:  # a reader that cannot do it is a cell of the table, too
        seconds = time.perf_counter() - start
        answer = {"error": "%s: %s" % (type(e).__name__, next(iter(str(e).splitlines()), "no message")[:200])}
    answer["seconds"] = seconds
    who = resource.RUSAGE_CHILDREN if kind == "command" else resource.RUSAGE_SELF
    answer["peak_mb"] = resource.getrusage(who).ru_maxrss / 1024
    print(json.dumps(answer), flush=True)
    os._exit(0)


def work_reference(folder, task, name, chunks):
    print(json.dumps(judge.pack(judge.reference(folder, task, name), chunks)))


# ---------------------------------------------------------------- cells
def get(port, path):
    return json.loads(urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=30).read())


def interpreter(kind):
    if kind == "command":
        return sys.executable
    if kind in ("multidim", "raster"):
        return os.environ.get("GDAL_PYTHON", "/usr/bin/python3")
    return os.environ.get("H5RANGE_BENCH_PYTHON", sys.executable)


def missing_module(kind):
    """What a kind of reader needs and its interpreter lacks, or None."""
    for module in KINDS[kind][1]:
        if subprocess.run([interpreter(kind), "-c", "import " + module], capture_output=True).returncode:
            return module
    return None


def run_cell(args, reader, task, name, chunks, port=0):
    kind, _, env, _ = READERS[reader]
    env = {**os.environ, **env}
    if reader in OURS and kind in ("multidim", "raster"):
        env["GDAL_DRIVER_PATH"] = args.plugins
    env["H5RANGE_CLI"] = args.cli
    server = subprocess.Popen([sys.executable, args.server, "--root", args.data, "--latency", str(args.latency),
                               "--bandwidth", str(args.bandwidth), "--port", str(port)], stdout=subprocess.PIPE, text=True)
    port = json.loads(server.stdout.readline())["port"]
    url = "http://127.0.0.1:%d/%s" % (port, name)
    p = subprocess.Popen([interpreter(kind), os.path.abspath(__file__), "--work", reader, task, name, url, chunks],
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
    if "error" in cell:
        cell["error"] = re.sub(r" in [0-9.]+ms", "", cell["error"].replace(url, name))
    return cell


def find_reference(args, task, name, chunks):
    p = subprocess.run([interpreter("h5py"), os.path.abspath(__file__), "--reference", args.data, task, name, chunks], capture_output=True, text=True)
    if p.returncode:
        print("%s %s: answers are not compared: %s" % (task, name, p.stderr.strip().splitlines()[-1]), file=sys.stderr, flush=True)
        return None
    return json.loads(p.stdout.splitlines()[-1])


def judge_cell(task, reader, cell, reference, chunks, reference_chunks):
    if "result" in cell and reference is not None:
        both = "chunks" in reference
        wrong = judge.what_is_wrong(task, READERS[reader][0], cell["result"], reference, judge.unpack(chunks) if both else None,
                                    judge.unpack(reference_chunks) if both else None)
        if wrong:
            cell["wrong"] = wrong


def is_right(cell):
    return cell is not None and not (cell.get("error") or cell.get("cut") or cell.get("wrong"))


def measure_close(args, task, name, cells, scratch):
    """Cells of ours that a rival comes close to, once more with it: one after the other, medians of the seconds."""
    close = set()
    for reader in RACING:
        if is_right(cells.get(reader)):
            near = [r for r in rivals(reader) if is_right(cells.get(r)) and cells[r]["seconds"] - cells[reader]["seconds"] < args.close]
            close.update(near + [reader] if near else [])
    runs = {r: [cells[r]["seconds"]] for r in READERS if r in close}
    for _ in range(args.repeat - 1 if close else 0):
        for r in runs:
            again = run_cell(args, r, task, name, scratch)
            if "result" in again:
                runs[r].append(again["seconds"])
    for r, seconds in runs.items():
        cells[r]["seconds"] = statistics.median(seconds)
        cells[r]["runs"] = len(seconds)


def run_task(args, task, name, readers, ideal):
    """The cells of one task and file, by reader."""
    cells = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch, truth = os.path.join(folder, "chunks"), os.path.join(folder, "reference")
        reference = find_reference(args, task, name, truth)
        for reader in readers:
            if task not in READERS[reader][3]:
                continue
            cell = cells[reader] = run_cell(args, reader, task, name, scratch)
            judge_cell(task, reader, cell, reference, scratch, truth)
            limit = limit_of(ideal, reader, task, name)
            print("%-25s %s %-17s %s%s  %s" % (reader, task, name, show(cell, "! " if is_over(cell, limit) else ""),
                  " of %d rounds, %.2f MB" % (limit[0], limit[1] / 1e6) if limit else "",
                  cell.get("error") or judge.shown(cell.get("result", {})) + ("  WRONG: " + cell["wrong"] if "wrong" in cell else "")), file=sys.stderr, flush=True)
        measure_close(args, task, name, cells, scratch)
    return cells


def limit_of(ideal, reader, task, name):
    """Rounds and bytes that a reader of ours may take with default settings, or None."""
    cell = ideal.get("%s|%s" % (task, name))
    if cell is None or reader not in HELD:
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
    return bool(limit and (cell.get("error") or cell.get("cut") or cell["rounds"] > limit[0] or cell["bytes"] > limit[1]))


def show(cell, mark=""):
    if cell is None:
        return "-"
    if cell.get("error"):
        return "n/a"
    return "%s%d rounds, %d req, %.2f MB, %s%.2f s%s" % (mark, cell["rounds"], cell["requests"], cell["bytes"] / 1e6,
                                                        ">" if cell.get("cut") else "", cell["seconds"], " *" if cell.get("wrong") else "")


# ---------------------------------------------------------------- report
def find_behind(cells, task, name):
    """Where a rival with a right answer is faster: the plugin may not be behind at all, the command by 0.1 s."""
    behind = []
    for reader in RACING:
        ours = cells.get(reader)
        right = {r: cells[r] for r in rivals(reader) if is_right(cells.get(r))}
        if ours is None or not right:
            continue
        best = min(right, key=lambda r: right[r]["seconds"])
        allowed = 0.1 if reader == "h5range command" else 0
        if not is_right(ours) or ours["seconds"] - right[best]["seconds"] > allowed:
            behind.append("%s %s %s: %s; %s %s" % (reader, task, name, ours.get("wrong") or show(ours), best, show(right[best])))
    return behind


def listed(title, lines):
    if lines:
        print("\n%s:\n\n%s" % (title, "\n".join("- " + line for line in lines)))


def grouped(found):
    """Cells by what is said of them: "no attributes (T1 a, b; T2 a)". found: (task, name, text)."""
    places = {}
    for task, name, text in found:
        places.setdefault(text, {}).setdefault(task, []).append(name)
    return "; ".join("%s (%s)" % (text, "; ".join("%s %s" % (t, ", ".join(names)) for t, names in tasks.items())) for text, tasks in places.items())


def report_memory(results):
    """What the process of a cell held at most, its interpreter included: the largest of each task, in MB."""
    print("\n### Peak memory, MB\n\n| reader | %s |\n|---|%s" % (" | ".join(TASKS), "---|" * len(TASKS)))
    for reader in READERS:
        peaks = [[c["peak_mb"] for k, c in results.items() if k.startswith("%s|%s|" % (reader, task)) and c.get("peak_mb") and not c.get("error")] for task in TASKS]
        if any(peaks):
            print("| %s | %s |" % (reader, " | ".join("%.0f" % max(x) if x else "-" for x in peaks)))


def report(results, ideal):
    """Tables, a row a reader; what is over the limit, behind, wrong, or not answered. True when nothing of ours is."""
    over, behind, wrong, failed = [], [], {}, {}  # the last two by reader
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
                limit = limit_of(ideal, reader, task, n)
                marks.append("! " if c and is_over(c, limit) else "")
                if marks[-1]:
                    over.append("%s %s %s: %s; at most %d rounds, %.2f MB" % (reader, task, n, c.get("error") or show(c), limit[0], limit[1] / 1e6))
                for key, of in (("wrong", wrong), ("error", failed)):
                    if c and c.get(key):
                        of.setdefault(reader, []).append((task, n, c[key]))
            print("| %s | %s |" % (reader, " | ".join(show(c, m) for c, m in zip(cells, marks))))
        for n in names:
            behind += find_behind({r: results.get("|".join((r, task, n))) for r in READERS}, task, n)
    report_memory(results)
    listed("Over the limit", over)
    listed("Behind", behind)
    listed("Wrong or incomplete (*)", ["%s: %s" % (r, grouped(x)) for r, x in wrong.items()])
    listed("Not answered (n/a)", ["%s: %s" % (r, grouped(x)) for r, x in failed.items()])
    return not (over or behind or any(r in OURS for r in [*wrong, *failed]))


def find_ideal(args):
    """Limits of the files at hand: ideal.json beside them, else made by ideal.py, else those of the full scale."""
    beside = os.path.join(args.data, "ideal.json")
    made = os.path.join(args.tools, "ideal.json") if args.tools else ""
    if args.make_ideal:
        subprocess.run([sys.executable, os.path.join(args.tools, "ideal.py"), "--data", args.data, "--out", beside], check=True, stdout=subprocess.DEVNULL)
    path = args.ideal or (beside if os.path.exists(beside) else made)
    return json.load(open(path)) if path and os.path.exists(path) else {}


def main():
    if len(sys.argv) == 7 and sys.argv[1] == "--work":
        work(*sys.argv[2:])
    if len(sys.argv) == 6 and sys.argv[1] == "--reference":
        return work_reference(*sys.argv[2:])
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
    parser.add_argument("--close", type=float, default=0.15, help="seconds: nearer rivals are measured again")
    parser.add_argument("--repeat", type=int, default=5, help="runs of close cells")
    parser.add_argument("--out")
    parser.add_argument("--report", nargs="+", help="files that --out wrote, shown together")
    args = parser.parse_args()
    if args.report:
        results = {}
        for name in args.report:
            results.update(json.load(open(name)))
        return 0 if report(results, json.load(open(args.ideal)) if args.ideal else {}) else 1
    shared = os.path.join(args.tools, "range_server.py")
    args.server = shared if args.tools and os.path.exists(shared) else os.path.join(HERE, "server.py")
    build = os.path.join(ROOT, "build", "release")
    args.cli = args.cli or next(iter(glob.glob(os.path.join(build, "**", "bin", "h5range"), recursive=True)), "")
    args.plugins = args.plugins or os.path.dirname(next(iter(glob.glob(os.path.join(build, "**", "gdal_H5RANGE.so"), recursive=True)), ""))
    ideal = find_ideal(args)
    names = OURS if args.readers == "ours" else list(READERS) if args.readers == "all" else args.readers.split(",")
    lacks = {kind: missing_module(kind) for kind in {READERS[r][0] for r in names}}
    for r in names:
        if lacks[READERS[r][0]]:
            print("%s is left out: %s has no module %s" % (r, interpreter(READERS[r][0]), lacks[READERS[r][0]]), file=sys.stderr)
    names = [r for r in names if not lacks[READERS[r][0]]]
    results = {}
    for task in args.tasks.split(","):
        for name in TASKS[task]:
            if not any(part in name for part in args.files.split(",")) or not os.path.exists(os.path.join(args.data, name)):
                continue
            for reader, cell in run_task(args, task, name, names, ideal).items():
                results["|".join((reader, task, name))] = cell
            if args.out:
                json.dump(results, open(args.out, "w"), indent=1)
    return 0 if report(results, ideal) else 1


if __name__ == "__main__":
    sys.exit(main())
