"""async-hdf5's function for VirtualiZarr: :mod:`h5range.virtualizarr`."""

from ..virtualizarr import open_virtual_hdf5

__all__ = ["open_virtual_hdf5"]
