#!/usr/bin/env python3
"""Draws HDF5 files and compares what the command reads in them with what libhdf5 does.

    run.py [--seed S] [--count N] [--only I] [--keep FOLDER] [--jobs J]

Each run draws new files from a seed that it prints; --seed draws the same ones again, --only one of them, --keep leaves the files in FOLDER.
"""
import argparse
import collections
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("H5RANGE_BIN", os.path.join(HERE, "..", "..", "build", "release", "bin", "h5range"))
sys.path.insert(0, HERE)
LIMIT = 60  # seconds for one call of the command


def command(*arguments):
    return subprocess.run([BIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)


def built_filters():
    text = command("--version").stdout.decode()
    return {int(n) for n in re.findall(r"\((\d+)\)", text.split("filters:")[1].split("not built in:")[0])}


def compare(r, maker_open, path, tally):
    """What differs, as lines of text."""
    from hdf5 import H5
    from oracle import Reader, differences
    import windows

    fid = maker_open()
    reader = Reader(fid)
    want = reader.describe()
    H5.Fclose(fid)
    p = command("dump", "--canonical", path)
    try:
        got = json.loads(p.stdout)
    except ValueError:
        return ["dump: exit code %d, no JSON; %s" % (p.returncode, p.stderr.decode(errors="replace")[-300:])]
    got["file"].pop("driver", None)
    found = ["%s: libhdf5 has %s, h5range %s" % (where, str(a)[:300], str(b)[:300]) for where, a, b in differences(want, got)]
    found += windows.compare(r, command, path, reader.windows)
    found += windows.compare_chunks(command, path, reader.chunks, '"error"' not in json.dumps(want))
    for node in want["objects"].values():
        tally[node.get("kind", "objects that libhdf5 cannot open")] += 1
        if node.get("kind") == "dataset":
            tally["layout " + node.get("layout", {}).get("class", "?")] += 1
            tally["datasets with data" if "sha256" in node.get("data", {}) else "datasets that libhdf5 cannot read"] += 1
    tally["windows"] += len(reader.windows)
    return found


def one(seed, index, filters, keep):
    """Draws and compares file number index of a seed: its differences, what was drawn, what libhdf5 refused."""
    import generate
    from hdf5 import Refused

    r = random.Random("%d/%d" % (seed, index))
    folder = os.path.join(keep, "%d-%d" % (seed, index)) if keep else tempfile.mkdtemp(prefix="h5range-generated-")
    os.makedirs(folder, exist_ok=True)
    tally = collections.Counter()
    maker = generate.Maker(r, folder, filters)
    try:
        name, again = maker.make()
        found = compare(r, again, os.path.join(folder, name), tally)
        return found, maker.drawn + tally, maker.refused
    except Refused as e:
        return None, {}, {"the whole file: %s" % e: 1}
    except Exception:
        return [traceback.format_exc()], {}, {}
    finally:
        if not keep:
            shutil.rmtree(folder)


def in_a_child(pipe, arguments):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send(one(*arguments))
    pipe.close()


def each(numbers, jobs, *arguments):
    """(index, result of one() or None) for each number. A process for each file: libhdf5 crashes on some of what it is asked for."""
    import generate  # noqa: F401  loaded once, for all children
    import hdf5  # noqa: F401
    import windows  # noqa: F401

    fork, left, running = multiprocessing.get_context("fork"), list(numbers)[::-1], {}
    while left or running:
        while left and len(running) < jobs:
            index = left.pop()
            mine, its = fork.Pipe(False)
            p = fork.Process(target=in_a_child, args=(its, (arguments[0], index, *arguments[1:])))
            p.start()
            its.close()
            running[mine] = (p, index, time.time())
        for pipe in multiprocessing.connection.wait(list(running), 1):
            p, index, _ = running.pop(pipe)
            try:
                result = pipe.recv()
            except EOFError:
                result = None
            p.join()
            yield index, result
        for pipe, (p, index, since) in list(running.items()):
            if time.time() - since > LIMIT:
                p.kill()  # the pipe ends


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    ap.add_argument("--count", type=int, default=360)
    ap.add_argument("--only", type=int)
    ap.add_argument("--keep")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--verbose", action="store_true", help="also what was drawn, and what libhdf5 refused")
    a = ap.parse_args()
    filters, start = built_filters(), time.time()
    print("seed %d" % a.seed, flush=True)
    numbers = [a.only] if a.only is not None else range(a.count)
    exact, unusable, drawn, refused = 0, 0, collections.Counter(), collections.Counter()
    for index, result in each(numbers, a.jobs, a.seed, filters, a.keep):
        found, d, x = result or (None, {}, {"the whole file: libhdf5 crashed or took too long": 1})
        drawn.update(d)
        refused.update(x)
        if found is None:
            unusable += 1
            if a.verbose:
                print("file %d: %s" % (index, ", ".join(x)))
            continue
        exact += not found
        for line in found[:8]:
            print("file %d%s" % (index, line if line.startswith(".") else ": " + line))
        if found:
            print("  again: tests/generated/run.py --seed %d --only %d --keep FOLDER" % (a.seed, index), flush=True)
    if a.verbose:
        print("drawn: " + ", ".join("%s %d" % x for x in sorted(drawn.items())))
        for what, n in refused.most_common(40):
            print("refused %5d  %s" % (n, what))
    files = len(numbers) - unusable
    print("%d datasets, %d of them read by libhdf5; %d files that libhdf5 could not write or open again" %
          (drawn["dataset"], drawn["datasets with data"], unusable))
    print("%d of %d files exact; seed %d, %.0f s" % (exact, files, a.seed, time.time() - start))
    # A comparison in which libhdf5 reads little would say little.
    enough = drawn["datasets with data"] >= max(0.9 * drawn["dataset"], files) and files >= 0.8 * len(numbers)
    if not enough:
        print("libhdf5 could write or read too little of this")
    return 0 if exact == files and enough else 1


if __name__ == "__main__":
    sys.exit(main())
