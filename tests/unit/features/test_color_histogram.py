"""Histograms of colors, against NumPy's."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.errors import UserError
from zoo.features import color_histogram


@functools.cache
def extractor_of(shape):
    return color_histogram.build(shape, "pictures")


def ours(images):
    model = extractor_of(images.shape[1:]).model
    return model.predict_on_batch(images.astype(np.float32))


def numpys(images):
    edges = [np.array([0, 64, 128, 192, 256])] * 3
    counts = [
        np.histogramdd(image.reshape(-1, 3), edges)[0].ravel()
        for image in images
    ]
    return np.stack(counts) / (images.shape[1] * images.shape[2])


def test_pictures_have_the_histogram_of_numpy(pictures):
    np.testing.assert_allclose(ours(pictures), numpys(pictures), atol=1e-6)


values = st.sampled_from([0, 63, 64, 127, 128, 191, 192, 255])


@settings(max_examples=15)
@given(arrays(np.uint8, (2, 4, 5, 3), elements=values))
def test_values_at_the_ends_of_ranges_fall_where_numpy_puts_them(images):
    np.testing.assert_allclose(ours(images), numpys(images), atol=1e-6)


def test_all_fractions_sum_up_to_one(pictures):
    np.testing.assert_allclose(ours(pictures).sum(axis=1), 1, atol=1e-5)


def test_gray_images_are_refused_with_what_to_use_instead():
    with pytest.raises(UserError) as error:
        color_histogram.build((8, 8, 1), "digits")
    assert str(error.value) == (
        "--features=color_histogram needs images with three channels, and "
        "digits is gray; use --features=hog."
    )


def test_four_channels_are_refused():
    with pytest.raises(UserError, match="mine has 4"):
        color_histogram.build((8, 8, 4), "mine")
