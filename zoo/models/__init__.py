"""Models by name: create one, list them, register one of your own.

The models themselves are in `table.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo import backend
from zoo.errors import UserError
from zoo.models.build import (
    build_model,
    build_standardized,
    load_model,
    load_preprocessing,
    load_trained,
)
from zoo.models.options import builder_options, check_options
from zoo.models.registry import NO_OPTIONS, ModelEntry, Registry
from zoo.models.table import TABLE

if TYPE_CHECKING:
    import keras

    from zoo.runs import Run

__all__ = [
    "MODELS",
    "build_model",
    "build_standardized",
    "builder_options",
    "check_options",
    "create_model",
    "list_models",
    "load_model",
    "load_preprocessing",
    "register_model",
]

MODELS = Registry(TABLE)


def list_models(pattern: str = "*") -> list[str]:
    """Returns the names that match a wildcard such as `wrn*`, in order."""
    return MODELS.names(pattern)


@backend.fixed_settings()
def create_model(
    name: str,
    num_classes: int | None = None,
    input_shape: tuple[int, ...] | None = None,
    *,
    seed: int = 0,
    weights: str | os.PathLike[str] | Run | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a model by its name, uncompiled.

    It returns logits, so the loss needs `from_logits=True`:

        model = zoo.create_model("wrn16_4", num_classes=10)
        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(images, labels)  # images with mean 0 and std 1, about

    With weights it is the network of a trained model, and expects images with
    the same preprocessing; `zoo.load_model` includes it, from raw pixels:

        prepare = zoo.load_preprocessing("lenet5:mnist")
        model = zoo.create_model("lenet5", weights="mnist")
        logits = model.predict(prepare(images))  # raw pixels 0..255

    Args:
        name: a name of `zoo.list_models()`, or of a family, as `wrn22_8`.
        num_classes: K, by default 10 or that of the weights; 0 gives a model
            that ends at `features`.
        input_shape: `(H, W, C)` of the preprocessed images, or `(D,)` for
            vectors; else the model's own, or that of the weights.
        seed: the same seed gives the same initial weights.
        weights: pretrained weights, by their dataset, see
            `zoo.list_weights()`; or a run, its name in `runs`, its folder, or
            `last`. Random by default.
        **options: of this model, such as `dropout=0.3`. Options that differ
            from those of the weights are refused.

    Returns:
        A functional model from preprocessed images, float32 `[B, H, W, C]`,
        to float32 logits `[B, K]`, or features `[B, F]`.

    Raises:
        UserError: an argument does not suit the model or the weights, or the
            weights file is corrupt.
    """
    entry = MODELS.find(name)
    if weights is not None:
        return load_trained(entry, weights, num_classes, input_shape, options)
    shape = entry.default_input_shape if input_shape is None else input_shape
    classes = 10 if num_classes is None else num_classes
    return build_model(entry, classes, shape, seed, options)


def register_model(
    name: str,
    builder: str | Callable,
    *,
    description: str = "",
    default_input_shape: tuple[int, int, int] = (32, 32, 3),
    min_size: int = 1,
    takes_vectors: bool = False,
    recipe_small: Mapping[str, Any] | None = None,
    recipe_large: Mapping[str, Any] | None = None,
) -> None:
    """Registers a model of your own, for this process.

        def build(input_shape, num_classes, *, units: int = 64):
            return keras.Sequential([
                keras.Input(input_shape),
                layers.Flatten(),
                layers.Dense(units, activation="relu"),
                layers.Dense(num_classes),
            ])

        zoo.register_model("mine", build)

    Images are standardized before it, unless it starts with preprocessing of
    its own: a Rescaling, a Normalization, or augmentation that states the
    range of pixels, before its first layer with weights. A final softmax is
    removed, so that the model returns logits like every other. Preprocessing
    by `keras.ops` or `preprocess_input` cannot be detected; train such a model
    with `mean_subtraction="none", scale="none"`.

    Args:
        name: letters, digits and underscores; a letter first.
        builder: `build(input_shape, num_classes, **options)`, or its location
            "package.module:function"; returns a `keras.Sequential` or
            `keras.Model(inputs, outputs)` to `[B, K]`. Its keyword arguments
            become options of the model.
        description: one line for `zoo models`.
        default_input_shape: `(H, W, C)` of the images that it is meant for.
        min_size: minimum image side in pixels; smaller images are enlarged.
        takes_vectors: whether the builder also takes an input_shape `(D,)`.
        recipe_small: default recipe for fewer than 10,000 training images, as
            options of `TrainConfig`.
        recipe_large: the same for more.

    Raises:
        UserError: the name is invalid or taken, or the builder is not one.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UserError(
            f"{name!r} is not a valid model name; use letters, digits and _, a "
            "letter first."
        )
    if not (callable(builder) or ":" in str(builder)):
        raise UserError(
            f"{builder!r} is not a builder of {name}; give a function, or its "
            'location "package.module:function".'
        )
    MODELS.add(
        ModelEntry(
            name=name,
            builder=builder,
            description=description,
            default_input_shape=default_input_shape,
            min_size=min_size,
            takes_vectors=takes_vectors,
            recipe_small=recipe_small or NO_OPTIONS,
            recipe_large=recipe_large or NO_OPTIONS,
            registered=True,
        )
    )
