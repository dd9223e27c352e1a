"""From flags to a sweep that can work: every mistake before the first trial.

A point at each end of each dimension is checked against model and data, as
`zoo train` would check it.
"""

from __future__ import annotations

from typing import Any

from zoo.config import TrainConfig
from zoo.data import Dataset, preprocess
from zoo.errors import UserError
from zoo.models.options import check_options
from zoo.resolve import ResolvedConfig, resolve, resolve_names
from zoo.training.setup import load_dataset
from zoo.tuning.confirming import checking as confirming
from zoo.tuning.dimension import ARGUMENT
from zoo.tuning.oracles import hyperband_plan
from zoo.tuning.settings import SweepConfig
from zoo.tuning.space import Space

TRIALS = 12  # unless told otherwise
MOST_POINTS = 500  # of a grid
GENERAL = ("learning_rate=log:1e-4:1e-1",)  # of a model without a space
FEW = 16  # images that show whether preprocessing can work
FEWEST_EPOCHS = 3  # with which Hyperband has anything to halve


def settle(
    fixed: TrainConfig,
    texts: tuple[str, ...],
    *,
    tuner: str,
    trials: int | None,
    executions: int,
    objective: str | None,
    select_epoch: str,
    factor: int | None,
    keep: str,
    retrain_seeds: int = 0,
    compare_default: bool | None = None,
    open_test: bool = False,
) -> SweepConfig:
    """Returns the sweep that is asked for, with nothing left open.

    Args:
        fixed: what all trials have in common.
        texts: each `--space`; none takes the model's own space.
        trials: `None` leaves the number to the tuner.
        objective: `None` takes the accuracy, where there is one.
        factor: of Hyperband; `None` is 3.
        compare_default: `None` is yes where there are seeds enough.

    Raises:
        UserError: anything that cannot work, in one sentence.
    """
    _check_contradictions(fixed, texts, tuner, factor)
    fixed = resolve_names(fixed)
    space = Space.parse(texts)
    points = space.probes() if texts else [{}]
    first = space.config(fixed, points[0])
    dataset = load_dataset(first)
    resolved = resolve(first, dataset)
    if not texts:
        space = _default_space(fixed, resolved, dataset)
        points = space.probes()
    for point in points:
        _try(space.config(fixed, point), dataset)
    objective = _objective(objective, dataset, space)
    if tuner == "hyperband":
        epochs = _hyperband_epochs(resolved, space, trials, factor or 3)
    else:
        epochs = _longest(resolved, space)
        trials = _trials(tuner, trials, space)
    asked = SweepConfig(
        config=fixed,
        space=tuple(space.texts),
        tuner=tuner,
        trials=trials,
        executions=executions,
        objective=objective,
        select_epoch=select_epoch,
        epochs=epochs,
        factor=factor or 3,
        keep=keep,
        retrain_seeds=retrain_seeds,
        compare_default=confirming.is_compared(retrain_seeds, compare_default),
        open_test=open_test,
    )
    confirming.check(asked)
    if open_test and dataset.num_test_examples == 0:
        raise UserError(
            f"--open_test opens the test split, and no images of "
            f"{fixed.dataset} were sealed, since there are too few; leave it "
            "out."
        )
    return asked


def _check_contradictions(
    fixed: TrainConfig, texts: tuple[str, ...], tuner: str, factor: int | None
) -> None:
    """Raises `UserError` for choices that cannot hold together."""
    if fixed.run_name is not None:
        raise UserError(
            f"--run_name={fixed.run_name} has no place here, since each trial "
            "has a name of its own; use --sweep_name."
        )
    given = _given(fixed)
    for one in Space.parse(texts).dimensions:
        if one.name in given:
            flag = one.name.replace(ARGUMENT, "model_arg=")
            raise UserError(
                f"--{flag}={given[one.name]} and --space={one.text} contradict "
                "each other; give one of them."
            )
    if factor is not None and tuner != "hyperband":
        raise UserError(
            f"--factor={factor} has no effect with --tuner={tuner}; it "
            "belongs to --tuner=hyperband."
        )


def _default_space(
    fixed: TrainConfig, resolved: ResolvedConfig, dataset: Dataset
) -> Space:
    """Returns the model's own space, as far as it suits what is fixed."""
    space = Space.parse(resolved.entry.search_space or GENERAL)
    space = space.without(_given(fixed))
    fitting = []
    for one in space.dimensions:
        values = [
            value
            for value in one.ends()
            if _fits(space.config(fixed, {one.name: value}), dataset)
        ]
        if values == list(one.ends()):
            fitting.append(one)
        elif one.values and len(values) > 1:
            shown = ",".join(map(str, values))
            fitting += Space.parse([f"{one.name}={shown}"]).dimensions
    if not fitting:
        raise UserError(
            f"the search space of {fixed.model} has nothing that is not given "
            "already; name what to search with --space=NAME=VALUES."
        )
    return Space(tuple(fitting))


def _given(fixed: TrainConfig) -> dict[str, Any]:
    """Returns what was given for all trials, by name of a dimension."""
    arguments = {ARGUMENT + k: v for k, v in fixed.model_arg.items()}
    return fixed.overrides() | arguments


def _fits(config: TrainConfig, dataset: Dataset) -> bool:
    try:
        _try(config, dataset)
    except UserError:
        return False
    return True


def _try(config: TrainConfig, dataset: Dataset) -> None:
    """Raises `UserError` if a config cannot work on a dataset."""
    resolved = resolve(config, dataset)
    check_options(resolved.entry, resolved.builder_options())
    few = dataset.train.images[:FEW]
    preprocess.fit_statistics(few, resolved.mean_subtraction, resolved.scale)


def _objective(objective: str | None, data: Dataset, space: Space) -> str:
    """Returns what is maximized or minimized; every run must have it."""
    if not len(data.val):
        raise UserError(
            "a sweep chooses by validation examples, and "
            f"{data.name} leaves none; give --val_fraction=0.1."
        )
    if data.task != "classification":
        if objective == "val_accuracy":
            raise UserError(
                f"--objective=val_accuracy is about classes, and {data.name} "
                "has numbers to predict; use --objective=val_loss."
            )
        return "val_loss"
    for name in ("loss", "label_smoothing"):
        if objective == "val_loss" and any(
            one.name == name for one in space.dimensions
        ):
            raise UserError(
                f"--objective=val_loss cannot compare trials whose {name} "
                "differs; use --objective=val_accuracy."
            )
    return objective or "val_accuracy"


def _hyperband_epochs(
    resolved: ResolvedConfig,
    space: Space,
    trials: int | None,
    factor: int,
) -> int:
    """Returns the epochs of a whole run."""
    if not resolved.uses_gradients or resolved.requested.steps is not None:
        raise UserError(
            "--tuner=hyperband halves epochs, and these trials have none to "
            "halve; give --epochs, or use --tuner=random."
        )
    for one in space.dimensions:
        if one.name in ("epochs", "steps"):
            raise UserError(
                f"--space={one.text} has no place with --tuner=hyperband, "
                "which decides how long each trial is trained; give --epochs."
            )
    epochs = resolved.epochs
    if epochs < FEWEST_EPOCHS:
        raise UserError(
            f"--tuner=hyperband has nothing to halve in {epochs} epochs; give "
            f"--epochs={FEWEST_EPOCHS} or more."
        )
    if trials is not None:
        number = hyperband_plan(epochs, factor)[0]
        raise UserError(
            f"--trials={trials} has no effect with --tuner=hyperband, whose "
            "number of trials follows from --epochs and --factor: it is "
            f"{number} here."
        )
    return epochs


def _longest(resolved: ResolvedConfig, space: Space) -> int | None:
    """Returns the epochs of the longest trial, if trials have any."""
    if not resolved.uses_gradients:
        return None
    searched = {one.name: one for one in space.dimensions}
    if "epochs" in searched:
        return max(searched["epochs"].ends())
    is_in_steps = "steps" in searched or resolved.requested.steps is not None
    return None if is_in_steps else resolved.epochs


def _trials(tuner: str, trials: int | None, space: Space) -> int:
    """Returns how many trials there will be, at most."""
    if tuner != "grid":
        count = space.count()
        if count is None:
            return trials or TRIALS
        if trials is not None and trials > count:
            raise UserError(
                f"--trials={trials} is more than the {count:,} points of this "
                "space; --tuner=grid tries each of them once."
            )
        return trials or min(TRIALS, count)
    count = space.stepped().count()
    if trials is None and count > MOST_POINTS:
        raise UserError(
            f"the grid has {count:,} points, more than {MOST_POINTS}; make it "
            "coarser, or use --tuner=random."
        )
    if trials is not None and trials < count:
        raise UserError(
            f"--trials={trials} does not cover the grid of {count:,} points; "
            "leave --trials out, make the grid coarser, or use "
            "--tuner=random."
        )
    return count
