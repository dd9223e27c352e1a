"""The table of models: the whole zoo on one page, as a student meets it.

Nothing here imports Keras: a builder is named by a string and imported when
it is first called. A model's default recipe stands beside it, one for small
sets of images (below 10,000) and one for large ones; each option that is given
to a run goes before the recipe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zoo.errors import UserError
from zoo.models.building import build_model
from zoo.models.options import builder_options, check_options
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

ADAM = {"optimizer": "adam", "learning_rate": 2e-3, "schedule": "cosine"}
SLOWER_ADAM = {**ADAM, "learning_rate": 1e-3}
# The optimizer of the Wide ResNet paper; its step schedule over 200 epochs is
# shortened to a cosine.
NESTEROV = {
    "optimizer": "nesterov",
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "cosine",
}

MODELS = Registry(
    (
        ModelEntry(
            name="lr",
            builder="zoo.models.linear:build",
            about="softmax regression, one template a class",
            home=(28, 28, 1),
            lecture="softmax regression; linear SVM with --loss=hinge",
            lacks="has no hidden layer; use --l2, or --model=mlp",
            small={**ADAM, "batch_size": 32, "epochs": 30},
            large={**SLOWER_ADAM, "batch_size": 128, "epochs": 15},
        ),
        ModelEntry(
            name="mlp",
            builder="zoo.models.mlp:build",
            about="perceptron with two hidden layers of 512 units",
            home=(28, 28, 1),
            year=1986,
            paper="Rumelhart, Hinton and Williams 1986",
            lecture="multi-layer networks",
            small={
                **SLOWER_ADAM,
                "dropout": 0.2,
                "batch_size": 32,
                "epochs": 30,
            },
            large={
                **SLOWER_ADAM,
                "dropout": 0.2,
                "batch_size": 128,
                "epochs": 12,
            },
        ),
        ModelEntry(
            name="lenet5",
            builder="zoo.models.lenet:build",
            about="two convolutions, two subsamplings, dense layers",
            home=(28, 28, 1),
            smallest=28,
            year=1998,
            paper="LeCun, Bottou, Bengio and Haffner 1998",
            lecture="convolutional networks",
            small={
                **ADAM,
                "batch_size": 32,
                "epochs": 30,
                "augment": "crop_flip",
            },
            large={
                **ADAM,
                "batch_size": 128,
                "epochs": 20,
                "augment": "crop_flip",
            },
        ),
        ModelEntry(
            name="alexnet_lite",
            builder="zoo.models.alexnet:build",
            about="AlexNet at a quarter of its widths, for small images",
            home=(32, 32, 3),
            smallest=28,
            year=2012,
            paper="Krizhevsky, Sutskever and Hinton 2012",
            lecture="local response norm, overlapping pooling, dropout",
            small={**SLOWER_ADAM, "batch_size": 32, "epochs": 20},
            large={
                **SLOWER_ADAM,
                "batch_size": 128,
                "epochs": 30,
                "augment": "crop_flip",
            },
        ),
        ModelEntry(
            name="inception",
            builder="zoo.models.inception:build",
            about="one or two inception modules, naive or reduced",
            home=(32, 32, 3),
            smallest=8,
            year=2014,
            paper="Szegedy et al. 2014, arXiv 1409.4842",
            lecture="inception modules, 1x1 dimension reduction",
            small={**ADAM, "batch_size": 32, "epochs": 20},
            large={
                **ADAM,
                "batch_size": 128,
                "epochs": 30,
                "augment": "crop_flip",
            },
        ),
        ModelEntry(
            name="wrn<depth>_<width>",
            builder="zoo.models.wide_resnet:build",
            about="wide residual network, pre-activation",
            home=(32, 32, 3),
            smallest=8,
            year=2016,
            paper="Zagoruyko and Komodakis 2016, arXiv 1605.07146",
            lecture="residual blocks, width against depth",
            members=(
                "wrn16_1",
                "wrn16_4",
                "wrn28_2",
                "wrn40_4",
                "wrn16_8",
                "wrn28_10",
            ),
            lacks="has batch normalization before every convolution already",
            small={
                **NESTEROV,
                "learning_rate": 0.05,
                "batch_size": 32,
                "epochs": 6,
            },
            large={
                **NESTEROV,
                "learning_rate": 0.1,
                "batch_size": 128,
                "epochs": 60,
                "augment": "crop_flip",
            },
        ),
    )
)


def list_models(pattern: str = "*") -> list[str]:
    """Returns the names that match a wildcard such as `wrn*`, in order."""
    return MODELS.names(pattern)


def create_model(
    name: str,
    num_classes: int = 10,
    input_shape: tuple[int, int, int] | None = None,
    *,
    seed: int = 0,
    **options: Any,
) -> keras.Model:
    """Builds a model of the zoo by its name, uncompiled.

    Args:
        num_classes: K; 0 gives a model that ends at `features`.
        input_shape: `(H, W, C)` of the images; else the model's own.
        seed: the same seed gives the same initial weights.
        **options: of this model, such as `dropout=0.3`.

    Returns:
        A functional model from float32 images `[B, H, W, C]`, preprocessed,
        to float32 logits `[B, K]`.

    Raises:
        UserError: something given does not suit the model.
    """
    entry = MODELS.find(name)
    shape = entry.home if input_shape is None else input_shape
    return build_model(entry, num_classes, shape, seed, options)


def register_model(
    name: str,
    builder: str | Callable,
    *,
    about: str = "",
    home: tuple[int, int, int] = (32, 32, 3),
    smallest: int = 1,
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
            small=small or NOTHING,
            large=large or NOTHING,
        )
    )
