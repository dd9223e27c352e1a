"""Models by name: build one, list them, add one of your own.

The zoo itself stands in `table.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo import keras_settings
from zoo.errors import UserError
from zoo.models.building import build_model, build_standardized
from zoo.models.options import builder_options, check_options
from zoo.models.table import TABLE
from zoo.models.trained import load_model, load_preprocessing, load_trained
from zoo.registry import NOTHING, ModelEntry, Registry

if TYPE_CHECKING:
    import keras

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


@keras_settings.fixed()
def create_model(
    name: str,
    num_classes: int | None = None,
    input_shape: tuple[int, ...] | None = None,
    *,
    seed: int = 0,
    weights: str | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a network of the zoo by its name, uncompiled.

    It gives logits, which the loss has to be told:

        model = zoo.create_model("wrn16_4", num_classes=10)
        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(images, labels)  # images with mean 0 and deviation 1 or so

    With weights it is the network of a trained model, and expects images as
    that was given them; `zoo.load_model` has both in one, from raw pixels:

        prepare = zoo.load_preprocessing("lenet5:mnist")
        model = zoo.create_model("lenet5", weights="mnist")
        logits = model.predict(prepare(images))  # raw pixels 0..255

    Args:
        num_classes: K, by default 10 or that of the weights; 0 gives a model
            that ends at `features`.
        input_shape: `(H, W, C)` of the preprocessed images, or `(D,)` for
            vectors; else the model's own, or that of the weights.
        seed: the same seed gives the same initial weights.
        weights: those that come with the zoo, by the data set that gave
            them, see `zoo.list_weights()`; or those of a run, by its name
            in `runs`, its folder, or `last`. Else they are random.
        **options: of this model, such as `dropout=0.3`. Weights have their
            own, and others are refused.

    Returns:
        A functional model from preprocessed images, float32 `[B, H, W, C]`,
        to float32 logits `[B, K]`, or features `[B, F]`.

    Raises:
        UserError: something given does not suit the model or the weights, or
            the file of the weights is damaged.
    """
    entry = MODELS.find(name)
    if weights is not None:
        return load_trained(entry, weights, num_classes, input_shape, options)
    shape = entry.home if input_shape is None else input_shape
    classes = 10 if num_classes is None else num_classes
    return build_model(entry, classes, shape, seed, options)


def register_model(
    name: str,
    builder: str | Callable,
    *,
    about: str = "",
    home: tuple[int, int, int] = (32, 32, 3),
    smallest: int = 1,
    takes_vectors: bool = False,
    small: Mapping[str, Any] | None = None,
    large: Mapping[str, Any] | None = None,
) -> None:
    """Adds a model of your own to the zoo, for this process.

        def build(input_shape, num_classes, *, units: int = 64):
            return keras.Sequential([
                keras.Input(input_shape),
                layers.Flatten(),
                layers.Dense(units, activation="relu"),
                layers.Dense(num_classes),
            ])

        zoo.register_model("mine", build)

    Images are standardized before it, except where it begins with scaling of
    its own: a Rescaling, a Normalization, or augmentation that states the
    range of pixels, before its first layer with weights. A softmax at its end
    is taken off, so that it gives logits like every model. What `keras.ops`
    or `preprocess_input` do inside it cannot be seen; for these, train with
    `mean_subtraction="none", scale="none"`.

    Args:
        builder: `build(input_shape, num_classes, **options)`, or where it is,
            as "package.module:function"; returns a `keras.Sequential` or
            `keras.Model(inputs, outputs)` to `[B, K]`. Its keyword arguments
            become options of the model.
        home: `(H, W, C)` of the images that it is meant for.
        smallest: least side of an image in pixels.
        takes_vectors: whether the builder also takes an input_shape `(D,)`.
        small, large: default recipes, as options of `TrainConfig`.

    Raises:
        UserError: the name is taken or no name, or the builder is none.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UserError(
            f"{name!r} cannot name a model; use letters, digits and _, a "
            "letter first."
        )
    if not (callable(builder) or ":" in str(builder)):
        raise UserError(
            f"{builder!r} is no builder of {name}; give a function, or where "
            'it is, as "package.module:function".'
        )
    MODELS.add(
        ModelEntry(
            name=name,
            builder=builder,
            about=about,
            home=home,
            smallest=smallest,
            takes_vectors=takes_vectors,
            small=small or NOTHING,
            large=large or NOTHING,
            registered=True,
        )
    )
