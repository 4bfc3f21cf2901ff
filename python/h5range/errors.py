"""Exceptions. Each is an :class:`H5RangeError` and the built-in exception that a caller would expect."""

from __future__ import annotations


class H5RangeError(Exception):
    """Something about a file could not be read.

    ``path`` is the object in the file ("" when none), ``offset`` the byte of the file that the message is about, or None; ``file`` the
    file as its source names it ("" when it has no name).
    """

    status = 0
    file = ""

    def __init__(self, message: str, path: str = "", offset: int | None = None):
        super().__init__(message, path, offset)
        self.message = message
        self.path = path
        self.offset = offset

    def __str__(self) -> str:
        where = self.file if self.file not in self.message else ""
        if self.path:
            where += f"#{self.path}" if where else self.path
        return f"{where}: {self.message}" if where else self.message

    def __reduce__(self):
        return type(self), (self.message, self.path, self.offset), {"file": self.file}


class IncompleteWarning(UserWarning):
    """A group is damaged, and what can be read of it is given."""


class ArgumentError(H5RangeError, ValueError):
    """The call is wrong: a selection outside the extent, a path to a group where a dataset is needed."""

    status = -1


class NotFoundError(H5RangeError, KeyError):
    """No such path in the file."""

    status = -2


class NoFileError(H5RangeError, FileNotFoundError):
    """No such file, object or URL."""

    status = -2


class ReadError(H5RangeError, OSError):
    """The source failed: network, permission, a server without ranges. Trying later may help."""

    status = -3


class FormatError(H5RangeError, ValueError):
    """The bytes violate the format, or the file is truncated. Other objects of the file may be fine."""

    status = -4


class UnsupportedError(H5RangeError, NotImplementedError):
    """A valid feature that this build cannot read; the message names it."""

    status = -5


class LimitError(H5RangeError, RuntimeError):
    """A limit was reached; the message names it."""

    status = -6


class OutOfMemoryError(H5RangeError, MemoryError):
    """Memory is out. The file still answers."""

    status = -7


class InternalError(H5RangeError, RuntimeError):
    """A mistake of the library."""

    status = -8


_by_status: dict[int, type[H5RangeError]] = {c.status: c for c in (ArgumentError, NotFoundError, ReadError, FormatError, UnsupportedError, LimitError, OutOfMemoryError, InternalError)}


def make(status: int, message: str, path: str = "", offset: int | None = None) -> H5RangeError:
    """The exception for a status of the core."""
    cls: type[H5RangeError] = _by_status.get(status, InternalError)
    if cls is NotFoundError and not path:
        cls = NoFileError
    if cls is LimitError and "limits." in message:
        name = message.split("limits.", 1)[1].split(")")[0]
        message += f": if the file is trusted, open it with limits={{{name!r}: N}}"
    elif cls is InternalError:
        message += ": please report this"
    return cls(message, path, offset)
