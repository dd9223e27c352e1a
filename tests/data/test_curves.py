"""Functions of one number, and what a network is to find out about them."""

import numpy as np
import pytest

from zoo.data import load_dataset
from zoo.data.curves import BUMPS, NOISE, bumps
from zoo.data.sources import find_source

FINGERPRINTS = {
    "sine": "cadca7ba964ad87a",
    "step": "017ed466d2f199de",
    "bumps": "f73628e9ae237705",
}


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


@pytest.mark.parametrize("name", ["sine", "step", "bumps"])
def test_it_is_what_the_table_says(name):
    source, data = find_source(name)[0], load_dataset(name)
    assert len(data.train) + len(data.val) == source.train
    assert len(data.val) == 85 and data.test_examples == source.test
    assert data.input_shape == source.shape == (1,)
    assert data.train.labels.dtype == data.train.images.dtype == np.float32
    assert (data.task, data.num_classes) == ("numbers", 0)
    assert data.traits == {"line"}


@pytest.mark.parametrize("name", ["sine", "step", "bumps"])
def test_it_is_the_same_on_every_machine(name):
    assert load_dataset(name).fingerprint.startswith(FINGERPRINTS[name])


@pytest.mark.parametrize("name", ["sine", "step", "bumps"])
def test_it_is_the_curve_with_noise_of_the_stated_size(name):
    part = load_dataset(name).train
    noise = part.labels - true(name, part.images[:, 0])
    assert abs(noise.mean()) < NOISE / 5
    assert 0.9 * NOISE < noise.std() < 1.1 * NOISE


def test_three_bumps_are_a_sum_of_twelve_relus():
    x = np.linspace(-4, 4, 801)
    np.testing.assert_allclose(relu_bumps(x), bumps(x), atol=1e-12)
