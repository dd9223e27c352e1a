"""Rows of an array that stays in its file.

An array of at most `MOST_IN_MEMORY` bytes is read into memory. A larger one
is mapped: the system reads what is asked for, and forgets it when it needs
the room. What is then called `images` is a `Rows`, which looks like an array
as long as it is asked for some rows at a time.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

MOST_IN_MEMORY = 2**30  # bytes of an array
CHUNK = 2**23  # bytes that are read at a time where all rows are looked at


class Rows:
    """Some rows of an array, in some order, without a copy of them.

    Asking for rows (`rows[i]`, `rows[3:8]`, `rows[[5, 2]]`) gives an array in
    memory, or of one row a look into the file; going through them reads a
    chunk at a time. `numpy.asarray(rows)` reads them all.

    Args:
        whole: an array `[N, ...]` that need not be in memory.
        chosen: which of its rows, int64 `[M]`; all if not given.
    """

    def __init__(self, whole: np.ndarray, chosen: np.ndarray | None = None):
        # As a plain array: looking into a memmap costs more Python.
        self._whole = whole.view(np.ndarray)
        self._chosen = np.arange(len(whole)) if chosen is None else chosen
        self.dtype = whole.dtype
        self.shape = (len(self._chosen), *whole.shape[1:])
        self.ndim = whole.ndim
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in chunks(self):
            yield from chunk

    def __getitem__(self, key: Any) -> np.ndarray:
        """Returns rows; a tuple has an index of each row's axes behind it."""
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = self._chosen[first]
        if rest or np.ndim(wanted) == 0:
            return self._whole[(wanted, *rest)]
        order = np.argsort(wanted, kind="stable")
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        # From the front of the file to its end, whatever the order asked for.
        found[order] = self._whole[wanted[order]]
        return found

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, indices: np.ndarray) -> Rows:
        """Returns the rows at `indices`, int `[M]`, still in their file."""
        return Rows(self._whole, self._chosen[indices])


def settled(array: np.ndarray | Rows) -> np.ndarray | Rows:
    """Returns an array that is in memory, or the rows of one too large.

    Args:
        array: in memory, which it stays; or mapped from a file.
    """
    if isinstance(array, Rows) or not _is_mapped(array):
        return array
    return Rows(array) if array.nbytes > MOST_IN_MEMORY else np.array(array)


def take(array: np.ndarray | Rows, indices: np.ndarray) -> np.ndarray | Rows:
    """Returns some rows in some order: a copy of what is in memory."""
    if isinstance(array, Rows):
        return array.take(indices)
    return array[indices]


def chunks(array: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """Yields all rows in order, `CHUNK` bytes at a time."""
    step = rows_in(CHUNK, array.shape, array.dtype.itemsize)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def rows_in(num_bytes: int, shape: tuple[int, ...], item_bytes: int) -> int:
    """Returns how many rows of `[N, ...]` make so many bytes, at least 1."""
    return max(1, num_bytes // max(1, math.prod(shape[1:]) * item_bytes))


def _is_mapped(array: Any) -> bool:
    """Whether an array is a view of a file."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array is not None
