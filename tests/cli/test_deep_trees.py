"""Version 1 B-trees whose nodes have room for two: libhdf5 then makes a level for each insertion or so."""
import os
import sys

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "generated"))
from hdf5 import DEFAULT, H5, constant, numbers, plist, simple  # noqa: E402


def test_a_hundred_levels(h5range, tmp_path):
    """Trees deeper than limits.depth used to be refused, though a level is a byte and bounds the recursion by itself."""
    path = str(tmp_path / "deep.h5")
    fcpl, fapl, dcpl, lcpl = plist("FILE_CREATE"), plist("FILE_ACCESS"), plist("DATASET_CREATE"), plist("LINK_CREATE")
    H5.Pset_libver_bounds(fapl, 0, 1)
    H5.Pset_fclose_degree(fapl, 3)
    H5.Pset_istore_k(fcpl, 1)
    H5.Pset_sym_k(fcpl, 1, 1)
    H5.Pset_chunk(dcpl, 1, numbers([1]))
    fid = H5.Fcreate(path.encode(), 2, fcpl, fapl)
    did = H5.Dcreate2(fid, b"chunks", constant("STD_U8LE"), simple([150]), lcpl, dcpl, DEFAULT)
    H5.Dwrite(did, constant("STD_U8LE"), 0, 0, DEFAULT, bytes(range(150)))
    for i in range(200):
        H5.Lcreate_soft(b"/chunks", fid, b"n%03d" % i, lcpl, DEFAULT)
    H5.Fclose(fid)
    with open(path, "rb") as f:
        content = f.read()
    levels = {kind: max(content[i + 5] for i in range(len(content)) if content[i:i + 5] == b"TREE" + bytes([kind])) for kind in (0, 1)}
    assert levels[1] > 64 and levels[0] > 64, levels
    assert h5range("cat", "--format=raw", path + "#/chunks").out == bytes(range(150))
    r = h5range("tree", path)
    assert r.code == 0 and r.text.count(" -> ") == 200
