"""Processes of a measurement, one at a time, and how each reports."""

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
# All implementations compute on the CPU.
CPU_ONLY = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
MAX_ERROR_CHARS = 2000  # of the output of a failed process


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Output and resources of a process.

    Attributes:
        output: Standard output.
        seconds: Wall time.
        peak_bytes: Peak resident memory.
    """

    output: str
    seconds: float
    peak_bytes: int


def python(*words: str) -> Outcome:
    """Runs this Python with some arguments, in the repository's root.

    Raises:
        UserError: The system does not report the resources of a process.
        RuntimeError: It failed; the message ends with its output.
    """
    if not hasattr(os, "wait4"):
        raise UserError(
            "the benchmarks need the peak memory of each process, which "
            "Windows does not report; run them on Linux or macOS."
        )
    environment = {**os.environ, **CPU_ONLY}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as e,
    ):
        start = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *words],
            stdout=out,
            stderr=e,
            cwd=ROOT,
            env=environment,
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        e.seek(0)
        if child.returncode:
            printed = (out.read() + e.read())[-MAX_ERROR_CHARS:]
            raise RuntimeError(
                f"`python {' '.join(words)}` ended with "
                f"{child.returncode}:\n{printed}"
            )
        return Outcome(out.read(), seconds, used.ru_maxrss * MAXRSS_UNIT)


def report(function: str, **task: Any) -> dict[str, Any]:
    """Runs a function of this package in a process of its own.

    Args:
        function: As `module:function`; prints a report as its last line.
        **task: Arguments, in types that JSON has.
    """
    task["started"] = time.monotonic()
    module, _, name = function.partition(":")
    code = f"from {module} import {name} as run; run()"
    outcome = python("-c", code, json.dumps(task))
    found = json.loads(outcome.output.splitlines()[-1])
    return {**found, "peak_bytes": outcome.peak_bytes}


class Stopwatch:
    """Records times in seconds since the process was started.

    Args:
        started: `time.monotonic()` of the process that started this one.
    """

    def __init__(self, started: float):
        self._started = started
        self.moments: dict[str, float] = {}
        self.epoch_ends: list[float] = []
        self.cpu_at_ends: list[float] = []
        self.val_accuracies: list[float] = []
        self.update_seconds: list[float] = []

    def note(self, moment: str) -> None:
        """Records a moment; later calls change nothing."""
        self.moments.setdefault(moment, self._now())

    def begin_epoch(self) -> None:
        """Records the start of an epoch's steps."""
        self._begun = self._now()

    def end_updates(self) -> None:
        """Records their end, before the validation."""
        self.update_seconds.append(self._now() - self._begun)

    def epoch(self, val_accuracy: float | None = None) -> None:
        """Records the end of an epoch with its validation, if there is any."""
        if val_accuracy is not None:
            self.val_accuracies.append(float(val_accuracy))
        self.epoch_ends.append(self._now())
        self.cpu_at_ends.append(time.process_time())

    def report(self, **more: Any) -> str:
        """Returns everything as one line of JSON."""
        return json.dumps(
            {
                "moments": self.moments,
                "epoch_ends": self.epoch_ends,
                "cpu_at_ends": self.cpu_at_ends,
                "update_seconds": self.update_seconds,
                "val_accuracies": self.val_accuracies,
                **more,
            }
        )

    def _now(self) -> float:
        return time.monotonic() - self._started


def task() -> dict[str, Any]:
    """Returns the arguments that the starting process has given."""
    return json.loads(sys.argv[1])
