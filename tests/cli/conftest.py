"""Fixtures of the command's tests. They run with .venv's Python, which has h5py."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "tests", "data")
BIN = os.environ.get("H5RANGE_BIN", os.path.join(ROOT, "build", "release", "bin", "h5range"))


class Result:
    def __init__(self, p):
        self.code, self.out, self.err = p.returncode, p.stdout, p.stderr.decode()

    @property
    def text(self):
        return self.out.decode()


@pytest.fixture
def h5range():
    def run(*args):
        return Result(subprocess.run([BIN, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60))

    return run


@pytest.fixture
def data():
    return lambda name: os.path.join(DATA, name)
