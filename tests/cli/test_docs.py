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
