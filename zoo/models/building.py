"""From an entry of the table to a model: checks first, then the builder."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoo import keras_settings
from zoo.errors import UserError
from zoo.models.options import check_options, takes_seed
from zoo.registry import NOTHING, ModelEntry

if TYPE_CHECKING:
    import keras

    from zoo.models.user_models import Standardized

FEATURES = "features"


def build_model(
    entry: ModelEntry,
    num_classes: int,
    input_shape: tuple[int, ...],
    seed: int = 0,
    options: Mapping[str, Any] = NOTHING,
    task: str = "classes",
) -> keras.Model:
    """Builds the model of an entry, from float32 images to logits.

    Args:
        input_shape: `(H, W, C)`; or `(D,)` for vectors in place of images.
        num_classes: K, at least 2; or 0 for a model that ends at `features`.
        task: `classes`; or `numbers` for a model with one output, the number
            that it predicts, which has no use for `num_classes`.

    Returns:
        A model with one output, `[B, K]`; or with several such, of which the
        first counts and the others are auxiliary classifiers.

    Raises:
        UserError: the shape, the number of classes or an option does not suit
            the model.
    """
    built = build_standardized(
        entry, num_classes, input_shape, seed, options, task
    ).model
    ends_at_features = task == "classes" and not check_classes(num_classes)
    return _cut_at_features(entry, built) if ends_at_features else built


@keras_settings.fixed()
def build_standardized(
    entry: ModelEntry,
    num_classes: int,
    input_shape: tuple[int, ...],
    seed: int = 0,
    options: Mapping[str, Any] = NOTHING,
    task: str = "classes",
) -> Standardized:
    """Builds a model as `build_model` does, and says what was found in it.

    With `num_classes=0` it has the logits of two classes.
    """
    shape = check_shape(entry, input_shape)
    classes = 1 if task == "numbers" else check_classes(num_classes) or 2
    arguments = {**entry.arguments, **check_options(entry, options)}
    if takes_seed(entry):
        arguments["seed"] = seed
    builder = entry.load()
    if entry.registered:
        _check_arguments(entry, builder, arguments)
    model = builder(shape, classes, **arguments)

    from zoo.models import user_models

    if entry.registered:
        return user_models.standardize(
            entry.name, model, shape, classes, task == "classes"
        )
    _check_output(entry, model, classes)
    return user_models.Standardized(model)


def _check_arguments(
    entry: ModelEntry, builder: Any, arguments: Mapping[str, Any]
) -> None:
    """Raises `UserError` if a builder cannot be called as it must be."""
    try:
        signature = inspect.signature(builder)
        signature.bind(None, None, **arguments)
    except TypeError as error:
        raise UserError(
            f"the builder of {entry.name} takes {signature}, and is called as "
            f"build(input_shape, num_classes, **options): {error}."
        ) from None


def check_shape(
    entry: ModelEntry, input_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Returns the shape as plain integers; refuses what the model cannot see.

    Vectors `(D,)` are for entries that take them, and too small images for
    none.
    """
    if isinstance(input_shape, tuple | list) and len(input_shape) == 1:
        return _checked_vector(entry, input_shape[0])
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


def _checked_vector(entry: ModelEntry, length: Any) -> tuple[int]:
    try:
        length = operator.index(length)
    except TypeError:
        length = 0
    if length < 1:
        raise UserError(
            f"({length},) is not the shape of a vector; give how many numbers "
            "it has, for example (2,)."
        )
    if not entry.takes_vectors:
        raise UserError(
            f"{entry.name} looks at images, and each example here is a vector "
            f"of length {length}; take one that does not, --model=mlp."
        )
    return (length,)


def check_classes(num_classes: int) -> int:
    """Returns K as a plain integer; refuses what makes no classifier."""
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
    # Outputs after the first are auxiliary classifiers, for training alone.
    each = shape if isinstance(shape, list) else [shape]
    if any(one != (None, num_classes) for one in each):
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
