"""Drives calls of the core to their end, with a blocking store or in an event loop.

What an operation does is written once, as a generator that yields *steps*: functions of no arguments that call the core. A step answers
``NEED`` when bytes are missing (push mode only); they are fetched, fed, and the step is run again. A step is cheap unless it is wrapped in
:class:`Heavy`; heavy ones leave the event loop for a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from . import _h5range
from ._h5range import NEED
from ._stores import Store

T = TypeVar("T")
Step = Callable[[], Any]
Operation = Generator[Any, Any, T]


class Heavy(NamedTuple):
    """A step that decodes data."""

    step: Step

    def __call__(self) -> Any:
        return self.step()


class Engine:
    """A file of the core with its store. ``store`` is None where the core reads by itself (paths, http, s3, memory)."""

    def __init__(self, core: _h5range.File, store: Store | None):
        self.core = core
        self.store = store
        self.cache: dict[Any, Any] = {}  # type descriptions by their place in the core
        self._lock = threading.Lock()  # push mode: a step and what it wants belong together
        self._turn = 0  # counts the steps that wanted something
        self._flights: dict[tuple[Any, int, int], asyncio.Future[Any]] = {}

    # ------------------------------------------------------------ push mode

    def _begin(self, step: Step) -> tuple[Any, list[tuple[int, int]], int]:
        with self._lock:
            answer = step()
            return self._answer(answer)

    def _answer(self, answer: Any) -> tuple[Any, list[tuple[int, int]], int]:
        if answer is not NEED:
            return answer, [], 0
        self._turn += 1
        return answer, self.core.wanted(), self._turn

    def _go_on(self, step: Step, wants: list[tuple[int, int]], turn: int, buffers: list[Any]) -> tuple[Any, list[tuple[int, int]], int]:
        with self._lock:
            if turn != self._turn:
                # Another call wanted something else meanwhile. Asking again says what these bytes are for: data are not kept.
                answer = step()
                if answer is not NEED:
                    return answer, [], 0
            for (offset, length), buffer in zip(wants, buffers, strict=True):
                self.core.feed(offset, buffer, memoryview(buffer).nbytes < length)
            return self._answer(step())

    def _complete(self, step: Step) -> Any:
        if not self.core.push:
            return step()
        assert self.store is not None
        answer, wants, turn = self._begin(step)
        while answer is NEED:
            answer, wants, turn = self._go_on(step, wants, turn, self._guard(self.store.read, wants))
        return answer

    async def _complete_async(self, step: Step) -> Any:
        heavy = isinstance(step, Heavy)
        if not self.core.push:
            return await asyncio.to_thread(step)
        answer, wants, turn = await self._call(False, self._begin, step)
        while answer is NEED:
            buffers = await self._fetch(wants)
            answer, wants, turn = await self._call(heavy, self._go_on, step, wants, turn, buffers)
        return answer

    async def _call(self, heavy: bool, f: Callable[..., T], *args: Any) -> T:
        """In the event loop, unless that would hold it up."""
        if heavy or self._lock.locked():
            return await asyncio.to_thread(f, *args)
        return f(*args)

    # ------------------------------------------------------------ fetching

    def _guard(self, read: Callable[..., Any], wants: list[tuple[int, int]]) -> list[Any]:
        try:
            return read(wants)
        except Exception as e:
            raise self._failure(e) from e

    def _failure(self, e: Exception) -> Exception:
        from . import errors

        assert self.store is not None
        lines = str(e).strip().splitlines() or [type(e).__name__]
        if isinstance(e, FileNotFoundError):
            return errors.NoFileError(f"{self.store.name}: no such file in the store: {lines[0]}")
        return errors.ReadError(f"{self.store.name}: {lines[0]}")

    async def _fetch(self, wants: list[tuple[int, int]]) -> list[Any]:
        """One request to the store, for what no other call of this loop is fetching already."""
        assert self.store is not None
        loop = asyncio.get_running_loop()
        mine = [w for w in wants if (loop, *w) not in self._flights]
        shared = {w: self._flights[(loop, *w)] for w in wants if (loop, *w) in self._flights}
        got: dict[tuple[int, int], Any] = {}
        if mine:
            futures = {w: loop.create_future() for w in mine}
            for w, future in futures.items():
                self._flights[(loop, *w)] = future
            try:
                got.update(zip(mine, await self.store.read_async(mine), strict=True))
            except Exception as e:
                raise self._failure(e) from e
            finally:
                for w, future in futures.items():
                    del self._flights[(loop, *w)]
                    future.set_result(got.get(w))  # None: whoever waits has to fetch by itself
        for w, future in shared.items():
            buffer = await future
            if buffer is None:
                (buffer,) = await self._fetch([w])
            got[w] = buffer
        return [got[w] for w in wants]

    # ------------------------------------------------------------ operations

    def run(self, operation: Operation[T]) -> T:
        try:
            step = next(operation)
            while True:
                try:
                    answer = self._complete(step)
                except BaseException as e:
                    step = operation.throw(e)
                else:
                    step = operation.send(answer)
        except StopIteration as e:
            return e.value

    async def run_async(self, operation: Operation[T]) -> T:
        if not self.core.push:
            return await asyncio.to_thread(self.run, operation)
        try:
            step = next(operation)
            while True:
                try:
                    answer = await self._complete_async(step)
                except BaseException as e:
                    step = operation.throw(e)
                else:
                    step = operation.send(answer)
        except StopIteration as e:
            return e.value

    def close(self) -> None:
        self.core.close()
