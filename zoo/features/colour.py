"""A histogram of colours: which share of an image has which colour.

Red, green and blue are cut into 4 ranges of 64 values each; a pixel falls
into one of 4 * 4 * 4 = 64 boxes (Swain and Ballard 1991, "Color indexing",
with boxes in RGB). Where in the image it stands plays no part.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import UserError
from zoo.features.extractor import Extractor

RANGES = 4  # of each channel
WIDTH = 256 // RANGES


def make(input_shape: tuple[int, int, int], data_name: str) -> Extractor:
    """Makes the extractor for images `(H, W, C)`.

    Raises:
        UserError: the images have not three channels.
    """
    height, width, channels = input_shape
    if channels != 3:
        what = "is grey" if channels == 1 else f"has {channels}"
        raise UserError(
            "--features=colour needs images with three channels, and "
            f"{data_name} {what}; use --features=hog."
        )
    image = keras.Input(input_shape, name="image")
    place = ops.clip(ops.floor(image / WIDTH), 0, RANGES - 1)
    place = ops.reshape(ops.cast(place, "int32"), (-1, height * width, 3))
    # One box each, as the product of two: [B, 4, N] by [B, N, 16].
    red = ops.one_hot(place[..., 0], RANGES)
    rest = ops.one_hot(place[..., 1] * RANGES + place[..., 2], RANGES**2)
    count = ops.matmul(ops.transpose(red, (0, 2, 1)), rest)
    share = count / (height * width)
    vector = keras.layers.Flatten(name="features")(share)
    return Extractor(
        "colour",
        f"shares of {RANGES**3} boxes of red, green and blue",
        keras.Model(image, vector, name="colour"),
        {"kind": "colour", "ranges": RANGES},
    )
