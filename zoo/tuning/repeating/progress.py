"""What a person sees while the runs of a group are trained: a line each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from zoo.console import format_duration, format_percent


class Progress:
    """Counts runs that end, and says how far all of it is.

    Args:
        total: runs to be trained now.
        say: prints a line.
        clock: seconds that pass.
    """

    def __init__(
        self,
        total: int,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._total = total
        self._say = say
        self._clock = clock
        self._began = clock()
        self._done = 0
        self._best: tuple[float, str] | None = None

    def ended(
        self, label: str, status: str, metrics: dict[str, Any], reason: str = ""
    ) -> None:
        """Says that a run has ended, what came of it, and what is left."""
        self._done += 1
        width = len(str(self._total))
        parts = [
            f"{self._done:>{width}} of {self._total}  {label}",
            _outcome(status, metrics, reason),
        ]
        goodness = _goodness(metrics)
        if goodness is not None:
            if self._best is None or goodness > self._best[0]:
                self._best = goodness, label
        if self._best and self._total > 1 and self._done > 1:
            best = "this one" if self._best[1] == label else self._best[1]
            parts.append(f"best so far: {best}")
        left = self._total - self._done
        if left:
            seconds = (self._clock() - self._began) / self._done * left
            parts.append(f"about {format_duration(math.ceil(seconds))} left")
        self._say("; ".join(parts))


def _outcome(status: str, metrics: dict[str, Any], reason: str) -> str:
    """Returns what came of a run, in words."""
    if status not in ("completed", "stopped_early"):
        return f"{status}: {reason.rstrip('.')}" if reason else status
    span = format_duration(metrics["wall_seconds"])
    if metrics.get("best_val_accuracy") is not None:
        score = f"accuracy {format_percent(metrics['best_val_accuracy'])} %"
    elif metrics.get("best_val_loss") is not None:
        score = f"loss {metrics['best_val_loss']:.4g}"
    else:
        score = "trained"
    return f"{score} in {span}"


def _goodness(metrics: dict[str, Any]) -> float | None:
    """Returns a number that is larger for a better run."""
    if metrics.get("status") not in ("completed", "stopped_early"):
        return None
    accuracy = metrics.get("best_val_accuracy")
    if accuracy is not None:
        return accuracy
    loss = metrics.get("best_val_loss")
    return None if loss is None else -loss
