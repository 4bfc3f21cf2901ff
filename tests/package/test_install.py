"""What "cmake --install" gives: a library, headers, a command, and programs that find them by CMake and by pkg-config."""
import os
import re
import shlex
import subprocess

import pytest
from installed import ROOT, run

EXAMPLES = os.path.join(ROOT, "examples")
PRODUCT = os.path.join(ROOT, "tests", "data", "product.nc")


def check_examples(folder, env=None):
    """They run, and say what is in the file."""
    out = run(folder / "list", PRODUCT, env=env)
    assert "sst 4 x 60 x 80, 2 bytes an element" in out
    assert "1 rounds, 1 requests" in out
    assert run(folder / "window", PRODUCT, "/sst", 10, 10, env=env).split()[:3] == ["1815", "1844", "1873"]
    out = run(folder / "push", PRODUCT, env=env)
    assert out.startswith("round: 0+4096\n") and out.split()[-6:] == ["crs", "quality", "sst", "time", "x", "y"]
    for args in (["list", EXAMPLES + "/list.c"], ["push", EXAMPLES + "/list.c"], ["window", PRODUCT, "/sst", "58", "0"]):
        p = subprocess.run([folder / args[0], *args[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        assert p.returncode == 1 and p.stderr.startswith(args[0] + ": ") and p.stderr.count("\n") == 1


def test_examples_of_the_build_tree(installed):
    check_examples(installed.build / "examples")


def test_examples_by_find_package(installed, tmp_path):
    run("cmake", "-S", EXAMPLES, "-B", tmp_path, "-G", "Ninja", "-DCMAKE_PREFIX_PATH=%s" % installed.prefix)
    run("cmake", "--build", tmp_path)
    check_examples(tmp_path)


def test_find_package_refuses_another_version(installed, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(x C)\nfind_package(h5range 0.2 REQUIRED)\n")
    p = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "b", "-DCMAKE_PREFIX_PATH=%s" % installed.prefix], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    assert p.returncode != 0 and "compatible" in p.stdout


def test_examples_by_pkg_config(installed, tmp_path):
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "h5range", env=installed.env))
    for name in ("list", "window", "push"):
        run("cc", "-std=c11", os.path.join(EXAMPLES, name + ".c"), "-o", tmp_path / name, *flags, env=installed.env)
    check_examples(tmp_path, installed.env)


def test_versions_agree(installed):
    with open(os.path.join(ROOT, "core", "include", "h5range", "h5range.h")) as f:
        version = ".".join(re.findall(r"^#define H5R_VERSION_\w+ (\d+)$", f.read(), re.M))
    assert run("pkg-config", "--modversion", "h5range", env=installed.env).strip() == version
    assert run(installed.prefix / "bin" / "h5range", "--version").startswith("h5range %s\n" % version)  # finds its library by itself


def test_nothing_private_is_installed(installed):
    found = sorted(os.path.relpath(os.path.join(d, n), installed.prefix) for d, _, names in os.walk(installed.prefix) for n in names)
    expected = r"bin/h5range|include/h5range/h5range(_curl)?\.h|lib/libh5range\.(a|so[.0-9]*)|lib/pkgconfig/h5range\.pc|lib/cmake/h5range/.*\.cmake"
    assert [n for n in found if not re.fullmatch(expected, n)] == []
    assert len([n for n in found if n.startswith("include/")]) == 1 + (b"HAVE_CURL" in open(installed.lib / "pkgconfig" / "h5range.pc", "rb").read())


def test_soname(shared):
    out = run("readelf", "-d", shared.lib / "libh5range.so")
    assert re.search(r"SONAME.*\[libh5range\.so\.\d+\.\d+\]", out)


def test_exported_symbols_are_the_declared_functions(shared):
    headers = shared.prefix / "include" / "h5range"
    text = "".join((headers / name).read_text() for name in os.listdir(headers))
    declared = re.findall(r"^H5R_API [^;(]*?\b(\w+)\(", text, re.M)
    assert len(declared) == len(re.findall(r"^H5R_API ", text, re.M))
    out = run("nm", "-D", "--defined-only", shared.lib / "libh5range.so")
    exported = {line.split()[-1] for line in out.splitlines()}
    assert exported == set(declared)


HDF5 = subprocess.run(["pkg-config", "--cflags", "hdf5"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("beside", ["alone", "hdf5 first", "hdf5 last"])
@pytest.mark.parametrize("compiler", [["gcc", "-std=c11", "-xc"], ["g++", "-std=c++17", "-xc++"], ["clang", "-std=c11", "-xc"], ["clang++", "-std=c++17", "-xc++"]],
                         ids=lambda c: c[0])
def test_header_compiles(static, tmp_path, compiler, beside):
    """libhdf5 owns some names that begin with H5R_: a program has to be able to use both."""
    if subprocess.run(["which", compiler[0]], stdout=subprocess.DEVNULL).returncode != 0:
        pytest.skip(compiler[0] + " is not installed")
    if beside != "alone" and HDF5.returncode != 0:
        pytest.skip("hdf5.h is not installed (libhdf5-dev)")
    ours = ["#include <h5range/%s>" % n for n in sorted(os.listdir(static.prefix / "include" / "h5range"))]
    lines = {"alone": ours, "hdf5 first": ["#include <hdf5.h>", *ours], "hdf5 last": [*ours, "#include <hdf5.h>"]}[beside]
    (tmp_path / "x").write_text("\n".join(lines) + "\nint main(void) { return h5r_version()[0] == 0; }\n")
    # -isystem would hide our own warnings; hdf5.h is the system's.
    run(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", static.prefix / "include",
        *[f.replace("-I", "-isystem") for f in shlex.split(HDF5.stdout)], tmp_path / "x")
