"""A bag of visual words: which patches an image is made of.

Csurka, Dance, Fan, Willamowski and Bray 2004, "Visual categorization with
bags of keypoints", with patches at every place instead of keypoints, as Coates,
Lee and Ng 2011, "An analysis of single-layer networks in unsupervised feature
learning", take them. Random patches of the training images, each less its
mean and divided by its contrast, are clustered by k-means; the middles of the
clusters are the words. Every patch of an image counts for its nearest word;
the histogram of each quarter of the image is a part of the vector.

The words become weights of a dense layer: of `p * w - |w|^2 / 2` the largest
belongs to the word w nearest to the patch p.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import UserError
from zoo.features.extractor import Extractor

WORDS = 200
PATCH = 6  # pixels a side; half the shorter side of images below 12 pixels
PATCHES = 40_000  # random ones, to learn the words from
SEED = 0  # of its own: the words depend on the images alone
FLOOR = 10.0  # squared grey values, added to the variance of a patch
SMALLEST = 4


def make(images: np.ndarray) -> Extractor:
    """Learns the words and makes the extractor.

    Args:
        images: uint8 `[N, H, W, C]`, raw pixels; training images only.
    """
    shape = images.shape[1:]
    patch = patch_size(shape)
    words = learn_words(images, patch)
    image = keras.Input(shape, name="image")
    patches = ops.image.extract_patches(
        image - 128.0, patch, strides=1, padding="valid"
    )  # [B, h, w, patch * patch * C]
    nearness = keras.layers.Dense(len(words), name="nearness")
    # The first of the largest, without argmax, which Keras on TensorFlow
    # makes of bit operations that ONNX does not have.
    _, spoken = ops.top_k(nearness(contrast_normalized(patches, ops)), 1)
    counts = _quarters(ops.one_hot(spoken[..., 0], len(words)))
    vector = keras.layers.Concatenate(name="features")(counts)
    nearness.set_weights([words.T, -np.square(words).sum(axis=1) / 2])
    return Extractor(
        "words",
        f"{len(words)} visual words of {patch}x{patch} pixels in each quarter",
        keras.Model(image, vector, name="words"),
        {"kind": "words", "patch": patch, "words": len(words)},
    )


def patch_size(input_shape: tuple[int, int, int]) -> int:
    """Returns the side of a patch in pixels."""
    shorter = min(input_shape[:2])
    if shorter < SMALLEST:
        raise UserError(
            f"--features=words needs images of at least {SMALLEST} pixels a "
            f"side, not {input_shape[0]}x{input_shape[1]}; give "
            "--image_size=8 or more."
        )
    return min(PATCH, shorter // 2)


def learn_words(images: np.ndarray, patch: int) -> np.ndarray:
    """Returns the middles of clusters of patches, float32 `[words, D]`."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    patches = contrast_normalized(_random_patches(images, patch), np)
    patches = np.unique(patches, axis=0)
    random = np.random.default_rng(SEED)
    patches = patches[random.permutation(len(patches))]
    means = MiniBatchKMeans(
        min(WORDS, len(patches)), random_state=SEED, n_init=1, batch_size=4096
    )
    # Sums over several threads may differ in their last digits.
    with threadpool_limits(1):
        means.fit(patches)
    return means.cluster_centers_.astype(np.float32)


def _random_patches(images: np.ndarray, patch: int) -> np.ndarray:
    """Returns float32 `[PATCHES, patch * patch * C]`, grey values less 128."""
    count, height, width, _ = images.shape
    random = np.random.default_rng(SEED)
    which = random.integers(count, size=(PATCHES, 1, 1))
    top = random.integers(height - patch + 1, size=(PATCHES, 1, 1))
    left = random.integers(width - patch + 1, size=(PATCHES, 1, 1))
    side = np.arange(patch)
    taken = images[which, top + side[:, None], left + side]
    return taken.reshape(PATCHES, -1).astype(np.float32) - 128.0


def contrast_normalized(patches, numbers):
    """Takes each patch's mean away and divides by its deviation.

    Args:
        patches: float32 `[..., D]`, in grey values.
        numbers: `numpy` or `keras.ops`, whose arrays they are.
    """
    centred = patches - numbers.mean(patches, axis=-1, keepdims=True)
    variance = numbers.mean(numbers.square(centred), axis=-1, keepdims=True)
    return centred / numbers.sqrt(variance + FLOOR)


def _quarters(spoken) -> list:
    """Returns four histograms `[B, words]`: shares of the patches of each.

    Of an odd number of patches the middle ones count below and to the right.
    """
    _, height, width, _ = spoken.shape
    halves = spoken[:, : height // 2], spoken[:, height // 2 :]
    return [
        ops.mean(part, axis=(1, 2))
        for half in halves
        for part in (half[:, :, : width // 2], half[:, :, width // 2 :])
    ]
