"""obstore's stores, under the name that async-hdf5 gives them: ``from h5range.async_hdf5.store import S3Store``."""

try:
    from obstore.store import AzureStore, GCSStore, HTTPStore, LocalStore, MemoryStore, S3Store, from_url
except ImportError as e:
    raise ImportError("the stores are obstore's: pip install obstore (any other store with get_ranges_async does as well)") from e

__all__ = ["AzureStore", "GCSStore", "HTTPStore", "LocalStore", "MemoryStore", "S3Store", "from_url"]
