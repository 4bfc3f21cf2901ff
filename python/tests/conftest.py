"""Files to test with: tests/data of the repository always, the shared corpus where it is."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
SHARED = pathlib.Path(os.environ.get("H5RANGE_SHARED") or ROOT.parent / "shared")
SUFFIXES = {".h5", ".hdf5", ".hdf", ".nc", ".nc4", ".he5", ".mat", ".snirf", ".h5md", ".cdf", ".nxs", ".hdf5", ".zip", ".loom"}


def hdf5_files(most=8 << 20):
    """Paths of HDF5 files, each not larger than that."""
    out = [p for p in sorted(DATA.rglob("*")) if p.is_file()]
    corpus = SHARED / "corpus" / "files"
    if corpus.is_dir():
        out += [p for p in sorted(corpus.rglob("*")) if p.is_file()]
    found = []
    for path in out:
        if path.stat().st_size > most:
            continue
        with open(path, "rb") as f:
            head = f.read(1 << 16)
        if any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in (0, 512, 1024, 2048, 4096, 8192, 16384, 32768)):
            found.append(path)
    return found


def label(path):
    for base in (DATA, SHARED / "corpus" / "files"):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return path.name
