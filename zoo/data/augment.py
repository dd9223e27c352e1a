"""Random changes of training images, as plain numbers drawn in advance.

What happens to an image in an epoch is a function of (seed, epoch, index of
the image) alone. A crop pads by reflection, unless told otherwise with an
eighth of the side (4 pixels at 32, as in the Wide ResNet paper), and cuts a
window of the original size; a flip mirrors left and right half of the time.
An alternating flip mirrors half of the images in the first epoch, and from
then on each image in every second epoch, so that two epochs in a row show both
sides of every image (Jordan 2024, arXiv 2404.00498, section 3.6). All of it
only moves pixels, and is written as indices of the rows and columns to read.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.errors import unknown_name_error

KINDS = (
    *("none", "flip", "crop", "crop_flip"),
    *("alternating_flip", "crop_alternating_flip"),
)

# Keep these random numbers apart from those of the epoch's order.
STREAM = 2
ALTERNATING_STREAM = 4


@dataclasses.dataclass(frozen=True)
class Draws:
    """The changes of one epoch, indexed by example.

    Attributes:
        mirrored: bool `[N]`.
        down, right: int32 `[N]`, where the window starts, in pixels from the
            upper left corner of the image; negative lies in the padding.
    """

    mirrored: np.ndarray
    down: np.ndarray
    right: np.ndarray

    def of(self, indices: np.ndarray) -> Draws:
        """Returns the changes of some examples, in their order."""
        return Draws(
            self.mirrored[indices], self.down[indices], self.right[indices]
        )


def draw(
    kind: str,
    seed: int,
    epoch: int,
    num_examples: int,
    image_shape: tuple[int, int, int],
    padding: int | None = None,
) -> Draws:
    """Draws what happens to every example in one epoch.

    Args:
        kind: one of `KINDS`.
        seed: the run's seed.
        epoch: counted from 0.
        num_examples: `N`.
        image_shape: `(H, W, C)`.
        padding: pixels on each side of an image; below its sides. An eighth
            of each side if not given.
    """
    if kind not in KINDS:
        raise unknown_name_error("augmentation", kind, KINDS, "")
    random = np.random.default_rng([seed, epoch, STREAM])
    mirrored = random.random(num_examples) < 0.5
    most = [side // 8 if padding is None else padding for side in image_shape]
    down, right = (
        random.integers(-far, far + 1, num_examples, np.int32)
        for far in most[:2]
    )
    if "alternating" in kind:
        lot = np.random.default_rng([seed, 0, ALTERNATING_STREAM])
        mirrored = (lot.random(num_examples) < 0.5) ^ bool(epoch % 2)
    still = np.zeros(num_examples, np.int32)
    return Draws(
        mirrored=mirrored if "flip" in kind else still.astype(bool),
        down=down if "crop" in kind else still,
        right=right if "crop" in kind else still,
    )


def reflect(positions, size: int):
    """Folds positions outside 0..size-1 back inside; the edge is not doubled.

    Works on NumPy arrays and tensors; reaches one fold on each side.
    """
    last = size - 1
    return last - abs(last - abs(positions))
