"""Results of one machine, stored as JSON by part and row, and their tables.

What is not measured again keeps its date and software.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import zoo
from benchmarks.config import Row
from zoo import backend
from zoo.errors import UserError
from zoo.io import atomic_write

RESULTS = pathlib.Path(__file__).parent / "results"
FORMAT = 2  # of the file; 1 had no parts


def read_results(path: pathlib.Path, machine: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of a file, or that of a new one.

    Raises:
        UserError: It is another file, or of another machine.
    """
    if not path.exists():
        return {"format": FORMAT, "machine": machine, "parts": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        version, owner = found["format"], found["machine"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not a file of `make bench`; give another --out."
        ) from error
    if version != FORMAT:
        raise UserError(
            f"{path} has format {version} of another version; this one reads "
            f"format {FORMAT}; give another --out."
        )
    if owner != machine:
        raise UserError(
            f"{path} has results of another machine, {describe(owner)}; "
            "give another --out."
        )
    return found


def with_rows(
    results: dict[str, Any],
    part: str,
    rows: Sequence[Row],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Returns results with the rows of a part added or replaced.

    Args:
        about: Date, repeats and software; added to each row.
    """
    kept = {row["key"]: row for row in results["parts"].get(part, [])}
    kept.update({row["key"]: {**row, **about} for row in rows})
    parts = {**results["parts"], part: list(kept.values())}
    return {**results, "parts": parts}


def check_writable(path: pathlib.Path) -> None:
    """Raises `UserError` if a file cannot be written, before it is."""
    path = path.absolute()
    existing = next(folder for folder in path.parents if folder.exists())
    if (
        path.is_dir()
        or not existing.is_dir()
        or not os.access(existing, os.W_OK)
    ):
        raise UserError(
            f"--out={path} cannot be written; give a file in a folder of yours."
        )


def write_results(path: pathlib.Path, results: dict[str, Any]) -> None:
    """Writes the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(f"{json.dumps(results, indent=1)}\n".encode())


def describe(about: dict[str, Any]) -> str:
    """Returns names and values in one line."""
    return ", ".join(f"{name} {value}" for name, value in about.items())


def describe_machine() -> dict[str, str | int]:
    """Returns CPU, cores and system."""
    return {
        "cpu": backend.cpu_model(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
    }


def software(
    packages: Sequence[str] = ("tensorflow", "keras", "numpy", "torch"),
) -> dict[str, str]:
    """Returns the versions of the packages that matter."""
    found = {"zoo": _commit() or zoo.__version__}
    found["python"] = platform.python_version()
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _commit() -> str | None:
    """Returns the working tree's commit, `None` where there is none.

    A `+` behind it means that `zoo/` has uncommitted changes.
    """
    root = pathlib.Path(__file__).parents[1]
    try:
        head = _git(root, "rev-parse", "--short", "HEAD")
        changed = _git(root, "diff", "--quiet", "HEAD", "--", "zoo")
    except OSError:
        return None
    if head.returncode:
        return None
    return head.stdout.strip() + ("+" if changed.returncode else "")


def _git(root: pathlib.Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["git", *words], capture_output=True, text=True, cwd=root
    )


def file_name(machine: dict[str, str | int]) -> str:
    """Returns a name for the results, such as `amd-epyc-7b12-2-cores.json`."""
    words = f"{machine['cpu']} {machine['cores']} cores".lower()
    words = re.sub(r"\((r|tm)\)", "", words)
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-") + ".json"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Aligns cells: the first column to the left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def span(values: Sequence[float], form: str = ".2f") -> str:
    """Returns the smallest and the largest value as text."""
    return f"{min(values):{form}} to {max(values):{form}}"


def at_least(limit: float | None) -> str:
    """Returns the target of a ratio; "" without one."""
    return "" if limit is None else f"at least {limit:g}"


def below(limit: float | None, unit: float = 1.0) -> str:
    """Returns the upper limit of a value; "" without one."""
    return "" if limit is None else f"below {limit / unit:g}"
