"""Bag of visual words: histograms of the patches that make up an image.

Csurka, Dance, Fan, Willamowski and Bray 2004, "Visual categorization with
bags of keypoints", with patches at every place instead of keypoints, as Coates,
Lee and Ng 2011, "An analysis of single-layer networks in unsupervised feature
learning", take them. Random patches of the training images, each normalized
by its mean and contrast, are clustered by k-means; the cluster centers are the
words. Every patch of an image counts for its nearest word; the vector is the
histograms of the four quarters of the image.

The words become weights of a dense layer: of `p * w - |w|^2 / 2` the largest
belongs to the word w nearest to the patch p.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import UserError
from zoo.features.extractor import Extractor

NUM_WORDS = 200
PATCH_SIZE = 6  # pixels; half the shorter side of images below 12 pixels
NUM_PATCHES = 40_000  # random ones, which are clustered
SEED = 0  # of its own: the words depend on the images alone
VARIANCE_OFFSET = 10.0  # squared gray values, added to that of a patch
MIN_IMAGE_SIZE = 4
NEARNESS = "nearness"  # the layer whose weights are the words


def fit(images: np.ndarray) -> Extractor:
    """Fits the words and returns the extractor.

    Args:
        images: uint8 `[N, H, W, C]`, raw pixels; training images only.
    """
    shape = images.shape[1:]
    patch = patch_size(shape)
    words = fit_words(images, patch)
    image = keras.Input(shape, name="image")
    patches = ops.image.extract_patches(
        image - 128.0, patch, strides=1, padding="valid"
    )  # [B, h, w, patch * patch * C]
    nearness = keras.layers.Dense(len(words), name=NEARNESS)
    # The first of the largest, without argmax, which Keras on TensorFlow
    # makes of bit operations that ONNX does not have.
    _, nearest = ops.top_k(nearness(normalize_contrast(patches, ops)), 1)
    histograms = _quarters(ops.one_hot(nearest[..., 0], len(words)))
    vector = keras.layers.Concatenate(name="features")(histograms)
    nearness.set_weights([words.T, -np.square(words).sum(axis=1) / 2])
    return Extractor(
        "bag_of_visual_words",
        f"{len(words)} visual words of {patch}x{patch} pixels in each quarter",
        keras.Model(image, vector, name="bag_of_visual_words"),
        {"kind": "bag_of_visual_words", "patch": patch, "words": len(words)},
    )


def patch_size(input_shape: tuple[int, int, int]) -> int:
    """Returns the side of a patch in pixels."""
    shorter = min(input_shape[:2])
    if shorter < MIN_IMAGE_SIZE:
        raise UserError(
            "--features=bag_of_visual_words needs images of at least "
            f"{MIN_IMAGE_SIZE} pixels a side, not "
            f"{input_shape[0]}x{input_shape[1]}; give --image_size=8 or more."
        )
    return min(PATCH_SIZE, shorter // 2)


def fit_words(images: np.ndarray, patch: int) -> np.ndarray:
    """Returns the cluster centers of patches, float32 `[words, D]`."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    patches = normalize_contrast(_random_patches(images, patch), np)
    patches = np.unique(patches, axis=0)
    random = np.random.default_rng(SEED)
    patches = patches[random.permutation(len(patches))]
    means = MiniBatchKMeans(
        min(NUM_WORDS, len(patches)),
        random_state=SEED,
        n_init=1,
        batch_size=4096,
    )
    # Sums over several threads may differ in their last digits.
    with threadpool_limits(1):
        means.fit(patches)
    return means.cluster_centers_.astype(np.float32)


def _random_patches(images: np.ndarray, patch: int) -> np.ndarray:
    """Returns float32 `[NUM_PATCHES, patch * patch * C]`, pixels less 128."""
    count, height, width, _ = images.shape
    random = np.random.default_rng(SEED)
    which = random.integers(count, size=(NUM_PATCHES, 1, 1))
    top = random.integers(height - patch + 1, size=(NUM_PATCHES, 1, 1))
    left = random.integers(width - patch + 1, size=(NUM_PATCHES, 1, 1))
    side = np.arange(patch)
    taken = images[which, top + side[:, None], left + side]
    return taken.reshape(NUM_PATCHES, -1).astype(np.float32) - 128.0


def normalize_contrast(patches, numbers):
    """Subtracts each patch's mean and divides by its standard deviation.

    Args:
        patches: float32 `[..., D]`, in gray values.
        numbers: `numpy` or `keras.ops`, whose arrays they are.
    """
    centered = patches - numbers.mean(patches, axis=-1, keepdims=True)
    variance = numbers.mean(numbers.square(centered), axis=-1, keepdims=True)
    return centered / numbers.sqrt(variance + VARIANCE_OFFSET)


def _quarters(words) -> list:
    """Returns four histograms `[B, words]`, as fractions of the patches.

    Args:
        words: nearest word of every patch, one-hot `[B, h, w, words]`.

    Of an odd number of patches the middle ones count below and to the right.
    """
    _, height, width, _ = words.shape
    halves = words[:, : height // 2], words[:, height // 2 :]
    return [
        ops.mean(part, axis=(1, 2))
        for half in halves
        for part in (half[:, :, : width // 2], half[:, :, width // 2 :])
    ]
