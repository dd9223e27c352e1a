"""Points in the plane, in two classes that no straight line separates.

Drawn from NumPy's legacy generator, whose stream never changes, and rounded
to four decimals, so that they are the same points on every machine. The last
three are laid out as in the TensorFlow Playground, at its scale.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zoo.data.dataset import Split
from zoo.data.parts import Parts, Request, in_memory, refuse_resizing, seal_off

PER_CLASS = 500
TEST_POINTS = 150
DECIMALS = 4


def read(request: Request) -> Parts:
    """Draws the points of one data set, and seals the same ones every time."""
    refuse_resizing(request)
    name = request.source.name
    random = np.random.RandomState(0)
    points = np.concatenate([SHAPES[name](random, which) for which in (0, 1)])
    everything = Split(
        np.round(points, DECIMALS).astype(np.float32),
        np.repeat(np.arange(2, dtype=np.int32), PER_CLASS),
    )
    return in_memory(seal_off(everything, TEST_POINTS), NAMES[name])


def _moon(random: np.random.RandomState, which: int) -> np.ndarray:
    """Draws half a circle of radius 1 that reaches into the other's middle."""
    angle = random.uniform(0, np.pi, PER_CLASS)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    moon = np.array([1, 0.5]) - upper if which else upper
    return moon + random.normal(0, 0.1, moon.shape)


def _circle(random: np.random.RandomState, which: int) -> np.ndarray:
    """Draws a disc of radius 2.5, or the ring from 3.5 to 5 around it."""
    radius = random.uniform(3.5, 5, PER_CLASS)
    if not which:
        radius = random.uniform(0, 2.5, PER_CLASS)
    return _polar(radius, random.uniform(0, 2 * np.pi, PER_CLASS))


def _spiral(random: np.random.RandomState, which: int) -> np.ndarray:
    """Draws an arm of radius up to 5 that turns one and three quarter times."""
    share = random.uniform(0, 1, PER_CLASS)
    arm = _polar(5 * share, 2 * np.pi * (1.75 * share + which / 2))
    return arm + random.normal(0, 0.1, arm.shape)


def _xor(random: np.random.RandomState, which: int) -> np.ndarray:
    """Draws two opposite squares, from 0.3 to 5 in each direction."""
    size = random.uniform(0.3, 5, (PER_CLASS, 2))
    sign = random.choice([-1, 1], PER_CLASS)
    return size * np.stack([sign, sign if which else -sign], axis=1)


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


SHAPES: dict[str, Callable] = {
    "moons": _moon,
    "circles": _circle,
    "spiral": _spiral,
    "xor": _xor,
}
NAMES = {
    "moons": ("upper", "lower"),
    "circles": ("inner", "outer"),
    "spiral": ("first", "second"),
    "xor": ("different", "same"),
}
