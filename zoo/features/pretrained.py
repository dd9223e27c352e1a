"""Features of a trained model: a run, a saved model or keras.applications.

The model is cut at its layer `features`, which every model of the zoo has, or
else before its last dense layer.
"""

from __future__ import annotations

import hashlib
import pathlib
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from zoo.errors import UserError, unknown_name_error
from zoo.features.extractor import Extractor
from zoo.models.build import feature_extractor
from zoo.runs import Run

PREFIX = "keras:"
IMAGENET = "imagenet"  # Keras's name of the weights that it downloads
IMAGE_SIZE = 224  # pixels, on which most of keras.applications were trained
OTHER_IMAGE_SIZES = {
    "inceptionv3": 299, "inceptionresnetv2": 299, "xception": 299,
    "nasnetlarge": 331, "efficientnetb1": 240, "efficientnetb2": 260,
    "efficientnetb3": 300, "efficientnetb4": 380, "efficientnetb5": 456,
    "efficientnetb6": 528, "efficientnetb7": 600, "efficientnetv2b1": 240,
    "efficientnetv2b2": 260, "efficientnetv2b3": 300, "efficientnetv2s": 384,
    "efficientnetv2m": 480, "efficientnetv2l": 480,
}  # fmt: skip
DOWNLOAD_TIMEOUT_S = 10.0  # without an answer


def from_run(run: Run, input_shape: tuple[int, int, int]) -> Extractor:
    """Returns the extractor of a finished run: its model up to `features`."""
    model = run.load_model()
    return _from_model(model, run.name, run.model_path(), input_shape)


def from_file(path: str, input_shape: tuple[int, int, int]) -> Extractor:
    """Returns the extractor of a saved Keras model of images.

    Raises:
        UserError: it cannot be read, or takes images of another shape.
    """
    try:
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"--features={path} cannot be read as a Keras model."
        ) from error
    return _from_model(model, path, pathlib.Path(path), input_shape)


def _from_model(
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
            f"--features={name} has no dense layer and no layer named "
            "features, so it cannot be cut; give a classifier."
        ) from error
    image = keras.Input(input_shape, name="image")
    vector = body(image)
    if len(vector.shape) != 2:
        vector = keras.layers.Flatten(name="features")(vector)
    return Extractor(
        name,
        f"last hidden layer of {model.name}",
        keras.Model(image, vector, name="pretrained"),
        {"kind": "model", "file": _hash(path)},
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


def from_applications(
    spec: str,
    input_shape: tuple[int, int, int],
    weights: str | None = IMAGENET,
) -> Extractor:
    """Returns the extractor of a model of keras.applications.

    Images are resized to those that it was trained on, and gray ones repeated
    to three channels.

    Args:
        spec: such as `keras:mobilenet_v3_small`.
        weights: `imagenet`; the path of a file of weights of the model
            without its classifier; or `None` for random ones.

    Raises:
        UserError: there is no such model, or its weights cannot be downloaded
            or do not fit it.
    """
    key = application_key(spec)
    builder = _builders()[key]
    size = OTHER_IMAGE_SIZES.get(key, IMAGE_SIZE)
    image = keras.Input(input_shape, name="image")
    x = keras.layers.Resizing(size, size, name="resize")(image, training=False)
    channels = input_shape[-1]
    if channels == 1:
        x = keras.layers.Concatenate(name="repeat")([x, x, x])
    elif channels != 3:
        raise UserError(
            f"--features={spec} takes images of one or three channels, not "
            f"of {channels}."
        )
    body = _build(spec, builder, weights, (size, size, 3))
    vector = body(_preprocess(builder)(x))
    return Extractor(
        spec,
        f"{builder.__name__} at {size}x{size} pixels, with "
        f"{_describe_weights(weights)}",
        keras.Model(image, vector, name="pretrained"),
        {"kind": "keras", "model": key, "image_size": size},
    )


def application_key(spec: str) -> str:
    """Returns a model's name without underscores, in lower case.

    Raises:
        UserError: keras.applications has no such model.
    """
    name = spec.removeprefix(PREFIX).partition(":")[0]
    key = name.replace("_", "").lower()
    if key not in _builders():
        raise unknown_name_error(
            "model of keras.applications", name, _builders(), ""
        )
    return key


def _builders() -> dict[str, Callable]:
    return {
        name.lower(): value
        for name, value in vars(keras.applications).items()
        if name[0].isupper() and callable(value)
    }


def _preprocess(builder: Callable) -> Callable[[Any], Any]:
    """Returns the preprocessing of a model, where it is not part of it."""
    for module in vars(keras.applications).values():
        if getattr(module, builder.__name__, None) is builder:
            return module.preprocess_input
    return lambda x: x


def _describe_weights(weights: str | None) -> str:
    if weights is None:
        return "random weights"
    return f"weights of {'ImageNet' if weights == IMAGENET else weights}"


def _build(
    spec: str, builder: Callable, weights: str | None, shape: tuple
) -> keras.Model:
    """Builds a model; its weights come from Keras's cache or the internet."""
    try:
        with _download_timeout():
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
                f"the weights in {weights} do not fit {builder.__name__} "
                f"without its classifier, as --features={spec} needs them."
            ) from error
        if "fetch" not in str(error) and not isinstance(error, OSError):
            raise
        raise UserError(
            f"the weights of --features={spec} are not in Keras's cache and "
            "cannot be downloaded; try again with an internet connection."
        ) from error


@contextmanager
def _download_timeout() -> Iterator[None]:
    """Gives the requests of `urllib` a timeout, which Keras's have not."""
    urllib.request.install_opener(urllib.request.build_opener(_Timeout))
    try:
        yield
    finally:
        urllib.request.install_opener(None)  # makes a new one when needed


class _Timeout(urllib.request.BaseHandler):
    """Sets the timeout of every request."""

    def http_request(self, request):
        request.timeout = DOWNLOAD_TIMEOUT_S
        return request

    https_request = http_request


def _hash(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
