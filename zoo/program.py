"""How a command is typed here, so that what is printed can be pasted.

`zoo` where the shell finds it; otherwise, as after `make train`, the Python
that runs it: `.venv/bin/python -m zoo`.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
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


def tensorboard(folder: str | os.PathLike) -> str:
    """Returns the command that shows a folder of runs in TensorBoard."""
    return f"{typed('tensorboard')} --logdir {shlex.quote(str(folder))}"


def as_typed(text: str) -> str:
    """Returns a text in which each "`zoo ..." is what to type here.

    A variable in front of it, as in "`KERAS_BACKEND=jax zoo ...", stays.
    """
    return re.sub(
        r"`((?:[A-Z_]+=\w+ )*)zoo ",
        lambda found: f"`{found[1]}{typed('zoo')} ",
        text,
    )


def shown(command: str) -> str:
    """Returns a command as it is typed here, without backquotes."""
    return as_typed(f"`{command}`")[1:-1]
