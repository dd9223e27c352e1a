"""Pictures unlike the training images in brightness are told of."""

import numpy as np
import pytest

from zoo.serving.brightness import training_mean, warning

MNIST, PHOTOS = 33.3, 121.9


@pytest.mark.parametrize("given", [12, 33, 60])
def test_white_ink_on_black_is_as_it_was_trained(given):
    assert warning(given, MNIST) is None


@pytest.mark.parametrize("given", [180, 222, 250])
def test_black_ink_on_white_is_called_a_negative(given):
    assert "negatives" in warning(given, MNIST)


@pytest.mark.parametrize("given", [40, 90, 134, 200])
def test_a_photograph_may_be_dark_or_bright(given):
    assert warning(given, PHOTOS) is None


@pytest.mark.parametrize(("given", "word"), [(5, "darker"), (240, "brighter")])
def test_photographs_far_from_the_others_are_told_of(given, word):
    assert f"far {word}" in warning(given, PHOTOS)


@pytest.mark.parametrize("given", [0, 255])
def test_the_middle_of_black_and_white_has_no_negative(given):
    assert "negatives" not in warning(given, 127.5)


def test_the_mean_of_the_training_images_is_read_from_the_run(run):
    from zoo.data import load_dataset

    images = load_dataset("digits").train.images
    assert training_mean(run.resolved) == pytest.approx(images.mean(), abs=1e-3)


def test_nothing_is_said_where_no_mean_was_measured(run, moons):
    assert training_mean(moons.resolved) is None
    resolved = run.resolved
    assert training_mean({**resolved, "features": {"name": "hog"}}) is None
    statistics = {**resolved["statistics"], "mean": None}
    assert training_mean({**resolved, "statistics": statistics}) is None


def test_a_mean_image_counts_with_all_its_pixels(run):
    mean = np.full((8, 8, 1), 50.0)
    mean[0] = 90.0
    statistics = {**run.resolved["statistics"], "mean": mean.tolist()}
    assert training_mean({**run.resolved, "statistics": statistics}) == 55.0
