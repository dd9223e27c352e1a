"""Whether new pictures are as bright as those that a run was trained on.

A photograph of ink on paper is black on white, and MNIST white on black: the
network answers all the same, and is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.data.pixel_range import other_than_trained
from zoo.errors import join_and

WHITE = 255
# Training images that are dark or bright: their negatives are far from them.
CLEAR = 64  # grey values between a mean and that of the negatives
FAR = 96  # grey values; means of single photographs are 40 apart or so
NAMED = 3  # pictures that are named, of more


class Likeness:
    """Whether new images have the range and brightness of the training's.

    Args:
        resolved: the run's `resolved.json`.
    """

    def __init__(self, resolved: dict[str, Any]):
        data = resolved["data"]
        self._trained = training_mean(resolved)
        self._means_trained = data.get("image_means")
        self._range = data.get("pixel_range")
        self._means: list[np.ndarray] = []
        self._names: list[str] = []
        self._high = 0

    def add(self, names: Sequence[str], images: np.ndarray) -> None:
        """Takes note of images, uint8 `[N, H, W, C]`; not of vectors."""
        if images.ndim != 4:
            return
        self._names += names
        self._means.append(images.mean(axis=(1, 2, 3), dtype=np.float64))
        self._high = max(self._high, int(images.max()))

    def warnings(self) -> list[str]:
        """Returns sentences about all images that were added."""
        if not self._names:
            return []
        means = np.concatenate(self._means)
        found = []
        if self._range and self._high:
            found.append(other_than_trained(self._high, self._range))
        if self._trained is not None:
            whole = warning(float(means.mean()), self._trained)
            found.append(whole or self._single(means))
        return [sentence for sentence in found if sentence]

    def _single(self, means: np.ndarray) -> str | None:
        """Tells of single pictures that look like negatives."""
        if not self._means_trained:
            return None
        low, high = self._means_trained
        negative = WHITE - self._trained
        is_negative = (
            ((means < low) | (means > high))
            & (np.abs(means - negative) < np.abs(means - self._trained))
            & (abs(negative - self._trained) > CLEAR)
        )
        names = [self._names[i] for i in np.flatnonzero(is_negative)]
        if not names:
            return None
        shown = names[:NAMED]
        if len(names) > NAMED:
            shown.append(f"{len(names) - NAMED:,} more")
        looks, them = "look like negatives", "them"
        if len(names) == 1:
            looks, them = "looks like a negative", "it"
        given = means[is_negative].mean()
        return (
            f"{join_and(shown)} {looks} of the training images (mean "
            f"gray value {given:.0f}, theirs {self._trained:.0f}); invert "
            f"{them}."
        )


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
