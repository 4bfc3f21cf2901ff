"""Text of fixed length by what fills it up, and names that mean something to file systems but not to HDF5."""

import base64
import pickle

import h5py
import numpy as np
import pytest
import zarr

import h5range
from h5range.refs import check, references
from h5range.zarr import open_store

PADDED = [b"   \0\0", b"ab  \0", b"ab \0 ", b"     ", b"a    ", b"abcde", b"\0\0\0\0\0", b" a\0b "]


def padded_text(path, pads=(h5py.h5t.STR_NULLTERM, h5py.h5t.STR_NULLPAD, h5py.h5t.STR_SPACEPAD)):
    """Writes the same bytes as text with each kind of padding, as datasets and attributes called after its number."""
    with h5py.File(path, "w") as f:
        for pad in pads:
            of_file = h5py.h5t.C_S1.copy()
            of_file.set_size(5)
            of_file.set_strpad(pad)
            space = h5py.h5s.create_simple((len(PADDED),))
            for made in (h5py.h5d.create(f.id, b"%d" % pad, of_file, space), h5py.h5a.create(f.id, b"%d" % pad, of_file, space)):
                raw = np.frombuffer(b"".join(PADDED), "S5")
                made.write(*(() if isinstance(made, h5py.h5a.AttrID) else (h5py.h5s.ALL, h5py.h5s.ALL)), raw, of_file)


def test_text_of_each_padding(tmp_path):
    """Blanks before a zero are text even where blanks are the padding."""
    padded_text(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as theirs, h5range.open(tmp_path / "a.h5") as ours:
        assert len(theirs) == 3 and theirs["2"][0] == b"   "
        for name in theirs:
            assert ours[name][...].tolist() == theirs[name][...].tolist()
            assert [t.encode() for t in ours.attrs[name]] == theirs.attrs[name].tolist()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stored", [False, True])
def test_zarr_has_text_of_each_padding(tmp_path, stored):
    padded_text(tmp_path / "a.h5")
    store = open_store(tmp_path / "a.h5", stored=stored)
    assert {n for n, a in store._arrays.items() if a.codecs is not None} == ({"1"} if stored else set())
    group = zarr.open_group(store, mode="r")
    with h5py.File(tmp_path / "a.h5") as theirs:
        for name in theirs:
            assert group[name][...].tolist() == theirs[name][...].tolist()


def test_references_name_text_that_zeros_fill_up(tmp_path):
    padded_text(tmp_path / "a.h5")
    found = references(tmp_path / "a.h5")
    assert isinstance(found["refs"]["1/0"], list) and check(found, tmp_path / "a.h5") == 1
    with h5py.File(tmp_path / "a.h5") as theirs:
        for name in "02":
            data = base64.b64decode(found["refs"][f"{name}/0"].removeprefix("base64:"))
            assert np.frombuffer(data, "S5").tolist() == theirs[name][...].tolist()


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
