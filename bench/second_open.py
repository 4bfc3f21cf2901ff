#!/usr/bin/env python3
"""second_open.py - what a second process pays for what a first one has kept in H5RANGE_INDEX_CACHE.

    second_open.py --data DIR [--tools DIR] [--tasks T1,T2,T3,T5,T6] [--files atl03,grid] [--readers NAMES]

Runs tasks of remote.py in pairs, by the command and through GDAL, each pair with a folder of its own that is empty at first. Each run is a process
against a server of its own, 50 ms and 100 MB/s a connection away, which counts. Prints a table in Markdown: the first run; the second. "!" where the answers
differ, or where the second run needs more than it may: one request for the command; through GDAL its HEAD request and first read, and a round an array for data.
"""
import argparse
import filecmp
import glob
import os
import socket
import sys
import tempfile

import remote

# rounds of a second run beyond those that GDAL makes by itself
ROUNDS = {"T1": 0, "T2": 0, "T3": 1, "T4": 4, "T5": 0, "T6": 0}


def show(cell):
    amount = "%d bytes" % cell["bytes"] if cell["bytes"] < 10000 else "%.2f MB" % (cell["bytes"] / 1e6)
    return "%d round%s, %s, %.2f s" % (cell["rounds"], "s" * (cell["rounds"] != 1), amount, cell["seconds"])


def pair(args, reader, task, name):
    """Both runs, what is kept, and whether the second was right and cheap. What is kept belongs to a URL: both ask at the same port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as answers:
        os.environ["H5RANGE_INDEX_CACHE"] = folder
        chunks = [os.path.join(answers, which) for which in ("first", "again")]  # lists of them, where the task has one
        first, again = (remote.run_cell(args, reader, task, name, c, port) for c in chunks)
        same = len(os.listdir(answers)) == 0 or filecmp.cmp(*chunks, shallow=False)
        kept = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    most = 1 if reader == "h5range command" else 2 + ROUNDS[task]
    good = "result" in first and first["result"] == again.get("result") and same and again["rounds"] <= most
    return first, again, kept, good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tools", default=os.environ.get("H5RANGE_BENCH", ""))
    parser.add_argument("--tasks", default="T1,T2,T3,T5,T6")
    parser.add_argument("--files", default="", help="parts of names")
    parser.add_argument("--readers", default="h5range command,h5range GDAL,h5range GDAL raster")
    args = parser.parse_args()
    shared = os.path.join(args.tools, "range_server.py")
    args.server = shared if args.tools and os.path.exists(shared) else os.path.join(remote.HERE, "server.py")
    args.latency, args.bandwidth, args.timeout = 50, 100e6, 60
    build = os.path.join(remote.ROOT, "build", "release")
    args.cli = os.environ.get("H5RANGE_CLI") or next(iter(glob.glob(os.path.join(build, "**", "h5range"), recursive=True)), "h5range")
    args.plugins = os.environ.get("H5RANGE_PLUGINS") or os.path.dirname(next(iter(glob.glob(os.path.join(build, "**", "gdal_H5RANGE.so"), recursive=True)), ""))
    bad = 0
    readers = args.readers.split(",")
    print("| task | file | %s | kept, MB |\n|---|---|---%s|" % (" | ".join(r[8:] for r in readers), "|---" * len(readers)))
    for task in args.tasks.split(","):
        for name in remote.TASKS[task]:
            if not any(part in name for part in args.files.split(",")) or not os.path.exists(os.path.join(args.data, name)):
                continue
            cells, most = [], 0
            for reader in readers:
                if task not in remote.READERS[reader][3]:
                    cells.append("-")
                    continue
                first, again, kept, good = pair(args, reader, task, name)
                bad += not good
                most = max(most, kept)
                cells.append("%s%s; %s" % ("" if good else "! ", show(first), show(again)))
            print("| %s | %s | %s | %.2f |" % (task, name, " | ".join(cells), most / 1e6), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
