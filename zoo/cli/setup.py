"""The verb `setup`: makes .venv and installs the zoo from the lock.

Standard library only, in syntax that Python 3.7 reads: any Python may run
it, even one on which the zoo itself cannot run.

Two small files in .venv tell its state. `.zoo-ready` is written last and
holds the fingerprint of what was installed; `.zoo-unfinished` is there from
before the first step to after the last.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from zoo.cli.interpreters import ask, find
from zoo.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message}; `python -m zoo setup --help` shows all.")


def run(argv: list[str]) -> int:
    """Makes `.venv` ready to use; returns the exit status."""
    try:
        options = _parse(argv)
        set_up(ROOT, options.python, options.wheels, Steps(options.verbose))
    except UserError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zoo: interrupted; run it again to go on.", file=sys.stderr)
        return 130
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="zoo setup",
        description="Makes .venv with the newest suitable Python there is, and"
        " installs from requirements.lock.",
    )
    parser.add_argument(
        "--wheels",
        metavar="DIR",
        help="install from this folder of wheels, without a network",
    )
    parser.add_argument(
        "--python", metavar="PATH", help="make .venv anew with this Python"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="show what pip does"
    )
    return parser.parse_args(argv)


class Steps:
    """Says and runs the steps of an installation, one line each."""

    def __init__(self, verbose: bool):
        self.verbosity = [] if verbose else ["-qq"]  # errors only

    def say(self, text: str) -> None:
        print(f"zoo: {text}", flush=True)

    def call(self, command: list[str], folder: Path) -> int:
        """Runs a command in a folder; its output goes to the terminal."""
        environment = {**os.environ, "PIP_USER": "0"}
        # Packages of another Python would pass for installed ones.
        for name in ("PYTHONPATH", "PYTHONHOME"):
            environment.pop(name, None)
        return subprocess.call(command, cwd=str(folder), env=environment)


def python_of(venv: Path, windows: bool = os.name == "nt") -> Path:
    """Returns where the Python of a virtual environment is."""
    return venv / ("Scripts/python.exe" if windows else "bin/python")


def fingerprint(root: Path) -> str:
    """Returns a hash of all that decides what .venv should hold.

    The folder counts too: an environment that was copied or moved along with
    its project still points to the old place.
    """
    digest = hashlib.sha256(str(root).encode())
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def is_ready(root: Path) -> bool:
    """Whether .venv holds what requirements.lock asks for."""
    stamp = root / ".venv" / ".zoo-ready"
    return (
        stamp.is_file()
        and python_of(root / ".venv").exists()
        and stamp.read_text() == fingerprint(root)
    )


def set_up(
    root: Path, python: str | None, wheels: str | None, steps: Steps
) -> None:
    """Brings .venv to the state that requirements.lock describes.

    Args:
        root: the folder of a clone of the project.
        python: the Python to use; `None` takes the newest suitable one.
        wheels: a folder of wheels to install from; `None` fetches them.
        steps: says and runs each step.
    """
    if not (root / "requirements.lock").is_file():
        raise UserError(
            f"there is no requirements.lock in {root}, so this zoo is an "
            "installed one and needs no setup; setup belongs to a clone."
        )
    source = _source(wheels)
    stamp = root / ".venv" / ".zoo-ready"
    if is_ready(root) and not python:
        os.utime(str(stamp))  # for make, which compares times
        steps.say(".venv is ready.")
        return
    _make_venv(root / ".venv", python, steps)
    _install(root, source, steps)
    stamp.write_text(fingerprint(root))
    _forget(root / ".venv" / ".zoo-unfinished")
    command = python_of(Path(".venv"))
    steps.say(f"ready. Next: `make train`, or `{command} -m zoo train`.")


def _source(wheels: str | None) -> list[str]:
    """Returns pip's arguments that say where packages come from."""
    if wheels is None:
        return []
    folder = Path(wheels).expanduser().resolve()
    if not folder.is_dir():
        raise UserError(
            f"--wheels={wheels} is not a folder; `pip download -r "
            f"requirements.lock -d {wheels}` fills one where there is a "
            "network, under the same system and Python."
        )
    return ["--no-index", "--find-links", str(folder)]


def _make_venv(venv: Path, python: str | None, steps: Steps) -> None:
    """Makes the environment, unless there is one to build on."""
    unfinished, stamp = venv / ".zoo-unfinished", venv / ".zoo-ready"
    ours = unfinished.exists() or stamp.exists() or not venv.exists()
    if not (python or unfinished.exists()):
        there = ask([str(python_of(venv))])
        if there and there.suitable:
            steps.say(f"bringing .venv (Python {there.version}) up to date")
            _forget(stamp)
            if ours:
                unfinished.touch()
            return
    if not ours:
        raise UserError(
            ".venv was not made by setup, so it is left alone; remove it or "
            "move it away, then run setup again."
        )
    maker = find(python, apart_from=venv)
    steps.say(f"making .venv with Python {maker.version} ({maker.path})")
    shutil.rmtree(str(venv), ignore_errors=True)
    venv.mkdir()
    unfinished.touch()
    _do(steps, [*maker.command, "-m", "venv", str(venv)], venv.parent)


def _install(root: Path, source: list[str], steps: Steps) -> None:
    """Installs what the lock pins, then the project itself."""
    python = str(python_of(root / ".venv"))
    pip = [python, "-m", "pip", "install", *steps.verbosity]
    pip += ["--disable-pip-version-check", *source]
    lines = (root / "requirements.lock").read_text().splitlines()
    count = sum("==" in line for line in lines)
    steps.say(
        f"installing {count} packages from requirements.lock; the first time "
        "this fetches a gigabyte and takes minutes"
    )
    _do(steps, [*pip, "--requirement", "requirements.lock"], root)
    steps.say("installing the zoo itself")
    itself = ["--no-deps", "--no-build-isolation", "--editable", "."]
    _do(steps, [*pip, *itself], root)


def _do(steps: Steps, command: list[str], folder: Path) -> None:
    if steps.call(command, folder):
        raise UserError(
            "that step failed, for the reason printed above, and .venv is "
            "not ready; mend it and run setup again (without a network: "
            "--wheels=DIR)."
        )


def _forget(path: Path) -> None:
    if path.exists():
        path.unlink()
