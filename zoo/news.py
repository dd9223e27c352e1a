"""What a command tells on its way: lines above its answer.

A person reads both on standard output. Where the answer is JSON, a program
reads it, and the lines go elsewhere.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

_elsewhere: TextIO | None = None


def stream() -> TextIO:
    """Returns where such lines go now."""
    return _elsewhere or sys.stdout


def tell(line: str) -> None:
    """Prints a line."""
    print(line, file=stream(), flush=True)


@contextlib.contextmanager
def told_to(other: TextIO) -> Iterator[None]:
    """Sends the lines of a block elsewhere."""
    global _elsewhere
    before, _elsewhere = _elsewhere, other
    try:
        yield
    finally:
        _elsewhere = before
