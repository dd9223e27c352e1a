"""Random augmentation of training images, of which nothing is remembered.

The augmentation of an image in an epoch is a function of (seed, epoch, index
of the image) alone. A crop pads by reflection, by an eighth of the side unless
given otherwise (4 pixels at 32, as in the Wide ResNet paper), and takes a
window of the original size. A flip is horizontal, with probability one half.
An alternating flip flips half of the images in the first epoch and from then
on each image in every second epoch, so that any two epochs in a row have both
orientations of every image (Jordan 2024, arXiv:2404.00498, section 3.6). All
of them only move pixels, are drawn in advance, and are written as indices of
rows and columns.

RandAugment (Cubuk et al. 2020, arXiv:1909.13719), random erasing (Zhong et al.
2020, arXiv:1708.04896), MixUp (Zhang et al. 2018, arXiv:1710.09412) and CutMix
(Yun et al. 2019, arXiv:1905.04899) are the layers of Keras with their defaults
(`LayerAugmentation`). What they draw for a batch is a function of (seed,
epoch, number of the batch) alone. The last two mix images of a batch and their
labels.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from zoo.errors import unknown_name_error

AUGMENTATIONS = (
    *("none", "flip", "crop", "crop_flip"),
    *("alternating_flip", "crop_alternating_flip"),
)
# Layers of Keras, in the order in which they are applied.
LAYERS = {
    "rand_augment": "RandAugment",
    "random_erasing": "RandomErasing",
    "mixup": "MixUp",
    "cutmix": "CutMix",
}
MIXING = ("mixup", "cutmix")  # which mix the labels too

# Separate these random numbers from those of the order of an epoch.
RNG_STREAM = 2
ALTERNATING_RNG_STREAM = 4
LAYER_RNG_STREAM = 5


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


# Layers of Keras


def split_kinds(augmentation: str) -> tuple[str, tuple[str, ...]]:
    """Returns the kind that moves pixels, and the layers of Keras, in order.

    Args:
        augmentation: value of `--augment`, such as `crop_flip,mixup`.
    """
    kinds = augmentation.split(",")
    moving = [kind for kind in kinds if kind not in LAYERS]
    return (moving or ["none"])[0], tuple(k for k in LAYERS if k in kinds)


def mixes_labels(augmentation: str) -> bool:
    """Whether training labels become fractions of classes, `[B, K]`."""
    return any(kind in MIXING for kind in split_kinds(augmentation)[1])


def draw_keys(seed: int, epoch: int, num_batches: int) -> np.ndarray:
    """Draws what the layers of each batch start from, int32 `[N, 2]`."""
    random = np.random.default_rng([seed, epoch, LAYER_RNG_STREAM])
    return random.integers(0, 2**31 - 1, (num_batches, 2), np.int32)


class LayerAugmentation:
    """Layers of Keras, applied to a batch with random numbers of its own.

    Args:
        kinds: some of `LAYERS`.
        image_shape: `(H, W, C)`.
        num_classes: K, for labels that are mixed.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        image_shape: tuple[int, int, int],
        num_classes: int,
    ):
        import keras

        self._num_classes = num_classes
        # RandAugment takes colors; gray is repeated for it.
        self._is_gray = image_shape[2] == 1 and "rand_augment" in kinds
        shape = (None, *image_shape[:2], 3 if self._is_gray else image_shape[2])
        self._layers = []
        for kind in kinds:
            layer = getattr(keras.layers, LAYERS[kind])(seed=0)
            layer.build(shape)
            self._layers.append((kind, layer))

    def __call__(self, images, labels, key):
        """Returns an augmented batch; traceable on each backend.

        Args:
            images: float32 `[B, H, W, C]`, raw pixels 0..255.
            labels: int32 `[B]`.
            key: integers `[2]`, of this batch alone.

        Returns:
            Images as given, and labels as given or, where they are mixed, the
            fraction of each class, float32 `[B, K]`.
        """
        from keras import ops

        generator = _make_generator(key)
        if self._is_gray:
            images = ops.repeat(images, 3, axis=-1)
        for kind, layer in self._layers:
            # In place of one whose state each call would change.
            vars(layer)["generator"] = generator
            drawn = layer.get_random_transformation(
                images, training=True, seed=generator
            )
            if kind == "rand_augment":
                images = _rand_augment(layer, images, drawn)
            else:
                images = layer.transform_images(images, drawn, training=True)
            if kind in MIXING:
                if len(labels.shape) == 1:
                    labels = ops.one_hot(labels, self._num_classes)
                labels = layer.transform_labels(labels, drawn, training=True)
        return images[..., :1] if self._is_gray else images, labels


def _rand_augment(layer, images, drawn):
    """Applies what `RandAugment` drew; the same numbers as its own method.

    That computes all of its transforms in each round, for all images, and
    keeps one.
    """
    from keras import ops

    branches = [
        functools.partial(_transform, getattr(layer, name), value)
        for name, value in drawn["transforms"].items()
    ]
    for index in range(layer.num_ops):
        chosen = drawn["layer_idxes"][index]
        images = ops.switch(chosen, branches, images)
    return images


def _transform(layer, drawn, images):
    from keras import ops

    return ops.cast(layer.transform_images(images, drawn), images.dtype)


def _make_generator(key):
    """Returns a generator of seeds that follow from a key, without a state."""
    import keras
    from keras import ops

    class KeyedGenerator(keras.random.SeedGenerator):
        def __init__(self):
            self.count = 0

        def next(self, ordered: bool = True):
            self.count += 1
            return ops.cast(key, "uint32") + ops.cast([0, self.count], "uint32")

    return KeyedGenerator()
