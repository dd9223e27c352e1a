"""Arrays that stay in their file, read a few rows at a time.

An array of at most `MAX_IN_MEMORY_BYTES` is read into memory. A larger one is
memory-mapped: the operating system reads what is asked for and drops it when
memory runs short. `Split.images` is then a `MemmapView`, which behaves like an
array as long as it is asked for some rows at a time.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

MAX_IN_MEMORY_BYTES = 2**30
CHUNK_BYTES = 2**23  # read at a time by loops over all rows


class MemmapView:
    """Some rows of an array, in some order, without copying them.

    Indexing with several rows (`view[3:8]`, `view[[5, 2]]`) returns an array
    in memory, with one row (`view[i]`) a view of the file. Iteration reads a
    chunk at a time. `numpy.asarray(view)` reads all rows.

    Args:
        base: an array `[N, ...]` that need not be in memory.
        indices: selected rows, int64 `[M]`; all rows by default.
    """

    def __init__(self, base: np.ndarray, indices: np.ndarray | None = None):
        # A plain array: indexing a numpy.memmap runs more Python code.
        self._base = base.view(np.ndarray)
        self._indices = np.arange(len(base)) if indices is None else indices
        self.dtype = base.dtype
        self.shape = (len(self._indices), *base.shape[1:])
        self.ndim = base.ndim
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in iter_chunks(self):
            yield from chunk

    def __getitem__(self, key: Any) -> np.ndarray:
        """Returns rows; the rest of a tuple indexes the axes of each row."""
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = self._indices[first]
        if rest or np.ndim(wanted) == 0:
            return self._base[(wanted, *rest)]
        order = np.argsort(wanted, kind="stable")
        rows = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        # Sequential reads from the file, whatever order was asked for.
        rows[order] = self._base[wanted[order]]
        return rows

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, indices: np.ndarray) -> MemmapView:
        """Returns the rows at `indices`, int `[M]`, still in their file."""
        return MemmapView(self._base, self._indices[indices])


def load_or_memmap(array: np.ndarray | MemmapView) -> np.ndarray | MemmapView:
    """Reads a small memory-mapped array; wraps a large one in a view.

    Args:
        array: in memory, where it stays, or memory-mapped from a file.
    """
    if isinstance(array, MemmapView) or not _is_memmapped(array):
        return array
    if array.nbytes > MAX_IN_MEMORY_BYTES:
        return MemmapView(array)
    return np.array(array)


def take(
    array: np.ndarray | MemmapView, indices: np.ndarray
) -> np.ndarray | MemmapView:
    """Returns the rows at `indices`: a copy only of what is in memory."""
    if isinstance(array, MemmapView):
        return array.take(indices)
    return array[indices]


def iter_chunks(array: np.ndarray | MemmapView) -> Iterator[np.ndarray]:
    """Yields all rows in order, about `CHUNK_BYTES` at a time."""
    step = rows_per_chunk(CHUNK_BYTES, array.shape, array.dtype.itemsize)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def rows_per_chunk(
    num_bytes: int, shape: tuple[int, ...], item_bytes: int
) -> int:
    """Returns how many rows of `[N, ...]` fit `num_bytes`, at least 1."""
    return max(1, num_bytes // max(1, math.prod(shape[1:]) * item_bytes))


def _is_memmapped(array: Any) -> bool:
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array is not None
