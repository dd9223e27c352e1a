"""The moments of one training, and how a process reports them."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


class Stopwatch:
    """Notes moments in seconds since the process was started.

    Args:
        started: `time.monotonic()` of the process that started this one.
    """

    def __init__(self, started: float):
        self._started = started
        self.moments: dict[str, float] = {}
        self.epoch_ends: list[float] = []
        self.cpu_at_ends: list[float] = []
        self.update_seconds: list[float] = []

    def note(self, moment: str) -> None:
        """Notes a moment, once: later calls change nothing."""
        self.moments.setdefault(moment, self._now())

    def begin_epoch(self) -> None:
        """Notes that an epoch's updates begin."""
        self._begun = self._now()

    def end_updates(self) -> None:
        """Notes that they are made, before the validation."""
        self.update_seconds.append(self._now() - self._begun)

    def epoch(self) -> None:
        """Notes the end of an epoch, its validation included."""
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
                **more,
            }
        )

    def _now(self) -> float:
        return time.monotonic() - self._started


def task() -> dict[str, Any]:
    """Returns what the starting process wants done: its first argument."""
    return json.loads(sys.argv[1])
