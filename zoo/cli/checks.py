"""What `zoo doctor` looks at, one function a subject.

Standard library only, since nothing else need be installed. A check reads
and reports; it changes nothing.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from zoo import backend
from zoo.cli.setup import is_ready
from zoo.pythons import describe

# Core dependencies that an environment with JAX alone does without.
OF_TENSORFLOW = ("tensorflow", "importlib_resources")
ROOM = 2**30  # bytes; a day of runs with checkpoints fits in it


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        text: what was found.
        remedy: the one command that helps; "" where nothing needs help.
        trouble: whether it must be mended before the zoo works.
    """

    text: str
    remedy: str = ""
    trouble: bool = False


def trouble(text: str, remedy: str) -> Finding:
    """Builds a finding that must be mended."""
    return Finding(text, remedy, trouble=True)


def in_words(path: Path) -> str:
    """Writes a path as a person would: from here, or from home."""
    for start, mark in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(start):
            return mark + path.relative_to(start).as_posix()
    return str(path)


def requirements(root: Path, without_tensorflow: bool = False) -> list[str]:
    """Returns the core dependencies, as `name>=version`.

    Read from pyproject.toml in a clone, from the installed package elsewhere.

    Args:
        root: the folder in which the package `zoo` lies.
        without_tensorflow: asks for what is needed where JAX is alone: those
            of requirements-jax.txt.
    """
    project = root / "pyproject.toml"
    if project.is_file():
        with project.open("rb") as file:
            core = tomllib.load(file)["project"]["dependencies"]
    else:
        every = importlib.metadata.requires("model-zoo") or []
        core = [line for line in every if "extra ==" not in line]
    if not without_tensorflow:
        return core
    kept = [line for line in core if not line.startswith(OF_TENSORFLOW)]
    return [*kept, "jax>=0.7"]


def installed_version(name: str) -> str | None:
    """Returns the version of an installed package; `None` if there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_python(version: tuple[int, ...]) -> Finding:
    """Names the Python; an unsuitable one does not come this far."""
    place = in_words(Path(sys.executable))
    return Finding(f"Python {describe(version[:3])} ({place})")


def check_packages(
    required: Iterable[str],
    installed: Callable[[str], str | None],
    remedy: str,
) -> Finding:
    """Compares each package with the least version that is needed.

    Args:
        required: lines such as `keras>=3.15`.
        installed: gives the version of a package, or `None`.
        remedy: the command that installs what is missing.
    """
    required, wrong = list(required), []
    for line in required:
        name, least = re.fullmatch(
            r"([\w.-]+)\s*>=\s*([\d.]+).*", line
        ).groups()
        version = installed(name)
        if version is None:
            wrong.append(f"{name} is missing")
        elif _numbers(version) < _numbers(least):
            wrong.append(f"{name} {version} is older than {least}")
    if not wrong:
        return Finding(f"{len(required)} packages, none missing or too old")
    if len(wrong) == len(required):
        return trouble("the packages that the zoo needs are missing", remedy)
    return trouble(", ".join(wrong), remedy)


def _numbers(version: str) -> list[int]:
    """Reads the leading numbers of a version: "4.9.10rc1" is 4, 9, 10."""
    return [
        int(part) for part in re.match(r"\d+(\.\d+)*", version)[0].split(".")
    ]


def check_venv(root: Path, packages_fit: bool, remedy: str) -> Finding:
    """Compares .venv with requirements.lock, where there are such.

    Args:
        root: the folder in which the package `zoo` lies.
        packages_fit: whether the Python that asks has what the zoo needs.
        remedy: the command that sets up.
    """
    if not (root / "requirements.lock").is_file():
        return Finding("zoo is an installed package; it needs no set-up")
    if is_ready(root):
        return Finding(".venv holds what requirements.lock asks for")
    if (root / ".venv").exists():
        return trouble(".venv is unfinished or older than the lock", remedy)
    if packages_fit:
        return Finding("no .venv, but this Python has what is needed")
    return trouble("there is no .venv", remedy)


def check_processor(cpuinfo: Path = backend.CPUINFO) -> Finding:
    """Says how many cores there are and what they are good at."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    text = f"{cores} processor core{'s' * (cores > 1)}"
    if backend.cpu_has_bfloat16(cpuinfo):
        return Finding(f"{text}; --precision=auto is faster on them")
    return Finding(text)


def check_runs(runs: Path) -> list[Finding]:
    """Tries to write where runs go, and looks how much room there is."""
    remedy = "python -m zoo train --runs_dir=ANOTHER_FOLDER"
    there = next(p for p in (runs, *runs.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return [trouble(f"{in_words(runs)}/: {error.strerror}", remedy)]
    free = shutil.disk_usage(there).free
    text = f"{in_words(runs)}/ is writable, with {free / 2**30:.1f} GB free"
    return [trouble(text, remedy) if free < ROOM else Finding(text)]


def check_data(folder: Path, known: Iterable[str]) -> Finding:
    """Lists which data sets of tensorflow-datasets are on the disk.

    Args:
        folder: where tensorflow-datasets keeps them.
        known: the names of its builders that the zoo uses.
    """
    there = [
        name
        for name in known
        if any(folder.glob(f"{name}/**/dataset_info.json"))
    ]
    if there:
        return Finding(f"data sets in {in_words(folder)}: {', '.join(there)}")
    return Finding(
        f"no data set in {in_words(folder)} (digits needs none)",
        "python -m zoo download mnist",
    )
