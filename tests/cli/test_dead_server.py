"""What a server that dies in between costs: the tries of one request, not those of one for each step of a command."""
import subprocess

import h5py
import numpy as np
import pytest
from conftest import BIN
from serving import RangeHandler, serving


class Handler(RangeHandler):
    """Answers the first request for a name, and is unavailable from then on."""

    def do_GET(self):
        asked = self.server.asked.setdefault(self.path.lstrip("/"), [])
        asked.append(self.headers["Range"])
        if len(asked) == 1:
            self.answer_range(self.server.body)
        else:
            self.answer(b"", 503, Retry_After="0")


@pytest.fixture
def server(tmp_path):
    """Of a file whose groups lie behind what is read at first."""
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["large"] = np.zeros(1 << 19)
        for i in range(3):
            f.create_dataset("g/h/%d" % i, data=np.arange(100), chunks=(10,))
    with serving(Handler, asked={}, body=(tmp_path / "a.h5").read_bytes()) as s:
        yield s


def test_tries_are_those_of_one_request(server):
    commands = {"tree": ["tree"], "info": ["info"], "chunks": ["chunks", "--recursive"]}
    url = "http://127.0.0.1:%d/%s#/g/h/1"
    running = {name: subprocess.Popen([BIN, *args, url % (server.server_port, name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for name, args in commands.items()}
    for name, p in running.items():
        out, err = p.communicate(timeout=120)
        assert (p.returncode, out, err.count("\n")) == (4, "", 1) and "503" in err
        assert len(set(server.asked[name][1:])) == 1 and len(server.asked[name]) == 1 + 6, name  # five tries after the first
