"""Keras's global settings: those that the zoo needs, whatever is set outside.

Keras reads `image_data_format`, `floatx` and `epsilon` from `keras.json`, and
a program can change them and the dtype policy at any time. They decide what a
builder builds: with `channels_first` the same code is another network. So
everything of the zoo that builds, trains, loads or evaluates a model runs
inside `fixed()`. The backend alone is the user's choice; see `engines.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

# Keras's own defaults, by their names in `keras.json`.
REQUIRED = {
    "image_data_format": "channels_last",
    "floatx": "float32",
    "epsilon": 1e-7,
}
# What Keras accepts in that file; anything else fails when it is imported.
ACCEPTED = {
    "image_data_format": ("channels_last", "channels_first"),
    "floatx": ("float16", "float32", "float64"),
}
# Limits on epochs and steps are there for debugging; a run has its own.
LIMITS = ("max_epochs", "max_steps_per_epoch")
LIMIT_VARIABLES = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")

_active = threading.local()  # the dtype policy is kept per thread, too


@contextlib.contextmanager
def fixed() -> Iterator[None]:
    """Sets what the zoo needs, and restores the caller's settings at the end.

    Also a decorator. Inside another such block nothing is changed, so that a
    policy set there, such as that of mixed precision, stays in force.
    """
    if getattr(_active, "is_fixed", False):
        yield
        return
    import keras

    kept = {name: getattr(keras.config, name)() for name in REQUIRED}
    limits = {name: getattr(keras.config, name)() for name in LIMITS}
    policy = keras.config.dtype_policy()
    _active.is_fixed = True
    try:
        _set({**REQUIRED, **dict.fromkeys(LIMITS)})
        keras.config.set_dtype_policy(REQUIRED["floatx"])
        yield
    finally:
        _active.is_fixed = False
        _set({**kept, **limits})
        keras.config.set_dtype_policy(policy)


def _set(values: dict[str, Any]) -> None:
    import keras

    for name, value in values.items():
        getattr(keras.config, f"set_{name}")(value)


def path() -> pathlib.Path:
    """Returns where Keras's settings file is, or would be."""
    home = os.environ.get("KERAS_HOME", "~/.keras")
    return pathlib.Path(home).expanduser() / "keras.json"


def read() -> dict[str, Any]:
    """Returns what the settings file holds; nothing where it is unreadable."""
    try:
        found = json.loads(path().read_text())
    except (OSError, ValueError):
        return {}  # Keras does not read it either
    return found if isinstance(found, dict) else {}


def overridden() -> dict[str, tuple[Any, Any]]:
    """Returns the file's settings that the zoo does not use.

    Returns:
        By name the value in the file, and the one that the zoo uses.
    """
    found = read()
    return {
        name: (found[name], value)
        for name, value in REQUIRED.items()
        if found.get(name, value) != value
    }


def invalid() -> tuple[str, Any, str] | None:
    """Returns the first setting in the file that Keras cannot be imported with.

    Returns:
        Its name, its value, and in words what it accepts; `None` if there is
        none.
    """
    found = read()
    for name, accepted in ACCEPTED.items():
        if name in found and found[name] not in accepted:
            return name, found[name], " or ".join(accepted)
    if not isinstance(found.get("epsilon", 1e-7), float):
        return "epsilon", found["epsilon"], "a number such as 1e-07"
    return None
