"""Whether new pictures are as bright as those that a run was trained on.

A photograph of ink on paper is black on white, and MNIST white on black: the
network answers all the same, and is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

WHITE = 255
# Training images that are dark or bright: their negatives are far from them.
CLEAR = 64  # grey values between a mean and that of the negatives
FAR = 96  # grey values; means of single photographs are 40 apart or so


def training_mean(resolved: dict[str, Any]) -> float | None:
    """Returns the mean grey value 0..255 of a run's training images.

    Args:
        resolved: the run's `resolved.json`.

    Returns:
        `None` where it was not measured: no mean is subtracted, or what is
        trained on are points or features.
    """
    is_images = len(resolved["data"]["input_shape"]) == 3
    mean = resolved["statistics"]["mean"]
    if mean is None or resolved.get("features") or not is_images:
        return None
    return float(np.mean(mean))


def warning(given: float, trained: float) -> str | None:
    """Says in a sentence that pictures are not like the training images.

    Args:
        given: mean grey value 0..255 of the pictures, all together.
        trained: of the training images.

    Returns:
        `None` where nothing is to be said.
    """
    negative = WHITE - trained
    means = (
        f"the pictures' mean grey value is {given:.0f} (0 is black, 255 "
        f"white), that of the training images {trained:.0f}"
    )
    apart = abs(negative - trained)
    if apart > CLEAR and abs(given - negative) < abs(given - trained):
        return f"{means}: they look like negatives, so invert them."
    if abs(given - trained) > FAR:
        side = "darker" if given < trained else "brighter"
        return f"{means}: they are far {side} than what was learned."
    return None
