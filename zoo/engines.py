"""Engines: what Keras computes with, TensorFlow or JAX, and what is missing.

Keras takes the one that `KERAS_BACKEND` names, else the one of its file of
settings, else TensorFlow; it imports it when it is imported itself. So what
can be wrong is said before that, without Keras.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os

from zoo import keras_settings
from zoo.errors import UserError, join_words

VARIABLE = "KERAS_BACKEND"
DEFAULT = "tensorflow"
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}


def chosen() -> tuple[str, str]:
    """Returns the name of the engine, and where it was asked for.

    The place is `KERAS_BACKEND=jax` or the path of Keras's file of settings;
    empty where nothing was asked for.
    """
    if name := os.environ.get(VARIABLE):
        return name, f"{VARIABLE}={name}"
    return _of_settings()


def default() -> str:
    """Returns the engine where no environment variable names one."""
    return _of_settings()[0]


def _of_settings() -> tuple[str, str]:
    """Returns the engine of Keras's file of settings, and that file."""
    name = keras_settings.read().get("backend")
    return (name, str(keras_settings.path())) if name else (DEFAULT, "")


def title(name: str) -> str:
    """Returns an engine's name as a sentence has it."""
    return NAMES.get(name, name)


def check_same(name: str, begun: str) -> None:
    """Raises `UserError` if what goes on was begun on another engine.

    Engines round otherwise and draw other random numbers, so that it would
    not come to the end that it was to come to.

    Args:
        name: of a run, or of a folder of runs.
        begun: the engine that it was begun on.
    """
    if begun != chosen()[0]:
        raise UserError(
            f"{name} was begun on {title(begun)} and can only go on there; "
            f"set {VARIABLE}={begun} and type that again."
        )


@dataclasses.dataclass(frozen=True)
class Trouble:
    """Why Keras would find no engine.

    Attributes:
        what: what is wrong, as the first half of a sentence.
        remedy: what helps, as the other half.
        package: what is to be installed; empty where that would not help.
    """

    what: str
    remedy: str
    package: str = ""


def trouble() -> Trouble | None:
    """Returns what is wrong with the engine that Keras would take."""
    name, place = chosen()
    if name not in NAMES:
        if not place.endswith(name):
            place = f"{name!r} in {place}"
        choice = join_words(f"{VARIABLE}={known}" for known in NAMES)
        return Trouble(
            f"{place} is no engine that the zoo computes with",
            f"choose {choice}",
        )
    if not _is_installed("keras"):
        return Trouble(
            "Keras is not installed", "`zoo doctor` says what helps", "keras"
        )
    if wrong := keras_settings.invalid():
        key, value, accepted = wrong
        return Trouble(
            f"{keras_settings.path()} has {json.dumps(value)} for {key}, with "
            "which Keras cannot be imported",
            f"write {accepted} there, or remove the file",
        )
    if _is_installed(name):
        return None
    if name == "jax":
        return Trouble(
            f"{place} asks for JAX, which is not installed",
            f"run `pip install jax`, or set {VARIABLE}={DEFAULT}",
            name,
        )
    jax = "" if _is_installed("jax") else "run `pip install jax` and "
    return Trouble(
        "TensorFlow, which Keras computes with by default, is not installed",
        f"run `pip install tensorflow`, or {jax}set {VARIABLE}=jax",
        name,
    )


def is_jax_alone() -> bool:
    """Whether JAX was chosen where TensorFlow is not installed."""
    return chosen()[0] == "jax" and not _is_installed(DEFAULT)


def check() -> None:
    """Raises `UserError` where Keras would find no engine to compute with."""
    if found := trouble():
        raise UserError(f"{found.what}; {found.remedy}.")


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
