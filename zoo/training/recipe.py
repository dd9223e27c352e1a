"""From what was asked to what will be used: fills every option of a config.

A value comes from the first of: what was asked, the model's recipe for data
of this size, the optimizer's own default, the general default below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoo.config import OPTIONS, TrainConfig, format_option
from zoo.data import Dataset
from zoo.errors import UserError, join_or
from zoo.models.registry import ModelEntry

LARGE = 10_000  # training images from which a model's `large` recipe is used

GENERAL: Mapping[str, Any] = {
    "augment": "none",
    "optimizer": "adam",
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "batch_size": 32,
    "epochs": 20,
    "mean_subtraction": "channel",
    "scale": "std",
}
BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.03, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.03, "momentum": 0.9},
    "rmsprop": {"learning_rate": 1e-3, "momentum": 0.0},
    "adam": {"learning_rate": 1e-3},
    "adamw": {"learning_rate": 1e-3, "weight_decay": 0.01},
}
BY_SCHEDULE: Mapping[str, Mapping[str, float]] = {
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
TIED = {
    "optimizer": (
        *("learning_rate", "momentum", "weight_decay"),
        *("norm_bias_factor", "lookahead_every"),
    ),
    "schedule": (
        *("schedule_epochs", "schedule_factor", "schedule_end"),
        *("warmup_epochs", "warmup_start"),
    ),
}


def recipe_of(entry: ModelEntry, data: Dataset) -> dict[str, Any]:
    """Returns the model's default recipe for data of this kind and size."""
    if data.has_vectors:
        return dict(entry.recipe_vectors or entry.recipe_small)
    return dict(
        entry.recipe_small if len(data.train) < LARGE else entry.recipe_large
    )


def fill(
    asked: TrainConfig,
    recipe: Mapping[str, Any],
    data: Dataset,
) -> TrainConfig:
    """Returns the config with a value for every option that has an effect.

    Args:
        asked: what the user gave.
        recipe: the model's default values, by option.
        data: what is trained on. A recipe's mirroring is left out where it
            would change the class, and every augmentation of vectors.

    Raises:
        UserError: an option was asked for that has no effect beside the
            others, or a batch that is larger than the data.
    """
    given = {name: getattr(asked, name) for name in OPTIONS}
    values = {name: v for name, v in given.items() if v is not None}
    num_examples = len(data.train)
    for choice, tied in TIED.items():
        if values.get(choice, recipe.get(choice)) != recipe.get(choice):
            recipe = {n: v for n, v in recipe.items() if n not in tied}
    values = {**GENERAL, **recipe, **values}
    values = {**BY_OPTIMIZER[values["optimizer"]], **values}
    values = {**BY_SCHEDULE.get(values["schedule"], {}), **values}
    values["loss"] = _loss(asked, values, data)
    _refuse_the_useless(asked, values)
    values["augment"] = _augment(asked, values["augment"], data)
    _check_crop_padding(asked, values, data)
    _check_warmup_start(asked, values)
    values["batch_size"] = _batch_size(asked, values, num_examples)
    values["epochs"] = _epochs(values, num_examples)
    if values["schedule"] == "step" and "schedule_epochs" not in values:
        half = values["epochs"] / 2
        values["schedule_epochs"] = (half, 1.5 * half)
    steps = values.pop("steps", None)
    filled = TrainConfig(**values)
    if steps is not None:
        filled = filled.replace(epochs=None, steps=steps)
    return filled


def _refuse_the_useless(asked: TrainConfig, values: dict[str, Any]) -> None:
    """Drops a recipe's values that have no effect; refuses asked ones."""
    for name, option in OPTIONS.items():
        if option.depends_on is None or values.get(name) is None:
            continue
        other, words = option.depends_on
        if values.get(other) in words:
            continue
        if getattr(asked, name) is None:
            del values[name]
        else:
            shown = format_option(name, values[name])[0]
            raise UserError(
                f"{shown} has no effect with --{other}={values.get(other)}; "
                f"it belongs to --{other}={join_or(words)}."
            )


def _loss(asked: TrainConfig, values: dict, data: Dataset) -> str:
    if data.task == "classes":
        return values.get("loss", "cross_entropy")
    for name in ("loss", "label_smoothing", "class_weight"):
        value = getattr(asked, name)
        if value not in (None, "squared_error", "none"):
            raise UserError(
                f"--{name}={value} is about classes, and {data.name} has "
                "numbers to predict; leave it out."
            )
    return "squared_error"


def _augment(asked: TrainConfig, augment: str, data: Dataset) -> str:
    if asked.augment not in (None, "none") and data.has_vectors:
        raise UserError(
            f"--augment={augment} moves the pixels of images, and {data.name} "
            "has none; leave it out."
        )
    if data.has_vectors:
        return "none"
    if asked.augment is None and not data.flips:
        return WITHOUT_FLIP.get(augment, augment)
    return augment


def _check_crop_padding(asked: TrainConfig, values: dict, data: Dataset):
    """Keeps a padding by reflection below the sides of the images."""
    padding = values.get("crop_padding")
    if padding is None or "crop" not in values["augment"]:
        values.pop("crop_padding", None)
        return
    most = min(data.input_shape[:2]) - 1
    if asked.crop_padding is None:
        values["crop_padding"] = min(padding, most)
    elif padding > most:
        raise UserError(
            f"--crop_padding={padding} is more than the images have to "
            f"reflect; give at most {most}, one less than their side."
        )


def _check_warmup_start(asked: TrainConfig, values: dict) -> None:
    """Refuses the start of a warm-up where there is none."""
    if values["warmup_epochs"] or values.get("warmup_start") is None:
        return
    if asked.warmup_start is not None:
        raise UserError(
            f"--warmup_start={asked.warmup_start:g} has no effect without a "
            "warm-up; give --warmup_epochs too."
        )
    del values["warmup_start"]


def _batch_size(asked: TrainConfig, values: dict, num_examples: int) -> int:
    if values["batch_size"] == "full":
        return num_examples
    if asked.batch_size is not None and asked.batch_size > num_examples:
        raise UserError(
            f"--batch_size={asked.batch_size} is larger than the "
            f"{num_examples:,} training images; give at most that, or full."
        )
    return min(values["batch_size"], num_examples)


def _epochs(values: dict, num_examples: int) -> int:
    if "steps" not in values:
        return values["epochs"]
    return math.ceil(
        values["steps"] / math.ceil(num_examples / values["batch_size"])
    )
