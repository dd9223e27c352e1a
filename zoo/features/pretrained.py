"""Features of a trained model: a run, a saved model or keras.applications.

The model is cut at its layer `features`, which every model of the zoo has, or
else before its last dense layer.
"""

from __future__ import annotations

import hashlib
import pathlib

import keras

from zoo import backend
from zoo.errors import UserError
from zoo.features.extractor import Extractor
from zoo.models import applications
from zoo.models.applications import IMAGENET
from zoo.models.build import feature_extractor
from zoo.runs import Run


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
        model = backend.read_model(pathlib.Path(path))
    except UserError as error:
        raise UserError(f"--features: {error}") from error
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
    name = spec.removeprefix(applications.PREFIX).partition(":")[0]
    size = applications.image_size(name)
    image = keras.Input(input_shape, name="image")
    x = keras.layers.Resizing(size, size, name="resize")(image, training=False)
    maps = applications.apply_application(name, x, weights)
    vector = keras.layers.GlobalAveragePooling2D(name="features")(maps)
    key = applications.application_key(name)
    return Extractor(
        spec,
        f"{key} at {size}x{size} pixels, with {_describe_weights(weights)}",
        keras.Model(image, vector, name="pretrained"),
        {"kind": "keras", "model": key, "image_size": size},
    )


def _describe_weights(weights: str | None) -> str:
    if weights is None:
        return "random weights"
    return f"weights of {'ImageNet' if weights == IMAGENET else weights}"


def _hash(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
