"""The figures of one machine, kept as JSON part by part, row by row.

What is not measured anew stays, with the day and the software of its own.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from benchmarks.asked import Row
from zoo.errors import UserError
from zoo.io import atomic_write

RESULTS = pathlib.Path(__file__).parent / "results"
FORMAT = 2  # of the file; 1 had no parts


def read(path: pathlib.Path, machine: dict[str, Any]) -> dict[str, Any]:
    """Returns what a file holds, or what one holds that is not there yet.

    Raises:
        UserError: it is no such file, or one of another machine.
    """
    if not path.exists():
        return {"format": FORMAT, "machine": machine, "parts": {}}
    try:
        found = json.loads(path.read_text())
        version, owner = found["format"], found["machine"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} holds no figures of `make bench`; give another --out."
        ) from error
    if version != FORMAT:
        raise UserError(
            f"{path} has the format {version} of another version; this one "
            f"reads format {FORMAT}, so give another --out."
        )
    if owner != machine:
        raise UserError(
            f"{path} holds figures of another machine, {in_words(owner)}; "
            "give another --out."
        )
    return found


def with_rows(
    results: dict[str, Any],
    part: str,
    rows: Sequence[Row],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Returns results in which rows of one part are new, or measured anew.

    Args:
        about: day, repeats and software; goes into each of these rows.
    """
    kept = {row["key"]: row for row in results["parts"].get(part, [])}
    kept.update({row["key"]: {**row, **about} for row in rows})
    parts = {**results["parts"], part: list(kept.values())}
    return {**results, "parts": parts}


def check_writable(path: pathlib.Path) -> None:
    """Raises `UserError` if a file cannot be written, before it is."""
    path = path.absolute()
    there = next(folder for folder in path.parents if folder.exists())
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(
            f"--out={path} cannot be written; give a file in a folder of yours."
        )


def write(path: pathlib.Path, results: dict[str, Any]) -> None:
    """Writes the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(f"{json.dumps(results, indent=1)}\n".encode())


def in_words(about: dict[str, Any]) -> str:
    """Returns names and values in one line."""
    return ", ".join(f"{name} {value}" for name, value in about.items())
