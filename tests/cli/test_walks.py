"""Walks over much: the rounds of a listing do not follow the number of objects."""
import re

import h5py
import numpy as np
import pytest


def groups(f, n):
    for i in range(n // 50):
        g = f.create_group("g%03d" % i)
        for k in range(50):
            g.create_group("s%03d" % k).attrs["k"] = k


def datasets(f, n):
    g = f.create_group("wide")
    for i in range(n):
        g.create_dataset("variable_%05d" % i, shape=(), dtype="<i4")


def attributes(f, n):
    for i in range(n):
        f.attrs["attribute_%05d" % i] = np.bytes_("value")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("write, lines", [(groups, lambda n: n // 50 + n), (datasets, lambda n: 1 + n), (attributes, lambda n: n)])
def test_rounds_of_a_listing_do_not_follow_the_number_of_objects(h5range, tmp_path, libver, write, lines):
    if write is attributes and libver == "earliest":
        limit = 300  # an old header holds no more than 64 KiB of messages
    else:
        limit = 2000
    rounds = []
    for n in (limit // 4, limit):
        with h5py.File(tmp_path / "walk.h5", "w", libver=libver) as f:
            write(f, n)
        r = h5range("tree", "--attributes", "--stats", tmp_path / "walk.h5")
        found = sum(line.strip()[:1] != ":" for line in r.text.splitlines()[1:]) if write is not attributes else r.text.count("attribute_")
        assert (r.code, found) == (0, lines(n))
        rounds.append(int(re.search(r"rounds (\d+)", r.err)[1]))
    assert rounds[1] <= rounds[0] + 3, rounds
