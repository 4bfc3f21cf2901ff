#!/usr/bin/env python3
"""plot.py - draws what remote.py measured: seconds of each reader for each task and file, as SVG (needs matplotlib).

    plot.py results.json... -o seconds.svg [--tasks T1,T4]
"""
import argparse
import json

import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"h5range": "#1b6ca8", "GDAL": "#c98b2b", "h5py": "#8a8a8a"}
MARKS = {"command": "s", "raster": "^", "tuned": "D"}


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
        axes.plot(cell["seconds"], place[task, name], ">" if cell.get("cut") else mark, color=colour, markersize=5, alpha=0.85,
                  label=None if reader in shown or cell.get("cut") else reader)
        if not cell.get("cut"):
            shown.add(reader)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), ["%s %s" % row for row in rows])
    axes.set_xlabel("seconds, 50 ms and 100 MB/s a connection away; > was cut off")
    axes.grid(axis="both", linewidth=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1 + 3.2 / (len(rows) + 5)), ncol=5, frameon=False)
    figure.savefig(args.out, bbox_inches="tight", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
