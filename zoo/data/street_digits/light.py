"""Colour, light, focus and noise: from a mask to a photograph."""

from __future__ import annotations

import numpy as np

FAINTEST, STRONGEST = 15, 150  # difference of ink and wall, of 255


def photograph(random: np.random.RandomState, mask: np.ndarray) -> np.ndarray:
    """Returns an image, uint8 `[H, W, 3]`, of ink on a wall.

    Args:
        mask: how much of each pixel is ink, `[H, W]` in 0..1.
    """
    from scipy import ndimage

    wall, ink = colours(random)
    image = wall + mask[..., None] * (ink - wall)
    image += _slope(random, mask.shape)[..., None]
    blur = random.uniform(0, 1.2)
    image = ndimage.gaussian_filter(image, (blur, blur, 0))
    image += random.normal(0, random.uniform(0, 10), image.shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def colours(random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Draws the colours of wall and ink, each `[3]` in 0..255.

    Brightness is spread over the whole range; ink is darker than its wall as
    often as lighter, where there is room for either.
    """
    # Faint as often as strong: an even spread of the logarithm.
    contrast = np.exp(random.uniform(np.log(FAINTEST), np.log(STRONGEST)))
    contrast *= random.choice([-1, 1])
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
