"""HDF5 files in any GDAL of the process, without a plugin: a virtual file system that shows them as Zarr, which GDAL reads.

    import rasterio, h5range.gdal

    h5range.gdal.install()
    with rasterio.open('ZARR:"/vsih5zarr/{/vsicurl/https://example.org/sst.nc}":/analysed_sst') as ds: ...

The file in braces is read by GDAL's own file systems, with its credentials and options; chunks are found and decoded by h5range.
"""

from __future__ import annotations

import os
import re
import sys

from . import _h5range, errors

__all__ = ["install", "loaded"]

_LIBRARY = re.compile(r"libgdal[-.\w]*\.so[.\d]*$")


def loaded() -> list[str]:
    """Paths of the GDAL libraries that this process has loaded: that of rasterio's wheel, of the system's ``osgeo``, and so on."""
    if not sys.platform.startswith("linux"):
        raise errors.UnsupportedError("GDAL libraries are found on Linux only; name one: install(path)")
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        paths = [line.split(None, 5)[5].rstrip("\n") for line in maps if line.count(" ") >= 5 and "/" in line]
    return sorted({p for p in paths if _LIBRARY.match(os.path.basename(p))})


def install(library: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Adds ``/vsih5zarr/{FILE}`` to the GDAL libraries that are loaded, or to one of them; again is harmless.

    Returns their versions by path. UnsupportedError when there is none (import rasterio first, or whatever uses GDAL), or when it has no Zarr
    driver, as in the wheels of gdal-wheel.
    """
    paths = [os.fspath(library)] if library is not None else loaded()
    if not paths:
        raise errors.UnsupportedError("no GDAL is loaded: import rasterio, osgeo.gdal or whatever uses it first")
    done: dict[str, str] = {}
    refused: list[str] = []
    for path in paths:
        try:
            done[path] = _h5range.gdal_install(path)
        except ValueError as e:
            refused.append(str(e))
    if not done:
        raise errors.UnsupportedError("; ".join(refused))
    return done
