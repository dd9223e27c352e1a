"""Ctrl-C before training listens for it: never lost, and never an abort.

Python raises KeyboardInterrupt wherever it happens to be. Inside an import,
C++ code of TensorFlow may swallow it, and go on, or abort; so there the
process ends at once, which leaves nothing half done. Elsewhere the exception
is raised, so that files are tidied up; should it be swallowed all the same,
the process ends a little later.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

INTERRUPTED = 130
PATIENCE = 5.0  # seconds for an exception to arrive
IMPORTING = "<frozen importlib._bootstrap>"


def catch() -> None:
    """Takes Ctrl-C from now on, if nobody has told the process not to."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(number, frame) -> None:
    if _is_importing(frame):
        _leave()
    # A second one need not wait.
    signal.signal(signal.SIGINT, lambda number, frame: _leave())
    late = threading.Timer(PATIENCE, _leave)
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
    """Says so in a sentence, and ends the process."""
    stderr = sys.modules.get("zoo.cli.stderr")
    show = getattr(stderr, "show", None)
    text = "zoo: interrupted.\n"
    try:
        if show is None:
            os.write(2, text.encode())
        else:
            show(text)
    finally:
        os._exit(INTERRUPTED)
