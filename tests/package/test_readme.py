"""The C program of README.md compiles against the installed library and prints what is written there."""
import os
import re
import shlex

from installed import ROOT, run


def test_c_example(static, tmp_path):
    with open(os.path.join(ROOT, "README.md")) as f:
        program, expected = re.search(r"^```c\n(.*?)^```\n\n```text\n(.*?)^```", f.read(), re.M | re.S).groups()
    (tmp_path / "example.c").write_text(program)
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "h5range", env=static.env))
    run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", tmp_path / "example.c", "-o", tmp_path / "example", *flags)
    assert run(tmp_path / "example", cwd=ROOT) == expected
