"""HDF5 and netCDF-4 files over byte ranges.

    import h5range

    with h5range.open("https://example.org/sst.nc") as f:      # or a path, s3://..., a store, an fsspec file system
        window = f["analysed_sst"][0, 100:200, 100:200]

    f = await h5range.File.open("sst.nc", store=obstore.store.S3Store("bucket"))
    window = await f["analysed_sst"].read(np.s_[0, 100:200, 100:200])

A listing or a window takes a few rounds of parallel requests; ``f.stats`` counts them.
"""

from typing import TYPE_CHECKING

from . import errors
from ._file import File, Options, Stats, open
from ._h5range import identify
from ._h5range import version as core_version
from ._index import ChunkIndex, ChunkLocation
from ._nodes import Attributes, Dataset, Datatype, Filter, Group, Link
from ._types import Empty, Reference, Region
from .errors import (
    ArgumentError,
    FormatError,
    H5RangeError,
    IncompleteWarning,
    InternalError,
    LimitError,
    NoFileError,
    NotFoundError,
    OutOfMemoryError,
    ReadError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from . import async_hdf5 as async_hdf5
    from . import gdal as gdal
    from . import netcdf as netcdf
    from . import refs as refs
    from . import virtualizarr as virtualizarr
    from . import xarray as xarray
    from . import zarr as zarr
else:

    def __getattr__(name: str):
        """Submodules that need other packages are imported when they are first asked for."""
        if name in ("async_hdf5", "gdal", "netcdf", "refs", "virtualizarr", "xarray", "zarr"):
            import importlib

            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__version__ = "0.1.0"

__all__ = [
    "ArgumentError", "Attributes", "ChunkIndex", "ChunkLocation", "Dataset", "Datatype", "Empty", "File", "Filter", "FormatError", "Group",
    "H5RangeError", "IncompleteWarning", "InternalError", "LimitError", "Link", "NoFileError", "NotFoundError", "Options", "OutOfMemoryError", "ReadError",
    "Reference", "Region", "Stats", "UnsupportedError", "core_version", "errors", "identify", "open",
]  # fmt: skip
