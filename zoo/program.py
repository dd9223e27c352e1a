"""How a command is typed here, so that what is printed can be pasted.

`zoo` where the shell finds it; otherwise, as after `make train`, the Python
that runs it: `.venv/bin/python -m zoo`.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys

MODULES = {"zoo": "zoo", "tensorboard": "tensorboard.main"}


@functools.cache
def typed(command: str) -> str:
    """Returns how to type `zoo` or `tensorboard`."""
    if shutil.which(command):
        return command
    python = os.path.relpath(sys.executable)
    if python.startswith(os.pardir):
        python = sys.executable
    return f"{python} -m {MODULES[command]}"


def as_typed(text: str) -> str:
    """Returns a text in which each "`zoo ..." is what to type here."""
    return text.replace("`zoo ", f"`{typed('zoo')} ")
