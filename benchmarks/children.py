"""Starts processes one at a time and notes what each of them used."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

from zoo.errors import UserError

ROOT = pathlib.Path(__file__).parents[1]
# `ru_maxrss` is in bytes on macOS, in KiB elsewhere.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
# Every side computes on the processors, whatever else the machine has.
PROCESSORS_ALONE = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
TAIL = 2000  # characters of a failed process's last words


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one process said and used.

    Attributes:
        output: its standard output.
        seconds: from start to end.
        peak_bytes: of resident memory.
    """

    output: str
    seconds: float
    peak_bytes: int


def python(*words: str) -> Outcome:
    """Runs this Python with some arguments, in the repository's root.

    Raises:
        UserError: this system does not tell what a process used.
        RuntimeError: it failed; the message ends with what it said last.
    """
    if not hasattr(os, "wait4"):
        raise UserError(
            "the benchmarks ask the system for the memory of each process, "
            "which Windows does not tell; run them on Linux or macOS."
        )
    environment = {**os.environ, **PROCESSORS_ALONE}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as e:
        begun = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *words],
            stdout=out,
            stderr=e,
            cwd=ROOT,
            env=environment,
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        e.seek(0)
        if child.returncode:
            raise RuntimeError(
                f"`python {' '.join(words)}` ended with "
                f"{child.returncode}:\n{(out.read() + e.read())[-TAIL:]}"
            )
        return Outcome(out.read(), seconds, used.ru_maxrss * MAXRSS_UNIT)


def report(module: str, **task: Any) -> dict[str, Any]:
    """Runs a module of this package and returns what it reports.

    Args:
        module: one that prints the report of a `Stopwatch` as its last line.
        **task: for the module, in types that JSON has.
    """
    task["started"] = time.monotonic()
    outcome = python("-m", module, json.dumps(task))
    found = json.loads(outcome.output.splitlines()[-1])
    return {**found, "peak_bytes": outcome.peak_bytes}
