"""Hand-crafted features, against scikit-image and NumPy."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.feature import hog as skimage_hog

from zoo.errors import UserError
from zoo.features import handcrafted


@functools.cache
def extractor_of(shape):
    return handcrafted.build_hog(shape)


def ours(images):
    model = extractor_of(images.shape[1:]).model
    return model.predict_on_batch(images.astype(np.float32))


def theirs(images, cell):
    options = {
        "orientations": 9,
        "pixels_per_cell": (cell, cell),
        "cells_per_block": (2, 2),
        "block_norm": "L2-Hys",
        "channel_axis": -1,
    }
    return np.stack([skimage_hog(image, **options) for image in images])


def test_real_digits_have_the_features_of_scikit_image(digits):
    np.testing.assert_allclose(ours(digits), theirs(digits, 4), atol=1e-5)


def test_color_images_take_the_channel_of_the_steepest_gradient(pictures):
    np.testing.assert_allclose(ours(pictures), theirs(pictures, 8), atol=1e-5)


@settings(max_examples=15)
@given(arrays(np.uint8, (4, 8, 8, 1), elements=st.sampled_from([0, 1, 9, 255])))
def test_flat_level_and_steep_places_have_those_of_scikit_image(images):
    np.testing.assert_allclose(ours(images), theirs(images, 4), atol=1e-5)


def test_an_image_without_edges_has_no_features():
    assert not ours(np.full((1, 16, 16, 3), 200, np.uint8)).any()


@pytest.mark.parametrize(
    "side, cell, size", [(32, 8, 324), (16, 8, 36), (8, 4, 36), (4, 2, 36)]
)
def test_cells_shrink_with_the_image(side, cell, size):
    extractor = handcrafted.build_hog((side, side, 1))
    assert extractor.settings["cell"] == cell
    assert extractor.size == size


def test_images_too_small_for_four_cells_are_refused():
    with pytest.raises(UserError, match="at least 4 pixels a side, not 3x9"):
        handcrafted.build_hog((3, 9, 1))


@functools.cache
def color_extractor_of(shape):
    return handcrafted.build_color_histogram(shape, "pictures")


def color_histograms(images):
    model = color_extractor_of(images.shape[1:]).model
    return model.predict_on_batch(images.astype(np.float32))


def numpys(images):
    edges = [np.array([0, 64, 128, 192, 256])] * 3
    counts = [
        np.histogramdd(image.reshape(-1, 3), edges)[0].ravel()
        for image in images
    ]
    return np.stack(counts) / (images.shape[1] * images.shape[2])


def test_pictures_have_the_histogram_of_numpy(pictures):
    np.testing.assert_allclose(
        color_histograms(pictures), numpys(pictures), atol=1e-6
    )


values = st.sampled_from([0, 63, 64, 127, 128, 191, 192, 255])


@settings(max_examples=15)
@given(arrays(np.uint8, (2, 4, 5, 3), elements=values))
def test_values_at_the_ends_of_ranges_fall_where_numpy_puts_them(images):
    np.testing.assert_allclose(
        color_histograms(images), numpys(images), atol=1e-6
    )


@pytest.mark.parametrize(
    ("channels", "words"),
    [(1, "digits is gray; use --features=hog"), (4, "digits has 4")],
)
def test_images_without_three_channels_are_refused(channels, words):
    with pytest.raises(UserError, match=words):
        handcrafted.build_color_histogram((8, 8, channels), "digits")
