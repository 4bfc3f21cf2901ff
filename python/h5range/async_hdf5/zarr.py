"""async-hdf5's Zarr store: :mod:`h5range.zarr`."""

from ..zarr import HDF5Store, open_hdf5

__all__ = ["HDF5Store", "open_hdf5"]
