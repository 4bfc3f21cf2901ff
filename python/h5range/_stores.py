"""Where bytes come from: obspec/obstore stores, fsspec file systems and file-like objects behind one small interface.

A store answers a whole batch at once: ``read()`` in the calling thread, ``read_async()`` in the running event loop. Both take
``[(offset, length), ...]``, sorted and without overlaps, and give as many buffers, shorter ones where the file ends.
"""

from __future__ import annotations

import asyncio
import io
import os
import posixpath
import threading
from collections.abc import Sequence
from typing import Any

Ranges = Sequence[tuple[int, int]]


class Store:
    """Counts what is read. Subclasses fetch."""

    remote = True
    one_at_a_time = False
    asynchronous = False  # whether read_async() does without a thread

    def __init__(self, name: str):
        self.name = name
        self.rounds = self.requests = self.bytes = 0
        self._lock = threading.Lock()
        self._first: Store | None = None

    def counts_for(self, first: Store) -> None:
        self._first = first

    def read(self, ranges: Ranges) -> list[Any]:
        buffers = self._fetch(ranges)
        self._count(ranges, buffers)
        return buffers

    async def read_async(self, ranges: Ranges) -> list[Any]:
        buffers = await self._fetch_async(ranges)
        self._count(ranges, buffers)
        return buffers

    def _count(self, ranges: Ranges, buffers: list[Any]) -> None:
        sizes = [memoryview(b).nbytes for b in buffers]
        for (offset, length), size in zip(ranges, sizes, strict=True):
            if size > length:
                raise OSError(f"{self.name}: {length} bytes at byte {offset} were asked for, {size} came: the store or server does not read ranges")
        if self._first is not None:
            self._first._count(ranges, buffers)
        with self._lock:
            self.rounds += 1
            self.requests += len(ranges)
            self.bytes += sum(sizes)

    def _fetch(self, ranges: Ranges) -> list[Any]:
        raise NotImplementedError

    async def _fetch_async(self, ranges: Ranges) -> list[Any]:
        return await asyncio.to_thread(self._fetch, ranges)

    def exists(self) -> bool:
        return True

    def beside(self, name: str) -> Store | None:
        """The file of that name in this one's folder, which virtual datasets and external links may ask for."""
        return None

    def origin(self) -> tuple[Any, ...]:
        """What opens the same bytes again, in another process."""
        raise TypeError(f"{self.name} cannot be pickled: open the file by its path or URL, or with a store")


def _sibling(path: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))


class ObspecStore(Store):
    """Anything with obspec's ``get_ranges`` (for synchronous reads) and ``get_ranges_async``: obstore's stores are."""

    def __init__(self, store: Any, path: str):
        super().__init__(path)
        self.store = store
        self.path = path
        self.size: int | None = None
        self.asynchronous = hasattr(store, "get_ranges_async")

    def _clamp(self, ranges: Ranges) -> tuple[list[int], list[int]]:
        """The parts of ranges that lie in the file, for those that have one."""
        assert self.size is not None
        inside = [(o, min(n, self.size - o)) for o, n in ranges if o < self.size]
        return [o for o, _ in inside], [n for _, n in inside]

    def _spread(self, ranges: Ranges, buffers: Any) -> list[Any]:
        assert self.size is not None
        it = iter(buffers)
        return [next(it) if o < self.size else b"" for o, _ in ranges]

    def _fetch(self, ranges: Ranges) -> list[Any]:
        if not hasattr(self.store, "get_ranges"):
            raise TypeError(f"{type(self.store).__name__} only reads asynchronously: use 'await h5range.File.open(...)' and 'await ds.read()'")
        if self.size is None:
            try:
                return list(self.store.get_ranges(self.path, starts=[o for o, _ in ranges], lengths=[n for _, n in ranges]))
            except FileNotFoundError:
                raise
            except Exception:
                if not hasattr(self.store, "head"):
                    raise
                self.size = self.store.head(self.path)["size"]  # a range beyond the end, perhaps: stores refuse those
        starts, lengths = self._clamp(ranges)
        buffers = self.store.get_ranges(self.path, starts=starts, lengths=lengths) if starts else []
        return self._spread(ranges, buffers)

    async def _fetch_async(self, ranges: Ranges) -> list[Any]:
        if not self.asynchronous:
            return await asyncio.to_thread(self._fetch, ranges)
        if self.size is None:
            try:
                return list(await self.store.get_ranges_async(self.path, starts=[o for o, _ in ranges], lengths=[n for _, n in ranges]))
            except FileNotFoundError:
                raise
            except Exception:
                if not hasattr(self.store, "head_async"):
                    raise
                self.size = (await self.store.head_async(self.path))["size"]
        starts, lengths = self._clamp(ranges)
        buffers = await self.store.get_ranges_async(self.path, starts=starts, lengths=lengths) if starts else []
        return self._spread(ranges, buffers)

    def exists(self) -> bool:
        try:
            self.store.head(self.path)
        except FileNotFoundError:
            return False
        return True

    def beside(self, name: str) -> Store | None:
        other = ObspecStore(self.store, _sibling(self.path, name))
        return other if hasattr(self.store, "head") and other.exists() else None

    def origin(self) -> tuple[Any, ...]:
        return (self.path, self.store)


class FsspecStore(Store):
    """A path of an fsspec file system. Asynchronous file systems are awaited in the loop that they live in."""

    def __init__(self, fs: Any, path: str):
        super().__init__(path)
        self.fs = fs
        self.path = path
        protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
        self.remote = protocol not in ("file", "local", "memory")
        self.asynchronous = bool(getattr(fs, "async_impl", False))

    def _args(self, ranges: Ranges) -> tuple[list[str], list[int], list[int]]:
        return [self.path] * len(ranges), [o for o, _ in ranges], [o + n for o, n in ranges]

    def _fetch(self, ranges: Ranges) -> list[Any]:
        return self.fs.cat_ranges(*self._args(ranges), on_error="raise")

    async def _fetch_async(self, ranges: Ranges) -> list[Any]:
        if not self.asynchronous:
            return await asyncio.to_thread(self._fetch, ranges)
        work = self.fs._cat_ranges(*self._args(ranges), on_error="raise")
        if self.fs.asynchronous:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.fs.loop))

    def beside(self, name: str) -> Store | None:
        path = _sibling(self.path, name)
        return FsspecStore(self.fs, path) if self.fs.exists(path) else None

    def origin(self) -> tuple[Any, ...]:
        return (self.path, self.fs)


class FileLikeStore(Store):
    """An object with ``seek()`` and ``read()``. It is read by one thread at a time, and stays the caller's to close."""

    one_at_a_time = True

    def __init__(self, f: Any):
        name = getattr(f, "name", None)
        super().__init__(name if isinstance(name, str) else type(f).__name__)
        self.f = f
        self.remote = not isinstance(f, io.BufferedReader | io.BufferedRandom | io.FileIO | io.BytesIO)
        self._position = threading.Lock()

    def _fetch(self, ranges: Ranges) -> list[Any]:
        out = []
        with self._position:
            for offset, length in ranges:
                self.f.seek(offset)
                parts = []
                while length > 0 and (part := self.f.read(length)):
                    parts.append(part)
                    length -= len(part)
                out.append(parts[0] if len(parts) == 1 else b"".join(parts))
        return out


def of_object(obj: Any, path: str | None = None) -> Store:
    """The store for what a user gave: a store or file system with a path in it, or a file-like object."""
    if isinstance(obj, Store):
        return obj
    if hasattr(obj, "cat_ranges"):
        if path is None:
            raise TypeError("a file system needs a path: open(path, store=fs)")
        return FsspecStore(obj, obj._strip_protocol(path) if hasattr(obj, "_strip_protocol") else path)
    if hasattr(obj, "get_ranges_async") or hasattr(obj, "get_ranges"):
        if path is None:
            raise TypeError("a store needs a path: open(path, store=store)")
        return ObspecStore(obj, path)
    if hasattr(obj, "fs") and hasattr(obj, "path"):  # of fsspec: opened or not
        return FsspecStore(obj.fs, obj.path)
    if hasattr(obj, "read") and hasattr(obj, "seek"):
        return FileLikeStore(obj)
    raise TypeError(
        f"cannot read from a {type(obj).__name__}: give a path, a URL, a store with get_ranges (obstore), an fsspec file system, or a file opened in binary mode"
    )


def of_url(url: str, options: dict[str, Any] | None) -> Store:
    """A URL that the core does not open itself, through fsspec."""
    try:
        import fsspec
    except ImportError:
        scheme = url.split("://", 1)[0]
        raise ImportError(f"{scheme}:// is opened through fsspec: pip install fsspec, or give a store: h5range.open(path, store=...)") from None
    fs, path = fsspec.core.url_to_fs(url, **(options or {}))
    return FsspecStore(fs, path)


def local_path(name: Any) -> str:
    path = os.fspath(name)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return path.removeprefix("file://") if path.startswith("file://") else path
