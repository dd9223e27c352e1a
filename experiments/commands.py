"""What the commands of experiments/ have in common: how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from zoo.errors import Interrupted, UserError

DONE, FAILED, INTERRUPTED = 0, 2, 130


def ended(work: Callable[[], int]) -> int:
    """Does something that can be gone on with; returns the exit code.

    A person's mistake, or a stop, becomes one sentence.
    """
    try:
        return work()
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return FAILED
    except Interrupted:
        print("stopped; the same command goes on.", file=sys.stderr)
        return INTERRUPTED


def say(line: str) -> None:
    """Prints a line at once, also into a pipe."""
    print(line, flush=True)
