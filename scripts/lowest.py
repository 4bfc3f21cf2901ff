#!/usr/bin/env python3
"""lowest.py - prints the lower bounds of python/pyproject.toml as constraints for pip, one environment in which they are tried together:

    python3 -m venv build/lowest
    python3 scripts/lowest.py >build/lowest.txt
    build/lowest/bin/pip install './python[test]' -c build/lowest.txt
    build/lowest/bin/python -m pytest -q -c python/pyproject.toml python/tests
"""

import pathlib
import re
import tomllib

PYPROJECT = pathlib.Path(__file__).resolve().parents[1] / "python" / "pyproject.toml"


def main():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    lowest = {}
    for requirement in [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]:
        name, version = re.fullmatch(r"([\w.-]+)[>=]=([\w.]+)", requirement).groups()
        if lowest.setdefault(name, version) != version:
            raise SystemExit(f"{name}: bounds {lowest[name]} and {version} in {PYPROJECT}")
    for name, version in sorted(lowest.items()):
        print(f"{name}=={version}")


main()
