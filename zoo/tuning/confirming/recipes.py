"""Which runs are made after a search: the winner and the default, by seeds."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.config import TrainConfig
from zoo.runs import RunGroup, SweepFolder
from zoo.tuning.dimension import ARGUMENT
from zoo.tuning.repeating.folder import Repeats
from zoo.tuning.repeating.request import Request, seeds_from
from zoo.tuning.results import Trial, trial_config
from zoo.tuning.settings import SweepConfig

WINNER, DEFAULT = "winner", "default"
FEWEST = 2  # seeds of each recipe with which two can be compared
LONG = ("epochs", "steps")  # in which both recipes are alike


@dataclasses.dataclass(frozen=True)
class Tag:
    """What a job of this kind is known by.

    Attributes:
        recipe: winner or default.
        seed: it is trained with.
    """

    recipe: str
    seed: int


def new_seeds(settings: SweepConfig) -> tuple[int, ...]:
    """Returns the seeds of the confirmation, which no trial has.

    Raises:
        UserError: they go beyond the largest seed.
    """
    if not settings.retrain_seeds:
        return ()
    first = settings.seed(settings.executions)
    return seeds_from(first, settings.retrain_seeds)


def is_compared(settings: SweepConfig) -> bool:
    """Whether the default recipe is trained beside the winner."""
    return settings.compare_default and settings.retrain_seeds >= FEWEST


def names(settings: SweepConfig) -> tuple[str, ...]:
    """Returns the recipes that are trained after the last trial."""
    if not settings.retrain_seeds:
        return ()
    return (WINNER, DEFAULT) if is_compared(settings) else (WINNER,)


def config_of(
    name: str, settings: SweepConfig, best: Trial, folder: SweepFolder
) -> TrainConfig:
    """Returns what a recipe is trained with, without a seed.

    The default recipe has what all trials have in common, and of what was
    searched the model's own values, but as many epochs as the winner.
    """
    if name == WINNER:
        config = trial_config(settings, best)
    else:
        same = {n: v for n, v in best.values.items() if n in LONG}
        config = settings.config.replace(
            **same,
            model_arg={**settings.config.model_arg, **_own_arguments(settings)},
        )
    return config.replace(
        runs_dir=folder.runs_dir, run_name=f"{folder.name}/{name}"
    )


def _own_arguments(settings: SweepConfig) -> dict[str, Any]:
    """Returns the model's own values of the arguments that were searched.

    Said, they stand in TensorBoard's table beside those of the trials.
    """
    from zoo.models import MODELS
    from zoo.models.options import builder_options

    own = builder_options(MODELS.find(settings.config.model))
    searched = [
        one.name.removeprefix(ARGUMENT)
        for one in settings.dimensions.dimensions
        if one.name.startswith(ARGUMENT)
    ]
    return {name: own[name] for name in searched if own.get(name) is not None}


def group(
    name: str, settings: SweepConfig, best: Trial, folder: SweepFolder
) -> Repeats:
    """Returns a recipe as the group of its runs; nothing is written."""
    config = config_of(name, settings, best, folder)
    request = Request(config, new_seeds(settings))
    place = RunGroup(folder.path / name, f"{folder.name}/{name}")
    return Repeats(place, request, tuple(request.members()))
