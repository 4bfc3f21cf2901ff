#!/usr/bin/env python3
"""second_open.py - what a second process pays for what a first one has kept in H5RANGE_INDEX_CACHE.

    second_open.py --data DIR [--tools DIR] [--repeat 3]

Each task runs against a server 50 ms and 100 MB/s a connection away: without the folder, with it for the first time, and again. Rounds,
requests and bytes are the command's own (--stats); seconds are medians of --repeat runs. --tools or $H5RANGE_BENCH is the folder of
range_server.py; without it a simpler server is used. Prints a table in Markdown.
"""
import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TASKS = [("list everything", "atl03.h5", ["tree", "--attributes"], ""), ("all chunk indexes", "atl03.h5", ["chunks", "--recursive"], "")]
TASKS += [("200,000 chunks", "manychunks_%s.h5" % k, ["chunks"], "#/grp/data") for k in ("v1", "fa", "ea", "bt2")]


def run(args, command, url, folder):
    env = {k: v for k, v in os.environ.items() if k != "H5RANGE_INDEX_CACHE"}
    if folder:
        env["H5RANGE_INDEX_CACHE"] = folder
    start = time.perf_counter()
    p = subprocess.run([args.cli] + command + ["--stats", url], capture_output=True, text=True, env=env, check=True)
    seconds = time.perf_counter() - start
    numbers = re.search(r"rounds (\d+), requests (\d+), bytes (\d+)", p.stderr)
    return [int(n) for n in numbers.groups()], seconds, p.stdout


def show(runs):
    (rounds, requests, size), _, _ = runs[0]
    amount = "%d bytes" % size if size < 10000 else "%.1f MB" % (size / 1e6)
    return "%d round%s, %d req, %s, %.2f s" % (rounds, "s" * (rounds != 1), requests, amount, statistics.median(r[1] for r in runs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tools", default=os.environ.get("H5RANGE_BENCH", ""))
    parser.add_argument("--cli", default=os.environ.get("H5RANGE_CLI", ""))
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    args.cli = args.cli or next(iter(glob.glob(os.path.join(HERE, "..", "build", "release", "**", "h5range"), recursive=True)), "h5range")
    shared = os.path.join(args.tools, "range_server.py")
    server = subprocess.Popen([sys.executable, shared if args.tools and os.path.exists(shared) else os.path.join(HERE, "server.py"), "--root", args.data,
                               "--latency", "50", "--bandwidth", "100e6"], stdout=subprocess.PIPE, text=True)
    base = "http://127.0.0.1:%d/" % json.loads(server.stdout.readline())["port"]
    print("| task | file | without | with an empty folder | again | kept |\n|---|---|---|---|---|---|")
    for name, file, command, path in TASKS:
        if not os.path.exists(os.path.join(args.data, file)):
            continue
        plain, first, again = [], [], []
        for _ in range(args.repeat):
            folder = tempfile.mkdtemp()
            plain.append(run(args, command, base + file + path, None))
            first.append(run(args, command, base + file + path, folder))
            again.append(run(args, command, base + file + path, folder))
            kept = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
            shutil.rmtree(folder)
        if len({r[2] for r in plain + first + again}) != 1:
            sys.exit("%s of %s: the answers differ" % (name, file))
        print("| %s | %s | %s | %s | %s | %.1f MB |" % (name, file, show(plain), show(first), show(again), kept / 1e6), flush=True)
    server.terminate()
    server.wait()


if __name__ == "__main__":
    main()
