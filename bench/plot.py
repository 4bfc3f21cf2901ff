#!/usr/bin/env python3
"""plot.py - draws what remote.py measured: seconds of each reader for each task and file, as SVG (needs matplotlib).

    plot.py results.json... -o seconds.svg [--tasks T1,T4]
"""
import argparse
import json

import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"h5range": "#1b6ca8", "GDAL": "#c98b2b", "h5py": "#8a8a8a", "pyfive": "#5a9e6f", "async": "#a0522d", "h5coro": "#7d5ba6", "kerchunk": "#c0504d",
           "Virtuali": "#333333"}
MARKS = {"command": "s", "Python": "P", "raster": "^", "8 MiB": "D", "serial": "D"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+")
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("--tasks", default="T1,T2,T3,T4,T5,T6")
    args = parser.parse_args()
    cells = {}
    for name in args.results:
        cells.update(json.load(open(name)))
    tasks = args.tasks.split(",")
    rows = sorted({tuple(k.split("|")[1:]) for k in cells if k.split("|")[1] in tasks}, reverse=True)
    place = {row: i for i, row in enumerate(rows)}
    plt.rcParams.update({"font.size": 8, "svg.hashsalt": "h5range", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(9, 0.22 * len(rows) + 1.2))
    shown = set()
    for key, cell in cells.items():
        reader, task, name = key.split("|")
        if (task, name) not in place or cell.get("error"):
            continue
        colour = next(c for part, c in COLOURS.items() if part in reader)
        mark = next((m for part, m in MARKS.items() if part in reader), "o")
        hollow = {"markerfacecolor": "none"} if cell.get("wrong") or "tuned" in reader else {}
        plain = not (cell.get("cut") or cell.get("wrong"))
        axes.plot(cell["seconds"], place[task, name], ">" if cell.get("cut") else "x" if cell.get("wrong") else mark, color=colour, markersize=5, alpha=0.85,
                  linestyle="none", label=reader if plain and reader not in shown else None, **hollow)
        if plain:
            shown.add(reader)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), ["%s %s" % row for row in rows])
    axes.set_xlabel("seconds, 50 ms and 100 MB/s a connection away; > was cut off, x is wrong or incomplete")
    axes.grid(axis="both", linewidth=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=4, frameon=False)
    figure.savefig(args.out, bbox_inches="tight", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
