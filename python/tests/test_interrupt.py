"""Signals reach a read that waits for a server."""

import signal
import socket
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
import h5range

class Handled(Exception):
    pass

def handler(number, frame):
    raise Handled

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
signal.signal(signal.SIGUSR1, handler)
try:
    h5range.open(sys.argv[1])
except BaseException as e:
    print(type(e).__name__, e.__cause__)
"""


# What the handler raised arrives as it is; Ctrl-C used to do nothing until the server's time was out, some minutes later.
@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGUSR1, "Handled")])
def test_a_signal_ends_the_wait_for_a_server_that_never_answers(number, raised):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(120)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/file.h5"
        with subprocess.Popen([sys.executable, "-c", PROGRAM, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            try:
                connection, _ = server.accept()
                with connection:
                    assert connection.recv(1)  # it has asked, and waits
                    program.send_signal(number)
                    out, err = program.communicate(timeout=40)
            finally:
                program.kill()
    assert (out, err) == (f"{raised} None\n", "")
