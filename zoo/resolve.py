"""From the config that a user gave to the one that is used.

`resolve(config, dataset)` is called once, when the data is there, because a
default recipe depends on the size and the shape of the data. Every default,
every dependent option and every refusal is decided here; everybody else reads
the result. A value comes from the first of: what the user gave, the model's
recipe for data of this size, the optimizer's own default, the general default.

What needs no data is refused earlier: types, ranges and conflicts by
`TrainConfig`, unknown names by `resolve_names`, before anything is loaded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from zoo import features, initial_weights
from zoo.config import (
    DEFAULTS,
    IMAGENET,
    MODEL_ARGUMENTS,
    OPTIONS,
    TrainConfig,
    format_option,
)
from zoo.console import pluralize
from zoo.data import Dataset
from zoo.data.augment import mixes_labels
from zoo.data.datasets import find_dataset
from zoo.data.preprocess import check_extra_features
from zoo.errors import UserError, join_or
from zoo.models import MODELS
from zoo.models.registry import ModelEntry
from zoo.options import suggest_choice
from zoo.run_store import RunStore
from zoo.summaries import registry

LARGE_DATASET = 10_000  # training images from which `large` recipes are used
MAX_EXECUTION_COST = 1e10  # multiply-adds of a compiled call of several steps
MAX_STEPS_PER_EXECUTION = 64
# Steps of a run that ends before tracing several of them would have paid.
SHORT_RUN_STEPS = 128

GENERAL_RECIPE: Mapping[str, Any] = {
    "augment": "none",
    "optimizer": "adam",
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "batch_size": 32,
    "epochs": 20,
    "mean_subtraction": "channel",
    "scale": "std",
    "freeze": "none",
}
OPTIMIZER_DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.03, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.03, "momentum": 0.9},
    "rmsprop": {"learning_rate": 1e-3, "momentum": 0.0},
    "adam": {"learning_rate": 1e-3},
    "adamw": {"learning_rate": 1e-3, "weight_decay": 0.01},
    "muon": {"learning_rate": 1e-3, "momentum": 0.95, "weight_decay": 0.004},
}
SCHEDULE_DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "step": {"schedule_factor": 0.1},
    "exponential": {"schedule_factor": 0.95},
}
WITHOUT_FLIP = {
    "flip": "none",
    "alternating_flip": "none",
    "crop_flip": "crop",
    "crop_alternating_flip": "crop",
}
# A recipe's value for one of these holds only beside the recipe's own choice.
DEPENDENT_OPTIONS = {
    "optimizer": (
        *("learning_rate", "momentum", "weight_decay"),
        *("norm_bias_factor", "lookahead_every", "ema_momentum"),
    ),
    "schedule": (
        *("schedule_epochs", "schedule_factor", "schedule_end"),
        *("warmup_epochs", "warmup_start"),
    ),
}
# Options without effect on a model that is not trained by gradient descent.
GRADIENT_OPTIONS = {
    *(n for n, o in OPTIONS.items() if o.group == "optimization"),
    *("weight_decay", "augment", "checkpoint_every", "debug_every"),
    *("steps_per_execution", "devices", "weights", "new_head", "freeze"),
    "head_epochs",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResolvedConfig(TrainConfig):
    """The options of a run with the value that each of them is used with.

    Attributes:
        requested: Config as given, where `None` left a choice open.
        entry: The model's entry in the registry.
        num_train: Number of training examples.
        steps_per_epoch: Training steps of a whole epoch, whose last batch may
            be smaller than the others.
        total_steps: Training steps of the whole run; 0 without gradients.
    """

    requested: TrainConfig
    entry: ModelEntry
    num_train: int
    steps_per_epoch: int
    total_steps: int

    @property
    def num_epochs(self) -> int:
        """Number of epochs; `--steps` may cut the last one short."""
        return math.ceil(self.total_steps / self.steps_per_epoch)

    @property
    def uses_gradients(self) -> bool:
        """Whether weights are learned by gradient descent."""
        return not self.entry.is_nonparametric

    def steps_in(self, epoch: int) -> int:
        """Returns the training steps of one epoch, counted from 0."""
        done = epoch * self.steps_per_epoch
        return min(self.steps_per_epoch, self.total_steps - done)

    def examples_after(self, batch: int) -> int:
        """Returns the training examples seen in an epoch after some batches."""
        return min(batch * self.batch_size, self.num_train)

    def builder_options(self) -> dict[str, Any]:
        """Returns the arguments for the model's builder that were chosen."""
        chosen = {
            name: getattr(self, name)
            for name in MODEL_ARGUMENTS
            if getattr(self, name) is not None
        }
        if self.entry.is_nonparametric:
            chosen["num_examples"] = self.num_train
        return {**chosen, **self.model_arg}


def resolve_names(config: TrainConfig) -> TrainConfig:
    """Returns a config whose names mean the same later.

    `last` becomes the name of a run, and what a run takes over from the one
    whose weights it starts from is written out. Needs neither Keras nor data.

    Raises:
        UserError: no table has a name, the run's own name is taken, or the
            run to start from does not suit.
    """
    _check_arguments(config)
    if config.model is not None:
        MODELS.find(config.model)
    if config.weights is not None:
        config = initial_weights.take_over(config, GENERAL_RECIPE)
    find_dataset(config.dataset)
    if config.features is not None:
        spec = features.resolve(config.features, config.runs_dir)
        config = config.replace(features=spec)
        if spec.endswith(f":{IMAGENET}"):
            shape = RunStore(config.runs_dir).find(spec).input_shape
            config = initial_weights.with_photograph_size(config, shape)
    RunStore(config.runs_dir).check_free(config.run_name)
    known = registry.GROUPS + registry.NAMES
    for name in config.summaries:
        if name not in known:
            raise UserError(
                f"--summaries={','.join(config.summaries)}: {name!r} is not "
                f"known; {suggest_choice(name, known)}"
            )
    return config


def _check_arguments(config: TrainConfig) -> None:
    """Refuses an argument of the model that is given in two ways."""
    for name in MODEL_ARGUMENTS:
        value = getattr(config, name)
        if value is not None and name in config.model_arg:
            argument = format_option(
                "model_arg", {name: config.model_arg[name]}
            )[0]
            raise UserError(
                f"{format_option(name, value)[0]} and {argument} are about the "
                "same argument of the model; give one of them."
            )


def resolve(config: TrainConfig, dataset: Dataset) -> ResolvedConfig:
    """Returns the config that a run on a dataset uses.

    Args:
        config: as given, after `resolve_names`.
        dataset: what is trained on.

    Raises:
        UserError: something cannot work, in one sentence.
    """
    entry = MODELS.find(config.model)
    check_extra_features(
        config.extra_features, dataset.input_shape, dataset.name
    )
    _check_resize(config)
    _check_early_stopping(config, dataset)
    _check_features(config, entry, dataset)
    if entry.is_nonparametric:
        _check_without_gradients(config, dataset)
    recipe = default_recipe(entry, dataset, config.weights is not None)
    resolved = apply_recipe(config, recipe, dataset)
    if config.features is not None:
        # A model's own recipe may move pixels, which vectors have not.
        resolved = resolved.replace(augment="none")
    num_train = len(dataset.train)
    steps_per_epoch = math.ceil(num_train / resolved.batch_size)
    total_steps = resolved.steps or resolved.epochs * steps_per_epoch
    if entry.is_nonparametric:
        unused = dict.fromkeys(_UNUSED_WITHOUT_GRADIENTS)
        resolved, total_steps = resolved.replace(augment="none", **unused), 0
    return ResolvedConfig(
        **resolved.as_dict(),
        requested=config,
        entry=entry,
        num_train=num_train,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
    )


# What the general recipe gives, and a run without gradients does not use.
_UNUSED_WITHOUT_GRADIENTS = (
    *("optimizer", "learning_rate", "schedule", "warmup_epochs", "epochs"),
    *("momentum", "weight_decay"),
)


def default_recipe(
    entry: ModelEntry, dataset: Dataset, has_weights: bool = False
) -> dict[str, Any]:
    """Returns a model's default recipe for data of this kind and size.

    Args:
        has_weights: whether training starts from given weights.
    """
    if has_weights and entry.recipe_transfer:
        return dict(entry.recipe_transfer)
    if dataset.has_vectors:
        return dict(entry.recipe_vectors or entry.recipe_small)
    is_small = len(dataset.train) < LARGE_DATASET
    return dict(entry.recipe_small if is_small else entry.recipe_large)


def steps_per_execution(
    config: TrainConfig, multiply_adds: int, total_steps: int
) -> int:
    """Returns the training steps of one compiled call, as Keras counts them.

    Many for a small network, whose steps take less time than a call; one for
    a large network, so that progress shows and Ctrl-C is obeyed, and for a
    short run. The number divides `--debug_every` and `--checkpoint_every`.

    Args:
        config: resolved.
        multiply_adds: of the forward pass of one example.
        total_steps: of the whole run.

    Raises:
        UserError: the number that was given does not divide them.
    """
    periods = {
        name: getattr(config, name)
        for name in ("debug_every", "checkpoint_every")
        if getattr(config, name) is not None
    }
    given = config.steps_per_execution
    if given != "auto":
        for name, period in periods.items():
            if period % given:
                raise UserError(
                    f"--{name}={period} is not a multiple of "
                    f"--steps_per_execution={given}; make it one."
                )
        return given
    if total_steps <= SHORT_RUN_STEPS:
        return 1
    cost = 3 * max(multiply_adds, 1) * config.batch_size
    number = min(MAX_EXECUTION_COST / cost, MAX_STEPS_PER_EXECUTION)
    power = 2 ** int(math.log2(max(number, 1)))
    return math.gcd(power, *periods.values())


def _check_resize(config: TrainConfig) -> None:
    if config.resize != DEFAULTS["resize"] and config.image_size is None:
        raise UserError(
            f"--resize={config.resize} has no effect on images that are not "
            "resized; give --image_size too."
        )


def check_own_validation(config: TrainConfig, dataset: Dataset) -> None:
    """Refuses a fraction beside a validation split, which it does not change.

    Of a new run only: one that was trained before keeps its options.
    """
    fraction = config.val_fraction
    if dataset.has_own_val and fraction not in (0, DEFAULTS["val_fraction"]):
        raise UserError(
            f"--val_fraction={fraction:g} does not go with the validation "
            f"{dataset.unit_name} of {dataset.name}; leave it out, or give 0 "
            "to train without them."
        )


def _check_early_stopping(config: TrainConfig, dataset: Dataset) -> None:
    if config.early_stopping_patience is not None and not len(dataset.val):
        raise UserError(
            "--early_stopping_patience needs validation images, and "
            f"{dataset.name} leaves none; give a larger --val_fraction."
        )


def _check_features(
    config: TrainConfig, entry: ModelEntry, dataset: Dataset
) -> None:
    """Refuses features where there is no place for them."""
    if config.features is None:
        return
    flag = f"--features={config.features}"
    if not entry.takes_vectors:
        raise UserError(
            f"{flag} has no place before {entry.name}, which takes images "
            "itself; use --model=lr, mlp or knn."
        )
    if dataset.has_vectors:
        raise UserError(
            f"{flag} describes images, and {dataset.name} has vectors already; "
            "leave it out."
        )
    if config.augment not in (None, "none"):
        raise UserError(
            f"--augment={config.augment} has no effect with {flag}, which is "
            "computed once, before training; leave one of them out."
        )


def _check_without_gradients(config: TrainConfig, dataset: Dataset) -> None:
    """Refuses what has no effect on a model that stores its examples.

    Options about the learning of weights, and data without classes.
    """
    if dataset.task != "classification":
        raise UserError(
            f"{config.model} lets examples vote for classes, and "
            f"{dataset.name} asks for numbers; use --model=mlp."
        )
    if dataset.train.sample_weight is not None:
        raise UserError(
            f"{config.model} lets each example vote once, and {dataset.name} "
            "has weights of examples; leave them out."
        )
    for name, value in config.overrides().items():
        if name in GRADIENT_OPTIONS:
            raise UserError(
                f"{format_option(name, value)[0]} has no effect on "
                f"{config.model}, which stores the training images and "
                "learns no weight; leave it out."
            )
    if "num_examples" in config.model_arg:
        number = config.model_arg["num_examples"]
        raise UserError(
            f"--model_arg=num_examples={number} has no effect "
            f"in training: {config.model} stores every training image; "
            "--train_examples=N gives it fewer."
        )


def apply_recipe(
    config: TrainConfig, recipe: Mapping[str, Any], dataset: Dataset
) -> TrainConfig:
    """Returns a config with a value for every option that has an effect.

    Args:
        config: as given.
        recipe: the model's default values, by option.
        dataset: what is trained on. A recipe's mirroring is left out where it
            would change the class, and every augmentation of vectors.

    Raises:
        UserError: an option was given that has no effect beside the others,
            or a batch that is larger than the data.
    """
    values = {n: v for n, v in config.as_dict().items() if v is not None}
    num_train = len(dataset.train)
    for choice, dependent in DEPENDENT_OPTIONS.items():
        if values.get(choice, recipe.get(choice)) != recipe.get(choice):
            recipe = {n: v for n, v in recipe.items() if n not in dependent}
    values = {**GENERAL_RECIPE, **recipe, **values}
    values = {**OPTIMIZER_DEFAULTS[values["optimizer"]], **values}
    values = {**SCHEDULE_DEFAULTS.get(values["schedule"], {}), **values}
    values["loss"] = _loss(config, values, dataset)
    _drop_or_refuse_ineffective(config, values)
    values["augment"] = _augment(config, values["augment"], dataset)
    _resolve_crop_padding(config, values, dataset)
    _resolve_warmup_start(config, values)
    _resolve_head_epochs(config, values)
    values["batch_size"] = _batch_size(config, values, num_train)
    length = _length(values, num_train)
    _check_warmup(config, length)
    _check_accumulation(config, values, num_train)
    if values["schedule"] == "step" and "schedule_epochs" not in values:
        values["schedule_epochs"] = (length / 2, 0.75 * length)
    if "steps" in values:
        values["epochs"] = None
    return TrainConfig(**values)


def _drop_or_refuse_ineffective(
    config: TrainConfig, values: dict[str, Any]
) -> None:
    """Drops a recipe's values that have no effect; refuses given ones."""
    for name, option in OPTIONS.items():
        if option.depends_on is None or values.get(name) is None:
            continue
        other, effective = option.depends_on
        if option.has_effect(values.get(other)):
            continue
        if getattr(config, name) is None:
            del values[name]
        else:
            shown = format_option(name, values[name])[0]
            raise UserError(
                f"{shown} has no effect with --{other}={values.get(other)}; "
                f"it belongs to --{other}={join_or(effective)}."
            )


def _loss(config: TrainConfig, values: dict, dataset: Dataset) -> str:
    if dataset.task == "classification":
        return values.get("loss", "cross_entropy")
    for name in ("loss", "label_smoothing", "class_weight"):
        value = getattr(config, name)
        if value not in (None, "squared_error", "none"):
            raise UserError(
                f"--{name}={value} is about classes, and {dataset.name} has "
                "numbers to predict; leave it out."
            )
    return "squared_error"


def _augment(config: TrainConfig, augment: str, dataset: Dataset) -> str:
    if config.augment not in (None, "none") and dataset.has_vectors:
        raise UserError(
            f"--augment={augment} moves the pixels of images, and "
            f"{dataset.name} has none; leave it out."
        )
    if dataset.has_vectors:
        return "none"
    if mixes_labels(augment):
        has_weights = (
            config.class_weight != "none"
            or dataset.train.sample_weight is not None
        )
        if dataset.task != "classification" or has_weights:
            raise UserError(
                f"--augment={augment} mixes examples and their classes, which "
                "needs data with classes, and without weights of classes or "
                "examples; leave out one of them."
            )
    if config.augment is None and not dataset.hflip_safe:
        return WITHOUT_FLIP.get(augment, augment)
    return augment


def _resolve_crop_padding(
    config: TrainConfig, values: dict, dataset: Dataset
) -> None:
    """Keeps a padding by reflection below the sides of the images."""
    padding = values.get("crop_padding")
    if padding is None or "crop" not in values["augment"]:
        values.pop("crop_padding", None)
        return
    largest = min(dataset.input_shape[:2]) - 1
    if config.crop_padding is None:
        values["crop_padding"] = min(padding, largest)
    elif padding > largest:
        raise UserError(
            f"--crop_padding={padding} is more than the images have to "
            f"reflect; give at most {largest}, one less than their side."
        )


def _resolve_warmup_start(config: TrainConfig, values: dict) -> None:
    """Refuses the start of a warm-up where there is none."""
    if values["warmup_epochs"] or values.get("warmup_start") is None:
        return
    if config.warmup_start is not None:
        raise UserError(
            f"--warmup_start={config.warmup_start:g} has no effect without a "
            "warm-up; give --warmup_epochs too."
        )
    del values["warmup_start"]


def _check_warmup(config: TrainConfig, length: float) -> None:
    """Refuses a warm-up after whose end nothing is trained.

    That of a recipe is cut to the length of training, in epochs.
    """
    if config.warmup_epochs is None or config.warmup_epochs <= length:
        return
    longer = "--steps" if config.steps else "--epochs"
    raise UserError(
        f"--warmup_epochs={config.warmup_epochs:g} is longer than training, "
        f"which has {length:g} {'epoch' if length == 1 else 'epochs'}; give at "
        f"most that, or more {longer}."
    )


def _check_accumulation(
    config: TrainConfig, values: dict, num_train: int
) -> None:
    """Refuses an update after more batches than training has."""
    number = config.gradient_accumulation_steps
    per_epoch = math.ceil(num_train / values["batch_size"])
    steps = values.get("steps") or values["epochs"] * per_epoch
    if number is None or number <= steps:
        return
    longer = "--steps" if config.steps else "--epochs"
    raise UserError(
        f"--gradient_accumulation_steps={number} makes no update in training, "
        f"which has {pluralize(steps, 'step')}; "
        f"{f'give at most {steps}' if steps > 1 else 'leave it out'}, or give "
        f"more {longer}."
    )


def _resolve_head_epochs(config: TrainConfig, values: dict) -> None:
    """Refuses epochs of the head where the head is not a new one."""
    if config.new_head or not values.get("head_epochs"):
        return
    if config.head_epochs:
        raise UserError(
            f"--head_epochs={config.head_epochs} has no effect on a "
            "classification layer that is kept; give --new_head too."
        )
    del values["head_epochs"]


def _batch_size(config: TrainConfig, values: dict, num_train: int) -> int:
    if values["batch_size"] == "full":
        return num_train
    if config.batch_size is not None and config.batch_size > num_train:
        raise UserError(
            f"--batch_size={config.batch_size} is larger than the "
            f"{num_train:,} training images; give at most that, or full."
        )
    return min(values["batch_size"], num_train)


def _length(values: dict, num_train: int) -> float:
    """Returns the length of training in epochs, a fraction with --steps."""
    if "steps" not in values:
        return values["epochs"]
    return values["steps"] / math.ceil(num_train / values["batch_size"])
