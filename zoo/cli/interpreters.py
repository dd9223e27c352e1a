"""Finds the Pythons of a machine, by running each and asking it.

A name on the path proves nothing: version managers put `python3.13` there
that only prints "command not found", Windows a `python` that opens a shop,
and some systems a Python without `venv`. Standard library only, in syntax
that Python 3.7 reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zoo.errors import UserError, join_and
from zoo.pythons import NEWEST, OLDEST, SUITABLE, complaint, describe

_QUESTION = (
    "import ensurepip, sys, venv; "
    "print(*sys.version_info[:3]); print(sys.prefix); print(sys.executable); "
    "print(sys.maxsize > 2**32)"
)


class Interpreter:
    """A Python that answered.

    Attributes:
        command: the words that start it.
        release: (major, minor, micro).
        prefix: the folder of its environment.
        path: its own idea of where it is.
    """

    def __init__(self, command: list[str], answer: str):
        release, prefix, path, wide = answer.splitlines()
        self.command = command
        self.release = tuple(int(part) for part in release.split())
        self.prefix = Path(prefix)
        self.path = path
        self.wide = wide == "True"

    @property
    def version(self) -> str:
        """Its version in words, such as "3.12.1"."""
        return describe(self.release)

    @property
    def suitable(self) -> bool:
        """Whether the zoo runs on it; TensorFlow has 64-bit wheels only."""
        return self.wide and not complaint(self.release)


def candidates(windows: bool = os.name == "nt") -> list[list[str]]:
    """Returns the commands that may start a Python, the likeliest first."""
    versions = [
        describe((NEWEST[0], minor))
        for minor in range(NEWEST[1], OLDEST[1] - 1, -1)
    ]
    commands = [[f"python{version}"] for version in versions]
    if windows:
        commands = [["py", f"-{version}"] for version in versions]
    return [*commands, ["python3"], ["python"], [sys.executable]]


def ask(command: list[str]) -> Interpreter | None:
    """Starts a Python that can make environments; `None` if it is none."""
    try:
        answer = subprocess.run(
            [*command, "-c", _QUESTION],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=60,
            check=True,
        )
        return Interpreter(command, answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def find(asked: str | None, apart_from: Path, ask=ask) -> Interpreter:
    """Returns the newest suitable Python, or the one that was asked for.

    Args:
        asked: a command or path; `None` tries all candidates.
        apart_from: an environment that is about to be replaced, whose own
            Python therefore cannot do it.
        ask: starts a command and returns an `Interpreter` or `None`.
    """
    commands = [[asked]] if asked else candidates()
    found = [python for python in map(ask, commands) if python]
    fitting = [
        python
        for python in found
        if python.suitable and python.prefix != apart_from
    ]
    if fitting:
        return max(fitting, key=lambda python: python.release)
    if asked:
        raise UserError(_why_not(asked, found))
    versions = dict.fromkeys(python.version for python in found)
    there = f"only {join_and(versions)}" if versions else "none"
    raise UserError(
        f"the zoo needs a 64-bit {SUITABLE} with venv, and there is {there} "
        f"on this machine's path; install Python {describe(NEWEST)} from "
        "python.org/downloads or your system's packages, or name one with "
        "--python=PATH."
    )


def _why_not(asked: str, found: list[Interpreter]) -> str:
    if not found:
        what = "does not start, or is a Python without venv and ensurepip"
    elif found[0].suitable:
        what = "is inside the .venv that it would have to replace"
    else:
        what = f"is Python {found[0].version}"
    return f"--python={asked} {what}; the zoo needs a 64-bit {SUITABLE}."
