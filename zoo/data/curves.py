"""Functions of one number, to be met by a network: data for regression.

Points are drawn from NumPy's legacy generator, whose stream never changes,
and rounded to four decimals, so that they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zoo.data.dataset import Split
from zoo.data.parts import Parts, Request, in_memory, refuse_resizing, seal_off

POINTS = 1_000
TEST_POINTS = 150
DECIMALS = 4
NOISE = 0.05  # standard deviation; no network can come below its square
# Where each bump begins to rise, is up, begins to fall and is down again, and
# how high it is.
BUMPS = (
    (-2.8, -2.2, -1.8, -1.2, 1.0),
    (-0.8, -0.2, 0.2, 0.8, -0.8),
    (1.2, 1.8, 2.2, 2.8, 0.6),
)


def read(request: Request) -> Parts:
    """Draws the points of one curve, and seals the same ones every time."""
    refuse_resizing(request)
    random = np.random.RandomState(0)
    x = random.uniform(-3, 3, POINTS)
    y = CURVES[request.source.name](x) + random.normal(0, NOISE, POINTS)
    everything = Split(
        np.round(x, DECIMALS).astype(np.float32)[:, None],
        np.round(y, DECIMALS).astype(np.float32),
    )
    return in_memory(seal_off(everything, TEST_POINTS), ())


def sine(x: np.ndarray) -> np.ndarray:
    """Returns sin 2x: not quite two waves from -3 to 3."""
    return np.sin(2 * x)


def step(x: np.ndarray) -> np.ndarray:
    """Returns -1 below zero and 1 above it."""
    return np.where(x < 0, -1.0, 1.0)


def bumps(x: np.ndarray) -> np.ndarray:
    """Returns three bumps with straight flanks, each a sum of four ReLUs."""
    return sum(
        height * np.interp(x, corners, (0, 1, 1, 0))
        for *corners, height in BUMPS
    )


CURVES: dict[str, Callable] = {"sine": sine, "step": step, "bumps": bumps}
