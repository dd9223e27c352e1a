"""What was measured on, in words that fit beside the figures."""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import zoo


def describe() -> dict[str, str | int]:
    """Returns processor, cores and system: what stays when software changes."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
    }


def software(
    packages: Sequence[str] = ("tensorflow", "keras", "numpy", "torch"),
) -> dict[str, str]:
    """Returns the versions that matter, of what is installed."""
    found = {"zoo": _commit() or zoo.__version__}
    found["python"] = platform.python_version()
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _commit() -> str | None:
    """Returns the working tree's commit, `None` where there is none.

    A `+` behind it says that `zoo/` has been changed since.
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


def cpu_model(table: pathlib.Path = pathlib.Path("/proc/cpuinfo")) -> str:
    """Returns the processor's name, from Linux's table where there is one."""
    if table.exists():
        found = re.search(r"^model name\s*: (.*)$", table.read_text(), re.M)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def file_name(machine: dict[str, str | int]) -> str:
    """Returns a name for the results, such as `amd-epyc-7b12-2-cores.json`."""
    words = f"{machine['cpu']} {machine['cores']} cores".lower()
    words = re.sub(r"\((r|tm)\)", "", words)
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-") + ".json"
