"""`SweepConfig`: every option of a sweep, resolved before the first trial.

It is stored in `sweep.json`. `resolve_sweep` makes it from the flags and
raises every mistake at once: one point at each bound of each hyperparameter is
checked against model and data, as `zoo train` would check it.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from zoo.config import OPTIONS, TrainConfig, format_option
from zoo.data import Dataset, preprocess
from zoo.errors import UserError
from zoo.models.options import check_options
from zoo.resolve import (
    ResolvedConfig,
    check_own_validation,
    resolve,
    resolve_names,
)
from zoo.tuning.oracle import hyperband_plan
from zoo.tuning.space import (
    ARGUMENT,
    SearchSpace,
    hyperparameter_text,
    plain_name,
)

FORMAT = 1  # of sweep.json
OBJECTIVES = {"val_accuracy": "max", "val_loss": "min"}
LOSS_OPTIONS = ("loss", "label_smoothing")  # that decide what val_loss is
SELECT_EPOCH = ("best", "last")  # epochs that a score can be of
KEEP = ("best", "all")
NUM_KEPT = 3  # trials whose weights are kept, with --keep=best
# Options that may differ between two sessions of one sweep.
PATHS = ("runs_dir", "run_name")
DEFAULT_TRIALS = 12
MAX_GRID_POINTS = 500
DEFAULT_SPACE = ("learning_rate=log:1e-4:1e-1",)  # of a model without one
NUM_PREPROCESSED = 16  # images that show whether preprocessing can work
MIN_HYPERBAND_EPOCHS = 3  # with which Hyperband can stop trials early
MIN_COMPARED_SEEDS = 2  # of each recipe with which two can be compared


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """The options of one sweep, resolved.

    Attributes:
        config: Options that all trials share; `seed` is that of the first
            execution of each trial and of the tuner.
        space: Each `--space`, as text.
        tuner: One of `oracle.TUNERS`.
        trials: Maximum number of trials; `None` for Hyperband.
        executions: Number of seeds with which a trial is trained.
        objective: A key of `OBJECTIVES`.
        select_epoch: Epoch whose value is the score, one of `SELECT_EPOCH`.
        epochs: Number of epochs of a whole run, or of the longest one; `None`
            if its length is given in steps, or if it has none.
        factor: Reduction factor of Hyperband: one trial of so many is
            trained further.
        keep: Trials whose weights are kept, one of `KEEP`.
        retrain_seeds: Number of new seeds with which the best trial is
            retrained.
        compare_default: Whether the model's default recipe is trained with
            the same seeds.
        open_test: Whether the retrained runs are evaluated on the test set.
    """

    config: TrainConfig
    space: tuple[str, ...]
    tuner: str = "random"
    trials: int | None = None
    executions: int = 1
    objective: str = "val_accuracy"
    select_epoch: str = "best"
    epochs: int | None = None
    factor: int = 3
    keep: str = "best"
    retrain_seeds: int = 0
    compare_default: bool = True
    open_test: bool = False

    @property
    def direction(self) -> str:
        """Whether a good score is large or small: `max` or `min`."""
        return OBJECTIVES[self.objective]

    @property
    def search_space(self) -> SearchSpace:
        """The hyperparameters of `space`."""
        return SearchSpace.parse(self.space)

    @property
    def retrains_default(self) -> bool:
        """Whether the default recipe is trained beside the best trial."""
        return self.compare_default and self.retrain_seeds >= MIN_COMPARED_SEEDS

    def is_better(self, score: float, other: float) -> bool:
        """Whether one score is better than another."""
        return score > other if self.direction == "max" else score < other

    def seed(self, execution: int) -> int:
        """Returns the seed of an execution; all trials have the same ones."""
        return self.config.seed + execution

    def new_seeds(self) -> tuple[int, ...]:
        """Returns the seeds of the retrained runs, which no trial has.

        Raises:
            UserError: They go beyond the largest seed.
        """
        first = self.seed(self.executions)
        seeds = tuple(range(first, first + self.retrain_seeds))
        if seeds:
            TrainConfig(seed=seeds[-1])
        return seeds

    def to_json(self, **more: Any) -> str:
        """Returns the options as JSON, after those in `more`."""
        fields = {f.name: getattr(self, f.name) for f in _FIELDS}
        fields["config"] = self.config.as_dict()
        return json.dumps({"format": FORMAT, **more, **fields}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SweepConfig:
        """Reads back what `to_json` wrote.

        Raises:
            UserError: it is of another version of zoo.
            KeyError, TypeError, ValueError: it is corrupt.
        """
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise UserError(
                f"this sweep has the format {values['format']} of another "
                f"version of zoo; this one reads format {FORMAT}."
            )
        # A sweep that is older than an option has its default.
        names = {field.name for field in _FIELDS}
        fields = {n: v for n, v in values.items() if n in names}
        fields["space"] = tuple(fields["space"])
        fields["config"] = TrainConfig.from_json(json.dumps(fields["config"]))
        return cls(**fields)

    def difference(self, other: SweepConfig) -> str | None:
        """Returns how another sweep differs in words, `None` if not at all."""
        for field in _FIELDS:
            mine, its = getattr(self, field.name), getattr(other, field.name)
            if field.name != "config" and mine != its:
                return f"--{field.name} is {_format(mine)}, not {_format(its)}"
        for name in OPTIONS:
            mine = getattr(self.config, name)
            its = getattr(other.config, name)
            if name not in PATHS and mine != its:
                return f"--{name} is {_format(mine)}, not {_format(its)}"
        return None

    def flags(self) -> str:
        """Returns the flagfile that repeats the sweep."""
        lines = ["# Repeats this sweep: zoo sweep --flagfile=flags.txt"]
        lines += [f"--space={text}" for text in self.space]
        for field in _FIELDS:
            value = getattr(self, field.name)
            skipped = field.name in ("config", "space", "epochs")
            if field.name == "factor":  # which the other tuners refuse
                skipped = self.tuner != "hyperband"
            if not skipped and value is not None:
                if isinstance(value, bool):
                    value = str(value).lower()
                lines.append(f"--{field.name}={value}")
        for name, value in self.config.overrides().items():
            if name not in PATHS:
                lines += format_option(name, value)
        return "\n".join(lines) + "\n"


def _format(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "not given" if value is None else str(value)


_FIELDS = dataclasses.fields(SweepConfig)


def resolve_sweep(
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
    """Returns the sweep that flags ask for, with every option resolved.

    Args:
        fixed: Options that all trials share.
        texts: Each `--space`; none takes the model's own space.
        trials: `None` leaves the number to the tuner.
        objective: `None` takes the accuracy, where there is one.
        factor: Reduction factor of Hyperband; `None` is 3.
        compare_default: `None` is yes with two seeds or more.

    Raises:
        UserError: Anything that cannot work, in one sentence.
    """
    from zoo.training.setup import load_dataset

    _check_contradictions(fixed, texts, tuner, factor)
    fixed = resolve_names(fixed)
    space = SearchSpace.parse(texts)
    points = space.corner_points() if texts else [{}]
    first = space.config(fixed, points[0])
    dataset = load_dataset(first)
    check_own_validation(first, dataset)
    resolved = resolve(first, dataset)
    if not texts:
        space = _default_space(fixed, resolved, dataset)
        points = space.corner_points()
    for point in points:
        _check(space.config(fixed, point), dataset)
    objective = _resolve_objective(objective, dataset, space)
    if tuner == "hyperband":
        epochs = _hyperband_epochs(resolved, space, trials, factor or 3)
    else:
        epochs = _max_epochs(resolved, space)
        trials = _num_trials(tuner, trials, space)
    settings = SweepConfig(
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
        compare_default=_compares_default(retrain_seeds, compare_default),
        open_test=open_test,
    )
    _check_retraining(settings)
    if open_test and dataset.num_test_examples == 0:
        raise UserError(
            f"--open_test evaluates on the test set, and no images of "
            f"{fixed.dataset} were held out, since there are too few; leave "
            "it out."
        )
    return settings


def _check_contradictions(
    fixed: TrainConfig, texts: tuple[str, ...], tuner: str, factor: int | None
) -> None:
    """Raises `UserError` for options that contradict each other."""
    if fixed.run_name is not None:
        raise UserError(
            f"--run_name={fixed.run_name} has no effect on a sweep, each trial "
            "of which has a name of its own; use --sweep_name."
        )
    given = {plain_name(name): name for name in _given(fixed)}
    for hp in SearchSpace.parse(texts).hyperparameters:
        name = given.get(plain_name(hp.name))
        if name is not None:
            flag = name.replace(ARGUMENT, "model_arg=")
            raise UserError(
                f"--{flag}={_given(fixed)[name]} and --space={hp.text} "
                "contradict each other; give one of them."
            )
    if factor is not None and tuner != "hyperband":
        raise UserError(
            f"--factor={factor} has no effect with --tuner={tuner}; it "
            "belongs to --tuner=hyperband."
        )


def _default_space(
    fixed: TrainConfig, resolved: ResolvedConfig, dataset: Dataset
) -> SearchSpace:
    """Returns the model's own space, without what is fixed or invalid."""
    entry = resolved.entry
    own = entry.search_space
    if entry.registered:  # keras-tuner's build(hp) has its hyperparameters
        found = getattr(entry.load(), "hyperparameters", ())
        hypermodel = tuple(filter(None, map(hyperparameter_text, found)))
        own = hypermodel or own
    space = SearchSpace.parse(own or DEFAULT_SPACE)
    space = space.without(_given(fixed))
    if entry.registered and hypermodel and space.hyperparameters:
        return space  # a value that cannot be is refused, never left out
    valid = []
    for hp in space.hyperparameters:
        values = [
            value
            for value in hp.bounds
            if _is_valid(space.config(fixed, {hp.name: value}), dataset)
        ]
        if values == list(hp.bounds):
            valid.append(hp)
        elif hp.values and len(values) > 1:
            shown = ",".join(map(str, values))
            valid += SearchSpace.parse([f"{hp.name}={shown}"]).hyperparameters
    if not valid:
        raise UserError(
            f"the search space of {fixed.model} has nothing that is not given "
            "already; name what to search with --space=NAME=VALUES."
        )
    return SearchSpace(tuple(valid))


def _given(fixed: TrainConfig) -> dict[str, Any]:
    """Returns what was given for all trials, by name of a hyperparameter."""
    arguments = {ARGUMENT + k: v for k, v in fixed.model_arg.items()}
    return fixed.overrides() | arguments


def _is_valid(config: TrainConfig, dataset: Dataset) -> bool:
    try:
        _check(config, dataset)
    except UserError:
        return False
    return True


def _check(config: TrainConfig, dataset: Dataset) -> None:
    """Raises `UserError` if a config cannot work on a dataset."""
    resolved = resolve(config, dataset)
    check_options(resolved.entry, resolved.builder_options())
    few = dataset.train.images[:NUM_PREPROCESSED]
    preprocess.fit_statistics(few, resolved.mean_subtraction, resolved.scale)


def _resolve_objective(
    objective: str | None, data: Dataset, space: SearchSpace
) -> str:
    """Returns the objective, which every run must have."""
    if not len(data.val):
        raise UserError(
            "a sweep needs validation examples to choose by, and "
            f"{data.name} leaves none; give --val_fraction=0.1."
        )
    if data.task != "classification":
        if objective == "val_accuracy":
            raise UserError(
                f"--objective=val_accuracy is about classes, and {data.name} "
                "has numbers to predict; use --objective=val_loss."
            )
        return "val_loss"
    for name in LOSS_OPTIONS:
        if objective == "val_loss" and any(
            hp.name == name for hp in space.hyperparameters
        ):
            raise UserError(
                f"--objective=val_loss cannot compare trials whose {name} "
                "differs; use --objective=val_accuracy."
            )
    return objective or "val_accuracy"


def _hyperband_epochs(
    resolved: ResolvedConfig,
    space: SearchSpace,
    trials: int | None,
    factor: int,
) -> int:
    """Returns the epochs of a whole run."""
    if not resolved.uses_gradients or resolved.requested.steps is not None:
        raise UserError(
            "--tuner=hyperband stops trials after some of their epochs, and "
            "these have none; give --epochs, or use --tuner=random."
        )
    for hp in space.hyperparameters:
        if hp.name in ("epochs", "steps"):
            raise UserError(
                f"--space={hp.text} has no place with --tuner=hyperband, "
                "which decides how long each trial is trained; give --epochs."
            )
    epochs = resolved.epochs
    if epochs < MIN_HYPERBAND_EPOCHS:
        raise UserError(
            f"--tuner=hyperband cannot stop trials early in {epochs} epochs; "
            f"give --epochs={MIN_HYPERBAND_EPOCHS} or more."
        )
    if trials is not None:
        number = hyperband_plan(epochs, factor)[0]
        raise UserError(
            f"--trials={trials} has no effect with --tuner=hyperband, whose "
            "number of trials follows from --epochs and --factor: it is "
            f"{number} here."
        )
    return epochs


def _max_epochs(resolved: ResolvedConfig, space: SearchSpace) -> int | None:
    """Returns the epochs of the longest trial, if trials have any."""
    if not resolved.uses_gradients:
        return None
    searched = {hp.name: hp for hp in space.hyperparameters}
    if "epochs" in searched:
        return max(searched["epochs"].bounds)
    is_in_steps = "steps" in searched or resolved.requested.steps is not None
    return None if is_in_steps else resolved.epochs


def _num_trials(tuner: str, trials: int | None, space: SearchSpace) -> int:
    """Returns how many trials there will be, at most."""
    if tuner != "grid":
        count = space.count()
        if count is None:
            return trials or DEFAULT_TRIALS
        if trials is not None and trials > count:
            raise UserError(
                f"--trials={trials} is more than the {count:,} points of this "
                "space; --tuner=grid tries each of them once."
            )
        return trials or min(DEFAULT_TRIALS, count)
    count = space.grid().count()
    if trials is None and count > MAX_GRID_POINTS:
        raise UserError(
            f"the grid has {count:,} points, more than {MAX_GRID_POINTS}; "
            "make it coarser, or use --tuner=random."
        )
    if trials is not None and trials < count:
        raise UserError(
            f"--trials={trials} does not cover the grid of {count:,} points; "
            "leave --trials out, make the grid coarser, or use "
            "--tuner=random."
        )
    return count


def _compares_default(retrain_seeds: int, compare_default: bool | None) -> bool:
    """Returns whether the default recipe is trained beside the best trial.

    Args:
        retrain_seeds: Number of new seeds of each.
        compare_default: As it was given; `None` if it was not.

    Raises:
        UserError: It was given, and there are too few seeds.
    """
    if compare_default and retrain_seeds < MIN_COMPARED_SEEDS:
        raise UserError(
            f"--compare_default compares over new seeds, and "
            f"--retrain_seeds={retrain_seeds} leaves too few; give "
            "--retrain_seeds=3."
        )
    return compare_default is not False and retrain_seeds >= MIN_COMPARED_SEEDS


def _check_retraining(settings: SweepConfig) -> None:
    """Raises `UserError` for what cannot be done after the last trial."""
    if settings.open_test and not settings.retrain_seeds:
        raise UserError(
            "--open_test evaluates the retrained best trial on the test set, "
            "and --retrain_seeds=0 trains none; give --retrain_seeds=3."
        )
    settings.new_seeds()
