"""Fixtures of the driver's tests: the plugin, an independent reader, web servers on loopback."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("H5RANGE_BUILD", ROOT / "build" / "release"))
DATA = ROOT / "tests" / "data"

# GDAL looks for plugins when it is imported.
os.environ["GDAL_DRIVER_PATH"] = str(BUILD / "gdalplugins")
os.environ.pop("H5RANGE_CLAIM", None)

from osgeo import gdal  # noqa: E402

gdal.UseExceptions()


def shared_folder():
    path = pathlib.Path(os.environ.get("H5RANGE_SHARED") or ROOT.parent / "shared")
    return path if (path / "corpus" / "files").is_dir() else None


@pytest.fixture(scope="session", autouse=True)
def driver():
    found = gdal.GetDriverByName("H5RANGE")
    assert found is not None, "no plugin in %s: build it first" % os.environ["GDAL_DRIVER_PATH"]
    return found


@pytest.fixture(scope="session")
def shared():
    path = shared_folder()
    if path is None:
        pytest.skip("no shared material beside the project (H5RANGE_SHARED)")
    return path


class Oracle:
    def __init__(self):
        self._process = subprocess.Popen([str(ROOT / ".venv/bin/python"), str(ROOT / "autotest/oracle.py")],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _ask(self, request):
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        head = json.loads(self._process.stdout.readline())
        return head["answer"], self._process.stdout.read(head["bytes"])

    def arrays(self, file):
        return self._ask({"do": "arrays", "file": str(file)})[0]

    def read(self, file, path, index=None):
        """NumPy array; a list for strings; raises ValueError with h5py's reason."""
        import numpy as np

        head, body = self._ask({"do": "read", "file": str(file), "path": path, "index": index})
        if "error" in head:
            raise ValueError(head["error"])
        if "strings" in head:
            return head["strings"]
        return np.frombuffer(body, dtype=head["dtype"]).reshape(head["shape"])

    def close(self):
        self._process.stdin.close()
        self._process.wait()


@pytest.fixture(scope="session")
def oracle():
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("no .venv: run scripts/venv.sh")
    found = Oracle()
    yield found
    found.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Files by scripts, which the interpreter of .venv runs: GDAL's process has no h5py. The same script is run once."""
    python, files = ROOT / ".venv/bin/python", {}
    if not python.exists():
        pytest.skip("no .venv: run scripts/venv.sh")

    def make(name, script):
        if (name, script) not in files:
            path = tmp_path_factory.mktemp("made") / name
            subprocess.run([str(python), "-c", "import h5py, netCDF4, numpy as np, sys\n" + script, str(path)], check=True)
            files[name, script] = path
        return files[name, script]

    return make


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """nginx over one folder, with a log of every request."""

    def __init__(self, folder, work):
        self.port, self._log, self._conf = free_port(), work / "access.log", work / "nginx.conf"
        for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
            (work / name).mkdir()
        self._conf.write_text("""
daemon off; master_process off; pid %(work)s/pid; error_log %(work)s/error.log;
events { worker_connections 256; }
http {
  log_format ranges '$request_method $uri $status $http_range';
  access_log %(work)s/access.log ranges;
  client_body_temp_path %(work)s/body; proxy_temp_path %(work)s/proxy; fastcgi_temp_path %(work)s/fastcgi;
  uwsgi_temp_path %(work)s/uwsgi; scgi_temp_path %(work)s/scgi;
  server { listen 127.0.0.1:%(port)d; root %(folder)s; default_type application/octet-stream; keepalive_requests 100000; }
}
""" % {"work": work, "port": self.port, "folder": folder})
        self._process = subprocess.Popen(["nginx", "-p", str(work), "-c", str(self._conf)], stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/" % self.port, timeout=5).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError("nginx does not answer")

    def url(self, name):
        return "http://127.0.0.1:%d/%s" % (self.port, name)

    def requests(self):
        """(method, path, status, range) of each since the last call. nginx writes its log when a request ends."""
        time.sleep(0.05)
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        with open(self._log, "w"):
            pass
        return [tuple(line.split(" ", 3)) for line in lines]

    def stop(self):
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="session")
def nginx_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("www")
    os.chmod(folder, 0o755)
    for part in folder.parents:
        if part.owner() == folder.owner() and str(part) != "/" and str(part) != "/tmp":
            os.chmod(part, 0o755)
    for file in DATA.iterdir():
        if file.suffix in (".h5", ".nc"):
            shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="session")
def nginx(nginx_folder, tmp_path_factory):
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed: run scripts/deps.sh")
    server = Nginx(nginx_folder, tmp_path_factory.mktemp("nginx"))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def forget_remote_files():
    """Each test starts without what /vsicurl/ remembers."""
    yield
    gdal.VSICurlClearCache()


def run_script(python, script, *arguments, **environment):
    """What a script for another interpreter prints, as JSON. Its failures, and what it says then, are the test's."""
    process = subprocess.run([str(python), "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             timeout=300, env=dict(os.environ, **environment))
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def system_python(module):
    """Debian's interpreter, whose packages see Debian's GDAL; a test whose package is missing, or is of another GDAL, is skipped."""
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    check = "import %s; from osgeo import gdal; print(gdal.VersionInfo('RELEASE_NAME'))" % module
    process = subprocess.run([python, "-c", check], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if process.returncode or process.stdout.split()[-1] != gdal.VersionInfo("RELEASE_NAME"):
        pytest.skip("no %s of this GDAL: scripts/deps.sh test" % module)
    return python


class Errors:
    """Messages of a block: with Errors() as errors: ..."""

    def __enter__(self):
        self.messages = []
        gdal.PushErrorHandler(lambda level, number, text: self.messages.append((level, text)))
        gdal.DontUseExceptions()
        return self

    def __exit__(self, *exc):
        gdal.PopErrorHandler()
        gdal.UseExceptions()

    def failures(self):
        return [text for level, text in self.messages if level >= gdal.CE_Failure]

    def warnings(self):
        return [text for level, text in self.messages if level == gdal.CE_Warning]


@pytest.fixture
def errors():
    return Errors


def open_multidim(name, **options):
    return gdal.OpenEx(str(name), gdal.OF_MULTIDIM_RASTER, **options)


def band_of(ds, index=1):
    """A band that keeps its dataset, which GDAL's bindings do not."""
    band = ds.GetRasterBand(index)
    band.dataset = ds
    return band


@pytest.fixture
def root_of():
    def open_root(name):
        ds = open_multidim(name)
        assert ds is not None
        return ds.GetRootGroup()

    return open_root
