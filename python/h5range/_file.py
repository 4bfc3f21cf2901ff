"""Opening files."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from . import _h5range, _stores, errors
from ._engine import Engine, Operation
from ._nodes import Group
from ._stores import Store

_OTHERS = {"auto": 0, "no": 1, "beside": 2, "any": 3}


class Stats(NamedTuple):
    """What a file has cost so far: serial rounds of requests, requests, bytes received; chunks decoded; bytes of metadata held."""

    rounds: int
    requests: int
    bytes: int
    chunks: int
    cached_bytes: int


@dataclass(frozen=True)
class Options:
    """How a file is read. None means the default, which depends on the source.

    head_size          bytes of the head that are asked for at once when opening (local 4 KiB, remote 1 MiB)
    block_size         metadata are read in blocks of this many bytes, a power of two (remote 1 MiB; smaller in rounds of many places)
    gap                bytes worth reading to save one request
    max_request        longer requests are split into parallel ones
    concurrency        requests in flight over http and s3 (64)
    retries            of a request over http and s3 that failed in a way that may pass (5)
    timeout            seconds without any byte after which such a request counts as lost (60)
    headers            lines "Name: value" sent with each http request to the host of the URL
    threads            that decode chunks (as many as there are processors, at most 16)
    chunk_cache_bytes  decoded chunks kept when a read needs just a part of them (64 MiB)
    others             other files that may be opened for parts of this one: "auto", "no", "beside", "any"
    skip_checksums     go on when a checksum does not match
    exact_reads        ask for just the bytes needed, for measurements
    limits             bounds on what the file may claim, by the names of ``h5r_limits``: {"chunk_bytes": 2 << 30}
    """

    head_size: int | None = None
    block_size: int | None = None
    gap: int | None = None
    max_request: int | None = None
    concurrency: int | None = None
    retries: int | None = None
    timeout: int | None = None
    headers: Sequence[str] | None = None
    threads: int | None = None
    chunk_cache_bytes: int | None = None
    others: str = "auto"
    skip_checksums: bool = False
    exact_reads: bool = False
    limits: Mapping[str, int] | None = None

    @staticmethod
    def of(options: dict[str, Any]) -> Options:
        known = {f.name for f in fields(Options)}
        unknown = sorted(set(options) - known)
        if unknown:
            raise TypeError(f"no option {', '.join(unknown)}: there are {', '.join(sorted(known))}")
        o = Options(**options)
        if o.others not in _OTHERS:
            raise errors.ArgumentError(f"others={o.others!r}: {', '.join(_OTHERS)} expected")
        if o.block_size is not None and (o.block_size < 0 or o.block_size & (o.block_size - 1)):
            raise errors.ArgumentError(f"block_size={o.block_size}: a power of two expected")
        bad = sorted(set(o.limits or ()) - set(_LIMITS))
        if bad:
            raise errors.ArgumentError(f"no limit {', '.join(bad)}: there are {', '.join(_LIMITS)}")
        return o

    def given(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v != getattr(Options, k, None)}

    def settings(self) -> dict[str, Any]:
        """As the extension takes them."""
        out = {
            "first_read": self.head_size,
            "block": self.block_size,
            "gap": self.gap,
            "max_request": self.max_request,
            "max_parallel": self.concurrency,
            "retries": self.retries,
            "stall_timeout_s": self.timeout,
            "headers": list(self.headers) if self.headers else None,
            "threads": self.threads,
            "chunk_cache_bytes": self.chunk_cache_bytes,
            "others": _OTHERS[self.others],
            "skip_checksums": self.skip_checksums,
            "exact_reads": self.exact_reads,
            **(self.limits or {}),
        }
        return {k: v for k, v in out.items() if v is not None}


_LIMITS = (
    "metadata_bytes", "heap_bytes", "chunk_bytes", "inflight_bytes", "vlen_bytes", "objects", "links", "attributes", "header_bytes",
    "header_chunks", "depth", "soft_links", "rounds", "other_files", "nesting", "inflight_requests",
)  # fmt: skip


def _source_settings(store: Store, options: Options) -> dict[str, Any]:
    # A store on this machine costs little more than a call: small blocks save most of those.
    kind: dict[str, Any] = {"tune": (0.0, 0.0), "remote": True} if store.remote else {"first_read": 65536, "block": 65536, "gap": 4096}
    return {"name": store.name, "one_at_a_time": store.one_at_a_time, **kind, **options.settings()}


def _read(store: Store) -> Any:
    return store.read


def _other(store: Store, options: Options, read: Any = _read) -> Any:
    """How the core asks a store for the file beside. What it costs is counted with the first file."""

    def beside(name: str, is_beside: bool) -> dict[str, Any] | None:
        found = store.beside(name) if is_beside else None
        if found is None:
            return None
        found.counts_for(store)
        return {"read": read(found), "other": _other(found, options, read), **_source_settings(found, options)}

    return beside


class File(Group):
    """An open file, and its root group. ``h5range.open()`` or ``await File.open()`` makes one; it is a context manager of both kinds."""

    def __init__(self, engine: Engine, origin: tuple[Any, ...] | None, options: Options, root: _h5range.Node):
        self._file_engine = engine
        self._origin = origin
        self.options = options
        self._twins: dict[Any, File] = {}  # by event loop
        super().__init__(None, root, "/")

    @property
    def file(self) -> File:
        return self

    @property
    def _engine(self) -> Engine:
        return self._file_engine

    @classmethod
    async def open(cls, path: Any, *, store: Any = None, storage_options: dict[str, Any] | None = None, **options: Any) -> File:
        """Opens a file in an event loop.

        ``path`` and ``store``: a path in an obspec/obstore store or fsspec file system. Without a store, what :func:`h5range.open` takes.
        For ``options`` see :class:`Options`. Several files may be opened at once, by ``asyncio.gather``.

        Raises NoFileError, ReadError, FormatError (not HDF5, or damaged).
        """
        o = Options.of(options)
        opener, held, origin = _resolve(path, store, storage_options, o, push=True)
        with _named(path):
            if held is None:
                import asyncio

                return await asyncio.to_thread(_finish, cls, opener, None, origin, o)
            engine = Engine(opener(), held)
            root = await engine.run_async(_proceed(engine))
        return cls(engine, origin, o, root)

    async def _in_pull_mode(self) -> File:
        """The same file for what push mode cannot: data in other files. Its reads are awaited in this event loop, from a thread.

        Each loop has its own: another one may be blocked by who waits for this one (zarr's blocking calls), or be closed.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        twin = self._twins.get(loop)
        if twin is None:
            self._twins = {other: t for other, t in self._twins.items() if not other.is_closed()}
            store = self._engine.store
            assert store is not None

            def read(held: Store) -> Any:
                if not held.asynchronous:  # it would fetch in a thread of the pool, which may be full of such reads as this one
                    return held.read
                return lambda ranges: asyncio.run_coroutine_threadsafe(held.read_async(ranges), loop).result()

            def opener() -> _h5range.File:
                return _h5range.open_python(read(store), _other(store, self.options, read), _source_settings(store, self.options))

            twin = self._twins[loop] = await asyncio.to_thread(_finish, File, opener, store, self._origin, self.options)
        return twin

    def fetch(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Bytes of the file as they are: ``[(offset, length), ...]`` in any order, in one round. FormatError where the file ends before."""
        return self._run(self._fetch(ranges))

    async def fetch_async(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        return await self._await(self._fetch(ranges))

    def _fetch(self, ranges: Sequence[tuple[int, int]]) -> Operation[list[bytes]]:
        got: dict[tuple[int, int], bytes] = {(o, n): b"" for o, n in ranges}
        left = sorted(k for k in got if k[1] > 0)
        while left:  # once, unless they overlap
            batch: list[tuple[int, int]] = []
            for k in left:
                if not batch or k[0] >= sum(batch[-1]):
                    batch.append(k)
            answers = yield lambda batch=batch: self._engine.core.read_bytes(batch)
            got.update(zip(batch, answers, strict=True))
            taken = set(batch)
            left = [k for k in left if k not in taken]
        return [got[(o, n)] for o, n in ranges]

    @property
    def stats(self) -> Stats:
        rounds, requests, n, cached, decoded, chunks = self._engine.core.stats()
        store = self._engine.store
        if store is not None:
            rounds, requests, n = store.rounds, store.requests, store.bytes
        return Stats(rounds, requests, n, chunks, cached + decoded)

    @property
    def info(self) -> dict[str, Any]:
        """About the file as a whole: ``superblock`` version, ``base`` (size of the user block), ``end``, ``page_size``, ``driver``, ..."""
        return self._engine.core.info()

    @property
    def source(self) -> str:
        """Path or URL, without credentials."""
        return self._engine.core.info()["name"]

    def close(self) -> None:
        """Frees the file's memory; what was borrowed from it raises ValueError from then on."""
        self._engine.close()
        for twin in list(self._twins.values()):
            twin.close()

    @property
    def closed(self) -> bool:
        return self._engine.core.closed

    def __enter__(self) -> File:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    async def __aenter__(self) -> File:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def __reduce__(self):
        if self._origin is None:
            assert self._engine.store is not None
            self._engine.store.origin()
        return _reopen, (self._origin, self.options.given())

    def __repr__(self) -> str:
        if self.closed:
            return "<h5range.File, closed>"
        return super().__repr__()


def _proceed(engine: Engine) -> Operation[_h5range.Node]:
    yield engine.core.proceed
    return (yield lambda: engine.core.lookup(None, "/"))


@contextlib.contextmanager
def _named(path: Any) -> Iterator[None]:
    """Errors of a file that could not be opened say which it is."""
    try:
        yield
    except errors.H5RangeError as e:
        if not e.file and (isinstance(path, str) or hasattr(path, "__fspath__")):
            e.file = re.sub("//[^/@]*@", "//", os.fspath(path))  # without credentials
        raise


def _resolve(path: Any, store: Any, storage_options: dict[str, Any] | None, options: Options, push: bool) -> Any:
    """(function that opens the core's file, store or None, what opens it again or None)"""
    settings = options.settings()
    if store is None and isinstance(path, bytes | bytearray | memoryview):
        return lambda: _h5range.open_memory(path, settings), None, (bytes(path), None, None)
    if store is None and (isinstance(path, str) or hasattr(path, "__fspath__")):
        name = _stores.local_path(path)
        if _h5range.is_url(name) and storage_options is None:
            return lambda: _h5range.open_url(name, settings), None, (name, None, None)
        if "://" not in name:
            return lambda: _h5range.open_path(name, settings), None, (name, None, None)
        held = _stores.of_url(name, storage_options)
        origin: Any = (name, None, storage_options)
    else:
        held = _stores.of_object(path if store is None else store, None if store is None else str(path))
        try:
            origin = (*held.origin(), None)
        except TypeError:
            origin = None
    source = _source_settings(held, options)
    if push:
        return lambda: _h5range.open_python(None, None, source), held, origin
    return lambda: _h5range.open_python(held.read, _other(held, options), source), held, origin


def _finish(cls: type[File], opener: Any, held: Store | None, origin: Any, options: Options) -> File:
    core = opener()
    return cls(Engine(core, held), origin, options, core.lookup(None, "/"))


def open(path: Any, *, store: Any = None, storage_options: dict[str, Any] | None = None, **options: Any) -> File:
    """Opens a file for calls that block; it may be used by several threads at once.

    ``path``: a path; http://, https:// or s3:// (read by the core, with its own connections); any other URL that fsspec knows, with
    ``storage_options``; bytes; a file opened in binary mode. With ``store`` a path in an obspec/obstore store or fsspec file system.
    For ``options`` see :class:`Options`.

    Raises NoFileError, ReadError, FormatError (not HDF5, or damaged).
    """
    o = Options.of(options)
    opener, held, origin = _resolve(path, store, storage_options, o, push=False)
    with _named(path):
        return _finish(File, opener, held, origin, o)


# Files that were pickled are opened once in each process, and the last few stay open between tasks.
_again: weakref.WeakValueDictionary[bytes, File] = weakref.WeakValueDictionary()
_recent: OrderedDict[bytes, File] = OrderedDict()
_again_lock = threading.Lock()
_KEPT = 16


def _reopen(origin: tuple[Any, ...], options: dict[str, Any]) -> File:
    key = pickle.dumps((origin, options))
    with _again_lock:
        file = _again.get(key)
        if file is None or file.closed:
            path, store, storage_options = origin
            file = _again[key] = open(path, store=store, storage_options=storage_options, **options)
        _recent[key] = file
        _recent.move_to_end(key)
        while len(_recent) > _KEPT:
            _recent.popitem(last=False)
    return file
