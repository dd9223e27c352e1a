"""Ctrl-C and SIGTERM: training is told to stop, and stops after an update."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class StopRequest:
    """Remembers that somebody asked for an end."""

    def __init__(self):
        self.requested = False

    def ask(self) -> None:
        """Asks for an end after the next update."""
        self.requested = True

    def __call__(self, signal_number, frame) -> None:
        """Takes the first signal; a second one ends the process at once."""
        self.ask()
        signal.signal(signal_number, signal.default_int_handler)


@contextlib.contextmanager
def listen(request: StopRequest | None = None) -> Iterator[StopRequest]:
    """Turns SIGINT and SIGTERM into a request, while the block runs.

    Outside the main thread Python takes no signals; then nothing is changed.

    Args:
        request: one that something else may make, too; `None` is a new one.
    """
    request = request or StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, request) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
