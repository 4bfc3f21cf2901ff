"""The examples of docs/command.md and README.md print what is written there."""
import os
import re
import subprocess

import pytest
from conftest import BIN, ROOT


def examples(name):
    with open(os.path.join(ROOT, name)) as f:
        for block in re.findall(r"^```console\n(.*?)^```", f.read(), re.M | re.S):
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                yield name, command, expected


EXAMPLES = list(examples("docs/command.md")) + list(examples("README.md"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The examples write beside tests/data, not into the tree."""
    d = tmp_path_factory.mktemp("docs")
    for name in ("tests", "examples"):
        os.symlink(os.path.join(ROOT, name), d / name)
    return d


@pytest.mark.parametrize("name, command, expected", EXAMPLES, ids=["%s %s" % (n, c) for n, c, _ in EXAMPLES])
def test_example(folder, name, command, expected):
    env = dict(os.environ, PATH=os.path.dirname(BIN) + os.pathsep + os.environ["PATH"], LC_ALL="C.UTF-8")
    p = subprocess.run(command, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert p.stdout == expected


def test_format_coverage_names_tests_that_exist():
    sources = ""
    for folder in ("tests", "autotest"):
        for at, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".cpp", ".py")):
                    with open(os.path.join(at, name)) as f:
                        sources += f.read()
    with open(os.path.join(ROOT, "docs", "format-coverage.md")) as f:
        rows = [line.rsplit("|", 2)[1] for line in f if line.startswith("| F-")]
    assert len(rows) > 150
    for named in {n for row in rows for n in re.findall("`([^`]+)`", row)}:
        name, _, of = named.partition("[")
        suite, _, case = name.partition(".")
        assert ("TEST(%s, %s)" % (suite, case) if case else "def %s(" % name) in sources, named
        assert not of or os.path.exists(os.path.join(ROOT, "tests", "data", of.rstrip("]"))), named
