"""Test-time augmentation: logits averaged over views of each image.

`flip` averages an image and its mirror image. `flip_shift` averages six views,
as Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv
2404.00498, section 3: the image and its mirror image with one half of the
weight, and the same two of the image moved by a pixel up and left, and by a
pixel down and right, with one quarter each. What moves in at the border is the
image reflected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import UserError
from zoo.models.inference import predict_batched
from zoo.options import suggest_choice

if TYPE_CHECKING:
    import keras

# Shifts down and right in pixels, and the weight of both views of each.
SHIFTS: dict[str, tuple[tuple[int, int, float], ...]] = {
    "flip": ((0, 0, 1.0),),
    "flip_shift": ((0, 0, 0.5), (-1, -1, 0.25), (1, 1, 0.25)),
}
NUM_IMAGES = 1024  # whose views are in memory at once


def check_tta(tta: str | None) -> None:
    """Raises `UserError` for an unknown kind of test-time augmentation."""
    if tta is not None and tta not in SHIFTS:
        raise UserError(
            f"--tta={tta} is not known; {suggest_choice(tta, tuple(SHIFTS))}"
        )


def num_views(tta: str) -> int:
    """Returns the number of views of each image."""
    return 2 * len(SHIFTS[tta])


def predict_views(
    model: keras.Model, images: np.ndarray, tta: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the logits of images, and those averaged over their views.

    Args:
        model: From raw images to logits.
        images: `[N, H, W, C]` of any numeric dtype, at least 2 pixels a side.
        tta: `flip` or `flip_shift`.

    Returns:
        Two float32 `[N, K]`; the first is of the images as they are.

    Raises:
        UserError: the inputs are not images.
    """
    if len(images.shape) != 4 or min(images.shape[1:3]) < 2:
        raise UserError(
            f"--tta={tta} needs images of 2x2 pixels or more; leave it out."
        )
    one_view, averaged = [], []
    for start in range(0, max(len(images), 1), NUM_IMAGES):
        chunk = np.asarray(images[start : start + NUM_IMAGES])
        logits = [
            (weight, predict_batched(model, view))
            for weight, view in weighted_views(chunk, tta)
        ]
        one_view.append(logits[0][1])
        averaged.append(sum(weight * x for weight, x in logits))
    return np.concatenate(one_view), np.concatenate(averaged)


def weighted_views(
    images: np.ndarray, tta: str
) -> Iterator[tuple[np.float32, np.ndarray]]:
    """Yields the weight of each view, and the view of all images.

    The weights add up to 1; the first view is the images as they are.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    for down, right, weight in SHIFTS[tta]:
        top, left = 1 - down, 1 - right
        view = padded[:, top : top + height, left : left + width]
        yield np.float32(weight / 2), view
        yield np.float32(weight / 2), view[:, :, ::-1]
