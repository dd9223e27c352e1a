"""What was measured on, in words that fit beside the figures."""

from __future__ import annotations

import os
import pathlib
import platform
import re
from importlib.metadata import version


def describe() -> dict[str, str | int]:
    """Returns processor, cores, system and the versions that matter."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }


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
