"""Keeps what libraries print at start-up away from the terminal.

TensorFlow's C++ code writes to file descriptor 2 whatever is asked of it; so
the descriptor itself is turned to a file while a run works. Our own messages
go to the descriptor that was there before.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator

from zoo.cli import lasting

_terminal: int | None = None  # the real standard error, while it is held


def show(text: str) -> None:
    """Prints to the real standard error, held or not."""
    if _terminal is None:
        sys.stderr.write(text)
        sys.stderr.flush()
    else:
        try:
            os.write(_terminal, text.encode(errors="replace"))
        except OSError as error:
            if error.errno not in lasting.GONE:
                raise
            lasting.turn_to_nowhere(_terminal)


class Real(io.TextIOBase):
    """The real standard error as a stream, held or not."""

    def write(self, text: str) -> int:
        show(text)
        return len(text)


class Held:
    """What was written to standard error so far, in a file of its own."""

    def __init__(self, file):
        self._file = file

    def move_to(self, log: pathlib.Path) -> None:
        """Appends it to a run's log; later lines go there directly."""
        sys.stderr.flush()
        self._file.flush()
        self._file.seek(0)
        with log.open("ab") as target:
            target.write(self._file.read())
            target.flush()
            os.dup2(target.fileno(), 2)


@contextlib.contextmanager
def hold() -> Iterator[Held]:
    """Turns standard error to a file while the block runs."""
    global _terminal
    if _terminal is not None:
        raise RuntimeError("standard error is held already")
    sys.stderr.flush()
    _terminal = os.dup(2)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            yield Held(file)
    finally:
        sys.stderr.flush()
        os.dup2(_terminal, 2)
        os.close(_terminal)
        _terminal = None
