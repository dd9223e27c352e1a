"""Points in the plane and curves: the same on every machine."""

import numpy as np
import pytest

from tests.unit.data.conftest import sizes
from zoo.data import load_dataset
from zoo.data.datasets import find_dataset
from zoo.data.toy_datasets import BUMPS, NOISE_STD, bumps
from zoo.evaluation.test_set import load_test_split

POINTS = ("moons", "circles", "spiral", "xor")
CURVES = ("sine", "step", "bumps")
FINGERPRINTS = {
    "moons": "6e1d99eb50197c02",
    "circles": "7a2e2fb6b488d802",
    "spiral": "6c23eda37f513f8d",
    "xor": "ddb4002a4ebd4d21",
    "sine": "cadca7ba964ad87a",
    "step": "017ed466d2f199de",
    "bumps": "f73628e9ae237705",
}


@pytest.mark.parametrize("name", POINTS)
def test_points_are_what_the_table_says(name):
    source, data = find_dataset(name)[0], load_dataset(name)
    assert len(data.train) + len(data.val) == source.num_train
    assert data.num_test_examples == source.num_test
    assert data.input_shape == source.input_shape == (2,)
    assert data.num_classes == source.num_classes == 2
    assert data.train.images.dtype == np.float32
    assert data.task == "classification"
    assert data.capabilities == {"classes", "plane"}


@pytest.mark.parametrize(("name", "fingerprint"), FINGERPRINTS.items())
def test_examples_are_the_same_on_every_machine(name, fingerprint):
    assert load_dataset(name).fingerprint.startswith(fingerprint)


@pytest.mark.parametrize("name", POINTS)
def test_no_straight_line_separates_it(name):
    data = load_dataset(name, val_fraction=0)
    x = np.column_stack([data.train.images, np.ones(len(data.train))])
    sign = 2 * data.train.labels - 1
    weights = np.linalg.lstsq(x, sign, rcond=None)[0]
    assert (np.sign(x @ weights) == sign).mean() < 0.92


def test_what_does_separate_them_is_known():
    rules = {
        "circles": lambda x: np.hypot(*x.T) > 3,
        "xor": lambda x: x.prod(axis=1) > 0,
    }
    for name, rule in rules.items():
        for part in (load_dataset(name).train, load_test_split(name)):
            np.testing.assert_array_equal(rule(part.images), part.labels)


def test_a_nearest_neighbour_finds_its_way_along_the_spiral():
    data = load_dataset("spiral")
    distance = np.linalg.norm(
        data.val.images[:, None] - data.train.images[None], axis=2
    )
    found = data.train.labels[distance.argmin(axis=1)]
    assert (found == data.val.labels).mean() > 0.97


def true(name, x):
    """The curve without noise, written down once more."""
    if name == "sine":
        return np.sin(2 * x)
    if name == "step":
        return np.sign(x)
    return relu_bumps(x)


def relu_bumps(x):
    """Three bumps as a sum of twelve ReLUs."""
    total = 0
    for begin, up, down, end, height in BUMPS:
        rise, fall = height / (up - begin), height / (end - down)
        slopes = {begin: rise, up: -rise, down: -fall, end: fall}
        for corner, slope in slopes.items():
            total = total + slope * np.maximum(x - corner, 0)
    return total


@pytest.mark.parametrize("name", CURVES)
def test_curves_are_what_the_table_says(name):
    source, data = find_dataset(name)[0], load_dataset(name)
    assert len(data.train) + len(data.val) == source.num_train
    assert len(data.val) == 85 and data.num_test_examples == source.num_test
    assert data.input_shape == source.input_shape == (1,)
    assert data.train.labels.dtype == data.train.images.dtype == np.float32
    assert (data.task, data.num_classes) == ("regression", 0)
    assert data.capabilities == {"line"}


@pytest.mark.parametrize("name", CURVES)
def test_it_is_the_curve_with_noise_of_the_stated_size(name):
    part = load_dataset(name).train
    noise = part.labels - true(name, part.images[:, 0])
    assert abs(noise.mean()) < NOISE_STD / 5
    assert 0.9 * NOISE_STD < noise.std() < 1.1 * NOISE_STD


def test_three_bumps_are_a_sum_of_twelve_relus():
    x = np.linspace(-4, 4, 801)
    np.testing.assert_allclose(relu_bumps(x), bumps(x), atol=1e-12)


def test_digits_are_those_of_scikit_learn_and_always_cut_alike():
    data = load_dataset("digits")
    assert sizes(data) == (1_293, 144, 360)
    assert data.input_shape == (8, 8, 1)
    assert data.num_classes == 10
    assert not data.hflip_safe
    assert data.fingerprint == (
        "45573fca041c7d3842a1eae32cb584ae7a3c7972e216596c3a18a2e952a993b2"
    )


def test_digits_use_all_of_0_to_255():
    images = load_dataset("digits").train.images
    # The 17 grey levels of the original.
    assert set(np.unique(images)) == {
        round(level * 255 / 16) for level in range(17)
    }


def test_low_contrast_digits_are_the_digits_on_other_backgrounds():
    # Cut by their own pixels, so that only the sums of classes can be held
    # against the digits themselves.
    images = load_dataset("low_contrast_digits", val_fraction=0).train.images
    background = images.min(axis=(1, 2, 3), keepdims=True)
    assert (images - background).max() == 16
    assert background.min() == 0
    assert background.max() == 239
    assert 60 < background.std() < 80


def test_digits_are_enlarged_if_asked():
    small = load_dataset("digits")
    large = load_dataset("digits", image_size=28)
    assert large.input_shape == (28, 28, 1)
    np.testing.assert_array_equal(small.val.labels, large.val.labels)


def test_shifted_digits_are_the_test_digits_moved_by_half_a_pixel():
    digits, shifted = map(load_test_split, ("digits", "shifted_digits"))
    np.testing.assert_array_equal(digits.labels, shifted.labels)
    for before, after in zip(digits.images[:40], shifted.images, strict=False):
        framed = np.pad(before, ((1, 1), (1, 1), (0, 0)))
        moved = [
            framed[1 + y : 9 + y, 1 + x : 9 + x]
            for y in (-1, 0, 1)
            for x in (-1, 0, 1)
            if y or x
        ]
        means = [
            (before.astype(int) + image.astype(int) + 1) // 2 for image in moved
        ]
        assert any((after == image).all() for image in means)


def test_shifted_digits_are_resized_as_they_are_asked_for():
    size = {"image_size": (16, 24)}
    cropped = load_test_split("shifted_digits", **size).images
    padded = load_test_split("shifted_digits", **size, resize="pad").images
    assert padded.shape == cropped.shape == (len(padded), 16, 24, 1)
    assert (padded[:, :, 0] == padded[0, 0, 0]).all()  # the added border
    assert (padded != cropped).any()
