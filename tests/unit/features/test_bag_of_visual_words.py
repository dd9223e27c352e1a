"""Bags of visual words, against NumPy patch by patch."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.features import bag_of_visual_words as words


def in_numpy(image, codebook, patch):
    """Returns the four histograms of one image, by comparing all pairs."""
    height, width, _ = np.array(image.shape) - patch + 1
    spoken = np.empty((height, width), int)
    for row in range(height):
        for column in range(width):
            part = image[row : row + patch, column : column + patch]
            part = part.astype(float).ravel()
            part = (part - part.mean()) / np.sqrt(part.var() + 10)
            spoken[row, column] = ((codebook - part) ** 2).sum(axis=1).argmin()
    middle, centre = height // 2, width // 2
    quarters = (
        spoken[:middle, :centre],
        spoken[:middle, centre:],
        spoken[middle:, :centre],
        spoken[middle:, centre:],
    )
    return np.concatenate(
        [np.bincount(q.ravel(), minlength=len(codebook)) / q.size
         for q in quarters]
    )  # fmt: skip


@pytest.mark.parametrize("fixture, patch", [("digits", 4), ("pictures", 6)])
def test_the_histograms_are_those_of_numpy(fixture, patch, request):
    images = request.getfixturevalue(fixture)
    extractor = words.fit(images)
    codebook = extractor.model.get_layer("nearness").kernel.numpy().T
    found = extractor.model.predict_on_batch(images[:6].astype(np.float32))
    wanted = [in_numpy(image, codebook, patch) for image in images[:6]]
    # A patch between two words may go to either.
    wrong = np.abs(found - wanted).sum(axis=1)
    assert np.median(wrong) < 1e-5
    assert wrong.max() < 0.1


def test_the_same_images_give_the_same_words(digits):
    first, again = words.fit(digits), words.fit(digits)
    assert first.fingerprint == again.fingerprint


def test_other_images_give_other_words(digits):
    first, other = words.fit(digits[:32]), words.fit(digits[32:])
    assert first.fingerprint != other.fingerprint


def test_words_are_nearer_to_the_patches_than_random_patches_are(digits):
    learned = words.fit_words(digits, 4)
    patches = words.normalize_contrast(
        words._random_patches(digits, 4)[:2000], np
    )
    drawn = patches[: len(learned)]

    def distance(codebook):
        pairs = patches[200:, None] - codebook[None]
        return (pairs**2).sum(axis=2).min(axis=1).mean()

    assert distance(learned) < distance(drawn)


def test_images_with_few_different_patches_have_fewer_words():
    images = np.zeros((3, 8, 8, 1), np.uint8)
    images[1, :, 4:] = 255
    assert words.fit(images).size < 4 * words.NUM_WORDS


def test_images_too_small_for_patches_are_refused():
    with pytest.raises(UserError, match="at least 4 pixels a side, not 3x9"):
        words.fit(np.zeros((2, 3, 9, 1), np.uint8))
