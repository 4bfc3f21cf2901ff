"""h5range check: nothing to find in valid files; what is patched into one is found, named and located, and the check goes on."""
import json
import os
import shutil
import struct

import h5py
import numpy as np
import pytest

from conftest import DATA

VALID = sorted(n for n in os.listdir(DATA) if n.endswith((".h5", ".nc")))
VALID += ["parts/" + n for n in ("external.h5", "family_00000.h5", "linked.h5", "split-m.h5", "virtual_source_0.h5")]


@pytest.mark.parametrize("name", VALID)
def test_valid_files(h5range, data, name):
    r = h5range("check", "--data", data(name))
    assert (r.code, r.err) == (0, ""), r.text
    assert " 0 findings, " in r.text
    assert all(line.startswith("note: ") for line in r.text.splitlines()[:-1])


@pytest.fixture
def check(h5range, tmp_path):
    """Findings of a file after patches [(offset, bytes)]: (path, byte, what)."""
    def run(source, *patches, options=()):
        with open(source, "rb") as f:
            content = bytearray(f.read())
        for at, new in patches:
            assert content[at:at + len(new)] != new
            content[at:at + len(new)] = new
        path = tmp_path / "patched.h5"
        path.write_bytes(content)
        r = h5range("check", "--json", *options, path)
        got = json.loads(r.text)
        findings = [(x["path"], x["byte"], x["what"]) for x in got["findings"] if x["severity"] == "finding"]
        assert r.code == (1 if findings else 0)
        text = h5range("check", *options, path).text.splitlines()
        assert len(text) == len(got["findings"]) + 1
        return findings
    return run


def content(path):
    with open(path, "rb") as f:
        return f.read()


def address(path, name):
    with h5py.File(path) as f:
        return h5py.h5o.get_info(f[name].id).addr


def only(findings, path, byte, what):
    assert len(findings) == 1, findings
    assert findings[0][0] == path and what in findings[0][2], findings
    if byte is not None:
        assert findings[0][1] == byte, findings


# ---- the file

def test_superblock(check, data):
    only(check(data("flat_latest.h5"), (44, b"\xff")), "", 0, "superblock: checksum")


def test_truncated(h5range, data, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(content(data("flat_earliest.h5"))[:-100])
    r = h5range("check", cut)
    assert r.code == 1 and r.text.startswith("the file: truncated: 6404 bytes of the 6504 that the superblock says (at byte 6404)\n")


def test_left_open_for_writing(h5range, tmp_path):
    with h5py.File(tmp_path / "open.h5", "w", libver="latest") as f:
        f["x"] = np.arange(10)
        f.swmr_mode = True
        f.flush()
        shutil.copy(tmp_path / "open.h5", tmp_path / "copy.h5")
    r = h5range("check", tmp_path / "copy.h5")
    assert r.code == 1 and "the file: left open for writing" in r.text and r.err == ""
    assert h5range("check", tmp_path / "open.h5").code == 0


def test_not_hdf5_missing_and_usage(h5range, data, tmp_path):
    r = h5range("check", os.path.join(DATA, "make.py"))
    assert r.code == 1 and r.text.startswith("the file: not an HDF5 file") and "not finished" in r.text
    got = json.loads(h5range("check", "--json", os.path.join(DATA, "make.py")).text)
    assert not got["complete"] and got["findings"][0]["severity"] == "finding"
    assert h5range("check", tmp_path / "none.h5").code == 3
    assert h5range("check", data("types.h5") + "#/compound").code == 2
    assert h5range("tree", "--data", data("types.h5")).code == 2


def test_stats(h5range, data):
    r = h5range("check", "--stats", data("sst_global.nc"))
    assert r.code == 0 and r.err.startswith("rounds ")
    assert int(r.err.split()[1].rstrip(",")) <= 8


# ---- objects, links, attributes

def test_object_headers_go_on(check, data):
    """Each of two damaged objects is named; the others are looked at all the same."""
    f = data("flat_latest.h5")
    a, b = address(f, "d003"), address(f, "d007")
    findings = check(f, (a + 20, b"\xee"), (b + 20, b"\xee"))
    assert [(p, at) for p, at, _ in findings] == [("/d003", a), ("/d007", b)]
    assert all("object header: checksum" in what for _, _, what in findings)


def test_link_counts(check, data):
    f = data("flat_earliest.h5")
    a = address(f, "d004")
    only(check(f, (a + 4, b"\2\0\0\0")), "/d004", a, "1 hard link leads here, its header counts 2")


def test_link_counts_of_several_links(h5range, tmp_path):
    for libver in ("earliest", "latest"):
        with h5py.File(tmp_path / "links.h5", "w", libver=libver) as f:
            f["a/x"] = 1
            f["b"] = f["a"]
            f["c"] = f["a/x"]
            f["a/root"] = f["/"]
            t = f["t"] = np.dtype("<i4")
            f.create_dataset("typed", data=np.zeros(3, "<i4"), dtype=f["t"])
            f["typed"].attrs.create("also", 1, dtype=f["t"])
            f["other"] = f["t"]
        r = h5range("check", "--data", tmp_path / "links.h5")
        assert r.code == 0 and "0 findings, 0 notes" in r.text, r.text


def test_index_by_creation_order(check, data):
    """A listing reads the index by name alone; the other one is damaged here."""
    f = data("links_latest.h5")
    b = content(f)
    leaf = next(i for i in range(len(b)) if b[i:i + 4] == b"BTLF" and b[i + 5] == 6)
    only(check(f, (leaf + 8, bytes([b[leaf + 8] ^ 0x55]))), "/many", leaf, "version 2 B-tree node: checksum")


def test_attribute_values(check, data, tmp_path):
    path = tmp_path / "vlen.h5"
    with h5py.File(path, "w") as f:
        f.create_group("g").attrs["text"] = "variable-length"
        f["s"] = ["one", "two"]
    b = content(path)
    heap = b.index(b"GCOL")
    findings = check(path, (heap, b"XCOL"), options=["--data"])
    assert [(p, at) for p, at, _ in findings] == [("/g", heap), ("/s", heap)]
    assert findings[0][2].startswith('attribute "text": ') and findings[1][2].startswith("values: ")
    assert [p for p, _, _ in check(path, (heap, b"XCOL"))] == ["/g"]


def test_region_reference(check, tmp_path):
    path = tmp_path / "region.h5"
    with h5py.File(path, "w") as f:
        d = f.create_dataset("d", data=np.arange(100).reshape(10, 10))
        f.attrs["part"] = d.regionref[2:5, 3:7]
    b = content(path)
    at = b.index(b"GCOL") + 16 + 16 + 8 # collection and object header, address
    assert b[at:at + 8] == struct.pack("<II", 2, 1)
    only(check(path, (at, b"\x09")), "/", None, 'attribute "part": a region reference to a damaged selection')


def test_links_that_lead_nowhere_are_notes(h5range, data):
    r = h5range("check", data("links_latest.h5"))
    assert r.code == 0
    assert "note: /dangling: soft link to /nowhere leads nowhere" in r.text
    assert "note: /external: external link to other.h5#/x leads nowhere" in r.text


# ---- data

@pytest.fixture
def chunked(tmp_path):
    """Path, offsets of the four chunks of /g/x (40 bytes each), end of the file."""
    path = tmp_path / "chunked.h5"
    with h5py.File(path, "w") as f:
        d = f.create_dataset("g/x", data=np.arange(40, dtype="<i4"), chunks=(10,))
        f["plain"] = np.arange(10, dtype="<i4")
        offsets = [d.id.get_chunk_info(i).byte_offset for i in range(4)]
    return path, offsets, os.path.getsize(path)


def entry(path, offset):
    """Where the index of `chunked` has a chunk's address: the size, mask, offset and 0 before it are its key."""
    return content(path).index(struct.pack("<Q", offset))


def test_chunks_overlap(check, chunked):
    path, offsets, _ = chunked
    findings = check(path, (entry(path, offsets[2]), struct.pack("<Q", offsets[1] + 8)))
    only(findings, "/g/x", offsets[1] + 8, "chunk 20 at bytes %d to %d overlaps chunk 10 at bytes" % (offsets[1] + 8, offsets[1] + 48))


def test_chunk_overlaps_other_data(check, chunked):
    path, offsets, _ = chunked
    with h5py.File(path) as f:
        plain = f["plain"].id.get_offset()
    only(check(path, (entry(path, offsets[3]), struct.pack("<Q", plain - 8))), "/plain", plain, "the data at bytes %d to %d overlaps chunk 30 of /g/x" % (plain, plain + 40))


def test_chunk_beyond_the_end(check, chunked):
    path, offsets, end = chunked
    for options in ([], ["--data"]):
        only(check(path, (entry(path, offsets[0]), struct.pack("<Q", end - 8)), options=options), "/g/x", end - 8,
             "chunk 0 of 40 bytes reaches beyond the end of the file at byte %d" % end)


def test_chunk_of_another_size(check, chunked):
    path, offsets, _ = chunked
    only(check(path, (entry(path, offsets[1]) - 24, struct.pack("<I", 36)), options=["--data"]), "/g/x", offsets[1], "chunk 10: its index says that it takes 36 bytes")


def test_filter_mask(check, chunked):
    path, offsets, _ = chunked
    only(check(path, (entry(path, offsets[1]) - 20, struct.pack("<I", 1))), "/g/x", offsets[1], "chunk 10: its filter mask 0x1 has more bits than there are filters (0)")


def test_chunk_twice(check, chunked):
    path, offsets, _ = chunked
    only(check(path, (entry(path, offsets[1]) - 16, struct.pack("<Q", 0))), "/g/x", None, "chunk 0 is twice in the index")


def test_chunk_index(check, data):
    b = content(data("chunk_indexes.h5"))
    for signature in (b"FADB", b"EAHD", b"BTLF"):
        at = b.index(signature)
        findings = check(data("chunk_indexes.h5"), (at + 6, bytes([b[at + 6] ^ 0x11])))
        assert len(findings) == 1 and findings[0][1] == at and "checksum" in findings[0][2] and findings[0][0] != "", findings


@pytest.mark.parametrize("filters, what", [({"compression": "gzip"}, "deflate"), ({"fletcher32": True}, "Fletcher"), ({"compression": "lzf"}, "LZF")])
def test_chunk_contents(check, tmp_path, filters, what):
    """Only --data reads them; every damaged chunk is named."""
    path = tmp_path / "filtered.h5"
    with h5py.File(path, "w") as f:
        d = f.create_dataset("x", data=np.arange(4000, dtype="<i4") // 100, chunks=(1000,), **filters)
        info = [d.id.get_chunk_info(i) for i in range(4)]
    patches = [(info[i].byte_offset, b"\xff" * 20) for i in (1, 3)]
    assert check(path, *patches) == []
    findings = check(path, *patches, options=["--data"])
    assert [(p, at) for p, at, _ in findings] == [("/x", info[1].byte_offset), ("/x", info[3].byte_offset)], findings
    assert findings[0][2].startswith("chunk 1000 of %d bytes: " % info[1].size) and findings[1][2].startswith("chunk 3000 of ")
    assert what.lower() in findings[0][2].lower()


def test_filter_that_is_not_built_in(h5range, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as f:
        f.create_dataset("x", data=np.arange(100), chunks=(10,), compression="gzip")
    b = content(path)
    assert b.count(b"deflate\0") == 1
    path.write_bytes(b.replace(struct.pack("<HHHH", 1, 8, 1, 1) + b"deflate\0", struct.pack("<HHHH", 400, 8, 1, 1) + b"unheard\0"))
    r = h5range("check", "--data", path)
    assert r.code == 0 and r.text.startswith("note: /x: 10 chunks were not decoded: filter 400 is not built in\n"), r.text
    assert "10 chunks (0 decoded): 0 findings, 1 note\n" in r.text


def test_filter_that_a_chunk_skipped_is_not_needed(h5range, tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as f:
        d = f.create_dataset("x", shape=(20,), dtype="<i4", chunks=(10,), compression="gzip")
        d.id.write_direct_chunk((0,), bytes(40), filter_mask=1)
        d.id.write_direct_chunk((10,), bytes(40), filter_mask=0)
    b = content(path)
    path.write_bytes(b.replace(struct.pack("<HHHH", 1, 8, 1, 1) + b"deflate\0", struct.pack("<HHHH", 400, 8, 1, 1) + b"unheard\0"))
    r = h5range("check", "--data", path)
    assert "note: /x: 1 chunk was not decoded: filter 400" in r.text and "2 chunks (1 decoded): 0 findings, 1 note" in r.text, r.text


# ---- other files

def test_files_that_are_missing(h5range, data, tmp_path):
    for name, path, what in (("external.h5", "/", "external_0.raw"), ("virtual.h5", "/", "virtual_source_0.h5")):
        shutil.copy(data("parts/" + name), tmp_path / name)
        r = h5range("check", tmp_path / name)
        assert r.code == 1 and '"%s", which is not there' % what in r.text and r.text.startswith(path), r.text


def test_sources_by_number_end_where_one_is_missing(h5range, data):
    r = h5range("check", "--json", data("parts/virtual.h5"))
    assert [x["path"] for x in json.loads(r.text)["findings"]] == ["/stacked"]
