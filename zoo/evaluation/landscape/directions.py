"""Random directions in weight space, scaled filter by filter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Keeps these random numbers apart from those that choose the examples.
STREAM = 5


def normalized(direction: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Makes each filter of a direction as long as that of the weights.

    As Li et al. 2018 do: d * |w| / |d| for each filter, |.| the Euclidean
    norm, so that a step of 1 means the same in every layer and does not
    depend on how the scale of one layer is undone by the next.

    Args:
        direction: of the shape of `weight`.
        weight: a kernel `[..., C]` with a filter for each of its C outputs,
            such as `[h, w, c, C]` of a convolution or `[D, C]` of a matrix;
            or `[C]` or `[]`: a bias, or a scale, shift or average of batch
            norm, which gets no direction.

    Returns:
        float64, zero where a filter of either is zero.
    """
    weight = np.asarray(weight, np.float64)
    if weight.ndim < 2:
        return np.zeros_like(weight)
    inside = tuple(range(weight.ndim - 1))
    length = np.linalg.norm(direction.reshape(-1, weight.shape[-1]), axis=0)
    wanted = np.sqrt(np.square(weight).sum(axis=inside))
    return direction * (wanted / np.where(length, length, 1.0))


def random_direction(
    weights: Sequence[np.ndarray], seed: int, index: int
) -> list[np.ndarray]:
    """Draws a filter-normalized direction, one float64 array a weight.

    Args:
        weights: the centre.
        seed: fixes it.
        index: 0 for the first direction, 1 for the second.
    """
    generator = np.random.default_rng([seed, index, STREAM])
    return [
        normalized(generator.standard_normal(weight.shape), weight)
        for weight in weights
    ]


def moved(
    weights: Sequence[np.ndarray],
    steps: Sequence[float],
    directions: Sequence[Sequence[np.ndarray]],
) -> list[np.ndarray]:
    """Returns weights + step * direction + ..., float32 as weights are."""
    moved = [np.float64(weight) for weight in weights]
    for step, direction in zip(steps, directions, strict=True):
        moved = [
            weight + step * part
            for weight, part in zip(moved, direction, strict=True)
        ]
    with np.errstate(over="ignore"):  # far out there is nothing but infinity
        return [np.float32(weight) for weight in moved]


def between(
    start: Sequence[np.ndarray], end: Sequence[np.ndarray], share: float
) -> list[np.ndarray]:
    """Returns the weights at a share of the way, the ends to the bit."""
    return [
        np.float32((1 - share) * np.float64(a) + share * np.float64(b))
        for a, b in zip(start, end, strict=True)
    ]
