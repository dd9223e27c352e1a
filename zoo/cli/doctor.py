"""`zoo doctor`: finds problems of the installation and names the remedies.

Standard library only: it also runs before anything is installed, as
`python3 -m zoo doctor`. A check reads and reports; it changes nothing and
needs no internet connection.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import zoo
from zoo import backend
from zoo.console import activities, format_bytes, show_activity
from zoo.data.datasets import DATASETS
from zoo.errors import UserError

DISTRIBUTION = "keras-zoo"
ROOT = Path(__file__).resolve().parents[2]
LOCK = "requirements.lock"
STAMP = ".venv/.installed"  # written by `make` after the packages of LOCK
# The package that brings the CUDA libraries of a backend.
CUDA = {"tensorflow": "tensorflow[and-cuda]", "jax": "jax[cuda12]"}
# Core dependencies that an environment with JAX alone does without.
TENSORFLOW_ONLY = ("tensorflow", "importlib_resources")
MIN_FREE_BYTES = 2**30  # a day of runs with checkpoints

# Run in a process of its own: a broken backend kills the process that imports
# it, and an intact one takes seconds.
PROBE = """
import json, time
start = time.perf_counter()
import keras, tensorboard.program
name = keras.backend.backend()
if name == "tensorflow":
    import tensorflow as backend
    gpus = len(backend.config.list_physical_devices("GPU"))
else:
    import jax as backend
    gpus = sum(device.platform != "cpu" for device in backend.local_devices())
print(json.dumps({
    "name": name,
    "version": backend.__version__,
    "keras": keras.__version__,
    "gpus": gpus,
    "seconds": time.perf_counter() - start,
}))
"""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        text: Result of a check.
        remedy: Command that helps; "" where none is needed.
        is_error: Whether zoo does not work before the remedy.
    """

    text: str
    remedy: str = ""
    is_error: bool = False


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message}; `zoo doctor --help` lists the flags.")


def run(argv: list[str]) -> int:
    """Prints the findings; returns 2 if one of them is an error."""
    parser = _Parser(
        prog="zoo doctor",
        description="Finds problems of the installation, and names the one"
        " command that helps. Changes nothing; works offline.",
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="check the Python that runs this, even where there is a .venv",
    )
    parser.add_argument("--helpfull", action="help", help="the same")
    options = parser.parse_args(argv)
    python = _python_of(ROOT / ".venv")
    outside = Path(sys.prefix).resolve() != (ROOT / ".venv").resolve()
    if outside and python.exists() and not options.here:
        print(f"checking with {_short(python)}", flush=True)
        command = [str(python), "-m", "zoo", "doctor", "--here"]
        return subprocess.call(command)
    print(f"zoo {zoo.__version__} in {_short(ROOT) or '.'}\n")
    with activities():
        return report(examine(ROOT))


def report(findings: Iterable[Finding]) -> int:
    """Prints findings as they come; returns the exit status."""
    errors = 0
    for finding in findings:
        level = "note" if finding.remedy else "ok"
        level = "error" if finding.is_error else level
        remedy = f"  ->  {finding.remedy}" if finding.remedy else ""
        print(f"  {level:<6} {finding.text}{remedy}", flush=True)
        errors += finding.is_error
    if errors:
        print("\nRun the command after the arrow, then `zoo doctor` again.")
    else:
        print("\nNo problems found. Next: python -m zoo train")
    return 2 if errors else 0


def examine(root: Path) -> Iterator[Finding]:
    """Yields the findings, the most basic ones first.

    Args:
        root: Folder that holds the package `zoo`.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(f"Python {version} ({_short(Path(sys.executable))})")
    jax_only = backend.is_jax_only()
    required = requirements(root, jax_only)
    locked = [] if jax_only else _lock_option(root, "-r")
    reinstall = _pip_command(locked, *([] if locked else required))
    packages = check_packages(required, installed_version, reinstall)
    venv = check_venv(root, not packages.is_error)
    yield venv
    if not venv.is_error:
        yield packages
    yield from _check_backend(root, reinstall, not packages.is_error)
    yield check_cpu()
    yield check_runs_dir(Path.cwd() / "runs")
    folder = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    builders = [source.tfds_name for source in DATASETS if source.tfds_name]
    yield check_datasets(Path(folder).expanduser(), builders)


def requirements(root: Path, jax_only: bool = False) -> list[str]:
    """Returns the core dependencies, as `name>=version`.

    Read from pyproject.toml in a clone, else from the installed package.

    Args:
        root: Folder that holds the package `zoo`.
        jax_only: Whether to return those of requirements-jax.txt.
    """
    project = root / "pyproject.toml"
    if project.is_file():
        with project.open("rb") as file:
            core = tomllib.load(file)["project"]["dependencies"]
    else:
        every = importlib.metadata.requires(DISTRIBUTION) or []
        core = [line for line in every if "extra ==" not in line]
    if not jax_only:
        return core
    core = [line for line in core if not line.startswith(TENSORFLOW_ONLY)]
    return [*core, "jax>=0.7"]


def installed_version(name: str) -> str | None:
    """Returns the version of an installed package; `None` without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_packages(
    required: Iterable[str],
    installed: Callable[[str], str | None],
    remedy: str,
) -> Finding:
    """Compares each package with the lowest version that works.

    Args:
        required: Lines such as `keras>=3.15`.
        installed: Function from the name of a package to its version.
        remedy: Command that installs what is missing.
    """
    required, problems = list(required), []
    for line in required:
        name, lowest = re.fullmatch(
            r"([\w.-]+)\s*>=\s*([\d.]+).*", line
        ).groups()
        version = installed(name)
        if version is None:
            problems.append(f"{name} is missing")
        elif _numbers(version) < _numbers(lowest):
            problems.append(f"{name} {version} is older than {lowest}")
    if not problems:
        return Finding(f"{len(required)} required packages are installed")
    if len(problems) == len(required):
        return Finding("no required package is installed", remedy, True)
    return Finding(", ".join(problems), remedy, True)


def _numbers(version: str) -> list[int]:
    """Reads the leading numbers of a version: "4.9.10rc1" is 4, 9, 10."""
    return [
        int(part) for part in re.match(r"\d+(\.\d+)*", version)[0].split(".")
    ]


def check_venv(root: Path, packages_fit: bool) -> Finding:
    """Compares .venv with the lock of a clone.

    Args:
        root: Folder that holds the package `zoo`.
        packages_fit: Whether this Python has the required packages.
    """
    lock, stamp = root / LOCK, root / STAMP
    if not lock.is_file():
        return Finding("zoo is an installed package and needs no .venv")
    remedy = "make setup"
    if os.name == "nt":
        remedy = "py -3.13 -m venv .venv"
        if _python_of(root / ".venv").exists():
            remedy = rf".venv\Scripts\pip install -r {LOCK} -e ."
    if stamp.is_file() and stamp.stat().st_mtime < lock.stat().st_mtime:
        return Finding(f".venv is older than {LOCK}", remedy, True)
    if packages_fit and stamp.is_file():
        return Finding(f".venv is up to date with {LOCK}")
    if packages_fit:
        return Finding("no .venv is needed with this Python")
    if (root / ".venv").exists():
        return Finding(".venv is incomplete", remedy, True)
    return Finding("there is no .venv", remedy, True)


def _check_backend(
    root: Path, reinstall: str, packages_fit: bool
) -> Iterator[Finding]:
    pins = _lock_option(root, "-c")
    remedies = {name: _pip_command(pins, name) for name in backend.TITLES}
    problem = check_backend_choice(remedies)
    if problem:
        yield problem
    if problem or not packages_fit:
        return
    yield from check_keras_settings()
    show_activity(f"importing {backend.title(backend.selected()[0])}")
    probe, reason = probe_backend()
    if os.environ.get(backend.ENV_VARIABLE):
        reinstall = f"unset {backend.ENV_VARIABLE}"
    yield check_backend_import(probe, reason, reinstall)
    if probe:
        cuda = _pip_command(pins, CUDA[probe["name"]])
        driver = shutil.which("nvidia-smi")
        yield check_gpu(probe["name"], probe["gpus"], driver, cuda)


def check_backend_choice(remedies: dict[str, str]) -> Finding | None:
    """Returns the problem with the chosen Keras backend, if there is one.

    Args:
        remedies: Command that installs a backend, by its name.
    """
    problem = backend.find_problem()
    if problem is None or problem.package == "keras":
        return None
    return Finding(
        f"{problem.problem}; {problem.remedy}",
        remedies.get(problem.package, problem.command),
        True,
    )


def check_keras_settings() -> Iterator[Finding]:
    """Yields each setting of Keras that zoo overrides."""
    place = _short(backend.settings_path())
    for name, (given, used) in backend.overridden_settings().items():
        yield Finding(
            f"{place} sets {name} to {json.dumps(given)}; zoo uses "
            f"{json.dumps(used)}"
        )
    for name in backend.LIMIT_VARIABLES:
        if given := os.environ.get(name):
            yield Finding(f"{name}={given} is set; zoo does not use it")


def probe_backend() -> tuple[dict | None, str]:
    """Imports Keras and its backend in a process of its own.

    Returns:
        What `PROBE` prints and "", or `None` and why it failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        return None, "it took more than 300 seconds"
    if done.returncode < 0:
        return None, f"it was killed by signal {-done.returncode}"
    if done.returncode:
        return None, (done.stderr.strip() or "no reason given").splitlines()[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


def check_backend_import(
    probe: dict | None, reason: str, remedy: str
) -> Finding:
    """Reports whether Keras, its backend and TensorBoard can be imported."""
    if probe is None:
        name, place = backend.selected()
        reason += f" (with {place})" if place else ""
        return Finding(
            f"importing {backend.title(name)} failed: {reason}", remedy, True
        )
    name = backend.title(probe["name"])
    return Finding(
        f"{name} {probe['version']}, Keras {probe['keras']} and TensorBoard "
        f"can be imported, in {probe['seconds']:.0f} s"
    )


def check_gpu(name: str, gpus: int, driver: str | None, remedy: str) -> Finding:
    """Compares the GPUs that the backend sees with those of the machine.

    Args:
        name: Name of the backend.
        gpus: Number of GPUs that it sees.
        driver: Path to NVIDIA's `nvidia-smi`; `None` without one.
        remedy: Command that installs the CUDA libraries.
    """
    title = backend.title(name)
    if gpus:
        return Finding(f"{title} sees {gpus} GPU{'s' * (gpus > 1)}")
    if driver:
        return Finding(f"{title} cannot use the GPU of this machine", remedy)
    return Finding("no GPU; models are trained on the CPU")


def check_cpu(cpuinfo: Path = backend.CPUINFO) -> Finding:
    """Reports the number of cores, and bfloat16 where it is fast."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    text = f"{cores} CPU core{'s' * (cores > 1)}"
    if backend.cpu_has_bfloat16(cpuinfo):
        return Finding(f"{text} with bfloat16; --precision=auto uses it")
    return Finding(text)


def check_runs_dir(runs: Path) -> Finding:
    """Reports whether runs can be written, and the free space."""
    remedy = "python -m zoo train --runs_dir=OTHER_FOLDER"
    existing = next(p for p in (runs, *runs.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Finding(f"{_short(runs)}/: {error.strerror}", remedy, True)
    free = shutil.disk_usage(existing).free
    text = f"{_short(runs)}/ is writable, {format_bytes(free)} are free"
    if free < MIN_FREE_BYTES:
        return Finding(text, remedy, True)
    return Finding(text)


def check_datasets(folder: Path, builders: Iterable[str]) -> Finding:
    """Lists the datasets of tensorflow-datasets that were downloaded.

    Args:
        folder: Where tensorflow-datasets keeps them.
        builders: Names of its builders that zoo uses.
    """
    existing = [
        name
        for name in builders
        if any(folder.glob(f"{name}/**/dataset_info.json"))
    ]
    if existing:
        return Finding(f"datasets in {_short(folder)}: {', '.join(existing)}")
    return Finding(
        f"no dataset in {_short(folder)} (digits needs no download)",
        "python -m zoo download mnist",
    )


def _python_of(venv: Path) -> Path:
    windows = os.name == "nt"
    return venv / ("Scripts/python.exe" if windows else "bin/python")


def _short(path: Path) -> str:
    """Returns a path relative to the current or the home folder."""
    for start, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(start):
            return prefix + path.relative_to(start).as_posix()
    return str(path)


def _lock_option(root: Path, option: str) -> list[str]:
    """Returns pip's option for the lock; nothing where there is no lock."""
    lock = root / LOCK
    return [option, _short(lock)] if lock.is_file() else []


def _pip_command(pins: list[str], *packages: str) -> str:
    """Returns the command that installs packages for this Python."""
    python = _short(Path(sys.executable))
    return shlex.join([python, "-m", "pip", "install", *pins, *packages])
