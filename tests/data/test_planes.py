"""Points in the plane: the same everywhere, and beyond a straight line."""

import numpy as np
import pytest

from zoo.data import load_dataset
from zoo.data.seal import open_test
from zoo.data.sources import find_source

PLANES = ("moons", "circles", "spiral", "xor")
FINGERPRINTS = {
    "moons": "6e1d99eb50197c02",
    "circles": "7a2e2fb6b488d802",
    "spiral": "6c23eda37f513f8d",
    "xor": "ddb4002a4ebd4d21",
}


@pytest.mark.parametrize("name", PLANES)
def test_it_is_what_the_table_says(name):
    source, data = find_source(name)[0], load_dataset(name)
    assert len(data.train) + len(data.val) == source.train
    assert data.test_examples == source.test
    assert data.input_shape == source.shape == (2,)
    assert data.num_classes == source.classes == 2
    assert data.train.images.dtype == np.float32
    assert data.task == "classes" and data.traits == {"classes", "plane"}


@pytest.mark.parametrize("name", PLANES)
def test_it_is_the_same_on_every_machine(name):
    assert load_dataset(name).fingerprint.startswith(FINGERPRINTS[name])


@pytest.mark.parametrize("name", PLANES)
def test_no_straight_line_separates_it(name):
    data = load_dataset(name, val_fraction=0)
    x = np.column_stack([data.train.images, np.ones(len(data.train))])
    sign = 2 * data.train.labels - 1
    weights = np.linalg.lstsq(x, sign, rcond=None)[0]
    assert (np.sign(x @ weights) == sign).mean() < 0.92


def test_what_does_separate_them_is_known():
    for name in ("circles", "xor"):
        for part in (load_dataset(name).train, open_test(name)):
            x = part.images
            inside = np.hypot(*x.T) > 3
            rule = inside if name == "circles" else x.prod(axis=1) > 0
            np.testing.assert_array_equal(rule, part.labels)


def test_a_nearest_neighbour_finds_its_way_along_the_spiral():
    data = load_dataset("spiral")
    distance = np.linalg.norm(
        data.val.images[:, None] - data.train.images[None], axis=2
    )
    found = data.train.labels[distance.argmin(axis=1)]
    assert (found == data.val.labels).mean() > 0.97
