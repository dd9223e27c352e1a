"""How much a sweep trains: models, epochs, and the time that they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from zoo.console import format_duration, pluralize
from zoo.errors import join_and
from zoo.tuning.confirming import recipes
from zoo.tuning.oracles import hyperband_plan
from zoo.tuning.pool import Outcome
from zoo.tuning.settings import SweepConfig


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a sweep trains from its start to its end, if no trial fails.

    Attributes:
        searched: number of models that the search trains.
        retrained: number of models that are trained after it, with new seeds.
        epochs: number of epochs of all models; `None` if that is not known.
    """

    searched: int
    retrained: int
    epochs: int | None

    @property
    def models(self) -> int:
        """Number of models in all."""
        return self.searched + self.retrained

    @property
    def at_once(self) -> int:
        """Number of workers that can have something to do."""
        return max(self.searched, self.retrained)

    @classmethod
    def of(cls, settings: SweepConfig) -> Budget:
        """Returns the budget of a sweep."""
        retrained = settings.retrain_seeds * len(recipes.names(settings))
        if settings.tuner == "hyperband":
            trials, _, epochs = hyperband_plan(settings.epochs, settings.factor)
            epochs *= settings.executions
        else:
            trials = settings.trials
            epochs = (settings.epochs or 0) * trials * settings.executions
        if settings.epochs:
            epochs += settings.epochs * retrained
        return cls(trials * settings.executions, retrained, epochs or None)


def in_words(settings: SweepConfig) -> str:
    """Says how many models a sweep trains, of which kinds and how long."""
    budget = Budget.of(settings)
    text = pluralize(budget.models, "model")
    if budget.retrained:
        seeds = pluralize(settings.retrain_seeds, "new seed")
        parts = {"winner": "the best trial", "default": "the default recipe"}
        which = join_and(map(parts.get, recipes.names(settings)))
        each = " each" if len(recipes.names(settings)) > 1 else ""
        text += f": {budget.searched} in the search, then {which} with "
        text += f"{seeds}{each}"
    return text + _length_in_words(settings, budget)


def _length_in_words(settings: SweepConfig, budget: Budget) -> str:
    if settings.epochs is None:
        steps = settings.config.steps
        return f"; {pluralize(steps, 'step')} each" if steps else ""
    varies = settings.config.early_stopping_patience or any(
        one.name in ("epochs", "early_stopping_patience")
        for one in settings.dimensions.dimensions
    )
    up_to = "up to " if varies or settings.tuner == "hyperband" else ""
    in_all = f"up to {budget.epochs:,}" if varies else f"{budget.epochs:,}"
    return (
        f"; {up_to}{pluralize(settings.epochs, 'epoch')} each, {in_all} in all"
    )


class TimeLeft:
    """Estimates how long the rest of a sweep takes, from what is done.

    Hyperband counts by epochs, since its trials differ in length; the others
    by models.

    Args:
        settings: of the sweep.
        workers: processes at once.
        done: run and number of epochs of each finished training, in order.
    """

    def __init__(
        self,
        settings: SweepConfig,
        workers: int,
        done: Iterable[tuple[str, int]],
    ):
        budget = Budget.of(settings)
        self._epochs = settings.epochs
        self._by_epochs = settings.tuner == "hyperband"
        self._workers = workers
        self._total = budget.epochs if self._by_epochs else budget.models
        self._trained: dict[str, int] = {}  # epochs of each run so far
        self._done = sum(self._amount(run, epochs) for run, epochs in done)
        self._measured, self._seconds = 0, 0.0  # in this session

    def add(self, outcome: Outcome) -> None:
        """Counts a training that has ended."""
        job = outcome.job
        amount = self._amount(
            job.config.run_name, job.until_epoch or self._epochs or 0
        )
        self._done += amount
        self._measured += amount
        self._seconds += outcome.seconds

    @property
    def is_measured(self) -> bool:
        """Whether the time of a training is known."""
        return self._measured > 0

    def in_words(self) -> str:
        """Returns the estimate; empty where there is none, or none is left."""
        left = self._total - self._done
        if not self._measured or left <= 0:
            return ""
        at_once = self._workers if self._by_epochs else min(self._workers, left)
        seconds = self._seconds / self._measured * left / at_once
        noun = "epoch" if self._by_epochs else "model"
        span = format_duration(seconds)
        return f"about {span} left, for {pluralize(left, noun)}"

    def _amount(self, run: str, epochs: int) -> int:
        before = self._trained.get(run, 0)
        self._trained[run] = epochs
        return max(epochs - before, 0) if self._by_epochs else 1
