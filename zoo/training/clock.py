"""Times an epoch's updates."""

from __future__ import annotations

import time

from zoo.training.plan import Plan


class EpochClock:
    """Times an epoch's updates, apart from validation and from compiling.

    The first execution of a sitting traces and compiles the step; the rate is
    counted from its end.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        self._warm = False

    def start(self, batch: int) -> None:
        """Starts at a batch of an epoch."""
        self._begin = self._mark = self._end = time.perf_counter()
        self._mark_batch = self._batch = batch
        self._running = True

    def tick(self, batch: int) -> None:
        """Takes note that updates up to this batch are made."""
        self._end = time.perf_counter()
        self._batch = batch
        if not self._warm:
            self._warm = True
            if batch < self._plan.steps_per_epoch:
                self._mark, self._mark_batch = self._end, batch

    def stop(self) -> None:
        """Ends the epoch's training; later calls change nothing."""
        if self._running:
            self._end = time.perf_counter()
            self._running = False

    @property
    def seconds(self) -> float:
        """Seconds of training in this epoch, compiling included."""
        return self._end - self._begin

    def rate(self) -> float | None:
        """Returns examples a second in this epoch; `None` before any."""
        examples = self._plan.examples_after(
            self._batch
        ) - self._plan.examples_after(self._mark_batch)
        spent = self._end - self._mark
        return examples / spent if examples and spent else None
