"""Standard output and error of a command.

What libraries print at start-up is kept away from the terminal: TensorFlow's
C++ code writes to file descriptor 2 whatever its log level, so the descriptor
itself is redirected to a file while a run works, and our own messages go to the
original one.

Output that nobody reads any more does not stop a command: after `zoo train |
head -1`, or in a terminal that was closed, it continues, and its exit code is
the same. What it prints from then on is dropped; a run's log.txt has it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, TextIO

from zoo import backend
from zoo.console import activities, clear_activity, escape, show_activity
from zoo.io import open_to_append

_terminal: int | None = None  # the real standard error, while it is redirected


def print_error(text: str) -> None:
    """Prints to the real standard error, redirected or not."""
    clear_activity()
    _write_error(escape(text))


def _write_error(text: str) -> None:
    if _terminal is None:
        sys.stderr.write(text)
        sys.stderr.flush()
    else:
        try:
            os.write(_terminal, text.encode(errors="backslashreplace"))
        except OSError as error:
            if error.errno not in CLOSED_ERRNOS:
                raise
            redirect_to_null(_terminal)


class RealStderr(io.TextIOBase):
    """The real standard error as a stream, redirected or not.

    Attributes:
        unescaped: The same stream, for control sequences of our own.
    """

    def __init__(self, escapes: bool = True):
        super().__init__()
        self._write = print_error if escapes else _write_error
        self.unescaped = RealStderr(False) if escapes else self

    def write(self, text: str) -> int:
        self._write(text)
        return len(text)

    def isatty(self) -> bool:
        return os.isatty(2 if _terminal is None else _terminal)


class RedirectedStderr:
    """What was written to standard error so far, in a temporary file."""

    def __init__(self, file):
        self._file = file

    def move_to(self, log: pathlib.Path) -> None:
        """Appends it to a run's log; later lines go there directly."""
        sys.stderr.flush()
        self._file.flush()
        self._file.seek(0)
        with open_to_append(log) as target:
            target.write(self._file.read())
            target.flush()
            os.dup2(target.fileno(), 2)


@contextlib.contextmanager
def redirect_stderr() -> Iterator[RedirectedStderr]:
    """Redirects standard error to a file while the block runs."""
    global _terminal
    if _terminal is not None:
        raise RuntimeError("standard error is redirected already")
    sys.stderr.flush()
    _terminal = os.dup(2)
    try:
        with activities(), tempfile.TemporaryFile() as file:
            if "keras" not in sys.modules:
                name = backend.title(backend.selected()[0])
                show_activity(f"starting {name}")
            os.dup2(file.fileno(), 2)
            yield RedirectedStderr(file)
    finally:
        sys.stderr.flush()
        os.dup2(_terminal, 2)
        os.close(_terminal)
        _terminal = None


# What systems say of a pipe without a reader, and of a terminal that is gone.
CLOSED_ERRNOS = (errno.EPIPE, errno.EIO)


class LastingStream:
    """A stream that drops what is written once its reader is gone.

    Control characters are escaped, and characters that the stream's encoding
    does not have.

    Attributes:
        unescaped: The same stream, for control sequences of our own.
    """

    def __init__(self, stream: TextIO, escapes: bool = True):
        self._stream = stream
        self._escapes = escapes
        self.unescaped = LastingStream(stream, False) if escapes else self

    def write(self, text: str) -> int:
        """Writes a text, or drops it."""
        count = len(text)
        if self._escapes:
            clear_activity()
            text = escape(text)
        encoding = self._stream.encoding or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        with drop_if_closed(self._stream):
            self._stream.write(text)
        return count

    def writelines(self, lines) -> None:
        """Writes texts, or drops them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what was written, or drops it."""
        with drop_if_closed(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def drop_if_closed(stream: TextIO) -> Iterator[None]:
    """Redirects a stream to null if the block finds its reader gone."""
    try:
        yield
    except OSError as error:
        if error.errno not in CLOSED_ERRNOS:
            raise
        redirect_to_null(stream.fileno())


def redirect_to_null(descriptor: int) -> None:
    """Redirects a file descriptor to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def open_closed_streams() -> None:
    """Opens the null device for standard streams that are closed.

    After `zoo train >&-`, and below some schedulers, the next file that is
    opened would be standard output, and what libraries print would go into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


@contextlib.contextmanager
def ignore_closed_readers() -> Iterator[None]:
    """Ignores lost readers of output and error while the block runs."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_wrap, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush_or_drop(stream)
        sys.stdout, sys.stderr = before


def _flush_or_drop(stream: LastingStream) -> None:
    """Flushes, so that Python's own flush at exit cannot fail."""
    try:
        stream.flush()
    except OSError:  # a full disk, which was reported
        redirect_to_null(stream.fileno())


def _wrap(stream: TextIO) -> LastingStream:
    return LastingStream(stream)
