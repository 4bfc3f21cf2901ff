"""Where the chunks of a dataset are, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


class ChunkLocation(NamedTuple):
    """One chunk: its coordinates in the grid, where its bytes are, and which filters were not applied (bit i: filter i)."""

    indices: tuple[int, ...]
    byte_offset: int
    byte_length: int
    filter_mask: int


class ChunkIndex:
    """All stored chunks of a dataset, in row-major order of the grid; chunks that were never written are not in it.

    ``numbers``, ``byte_offsets``, ``byte_lengths`` (uint64) and ``filter_masks`` (uint32) have an element for each chunk, ``coords`` (int64)
    a row of grid coordinates. Offsets count from the first byte of the file.
    """

    def __init__(
        self,
        numbers: np.ndarray,
        byte_offsets: np.ndarray,
        byte_lengths: np.ndarray,
        filter_masks: np.ndarray,
        dataset_shape: tuple[int, ...],
        chunk_shape: tuple[int, ...],
        grid_shape: tuple[int, ...],
    ):
        self.numbers = numbers
        self.byte_offsets = byte_offsets
        self.byte_lengths = byte_lengths
        self.filter_masks = filter_masks
        self.dataset_shape = dataset_shape
        self.chunk_shape = chunk_shape
        self.grid_shape = grid_shape
        self._coords: np.ndarray | None = None

    @property
    def coords(self) -> np.ndarray:
        if self._coords is None:
            rank = len(self.grid_shape)
            if rank == 0 or len(self.numbers) == 0:
                self._coords = np.zeros((len(self.numbers), rank), np.int64)
            else:
                self._coords = np.stack(np.unravel_index(self.numbers.astype(np.int64), self.grid_shape), axis=1)
        return self._coords

    def _at(self, i: int) -> ChunkLocation:
        indices = tuple(self.coords[i].tolist())
        return ChunkLocation(indices, int(self.byte_offsets[i]), int(self.byte_lengths[i]), int(self.filter_masks[i]))

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[ChunkLocation]:
        rows = zip(self.coords.tolist(), self.byte_offsets.tolist(), self.byte_lengths.tolist(), self.filter_masks.tolist(), strict=True)
        return (ChunkLocation(tuple(c), o, n, m) for c, o, n, m in rows)

    def get(self, indices: Sequence[int]) -> ChunkLocation | None:
        """The chunk with these grid coordinates, or None where none was written.

        Raises IndexError for coordinates outside the grid.
        """
        indices = tuple(int(i) for i in indices)
        if len(indices) != len(self.grid_shape) or any(not 0 <= i < n for i, n in zip(indices, self.grid_shape, strict=True)):
            raise IndexError(f"chunk {indices} is outside the grid {self.grid_shape}")
        number = int(np.ravel_multi_index(indices, self.grid_shape)) if indices else 0
        i = int(np.searchsorted(self.numbers, np.uint64(number)))
        return self._at(i) if i < len(self.numbers) and int(self.numbers[i]) == number else None

    def __repr__(self) -> str:
        total = int(np.prod(self.grid_shape, dtype=np.int64)) if self.grid_shape else 1
        return f"<ChunkIndex: {len(self)} of {total} chunks of {self.chunk_shape} stored, {int(self.byte_lengths.sum()):,} bytes>"
