"""Color histogram: the fraction of the pixels in each bin of colors.

Red, green and blue are divided into 4 ranges of 64 values each, which makes
4 * 4 * 4 = 64 bins (Swain and Ballard 1991, "Color indexing", with bins in
RGB). The position of a pixel has no effect.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import UserError
from zoo.features.extractor import Extractor

NUM_RANGES = 4  # of each channel
RANGE_WIDTH = 256 // NUM_RANGES


def build(input_shape: tuple[int, int, int], data_name: str) -> Extractor:
    """Returns the extractor for images `(H, W, C)`.

    Args:
        input_shape: of the images.
        data_name: name of the dataset, for the error.

    Raises:
        UserError: the images do not have three channels.
    """
    height, width, channels = input_shape
    if channels != 3:
        what = "is gray" if channels == 1 else f"has {channels}"
        raise UserError(
            "--features=color_histogram needs images with three channels, and "
            f"{data_name} {what}; use --features=hog."
        )
    image = keras.Input(input_shape, name="image")
    bins = ops.clip(ops.floor(image / RANGE_WIDTH), 0, NUM_RANGES - 1)
    bins = ops.reshape(ops.cast(bins, "int32"), (-1, height * width, 3))
    # The count of a bin is a product of two: [B, 4, N] by [B, N, 16].
    red = ops.one_hot(bins[..., 0], NUM_RANGES)
    others = bins[..., 1] * NUM_RANGES + bins[..., 2]
    green_and_blue = ops.one_hot(others, NUM_RANGES**2)
    counts = ops.matmul(ops.transpose(red, (0, 2, 1)), green_and_blue)
    vector = keras.layers.Flatten(name="features")(counts / (height * width))
    return Extractor(
        "color_histogram",
        f"fractions of pixels in {NUM_RANGES**3} bins of red, green and blue",
        keras.Model(image, vector, name="color_histogram"),
        {"kind": "color_histogram", "ranges": NUM_RANGES},
    )
