"""async-hdf5's xarray backend: :mod:`h5range.xarray`, whose engine is called ``h5range``."""

from ..xarray import H5RangeBackend

AsyncHDF5BackendEntrypoint = H5RangeBackend

__all__ = ["AsyncHDF5BackendEntrypoint"]
