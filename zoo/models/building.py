"""From an entry of the table to a model: checks first, then the builder."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo.errors import UserError
from zoo.models.options import check_options, takes_seed
from zoo.registry import NOTHING, ModelEntry

if TYPE_CHECKING:
    import keras

FEATURES = "features"


def build_model(
    entry: ModelEntry,
    num_classes: int,
    input_shape: tuple[int, int, int],
    seed: int = 0,
    options: Mapping[str, Any] = NOTHING,
) -> keras.Model:
    """Builds the model of an entry, from float32 images to logits.

    Args:
        num_classes: K, at least 2; or 0 for a model that ends at `features`.

    Raises:
        UserError: the shape, the number of classes or an option does not suit
            the model.
    """
    shape = check_shape(entry, input_shape)
    classes = _checked_classes(num_classes)
    arguments = {**entry.arguments, **check_options(entry, options)}
    if takes_seed(entry):
        arguments["seed"] = seed
    model = entry.load()(shape, classes or 2, **arguments)
    _check_output(entry, model, classes or 2)
    return model if classes else _cut_at_features(entry, model)


def check_shape(
    entry: ModelEntry, input_shape: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Returns `(H, W, C)` as plain integers; refuses too small images."""
    try:
        height, width, channels = map(operator.index, input_shape)
    except (TypeError, ValueError):
        height = width = channels = 0
    if min(height, width, channels) < 1:
        raise UserError(
            f"{input_shape} is not the shape of an image; give height, width "
            f"and channels, for example {entry.home}."
        )
    if min(height, width) < entry.smallest:
        side = entry.smallest
        raise UserError(
            f"{entry.name} needs images of at least {side}x{side} pixels, not "
            f"{height}x{width}; enlarge them first."
        )
    return height, width, channels


def _checked_classes(num_classes: int) -> int:
    try:
        number = operator.index(num_classes)
    except TypeError:
        number = -1
    if number < 0 or number == 1:
        raise UserError(
            f"num_classes={num_classes} makes no classifier; give 2 or more, "
            "or 0 for a model that ends at its features."
        )
    return number


def _check_output(entry: ModelEntry, model: Any, num_classes: int) -> None:
    shape = getattr(model, "output_shape", None)
    if shape != (None, num_classes):
        raise UserError(
            f"the builder of {entry.name} gave {shape or type(model).__name__} "
            f"where a model with outputs {(None, num_classes)} was asked for; "
            "it must return one logit for each class."
        )


def _cut_at_features(entry: ModelEntry, model: keras.Model) -> keras.Model:
    # Keras is imported already, by the builder.
    import keras

    if not any(layer.name == FEATURES for layer in model.layers):
        raise UserError(
            f"{entry.name} has no layer named {FEATURES!r} at which it could "
            "end; give num_classes=2 or more."
        )
    output = model.get_layer(FEATURES).output
    return keras.Model(model.input, output, name=model.name)
