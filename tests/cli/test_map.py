"""The picture of a file's layout, with a trace painted on it."""
import json
import os
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest


def svg(text):
    root = ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    assert root.tag == name + "svg"
    texts = [t.text for t in root.iter(name + "text")]
    drawn = [r for r in root.iter(name + "rect") if r.find(name + "title") is not None]
    return texts, [r.find(name + "title").text for r in drawn if r.get("class") != "read"], [r for r in drawn if r.get("class") == "read"]


def test_map(h5range, data, tmp_path):
    out = tmp_path / "layout.svg"
    assert h5range("map", "-o", out, data("scattered/earliest.h5")).code == 0
    texts, shown, read = svg(out.read_text())
    assert {"superblock", "object headers", "names and links", "chunk indexes", "variable-length values"} <= set(texts)
    assert any(t.startswith("superblock at byte 0") for t in shown) and not read
    assert "object headers" in {t.split(" at byte ")[0] for t in shown}
    with h5py.File(data("scattered/earliest.h5")) as f: # chunks and bytes of the largest datasets
        largest = min((-d.id.get_storage_size(), d.name) for g in f.values() for h in g.values() for d in h.values())
        assert texts[texts.index(largest[1]) + 1].startswith("%d, " % f[largest[1]].id.get_num_chunks())
    dense = svg(h5range("map", "-o", "-", data("links_latest.h5")).out)[0]
    assert {"heaps", "names and links"} <= set(dense)


def test_map_of_names_that_are_no_xml(h5range, tmp_path):
    with h5py.File(tmp_path / "names.h5", "w") as f:
        for name in (b"<&>\"", b"\xff\xfe", b"bell\x07", "ö€😀".encode(), b"\xed\xa0\x80", b"x" * 300):
            f.create_dataset(name, data=np.arange(8.0))
    texts, shown, _ = svg(h5range("map", "-o", "-", tmp_path / "names.h5").out)
    assert '/<&>"' in texts and "/ö€😀" in texts and "/bell?" in texts and "/??" in texts
    assert any(t.startswith("... xxx") for t in texts)


def test_map_paints_a_trace(h5range, data, tmp_path):
    trace = tmp_path / "t.json"
    h5range("info", "--trace", trace, data("scattered/earliest.h5") + "#/beam0/heights/time")
    rounds = [json.loads(line) for line in open(trace)]
    texts, _, read = svg(h5range("map", "-o", "-", "--trace", trace, data("scattered/earliest.h5")).out)
    assert len(rounds) > 1
    assert {r.find("{http://www.w3.org/2000/svg}title").text for r in read} <= {"read in round %d" % r["round"] for r in rounds}
    assert any("Read: %d rounds, %d requests" % (len(rounds), sum(len(r["requests"]) for r in rounds)) in t for t in texts)
    # As much of the picture is painted as was read of the file.
    size = os.path.getsize(data("scattered/earliest.h5"))
    painted = sum(float(r.get("width")) for r in read) / (24 * 1000)
    asked = sum(q[2] for r in rounds for q in r["requests"]) / size
    assert asked <= painted + 0.001 and painted < asked * 1.5 + 0.01


@pytest.mark.parametrize("args, code, text", [
    (["flat_latest.h5"], 2, "needs -o"), (["-o"], 2, "-o needs a value"), (["-o", "/no/such/folder/x.svg", "flat_latest.h5"], 4, "cannot write"),
    (["-o", "-", "--trace", "/no/such/trace", "flat_latest.h5"], 4, "cannot read"),
    (["-o", "-", "flat_latest.h5#/d001"], 2, "whole file"),
])
def test_map_says_what_is_wrong(h5range, data, args, code, text):
    r = h5range("map", *[data(a) if a.startswith("flat") else a for a in args])
    assert r.code == code and text in r.err


def test_map_refuses_what_is_no_trace(h5range, data, tmp_path):
    trace = tmp_path / "t.json"
    for line in ("{}", '{"round": 1, "requests": [[1, 2]]}', '{"round": 0, "requests": [[1,2,3]]}', "text"):
        trace.write_text(line + "\n")
        r = h5range("map", "-o", "-", "--trace", trace, data("flat_latest.h5"))
        assert (r.code, r.out) == (2, b"") and "line 1" in r.err, line


@pytest.mark.parametrize("requests", [
    "[[-1,2,2]]", "[[1,-2,2]]", "[[1,2,-2]]", "[[1,2,3]]", "[[9223372036854775808,1,1]]", "[[99999999999999999999,1,1]]", "[[9223372036854775807,1,0]]",
    "[[0,9223372036854775807,9223372036854775807],[1,1,1]]", "[[1,2,2]", "[[1,2,2][3,1,1]]", "[1,2,2]", "1", "[[1.5,2,2]]", "[[+1,2,2]]", ""])
def test_map_refuses_what_is_no_range(h5range, data, tmp_path, requests):
    trace = tmp_path / "t.json"
    trace.write_text('{"round":1,"requests":[]}\n{"round":2,"requests":[[0, 8, 4],[9223372036854775806,1,1]]}\n')
    assert h5range("map", "-o", "-", "--trace", trace, data("flat_latest.h5")).code == 0
    trace.write_text('{"round":1,"requests":[[0,8,8]]}\n{"round":2,"requests":%s}\n' % requests)
    r = h5range("map", "-o", "-", "--trace", trace, data("flat_latest.h5"))
    assert (r.code, r.out) == (2, b"") and r.err == "h5range: %s: line 2 is no round as --trace writes it\n" % trace


def test_map_of_a_trace_without_rounds(h5range, data, tmp_path):
    (tmp_path / "t.json").write_bytes(b"")
    r = h5range("map", "-o", tmp_path / "m.svg", "--trace", tmp_path / "t.json", data("flat_latest.h5"))
    assert r.code == 2 and "line 1" in r.err and "empty" in r.err and not (tmp_path / "m.svg").exists()
    r = h5range("map", "-o", "-", "--trace", tmp_path, data("flat_latest.h5"))
    assert r.code == 4 and "cannot read" in r.err and "directory" in r.err
