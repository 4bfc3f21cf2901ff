"""What the packaging tests share: running programs, and an installation of this tree."""
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RELEASE = os.path.join(ROOT, "build", "release")


def run(*args, **more):
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, **more)
    assert p.returncode == 0, "%s\n%s" % (" ".join(map(str, args)), p.stdout[-4000:])
    return p.stdout


def cache(name):
    """Value of a variable in the cache of build/release: the installations are configured alike."""
    with open(os.path.join(RELEASE, "CMakeCache.txt")) as f:
        found = re.search("^%s:[A-Z]+=(.*)$" % name, f.read(), re.M)
    return found.group(1) if found else ""


class Installed:
    def __init__(self, top, shared):
        self.prefix, self.build, self.shared = top / "prefix", top / "build", shared
        run("cmake", "-S", ROOT, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DH5RANGE_DRIVER=OFF", "-DH5RANGE_TESTS=OFF",
            "-DH5RANGE_EXAMPLES=ON", "-DH5RANGE_WERROR=ON", "-DH5RANGE_CURL=" + (cache("H5RANGE_CURL") or "ON"),
            "-DBUILD_SHARED_LIBS=" + ("ON" if shared else "OFF"), "-DCMAKE_INSTALL_LIBDIR=lib")
        run("cmake", "--build", self.build)
        # The prefix is given late: what was installed must not know where it was configured for.
        run("cmake", "--install", self.build, "--prefix", self.prefix)
        self.lib = self.prefix / "lib"
        self.env = dict(os.environ, PKG_CONFIG_PATH=str(self.lib / "pkgconfig"), LD_LIBRARY_PATH=str(self.lib))
