"""What came of the trials: scores of seeds together, best first."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from zoo.config import TrainConfig
from zoo.tuning.ledger import Execution
from zoo.tuning.settings import SweepConfig

FAILED = ("failed", "diverged", "lost")


@dataclasses.dataclass(frozen=True)
class Trial:
    """One point of the space, trained with one seed or several.

    Attributes:
        number: from 0.
        executions: the last of each seed, in order of seeds.
    """

    number: int
    executions: tuple[Execution, ...]

    @property
    def values(self) -> dict[str, Any]:
        """Its hyperparameters, by name."""
        return self.executions[0].values

    @property
    def failure(self) -> Execution | None:
        """The first execution that has no score."""
        failed = (e for e in self.executions if e.score is None)
        return next(failed, None)

    @property
    def score(self) -> float | None:
        """The mean over its seeds; `None` if one of them has no score."""
        if self.failure:
            return None
        scores = [e.score for e in self.executions]
        return math.fsum(scores) / len(scores)

    @property
    def epochs(self) -> int:
        """Epochs that it was trained for, with the seed that has most."""
        return max(e.epochs for e in self.executions)

    @property
    def runs(self) -> list[str]:
        """The names of its runs."""
        return [e.run for e in self.executions]


def trial_name(number: int) -> str:
    """Returns the name of a trial's folder inside its sweep."""
    return f"trial-{number:03d}"


def score_of(
    history: list[dict[str, Any]], settings: SweepConfig
) -> tuple[float, int] | None:
    """Returns the score of a run, and the epoch that it is of.

    Args:
        history: rows of its `history.csv`.
        settings: say what is scored, and by which epoch.

    Returns:
        `None` if the run has no finite value.
    """
    known = [
        (row[settings.objective], int(row["epoch"]))
        for row in history
        if row.get(settings.objective) is not None
        and math.isfinite(row[settings.objective])
    ]
    if not known:
        return None
    if settings.select_epoch == "last":
        return known[-1]
    sign = 1 if settings.direction == "max" else -1
    # Of equal epochs the first.
    return max(known, key=lambda pair: (sign * pair[0], -pair[1]))


def trials_of(
    executions: Iterable[Execution], settings: SweepConfig
) -> list[Trial]:
    """Returns the trials all of whose seeds are finished, by number.

    Where a trial was trained further, what it has reached last counts.
    """
    last: dict[tuple[int, int], Execution] = {}
    for one in executions:
        key = (one.trial, one.execution)
        if key not in last or one.proposal >= last[key].proposal:
            last[key] = one
    found: dict[int, list[Execution]] = {}
    for (number, _), one in sorted(last.items()):
        found.setdefault(number, []).append(one)
    return [
        Trial(number, tuple(ones))
        for number, ones in found.items()
        if len(ones) == settings.executions
        and len({one.proposal for one in ones}) == 1
    ]


def ranked(trials: Iterable[Trial], settings: SweepConfig) -> list[Trial]:
    """Returns the trials that have a score, the best one first.

    Of equal scores the earlier trial goes first.
    """
    sign = -1 if settings.direction == "max" else 1
    scored = [trial for trial in trials if trial.score is not None]
    return sorted(scored, key=lambda t: (sign * t.score, t.number))


def trial_config(
    settings: SweepConfig, trial: Trial, execution: int = 0
) -> TrainConfig:
    """Returns what a trial was trained with, without the name of its run."""
    config = settings.dimensions.config(settings.config, trial.values)
    return config.replace(seed=settings.seed(execution))
