"""dump --canonical of every file in tests/data equals what libhdf5 reads in it (NAME.json, written by tests/data/make.py)."""
import json
import os

import pytest

from conftest import DATA

# parts/ has files whose data lie in other files; those others have no expectation of their own.
FILES = sorted(n for n in os.listdir(DATA) if n.endswith((".h5", ".nc")))
FILES += sorted("parts/" + n[:-len(".json")] for n in os.listdir(os.path.join(DATA, "parts")) if n.endswith(".json"))


def plain(x):
    """Without the members that are not part of the comparison."""
    if isinstance(x, dict):
        return {k: v if k in ("objects", "links", "attributes") and not isinstance(v, dict) else plain_map(v) if k in ("objects", "links", "attributes") else plain(v)
                for k, v in x.items() if not k.startswith("_")}
    if isinstance(x, list):
        return [plain(v) for v in x]
    return x


def plain_map(x):
    """A map whose keys are names out of the file, which may begin with "_"."""
    return {k: plain(v) for k, v in x.items()}


@pytest.mark.parametrize("name", FILES)
def test_equals_libhdf5(h5range, data, name):
    with open(data(name + ".json")) as f:
        expected = json.load(f)
    built_in = h5range("--version").text.split("not built in:")[0]
    needed = {"(%d)" % x["id"] for o in expected["objects"].values() for x in o.get("filters") or []}
    if any(x not in built_in for x in needed):
        pytest.skip("filters left out of this build: " + " ".join(sorted(x for x in needed if x not in built_in)))
    r = h5range("dump", "--canonical", data(name))
    assert r.code == 0, r.err
    got, want = plain(json.loads(r.text)), plain(expected)
    for path, node in want["objects"].items():
        assert got["objects"].get(path) == node, path
    assert got == want


def test_names_of_equal_hashes(h5range, data):
    r = h5range("dump", "--canonical", data("equal_hashes.h5"))
    names = [n for n in json.loads(r.text)["objects"]["/"]["links"] if n.startswith("variable")]
    values = [int(h5range("cat", data("equal_hashes.h5") + "#/" + n).text) for n in names]
    assert sorted(values) == list(range(8))
