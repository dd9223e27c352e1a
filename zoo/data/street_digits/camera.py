"""House numbers, and how a camera sees the digit in their middle."""

from __future__ import annotations

import numpy as np

from zoo.data.street_digits.glyphs import FONTS, HEIGHT, glyph

SIDE = 32  # pixels of the finished image
OVERSAMPLED = 2 * SIDE
STRIP = (2 * HEIGHT, 5 * HEIGHT)  # the wall that a number is written on
NEIGHBOUR_SHARE = 0.6  # of the places beside a digit that hold another


def digit_mask(random: np.random.RandomState, digit: int) -> np.ndarray:
    """Returns how much of each pixel is ink, float32 `[SIDE, SIDE]`, 0..1."""
    from PIL import Image

    strip = Image.fromarray(number(random, digit))
    seen = strip.transform(
        (OVERSAMPLED, OVERSAMPLED),
        Image.Transform.PERSPECTIVE,
        viewpoint(random),
        Image.Resampling.BILINEAR,
    )
    pixels = np.asarray(seen, np.float32).reshape(SIDE, 2, SIDE, 2)
    return pixels.mean(axis=(1, 3)) / 255


def number(random: np.random.RandomState, digit: int) -> np.ndarray:
    """Returns a wall, uint8 `STRIP`, with a digit and perhaps neighbours."""
    strip = np.zeros(STRIP, np.uint8)
    font = FONTS[random.randint(len(FONTS))]
    shape = glyph(font, digit)
    middle = STRIP[1] // 2
    _write(strip, shape, middle)
    for side in (-1, 1):
        other = glyph(font, random.randint(10))
        gap = random.randint(2, HEIGHT // 4)
        apart = (shape.shape[1] + other.shape[1]) // 2 + gap
        if random.uniform() < NEIGHBOUR_SHARE:
            _write(strip, other, middle + side * apart)
    return strip


def viewpoint(random: np.random.RandomState) -> np.ndarray:
    """Returns the eight numbers of a projection, image to wall, of Pillow.

    A pixel (x, y) shows (a x + b y + c, d x + e y + f) / (g x + h y + 1).
    """
    turn = random.uniform(-0.25, 0.25)  # radians
    slant = random.uniform(-0.3, 0.3)
    zoom = HEIGHT * random.uniform(1.05, 1.7) / OVERSAMPLED
    stretch = random.uniform(0.75, 1.3)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    turned = rotation @ np.array([[stretch, slant], [0, 1]]) * zoom
    tilt = random.uniform(-0.15, 0.15, 2) / OVERSAMPLED
    shift = random.uniform(-0.08, 0.08, 2) * HEIGHT
    # The middle of the image shows the middle of the wall, but for the shift.
    centre = np.array([OVERSAMPLED, OVERSAMPLED]) / 2
    wall = np.array([STRIP[1], STRIP[0]]) / 2 + shift
    linear = turned + np.outer(wall, tilt)
    offset = wall * (1 + tilt @ centre) - linear @ centre
    return np.array([*linear[0], offset[0], *linear[1], offset[1], *tilt])


def _write(strip: np.ndarray, shape: np.ndarray, middle: int) -> None:
    """Writes a digit into a strip, centred at a column."""
    top = (strip.shape[0] - shape.shape[0]) // 2
    left = middle - shape.shape[1] // 2
    rows = slice(top, top + shape.shape[0])
    columns = slice(left, left + shape.shape[1])
    strip[rows, columns] = np.maximum(strip[rows, columns], shape)
