"""Names that mean something to file systems but not to HDF5."""

import pickle

import h5py

import h5range


def test_two_dots_are_a_name(tmp_path):
    """HDF5 knows "." only; what lies in a group called ".." used to be looked for above it."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        for path in ("d", "a/d", "a/../d"):
            f[path] = path
    with h5range.open(tmp_path / "a.h5") as f:
        inner = f["a"][".."]["d"]
        assert inner.name == "/a/../d" and inner[()] == pickle.loads(pickle.dumps(inner))[()] == "a/../d"
        assert inner.parent.name == "/a/.." and inner.parent.parent.name == "/a" and inner.parent == f["a/.."]
        assert f["a/./d"].name == f["/./a//d/"].name == "/a/d" and f["a"]["."].name == "/a" and f["a"]["/"].name == "/"
