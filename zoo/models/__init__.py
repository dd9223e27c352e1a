"""Models by name: build one, list them, add one of your own.

The zoo itself stands in `table.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo import keras_settings
from zoo.errors import UserError
from zoo.models.building import build_model
from zoo.models.options import builder_options, check_options
from zoo.models.table import TABLE
from zoo.models.trained import load_trained
from zoo.registry import NOTHING, ModelEntry, Registry

if TYPE_CHECKING:
    import keras

__all__ = [
    "MODELS",
    "build_model",
    "builder_options",
    "check_options",
    "create_model",
    "list_models",
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
    """Builds a model of the zoo by its name, uncompiled.

    With weights, it is a trained one, and preprocessing is its first layer:

        model = zoo.create_model("lenet5", weights="mnist")
        logits = model.predict(images)  # [B, 28, 28, 1], raw pixels 0..255
        digits = logits.argmax(axis=1)

    Args:
        num_classes: K, by default 10 or that of the weights; 0 gives a model
            that ends at `features`.
        input_shape: `(H, W, C)` of the images, or `(D,)` for vectors; else
            the model's own, or that of the weights.
        seed: the same seed gives the same initial weights.
        weights: those that come with the zoo, by the data set that gave
            them, see `zoo.list_weights()`; or those of a run, by its name
            in `runs`, its folder, or `last`. Else they are random.
        **options: of this model, such as `dropout=0.3`. Weights have their
            own, and others are refused.

    Returns:
        A functional model to float32 logits `[B, K]`, from float32 images
        `[B, H, W, C]`: preprocessed ones, or with weights raw pixels 0..255.

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

    Args:
        builder: `build(input_shape, num_classes, **options)`, or where it is,
            as "package.module:function". Its keyword arguments become options
            of the model.
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
        )
    )
