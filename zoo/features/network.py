"""What a trained network has learned to see, as features for another task.

The network is cut at its layer `features`, which every model of the zoo has,
or else before its last dense layer.
"""

from __future__ import annotations

import hashlib
import pathlib
import socket
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import keras

from zoo.errors import UserError, unknown_name_error
from zoo.features.extractor import Extractor
from zoo.models.build import feature_extractor
from zoo.runs import Run

PREFIX = "keras:"
IMAGENET = "imagenet"  # as Keras calls the weights that it fetches
SIDE = 224  # pixels, on which most networks of keras.applications were trained
OTHER_SIDES = {
    "inceptionv3": 299, "inceptionresnetv2": 299, "xception": 299,
    "nasnetlarge": 331, "efficientnetb1": 240, "efficientnetb2": 260,
    "efficientnetb3": 300, "efficientnetb4": 380, "efficientnetb5": 456,
    "efficientnetb6": 528, "efficientnetb7": 600, "efficientnetv2b1": 240,
    "efficientnetv2b2": 260, "efficientnetv2b3": 300, "efficientnetv2s": 384,
    "efficientnetv2m": 480, "efficientnetv2l": 480,
}  # fmt: skip
PATIENCE = 10.0  # seconds without an answer after which a download fails


def of_run(run: Run, input_shape: tuple[int, int, int]) -> Extractor:
    """Makes the extractor of a finished run: its model up to `features`."""
    model = run.load_model()
    return _of_model(model, run.name, run.model_path(), input_shape)


def of_file(path: str, input_shape: tuple[int, int, int]) -> Extractor:
    """Makes the extractor of a saved Keras model of images.

    Raises:
        UserError: it cannot be read, or sees other images.
    """
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"--features={path} cannot be read as a Keras model."
        ) from error
    return _of_model(model, path, pathlib.Path(path), input_shape)


def _of_model(
    model: keras.Model,
    name: str,
    path: pathlib.Path,
    input_shape: tuple[int, int, int],
) -> Extractor:
    _check_input(model, name, input_shape)
    try:
        body = feature_extractor(model)
    except (AttributeError, ValueError) as error:
        raise UserError(
            f"--features={name} ends in no dense layer and has none named "
            "features, so it cannot be cut; give a classifier."
        ) from error
    image = keras.Input(input_shape, name="image")
    vector = body(image)
    if len(vector.shape) != 2:
        vector = keras.layers.Flatten(name="features")(vector)
    return Extractor(
        name,
        f"what {model.name} sees before it decides",
        keras.Model(image, vector, name="learned"),
        {"kind": "network", "file": _hash(path)},
    )


def _check_input(
    model: keras.Model, name: str, input_shape: tuple[int, int, int]
) -> None:
    wanted = tuple(model.input_shape[1:])
    fits = len(wanted) == 3 and all(
        side in (None, given)
        for side, given in zip(wanted, input_shape, strict=True)
    )
    if not fits:
        shown = "x".join("any" if s is None else str(s) for s in wanted)
        given = "x".join(map(str, input_shape))
        raise UserError(
            f"--features={name} takes {shown}, and the images are {given}; "
            "--image_size=N resizes them when they are read."
        )


def of_applications(
    spec: str,
    input_shape: tuple[int, int, int],
    weights: str | None = IMAGENET,
) -> Extractor:
    """Makes the extractor of a network of keras.applications.

    Images are resized to what it was trained on, and grey ones repeated to
    three channels.

    Args:
        spec: such as `keras:mobilenet_v3_small`.
        weights: `imagenet`; the path of a file of weights of the network
            without its classifier; or `None` for random ones.

    Raises:
        UserError: no such network, or its weights cannot be fetched or do
            not fit it.
    """
    key = application_key(spec)
    builder = _builders()[key]
    side = OTHER_SIDES.get(key, SIDE)
    image = keras.Input(input_shape, name="image")
    x = keras.layers.Resizing(side, side, name="resize")(image, training=False)
    channels = input_shape[-1]
    if channels == 1:
        x = keras.layers.Concatenate(name="repeat")([x, x, x])
    elif channels != 3:
        raise UserError(
            f"--features={spec} takes images of one or three channels, not "
            f"of {channels}."
        )
    body = _fetched(spec, builder, weights, (side, side, 3))
    vector = body(_preprocess(builder)(x))
    return Extractor(
        spec,
        f"what {builder.__name__} sees in {side}x{side} pixels, with "
        f"{_weights_in_words(weights)}",
        keras.Model(image, vector, name="learned"),
        {"kind": "keras", "network": key, "side": side},
    )


def application_key(spec: str) -> str:
    """Returns a network's name without underscores, in small letters.

    Raises:
        UserError: keras.applications has no such network.
    """
    name = spec.removeprefix(PREFIX).partition(":")[0]
    key = name.replace("_", "").lower()
    if key not in _builders():
        raise unknown_name_error(
            "network of keras.applications", name, _builders(), ""
        )
    return key


def _builders() -> dict[str, Callable]:
    return {
        name.lower(): value
        for name, value in vars(keras.applications).items()
        if name[0].isupper() and callable(value)
    }


def _preprocess(builder: Callable) -> Callable[[Any], Any]:
    """Returns what a network wants done with pixels, if not done inside."""
    for module in vars(keras.applications).values():
        if getattr(module, builder.__name__, None) is builder:
            return module.preprocess_input
    return lambda x: x


def _weights_in_words(weights: str | None) -> str:
    if weights is None:
        return "random weights"
    return f"weights of {'ImageNet' if weights == IMAGENET else weights}"


def _fetched(
    spec: str, builder: Callable, weights: str | None, shape: tuple
) -> keras.Model:
    """Builds a network; its weights come from Keras's cache or the net."""
    try:
        with _impatient():
            return builder(
                include_top=False,
                weights=weights,
                input_shape=shape,
                pooling="avg",
            )
    # Keras raises a bare Exception where a download fails.
    except Exception as error:
        if weights not in (None, IMAGENET):
            raise UserError(
                f"{weights} holds no weights that fit {builder.__name__} "
                f"without its classifier, as --features={spec} asks for."
            ) from error
        if "fetch" not in str(error) and not isinstance(error, OSError):
            raise
        raise UserError(
            f"the weights of --features={spec} are not in Keras's cache and "
            "cannot be fetched; try again with a network."
        ) from error


@contextmanager
def _impatient():
    """Lets no connection wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _hash(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
