"""Colour, light, focus and noise: from a mask to a photograph."""

from __future__ import annotations

import numpy as np

FAINTEST, STRONGEST = 20, 150  # difference of ink and wall, of 255
LIGHT_SHARE = 0.7  # of the numbers, lighter than their wall where they can be


def photograph(random: np.random.RandomState, mask: np.ndarray) -> np.ndarray:
    """Returns an image, uint8 `[H, W, 3]`, of ink on a wall.

    Args:
        mask: how much of each pixel is ink, `[H, W]` in 0..1.
    """
    from scipy import ndimage

    wall, ink = colours(random)
    image = wall + mask[..., None] * (ink - wall)
    for shade in (_slope, _shadow, _stains):
        image += shade(random, mask.shape)[..., None]
    blur = random.uniform(0, 1.5)
    image = ndimage.gaussian_filter(image, (blur, blur, 0))
    image += random.normal(0, random.uniform(0, 12), image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def colours(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Draws the colours of wall and ink, each `[3]` in 0..255.

    Brightness is spread over the whole range. With as much dark ink as light,
    no linear classifier could do more than guess.
    """
    # Faint as often as strong: an even spread of the logarithm.
    contrast = np.exp(random.uniform(np.log(FAINTEST), np.log(STRONGEST)))
    contrast *= 1 if random.uniform() < LIGHT_SHARE else -1
    low, high = max(0, -contrast), min(255, 255 - contrast)
    brightness = random.uniform(low, high)
    wall = brightness + random.normal(0, 15, 3)
    ink = wall + contrast + random.normal(0, abs(contrast) / 5, 3)
    return wall, ink


def _slope(random: np.random.RandomState, shape: tuple) -> np.ndarray:
    """Draws light that falls off from one side to the other, `[H, W]`."""
    down, right = random.uniform(-20, 20, 2)
    rows = np.linspace(-1, 1, shape[0])[:, None]
    columns = np.linspace(-1, 1, shape[1])[None]
    return down * rows + right * columns


def _shadow(random: np.random.RandomState, shape: tuple) -> np.ndarray:
    """Draws the edge of a shadow across some images, `[H, W]`."""
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.indices(shape) - shape[0] / 2
    across = rows * np.sin(angle) + columns * np.cos(angle)
    depth = random.uniform(-50, 50) * (random.uniform() < 0.5)
    return depth * (across > random.uniform(-0.5, 0.5) * shape[0])


def _stains(random: np.random.RandomState, shape: tuple) -> np.ndarray:
    """Draws a wall that is not of one colour, `[H, W]`."""
    from scipy import ndimage

    rough = ndimage.gaussian_filter(random.normal(0, 1, shape), 2)
    return random.uniform(0, 15) * rough / rough.std()
