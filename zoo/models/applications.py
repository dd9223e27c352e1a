"""`keras:NAME`: a network of keras.applications, for photographs.

The network is built without its own classifier, up to the mean of its last
maps, and has a new one. What the family expects of pixels is part of it, so
that a saved model takes raw ones: its own layers, or a `Rescaling` with the
numbers of its `preprocess_input`.
"""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import layers

from zoo.errors import UserError, unknown_name_error
from zoo.models import user_models
from zoo.models.layers import LayerFactory

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
# Of ImageNet's pixels, 0..1. Keras divides those of EfficientNet by the
# standard deviation and once more by its root, as the authors did.
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    application: str,
    dropout: float = 0.2,
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds a network of keras.applications, from raw pixels to logits.

    Args:
        application: its name in any case, with or without underscores.
        dropout: rate before the classification layer.
        l1: factor of the L1 regularization of the classification layer alone.
        l2: the same of L2.

    Raises:
        UserError: there is no such network, or it takes other images.
    """
    make = LayerFactory(seed, "he_normal", dropout=dropout, l1=l1, l2=l2)
    image = keras.Input(input_shape, name="inputs")
    maps = apply_application(application, image)
    x = layers.GlobalAveragePooling2D(name="features")(maps)
    x = make.drop(x, "dropout")
    logits = make.logits(x, num_classes)
    return keras.Model(image, logits, name=application_key(application))


def load(name: str, weights: str) -> keras.Model:
    """Returns a network with given weights, up to its layer `features`.

    Its layers have the names of those that `build` makes.

    Args:
        name: of the network, with `keras:` before it.
        weights: `imagenet`, or the path of a file of weights of the network
            without its classifier.

    Raises:
        UserError: the weights cannot be read or downloaded, or do not fit.
    """
    shape = (image_size(name), image_size(name), 3)
    image = keras.Input(shape, name="inputs")
    maps = apply_application(name, image, weights)
    x = layers.GlobalAveragePooling2D(name="features")(maps)
    x = layers.Dense(1, name="logits")(x)
    model = keras.Model(image, x, name=application_key(name))
    return user_models.standardize(name, model, shape, 1, False).model


def apply_application(name: str, image, weights: str | None = None):
    """Applies a network with its preprocessing to raw pixels.

    Args:
        name: of the network, in any case, with or without underscores.
        image: symbolic `[B, H, W, C]`; gray is repeated to three channels.
        weights: as `load` has them; random ones by default.

    Returns:
        The symbolic maps of its last layer, `[B, h, w, F]`.
    """
    builder = _builders()[application_key(name)]
    x, channels = image, image.shape[-1]
    if channels == 1:
        x = layers.Concatenate(name="repeat")([x, x, x])
    elif channels != 3:
        raise UserError(
            f"{PREFIX}{application_key(name)} takes images of one or three "
            f"channels, not of {channels}."
        )
    x = _preprocess(builder, x)
    model = _build(builder, weights, x)
    for layer in model.layers * (weights is None):
        if isinstance(layer, layers.Normalization) and layer.weights:
            # Weights bring these numbers, and random ones bring none.
            layer.set_weights([MEAN, STD**3, np.zeros((), np.int64)])
            layer.finalize_state()
    return model.output


def image_size(name: str) -> int:
    """Returns the side of the images that a network was trained on."""
    return OTHER_IMAGE_SIZES.get(application_key(name), IMAGE_SIZE)


def application_key(name: str) -> str:
    """Returns the name of a network without underscores, in lower case.

    Raises:
        UserError: keras.applications has no such network.
    """
    key = name.removeprefix(PREFIX).replace("_", "").lower()
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


def _preprocess(builder: Callable, x):
    """Applies the `preprocess_input` of a network, as layers.

    It maps each channel linearly, some in reverse order, which shows in what
    becomes of four pixels; networks with layers of their own leave all as it
    is.
    """
    modules = vars(keras.applications).values()
    found = [m for m in modules if getattr(m, builder.__name__, 0) is builder]
    if not found:
        return x  # MobileNetV3, whose preprocessing is a layer of its own
    function = found[0].preprocess_input
    probes = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)])
    pixels = np.asarray(function(probes[:, None, None].copy()), np.float64)
    pixels = pixels.reshape(4, 3)
    offset, slopes = pixels[0], (pixels[1:] - pixels[0]) / 255
    if slopes[0, 2]:
        x, slopes = x[..., ::-1], slopes[::-1]
    scale = np.diag(slopes)
    if (scale == 1).all() and not offset.any():
        return x
    return layers.Rescaling(
        scale.reshape(1, 1, 3).tolist(),
        offset.reshape(1, 1, 3).tolist(),
        name="preprocess",
    )(x)


def _build(builder: Callable, weights: str | None, x) -> keras.Model:
    """Builds a network; its weights come from a file, cache or internet."""
    try:
        with _download_timeout():
            return builder(include_top=False, weights=weights, input_tensor=x)
    # Keras raises a bare Exception where a download fails.
    except Exception as error:
        name = f"{PREFIX}{builder.__name__}"
        if weights is None:
            raise UserError(
                f"{name} cannot take images of {x.shape[1]}x{x.shape[2]} "
                f"pixels: {error}"
            ) from error
        if weights != IMAGENET:
            raise UserError(
                f"the weights in {weights} do not fit {name} without its "
                "classifier."
            ) from error
        if "fetch" not in str(error) and not isinstance(error, OSError):
            raise
        raise UserError(
            f"the weights of {name} are not in Keras's cache and cannot be "
            "downloaded; try again with an internet connection, or give "
            "--weights=PATH of a file of them."
        ) from error


@contextlib.contextmanager
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
