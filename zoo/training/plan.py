"""The plan of a run: config and tables become what will be done, checked.

Everything a user can get wrong comes to light here, before a single file is
written.
"""

from __future__ import annotations

import dataclasses
import math

from zoo import features, kinds
from zoo.config import OPTIONS, TrainConfig
from zoo.data import Dataset, added_inputs, load_dataset
from zoo.data import random_labels as noise
from zoo.data.classes import restricted
from zoo.data.fewer import fewer
from zoo.data.sources import find_source
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.registry import ModelEntry
from zoo.options import suggest_choice
from zoo.run_store import RunStore
from zoo.training import by_heart, origins, recipe
from zoo.training.state import TrainState

EXECUTION_BUDGET = 1e10  # multiply-adds between two looks at Python
MOST_STEPS_PER_EXECUTION = 64


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        asked: the config as given.
        config: the same with every option filled in.
        entry: the model's line in the table of models.
        data: training and validation images; the test split is not in it.
        source: the data set as it was loaded, with its true labels; `data`
            holds vectors in the place of its images where a run has
            --features, and drawn labels where it has --randomize_labels.
        random_labels: what was done to the training labels, if anything.
        handed_over: whether the images came as arrays, from no data set.
        steps_per_epoch: updates in a whole epoch; the last batch may be small.
        total_steps: updates in all.
    """

    asked: TrainConfig
    config: TrainConfig
    entry: ModelEntry
    data: Dataset
    source: Dataset
    random_labels: noise.RandomLabels | None
    handed_over: bool
    steps_per_epoch: int
    total_steps: int

    @property
    def epochs(self) -> int:
        """Epochs begun; the last one is cut short where `steps` says so."""
        return math.ceil(self.total_steps / self.steps_per_epoch)

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return self.config.seed

    def steps_in(self, epoch: int) -> int:
        """Returns the updates in one epoch, counted from 0."""
        done = epoch * self.steps_per_epoch
        return min(self.steps_per_epoch, self.total_steps - done)

    def is_out_of_patience(self, state: TrainState) -> bool:
        """Whether too many epochs brought no better validation loss."""
        patience = self.config.early_stopping_patience
        return bool(patience) and state.epochs_without_better >= patience

    def is_done(self, state: TrainState) -> bool:
        """Whether no further update is to be made."""
        return state.step >= self.total_steps or self.is_out_of_patience(state)

    def examples_after(self, batch: int) -> int:
        """Returns the training images seen in an epoch after some batches."""
        return min(batch * self.config.batch_size, len(self.data.train))

    def builder_options(self) -> dict:
        """Returns the arguments for the model's builder that were chosen."""
        chosen = {
            name: getattr(self.config, name)
            for name, option in OPTIONS.items()
            if option.is_model_arg and getattr(self.config, name) is not None
        }
        if self.entry.is_nonparametric:
            chosen["num_examples"] = len(self.data.train)
        return {**chosen, **self.config.model_arg}


def check_names(asked: TrainConfig) -> None:
    """Raises `UserError` for a name that no table has, or that is taken.

    Needs neither Keras nor data, so that it can be asked before either.
    """
    MODELS.find(asked.model)
    find_source(asked.dataset)
    if asked.features is not None:
        features.settle(asked.features, asked.runs_dir)
    RunStore(asked.runs_dir).check_free(asked.run_name)
    known = kinds.GROUPS + kinds.NAMES
    for name in asked.summaries:
        if name not in known:
            raise UserError(
                f"--summaries={','.join(asked.summaries)}: {name!r} is not "
                f"known; {suggest_choice(name, known)}"
            )


def settle(asked: TrainConfig) -> TrainConfig:
    """Returns a config that means the same later.

    `last` becomes a run's name, and what a run takes over from the one that
    it starts from is said. Needs neither Keras nor data.

    Raises:
        UserError: as `check_names`, or the run to start from does not suit.
    """
    if asked.model is not None:
        MODELS.find(asked.model)
    if asked.weights is not None:
        asked = origins.settle(asked)
    check_names(asked)
    if asked.features is not None:
        spec = features.settle(asked.features, asked.runs_dir)
        asked = asked.replace(features=spec)
    return asked


def make_plan(asked: TrainConfig, data: Dataset | None = None) -> Plan:
    """Checks a config against models and data, and settles every number.

    Args:
        asked: the config as given.
        data: the user's own images; `None` loads what the config names.

    Raises:
        UserError: anything that cannot work, in one sentence.
    """
    check_names(asked)
    entry = MODELS.find(asked.model)
    handed_over = data is not None
    if handed_over:
        _check_unused(asked, data)
        data = restricted(data, asked.classes)
        data = fewer(data, asked.train_examples)
    else:
        data = load_dataset(
            asked.dataset,
            data_dir=asked.data_dir,
            image_size=asked.image_size,
            val_fraction=asked.val_fraction,
            group_by=asked.group_by,
            train_examples=asked.train_examples,
            classes=asked.classes,
            skip_unreadable=asked.skip_unreadable,
        )
    added_inputs.check(asked.extra_features, data.input_shape, data.name)
    _check_early_stopping(asked, data)
    _check_features(asked, entry, data)
    if entry.is_nonparametric:
        by_heart.refuse(asked, data)
    num_examples = len(data.train)
    config = recipe.fill(asked, recipe.recipe_of(entry, data), data)
    steps_per_epoch = math.ceil(num_examples / config.batch_size)
    total_steps = config.steps or config.epochs * steps_per_epoch
    if asked.features is not None:
        # A model's own recipe may move pixels, which vectors have not.
        config = config.replace(augment="none")
    if entry.is_nonparametric:
        config, total_steps = by_heart.without_learning(config), 0
    shown, drawn = noise.randomize(data, asked.randomize_labels, asked.seed)
    return Plan(
        asked,
        config,
        entry,
        shown,
        data,
        drawn,
        handed_over,
        steps_per_epoch,
        total_steps,
    )


def _check_unused(asked: TrainConfig, data: Dataset) -> None:
    """Refuses options that say how to load what was given already."""
    loading = (
        "dataset", "data_dir", "image_size", "val_fraction", "group_by",
        "skip_unreadable",
    )  # fmt: skip
    for name in asked.overrides():
        if name in loading and asked.dataset != data.name:
            raise UserError(
                f"{name}={getattr(asked, name)} has no effect on images that "
                "are given as arrays; say it to Dataset.from_arrays instead."
            )


def _check_early_stopping(asked: TrainConfig, data: Dataset) -> None:
    if asked.early_stopping_patience is not None and not len(data.val):
        raise UserError(
            "--early_stopping_patience needs validation images, and "
            f"{data.name} leaves none; give a larger --val_fraction."
        )


def _check_features(
    asked: TrainConfig, entry: ModelEntry, data: Dataset
) -> None:
    """Refuses features where there is no place for them."""
    if asked.features is None:
        return
    flag = f"--features={asked.features}"
    if not entry.takes_vectors:
        raise UserError(
            f"{flag} has no place before {entry.name}, which looks at images "
            "itself; use --model=lr, mlp or knn."
        )
    if data.has_vectors:
        raise UserError(
            f"{flag} describes images, and {data.name} has vectors already; "
            "leave it out."
        )
    if asked.augment not in (None, "none"):
        raise UserError(
            f"--augment={asked.augment} has no effect with {flag}, which is "
            "computed once, before training; leave one of them out."
        )


def steps_per_execution(config: TrainConfig, multiply_adds: int) -> int:
    """Returns how many updates to make between two looks at Python.

    Many for a small network, whose updates take less time than the look;
    one for a large network, so that progress shows and Ctrl-C answers. The
    number divides `--debug_every` and `--checkpoint_every`.

    Args:
        config: resolved.
        multiply_adds: of the forward pass of one image.

    Raises:
        UserError: the number that was asked for divides them not.
    """
    periods = {
        name: getattr(config, name)
        for name in ("debug_every", "checkpoint_every")
        if getattr(config, name) is not None
    }
    asked = config.steps_per_execution
    if asked != "auto":
        for name, period in periods.items():
            if period % asked:
                raise UserError(
                    f"--{name}={period} is no multiple of "
                    f"--steps_per_execution={asked}; make it one."
                )
        return asked
    per_update = 3 * max(multiply_adds, 1) * config.batch_size
    number = min(EXECUTION_BUDGET / per_update, MOST_STEPS_PER_EXECUTION)
    power = 2 ** int(math.log2(max(number, 1)))
    return math.gcd(power, *periods.values())
