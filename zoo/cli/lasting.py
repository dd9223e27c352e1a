"""Output that nobody reads any more is no reason to stop.

`zoo train | head -1`, a `tee` that was killed, a terminal that was closed:
the work goes on, and ends with the exit code that it would have had. What is
printed from then on is dropped; a run's log.txt has it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

# What systems say of a pipe without a reader, and of a terminal that is gone.
GONE = (errno.EPIPE, errno.EIO)


class Lasting:
    """A stream that drops what is written once its reader is gone."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text, or drops it."""
        with dropping(self._stream):
            self._stream.write(text)
        return len(text)

    def writelines(self, lines) -> None:
        """Writes texts, or drops them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what was written, or drops it."""
        with dropping(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def dropping(stream: TextIO) -> Iterator[None]:
    """Turns a stream to nowhere if the block finds that its reader is gone."""
    try:
        yield
    except OSError as error:
        if error.errno not in GONE:
            raise
        turn_to_nowhere(stream.fileno())


def turn_to_nowhere(descriptor: int) -> None:
    """Lets a file descriptor drop what is written to it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


@contextlib.contextmanager
def output() -> Iterator[None]:
    """Lets standard output and error last while the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_lasting, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                _flush_for_good(stream)
        sys.stdout, sys.stderr = before


def _flush_for_good(stream: Lasting) -> None:
    """Leaves nothing that Python would complain of when it ends."""
    try:
        stream.flush()
    except OSError:  # a full disk, which was told of
        turn_to_nowhere(stream.fileno())


def _lasting(stream: TextIO | None) -> Any:
    return None if stream is None else Lasting(stream)
