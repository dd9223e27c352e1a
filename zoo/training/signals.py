"""Signals that ask for an end: training stops after a step, and saves."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

HANGUP = getattr(signal, "SIGHUP", None)  # the terminal was closed
NUMBERS = (signal.SIGINT, signal.SIGTERM, *([HANGUP] if HANGUP else []))
SIGNALED = 128  # exit codes are this and the number of the signal


class StopRequest:
    """Remembers that somebody asked for an end.

    Attributes:
        requested: whether anybody did.
        code: the exit code of a process that ends for it.
    """

    def __init__(self):
        self.requested = False
        self.code = SIGNALED + signal.SIGINT

    def ask(self) -> None:
        """Requests an end after the next step."""
        self.requested = True

    def __call__(self, signal_number, frame) -> None:
        """Takes the first signal; a second one ends the process at once.

        Of a terminal that is closed several signals come by themselves.
        """
        self.ask()
        self.code = SIGNALED + signal_number
        if signal_number == HANGUP:
            signal.signal(signal_number, signal.SIG_IGN)
        else:
            signal.signal(signal_number, signal.default_int_handler)


@contextlib.contextmanager
def listen(request: StopRequest | None = None) -> Iterator[StopRequest]:
    """Turns signals into a request, while the block runs.

    SIGHUP is let alone where it is ignored, as under `nohup`. Outside the
    main thread Python takes no signals; then nothing is changed.

    Args:
        request: one that something else may make, too; `None` is a new one.
    """
    request = request or StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = [
        number
        for number in NUMBERS
        if number != HANGUP or signal.getsignal(number) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, request) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            # Once the terminal is gone, later signals of it mean nothing.
            if number != HANGUP or request.code != SIGNALED + HANGUP:
                signal.signal(number, handler)
