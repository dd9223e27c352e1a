"""Cores and GPUs, divided among the processes of a sweep.

What is decided here travels to a worker as environment variables, which
TensorFlow and JAX read when they are imported.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

from zoo.config import TrainConfig
from zoo.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
THREADS += ("TF_NUM_INTEROP_THREADS", "NPROC")  # the last is read by XLA
# Of a process that has no GPU to itself, so that it does not take all memory.
SHARED_GPU = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
BYTES_A_WORKER = 2e9  # TensorFlow takes 0.7e9 of them
MOST_WORKERS = 16  # that `auto` stands for
LIMIT = 256  # of a number of workers that is asked for

_hidden: list[str | None] = []  # what VISIBLE was before it was hidden


def hide_gpus() -> None:
    """Keeps this process off the GPUs: they belong to its workers.

    TensorFlow would take their whole memory. Call it before TensorFlow is
    imported.
    """
    if not _hidden:
        _hidden.append(os.environ.get(VISIBLE))
        os.environ[VISIBLE] = ""


def refuse_several(config: TrainConfig) -> None:
    """Raises `UserError` where a run of many is to have several devices."""
    if config.devices != 1:
        raise UserError(
            f"--devices={config.devices} has no place where several runs are "
            "trained, each of which has one device at most; leave it out."
        )


def gpus() -> list[str]:
    """Returns the GPUs that workers may use, as CUDA numbers them."""
    seen = _hidden[0] if _hidden else os.environ.get(VISIBLE)
    if seen is not None:
        return [word for word in seen.split(",") if word and word != "-1"]
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU (\d+):", done.stdout, re.MULTILINE)


def cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_at_once() -> int:
    """Returns how many workers suit the machine: what `auto` stands for."""
    found = len(gpus())
    if found:
        return found
    number = min(cores(), MOST_WORKERS)
    if free := _free_bytes():
        number = min(number, int(free / BYTES_A_WORKER))
    return max(number, 1)


def max_workers() -> int:
    """Returns how many workers a machine has a processor for."""
    return max(cores(), len(gpus()), 2)


def _free_bytes() -> int | None:
    try:
        text = pathlib.Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else None


def environments(workers: int) -> list[dict[str, str]]:
    """Returns what each worker's environment has besides what is there."""
    found = gpus()
    shares: list[dict[str, str]] = [{} for _ in range(workers)]
    for index, share in enumerate(shares):
        share[VISIBLE] = found[index % len(found)] if found else ""
        if found and workers > len(found):
            share |= SHARED_GPU
        if workers > 1:
            threads = str(max(cores() // workers, 1))
            share |= {
                name: threads for name in THREADS if name not in os.environ
            }
    return shares
