"""Features by formula, of which nothing is fitted: edges and colors.

Histograms of oriented gradients (HoG) count edges, cell by cell: Dalal and
Triggs 2005, "Histograms of oriented gradients for human detection", without
gamma correction and without a window. In each cell of 8x8 pixels the edges
vote for one of 9 directions over half a turn, each with its strength;
each block of 2x2 neighboring cells is then normalized by L2-Hys: divided by
its L2 norm, clipped at 0.2, divided by its norm again. Blocks overlap by a
cell.

In color images every pixel takes the channel of its steepest gradient. Cells
have 4x4 pixels where the shorter side is below 16, 2x2 where it is below 8,
so that there are four cells at least. Pixels left over at the right and at the
bottom are not used.

Features: 32x32 pixels have 4x4 cells, 3x3 blocks, 3 * 3 * 4 * 9 = 324 numbers.

The color histogram has the fraction of the pixels in each bin of colors. Red,
green and blue are divided into 4 ranges of 64 values each, which makes
4 * 4 * 4 = 64 bins (Swain and Ballard 1991, "Color indexing", with bins in
RGB). The position of a pixel has no effect.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import UserError
from zoo.features.extractor import Extractor

NUM_ORIENTATIONS = 9
CELL_SIZES = (8, 4, 2)  # pixels a side, largest first
CLIP = 0.2
EPSILON = 1e-5


def build_hog(input_shape: tuple[int, int, int]) -> Extractor:
    """Returns the extractor of edges for images `(H, W, C)`."""
    cell = cell_size(input_shape)
    image = keras.Input(input_shape, name="image")
    cells = _cells(_votes(image), cell)
    blocks = _normalize(_blocks(cells))  # [B, H', W', 36]
    vector = keras.layers.Flatten(name="features")(blocks)
    return Extractor(
        "hog",
        f"{NUM_ORIENTATIONS} orientations in cells of {cell}x{cell} pixels",
        keras.Model(image, vector, name="hog"),
        {"kind": "hog", "cell": cell, "orientations": NUM_ORIENTATIONS},
    )


def cell_size(input_shape: tuple[int, int, int]) -> int:
    """Returns the side of a cell in pixels; two fit along each side."""
    shorter = min(input_shape[:2])
    for cell in CELL_SIZES:
        if shorter >= 2 * cell:
            return cell
    raise UserError(
        f"--features=hog needs images of at least {2 * CELL_SIZES[-1]} "
        f"pixels a side, not {input_shape[0]}x{input_shape[1]}; give "
        "--image_size=8 or more."
    )


def cell_histograms(images: np.ndarray) -> np.ndarray:
    """Returns the edges in each cell, before blocks are normalized.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.

    Returns:
        Mean strength of edges by orientation of the gradient, float32
        `[N, h, w, 9]`.
    """
    votes = _votes(ops.convert_to_tensor(images, "float32"))
    cells = _cells(votes, cell_size(images.shape[1:]))
    return ops.convert_to_numpy(cells)


def _votes(image):
    """Returns the strength of every pixel's edge, `[B, H, W, 9]`."""
    down, right = _gradients(image)
    magnitude = ops.sqrt(ops.square(down) + ops.square(right))
    return _orientations(down, right) * magnitude[..., None]


def _gradients(image):
    """Returns gray differences `[B, H, W]` downwards and to the right.

    Of each pixel's two neighbors; zero at the edge of the image.
    """
    down = image[:, 2:] - image[:, :-2]
    down = ops.pad(down, ((0, 0), (1, 1), (0, 0), (0, 0)))
    right = image[:, :, 2:] - image[:, :, :-2]
    right = ops.pad(right, ((0, 0), (0, 0), (1, 1), (0, 0)))
    return _steepest(down, right)


def _steepest(down, right):
    """Takes the channel of the steepest gradient, the first of equal ones.

    By comparison, channel after channel: Keras's argmax on TensorFlow looks
    at the bits of its numbers, for which ONNX has no operation.
    """
    steepness = ops.square(down) + ops.square(right)
    best, y, x = steepness[..., 0], down[..., 0], right[..., 0]
    for channel in range(1, steepness.shape[-1]):
        steeper = steepness[..., channel] > best
        best = ops.where(steeper, steepness[..., channel], best)
        y = ops.where(steeper, down[..., channel], y)
        x = ops.where(steeper, right[..., channel], x)
    return y, x


def _orientations(down, right):
    """Returns the orientation of every pixel, one-hot `[B, H, W, 9]`.

    Orientation d covers the angles from d to d + 1 times 20 degrees. A gradient
    has reached an angle if it does not lie on the near side of its ray, which
    takes no arc tangent, and so no rounding where edges are level.
    """
    turned = ops.where(down < 0, -1.0, 1.0)  # angles of half a turn
    down, right = down * turned, right * turned
    right = ops.where(ops.equal(down, 0), ops.abs(right), right)
    angles = np.pi / NUM_ORIENTATIONS * np.arange(1, NUM_ORIENTATIONS)
    across = down[..., None] * np.float32(np.cos(angles)) - right[
        ..., None
    ] * np.float32(np.sin(angles))
    reached = ops.sum(ops.cast(across >= 0, "int32"), axis=-1)
    return ops.one_hot(reached, NUM_ORIENTATIONS)


def _cells(votes, side: int):
    """Returns means over cells, `[B, H, W, 9]` to `[B, h, w, 9]`.

    A pooling layer would give the same. Its translation to ONNX is wrong in
    tf2onnx 1.17 where four cells are the whole image: the axes that pooling
    moves are not moved back before the blocks are summed and flattened.
    """
    height, width = (size // side for size in votes.shape[1:3])
    whole = votes[:, : height * side, : width * side]
    parts = ops.reshape(
        whole, (-1, height, side, width, side, NUM_ORIENTATIONS)
    )
    return ops.mean(parts, axis=(2, 4))


def _blocks(cells):
    """Joins each 2x2 cells: `[B, h, w, 9]` to `[B, h - 1, w - 1, 36]`."""
    above, below = cells[:, :-1], cells[:, 1:]
    return ops.concatenate(
        [
            above[:, :, :-1],
            above[:, :, 1:],
            below[:, :, :-1],
            below[:, :, 1:],
        ],
        axis=-1,
    )


def _normalize(blocks):
    return _unit_norm(ops.minimum(_unit_norm(blocks), CLIP))


def _unit_norm(x):
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x / ops.sqrt(squares + EPSILON**2)


NUM_RANGES = 4  # of each channel
RANGE_WIDTH = 256 // NUM_RANGES


def build_color_histogram(
    input_shape: tuple[int, int, int], data_name: str
) -> Extractor:
    """Returns the extractor of colors for images `(H, W, C)`.

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
