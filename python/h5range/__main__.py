"""``python -m h5range refs URI --format kerchunk-json|kerchunk-parquet -o OUT``: references to the chunks of a file."""

from __future__ import annotations

import argparse
import json
import sys
import warnings

from . import __version__, errors


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m h5range", description="HDF5 and netCDF-4 over byte ranges")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    refs = commands.add_parser("refs", help="references to a file's chunks, for kerchunk, fsspec and xarray")
    refs.add_argument("uri")
    refs.add_argument("--format", choices=("kerchunk-json", "kerchunk-parquet"), default="kerchunk-json")
    refs.add_argument("-o", "--output", required=True, help="a file, a folder for kerchunk-parquet")
    refs.add_argument("--url", help="what the file is called in the references (its own name)")
    refs.add_argument("--group", help="path that becomes the root")
    refs.add_argument("--inline", type=int, help="bytes of an array that may be put into the references where it cannot be named (1 MiB)")
    refs.add_argument("--no-check", action="store_true", help="do not read some chunks back through the references")
    o = parser.parse_args(argv)
    try:
        return _refs(o)
    except (errors.H5RangeError, OSError) as e:
        print(f"h5range: {o.uri}: {e}", file=sys.stderr)
        return 1


def _refs(o: argparse.Namespace) -> int:
    from . import open
    from .refs import INLINE, LeftOutWarning, check, references

    with open(o.uri) as file, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        name = o.url or file.source
        found = references(file, url=o.url, group=o.group, inline=INLINE if o.inline is None else o.inline)
        checked = 0 if o.no_check else check(found, file, group=o.group)
    if o.format == "kerchunk-json":
        with _open(o.output, "w") as f:
            json.dump(found, f)
    else:
        from kerchunk.df import refs_to_dataframe

        refs_to_dataframe(found["refs"], o.output)
        if any(k.endswith("/.zgroup") for k in found["refs"]):
            # fsspec 2026.9 looks for the protocol among all references, in the order of a set, and ends at a group with a KeyError.
            protocol = name.partition("://")[0] if "://" in name else "file"
            print(f"{o.output}: has groups: open it with remote_protocol={protocol!r}, fsspec does not find that by itself")
    left = [str(w.message) for w in said if issubclass(w.category, LeftOutWarning)]
    for line in left:
        print(f"h5range: {line}", file=sys.stderr)
    named = sum(isinstance(v, list) for v in found["refs"].values())
    print(f"{o.output}: {named} chunks named, {checked} read back through the references, {len(left)} arrays left out")
    return 6 if left else 0


_open = open

if __name__ == "__main__":
    sys.exit(main())
