"""Ctrl-C while training does not handle it: never lost, and never an abort.

Python raises KeyboardInterrupt wherever it happens to be. During an import,
C++ code of TensorFlow may swallow it, or abort; so there the process ends at
once. Elsewhere the exception is raised, so that temporary files are removed;
should it be swallowed all the same, the process ends a little later.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

INTERRUPTED = 130
EXCEPTION_TIMEOUT_S = 5.0
IMPORTING = "<frozen importlib._bootstrap>"


def catch() -> None:
    """Handles Ctrl-C from now on, unless the process ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(number, frame) -> None:
    if _is_importing(frame):
        _leave()
    # A second one need not wait.
    signal.signal(signal.SIGINT, lambda number, frame: _leave())
    late = threading.Timer(EXCEPTION_TIMEOUT_S, _leave)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _is_importing(frame) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _leave() -> None:
    """Prints a sentence, and ends the process."""
    output = sys.modules.get("zoo.cli.output")
    print_error = getattr(output, "print_error", None)
    text = "zoo: interrupted.\n"
    try:
        if print_error is None:
            os.write(2, text.encode())
        else:
            print_error(text)
    finally:
        os._exit(INTERRUPTED)
