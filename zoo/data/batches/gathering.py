"""Reading images by index, with their pixels moved, in plain array code."""

from __future__ import annotations

import numpy as np

from zoo.data.augment import Draws, reflect


def gather(images, indices, draws: Draws | None):
    """Returns images `[B, ...]`; the same for arrays of NumPy and of JAX.

    Args:
        images: `[N, H, W, C]`, or vectors `[N, D]` where nothing moves.
        indices: int `[B]`.
        draws: of these images alone, `[B]`; `None` moves nothing.
    """
    if draws is None:
        return images[indices]
    height, width = images.shape[1:3]
    mirrored, down, right = (
        d[:, None] for d in (draws.mirrored, draws.down, draws.right)
    )
    row = np.arange(height, dtype=np.int32)
    column = np.arange(width, dtype=np.int32)
    column = column + mirrored * (width - 1 - 2 * column)
    rows = reflect(down + row, height)
    columns = reflect(right + column, width)
    # One gather of whole pixels: no padded copy of the images.
    return images[indices[:, None, None], rows[:, :, None], columns[:, None]]
