"""The verb `doctor`: looks for trouble in the installation, with remedies.

Standard library only at import: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import zoo
from zoo import backend
from zoo.cli import checks, engine_checks
from zoo.cli.setup import ROOT, python_of
from zoo.data.sources import SOURCES
from zoo.errors import UserError

# What has an engine's CUDA libraries.
CUDA = {"tensorflow": "tensorflow[and-cuda]", "jax": "jax[cuda12]"}


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message}; `zoo doctor --help` shows all.")


def run(argv: list[str]) -> int:
    """Prints what is well and what is not; returns 2 if there is trouble."""
    parser = _Parser(
        prog="zoo doctor",
        description="Looks for trouble in the installation; names the one"
        " command that helps. Changes nothing, and needs no network.",
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="look at the Python that runs this, even beside a .venv",
    )
    options = parser.parse_args(argv)
    python = python_of(ROOT / ".venv")
    elsewhere = Path(sys.prefix).resolve() != (ROOT / ".venv").resolve()
    if elsewhere and python.exists() and not options.here:
        print(f"asking {checks.in_words(python)}", flush=True)
        command = [str(python), "-m", "zoo", "doctor", "--here"]
        return subprocess.call(command)
    print(f"zoo {zoo.__version__} in {checks.in_words(ROOT) or '.'}\n")
    return report(examine(ROOT))


def report(findings: Iterator[checks.Finding]) -> int:
    """Prints findings as they come; returns the exit status."""
    troubles = 0
    for finding in findings:
        mark = "trouble" if finding.trouble else "ok"
        mark = "note" if finding.remedy and not finding.trouble else mark
        remedy = f"  ->  {finding.remedy}" if finding.remedy else ""
        print(f"  {mark:<8} {finding.text}{remedy}", flush=True)
        troubles += finding.trouble
    if troubles:
        print("\nMend the trouble with the command after the arrow.")
    else:
        print("\nAll is well. Next: python -m zoo train")
    return 2 if troubles else 0


def examine(root: Path) -> Iterator[checks.Finding]:
    """Yields what is found, the foundations first."""
    yield checks.check_python(sys.version_info)
    alone = backend.is_jax_only()
    required = checks.requirements(root, without_tensorflow=alone)
    locked = [] if alone else _pins(root, "-r")
    reinstall = _pip(locked, *([] if locked else required))
    set_up = "python -m zoo setup" if os.name == "nt" else "make setup"
    packages = checks.check_packages(
        required, checks.installed_version, reinstall
    )
    venv = checks.check_venv(root, not packages.trouble, set_up)
    yield venv
    if not venv.trouble:
        yield packages
    yield from _engine(root, reinstall, not packages.trouble)
    yield checks.check_processor()
    yield from checks.check_runs(Path.cwd() / "runs")
    folder = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    builders = [source.builder for source in SOURCES if source.builder]
    yield checks.check_data(Path(folder).expanduser(), builders)


def _engine(
    root: Path, reinstall: str, packages_fit: bool
) -> Iterator[checks.Finding]:
    pins = _pins(root, "-c")
    names = {name: _pip(pins, name) for name in backend.TITLES}
    wrong = engine_checks.check_choice(names)
    if wrong:
        yield wrong
    if wrong or not packages_fit:
        return
    yield from engine_checks.check_settings()
    found, reason = engine_checks.probe_engine()
    if os.environ.get(backend.ENV_VARIABLE):
        reinstall = f"unset {backend.ENV_VARIABLE}"
    yield engine_checks.check_engine(found, reason, reinstall)
    if found:
        cuda = _pip(pins, CUDA[found["name"]])
        driver = shutil.which("nvidia-smi")
        yield engine_checks.check_gpu(
            found["name"], found["gpus"], driver, cuda
        )


def _pins(root: Path, option: str) -> list[str]:
    """Returns pip's option for the lock; nothing where there is no lock."""
    lock = root / "requirements.lock"
    return [option, checks.in_words(lock)] if lock.is_file() else []


def _pip(pins: list[str], *packages: str) -> str:
    """Writes the command that installs packages for the Python that asks."""
    python = checks.in_words(Path(sys.executable))
    return shlex.join([python, "-m", "pip", "install", *pins, *packages])
