"""Preprocessing that goes along with weights: statistics of other images.

Weights were learned on inputs that were centred and scaled by the statistics
of their own training images. A run that starts from them keeps those
statistics, frozen or not: another shift or scale would hand every layer other
numbers than those it was learned on, which frozen layers could never make up
for. Statistics of the new images are measured only where the old ones do not
fit: a mean image of another size.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.data.preprocess import Statistics

COLOURS = 3


def fitted(
    statistics: Statistics, input_shape: tuple[int, ...]
) -> Statistics | None:
    """Returns statistics for inputs of another shape, if they can be carried.

    Grey to colour: each colour has those of grey. Colour to grey: the means
    over the three colours.

    Args:
        statistics: of inputs of any shape.
        input_shape: `(H, W, C)` of the new images, or `(D,)` of vectors.

    Returns:
        `None` for a mean image of another size, or other channels.
    """
    mean, std = statistics.mean, statistics.std
    if mean is not None and mean.ndim == 3:
        if mean.shape[:2] != input_shape[:2]:
            return None
    channels = input_shape[-1]
    for array in (mean, std):
        if array is None or array.shape[-1] == channels:
            continue
        if {array.shape[-1], channels} != {1, COLOURS}:
            return None
    return dataclasses.replace(
        statistics,
        mean=_with_channels(mean, channels),
        std=_with_channels(std, channels),
    )


def _with_channels(array: np.ndarray | None, channels: int):
    """Returns an array `[..., C]` with 1 or 3 channels for its 3 or 1."""
    if array is None or array.shape[-1] == channels:
        return array
    grey = array.mean(axis=-1, keepdims=True, dtype=np.float64)
    return np.repeat(grey, channels, axis=-1).astype(np.float32)
