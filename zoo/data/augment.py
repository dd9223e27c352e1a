"""Random augmentation of training images, drawn in advance.

The augmentation of an image in an epoch is a function of (seed, epoch, index
of the image) alone. A crop pads by reflection, by an eighth of the side unless
given otherwise (4 pixels at 32, as in the Wide ResNet paper), and takes a
window of the original size. A flip is horizontal, with probability one half.
An alternating flip flips half of the images in the first epoch and from then
on each image in every second epoch, so that any two epochs in a row have both
orientations of every image (Jordan 2024, arXiv:2404.00498, section 3.6). All
of them only move pixels, and are written as indices of rows and columns.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.errors import unknown_name_error

AUGMENTATIONS = (
    *("none", "flip", "crop", "crop_flip"),
    *("alternating_flip", "crop_alternating_flip"),
)

# Separate these random numbers from those of the order of an epoch.
RNG_STREAM = 2
ALTERNATING_RNG_STREAM = 4


@dataclasses.dataclass(frozen=True)
class AugmentationParams:
    """Augmentation of one epoch, indexed by example.

    Attributes:
        flip: Whether to flip horizontally, bool `[N]`.
        dy, dx: Where the window starts, in pixels from the upper left corner
            of the image, int32 `[N]`; negative is inside the padding.
    """

    flip: np.ndarray
    dy: np.ndarray
    dx: np.ndarray

    def take(self, indices: np.ndarray) -> AugmentationParams:
        """Returns the parameters of the examples at `indices`, int `[M]`."""
        return AugmentationParams(
            self.flip[indices], self.dy[indices], self.dx[indices]
        )


def draw_params(
    augmentation: str,
    seed: int,
    epoch: int,
    num_examples: int,
    image_shape: tuple[int, int, int],
    padding: int | None = None,
) -> AugmentationParams:
    """Draws the augmentation of every example in one epoch.

    Args:
        augmentation: one of `AUGMENTATIONS`.
        seed: seed of the run.
        epoch: counted from 0.
        num_examples: `N`.
        image_shape: `(H, W, C)`.
        padding: pixels on each side of an image, less than its sides; an
            eighth of each side by default.
    """
    if augmentation not in AUGMENTATIONS:
        raise unknown_name_error(
            "augmentation", augmentation, AUGMENTATIONS, ""
        )
    random = np.random.default_rng([seed, epoch, RNG_STREAM])
    flip = random.random(num_examples) < 0.5
    limits = [side // 8 if padding is None else padding for side in image_shape]
    dy, dx = (
        random.integers(-limit, limit + 1, num_examples, np.int32)
        for limit in limits[:2]
    )
    if "alternating" in augmentation:
        fixed = np.random.default_rng([seed, 0, ALTERNATING_RNG_STREAM])
        flip = (fixed.random(num_examples) < 0.5) ^ bool(epoch % 2)
    zeros = np.zeros(num_examples, np.int32)
    return AugmentationParams(
        flip=flip if "flip" in augmentation else zeros.astype(bool),
        dy=dy if "crop" in augmentation else zeros,
        dx=dx if "crop" in augmentation else zeros,
    )


def gather(images, indices, params: AugmentationParams | None):
    """Returns augmented images `[B, ...]`, for arrays of NumPy or of JAX.

    Args:
        images: `[N, H, W, C]`, or vectors `[N, D]` without augmentation.
        indices: int `[B]`.
        params: augmentation of these images, `[B]`; `None` for none.
    """
    if params is None:
        return images[indices]
    height, width = images.shape[1:3]
    flip, dy, dx = (p[:, None] for p in (params.flip, params.dy, params.dx))
    row = np.arange(height, dtype=np.int32)
    column = np.arange(width, dtype=np.int32)
    column = column + flip * (width - 1 - 2 * column)
    rows = reflect(dy + row, height)
    columns = reflect(dx + column, width)
    # One gather of whole pixels, without a padded copy of the images.
    return images[indices[:, None, None], rows[:, :, None], columns[:, None]]


def reflect(positions, size: int):
    """Reflects positions outside 0..size-1; the edge is not repeated.

    For NumPy arrays and tensors; reaches one reflection on each side.
    """
    last = size - 1
    return last - abs(last - abs(positions))
