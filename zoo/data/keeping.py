"""Reading a split once: from arrays on disk, or into them.

What is slow to read, or too large for memory, goes through here: it is found
as arrays (`zoo.data.array_store`), or read and kept as such; and where they
cannot be kept, it is read into memory each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from zoo.console import print_status, status_stream
from zoo.data import array_store
from zoo.data.array_store import Kept, Piece
from zoo.data.dataset import Split

REFRESH_SECONDS = 0.2
SILENCE_SECONDS = 10.0  # between two lines where no terminal shows progress

Done = TypeVar("Done")


def read(
    folder: Path,
    origin: str,
    about: dict[str, Any],
    count: int,
    pieces: Callable[[], Iterable[Piece]],
    name: str,
) -> Kept:
    """Returns a split, from its folder if that has it, else into it.

    What is damaged there is made anew.

    Args:
        folder: of this split, see `array_store`.
        origin: of what `pieces` reads; other arrays are replaced.
        about: to be kept beside the arrays.
        count: images of the split.
        pieces: reads the images where they come from.
        name: what lines on the screen call the split.
    """
    kept = _sound(folder, origin, name)
    if kept is not None:
        return kept
    print_status(f"{name}: reading {count:,} images, once; kept in {folder}")

    def reading() -> Iterator[Piece]:
        return shown(pieces(), count, name)

    def wait() -> None:
        print_status(f"{name}: another process keeps them now; waiting for it")

    try:
        array_store.keep(folder, origin, about, count, reading, wait)
        kept = array_store.find(folder, origin)
    except array_store.NotKept as error:
        print_status(f"{name}: {error}; reading without, as each time")
    return kept or into_memory(reading(), count, about)


def found(folder: Path, origin: str | None, name: str) -> Kept | None:
    """Opens what is kept; see `array_store.find`. Shows a long check."""

    def watch(chunks: Iterator[bytes], total: int) -> Iterator[bytes]:
        return shown(chunks, total, name, len, "bytes checked")

    return array_store.find(folder, origin, watch)


def _sound(folder: Path, origin: str, name: str) -> Kept | None:
    try:
        return found(folder, origin, name)
    except array_store.Damaged as error:
        print_status(f"{name}: {error}; making it anew")
        return None


def into_memory(
    pieces: Iterable[Piece], count: int, about: dict[str, Any]
) -> Kept:
    """Returns the split that some pieces make, all of it in memory."""
    images, labels, hashes = None, np.empty(count, np.int32), []
    for some, of_these, found in pieces:
        if images is None:
            images = np.empty((count, *some.shape[1:]), np.uint8)
        here = slice(len(hashes), len(hashes) + len(found))
        images[here], labels[here] = some, of_these
        hashes += found
    return Kept(Split(images, labels), hashes, about)


def shown(
    pieces: Iterable[Done],
    count: int,
    name: str,
    number: Callable[[Done], int] = lambda piece: len(piece[2]),
    noun: str = "images",
) -> Iterator[Done]:
    """Yields pieces and says how far they are.

    On a terminal in a line that moves, elsewhere now and then.

    Args:
        pieces: of some work.
        count: images in all of them.
        name: what the lines call it.
        number: images in one of them.
        noun: what is counted, if not images.
    """
    stream, done = status_stream(), 0
    terminal, last = stream.isatty(), time.monotonic()
    pause = REFRESH_SECONDS if terminal else SILENCE_SECONDS
    try:
        for piece in pieces:
            yield piece
            done += number(piece)
            if time.monotonic() - last >= pause:
                last = time.monotonic()
                text = f"{name}: {done:,} of {count:,} {noun}"
                stream.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
                stream.flush()
    finally:
        if terminal:
            stream.write("\r\x1b[K")
            stream.flush()
