"""Training labels drawn at random: which, how many, and always the same."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from zoo.data import load_dataset
from zoo.data.dataset import Dataset, Split
from zoo.data.random_labels import draw, randomize
from zoo.errors import UserError


def noise(count, seed=0):
    """A split of images that are all different, of class 0 to 9 by turns."""
    shape = (count, 4, 4, 1)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Split(images, np.arange(count, dtype=np.int32) % 10)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_a_share_of_0_changes_nothing(digits):
    assert randomize(digits, 0.0, 0) == (digits, None)


def test_validation_keeps_its_labels_and_images_stay_in_place(digits):
    data, _ = randomize(digits, 1.0, 0)
    assert data.val is digits.val
    assert data.train.images is digits.train.images


def test_what_is_told_is_what_was_done(digits):
    data, told = randomize(digits, 0.5, 3)
    changed = (data.train.labels != digits.train.labels).sum()
    replaced, _ = draw(digits.train, 0.5, 3, 10)
    assert (told.changed, told.replaced) == (changed, replaced.sum())
    assert told.changed < told.replaced < len(data.train)
    assert data.train.labels.dtype == np.int32


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_share_replaced_is_within_chance_of_the_share_asked(share):
    replaced, _ = draw(noise(20_000), share, 0, 10)
    deviation = np.sqrt(20_000 * share * (1 - share))
    assert abs(replaced.sum() - 20_000 * share) <= 4 * deviation


def test_drawn_classes_are_uniform_and_independent_of_the_true_ones():
    split = noise(20_000)
    _, labels = draw(split, 1.0, 0, 10)
    pairs = np.bincount(split.labels * 10 + labels, minlength=100)
    assert chisquare(pairs).pvalue > 0.001


def test_whether_and_what_are_drawn_independently():
    split = noise(20_000)
    replaced, labels = draw(split, 0.3, 0, 10)
    assert chisquare(np.bincount(labels[replaced])).pvalue > 0.001


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_replaces_all_that_a_smaller_one_does(seed, a, b):
    split = noise(200)
    low, high = sorted((a, b))
    few, some = draw(split, low, seed, 10)
    many, more = draw(split, high, seed, 10)
    assert not (few & ~many).any()
    assert (some[few] == more[few]).all()


def test_a_label_depends_on_no_other_example():
    split = noise(300)
    order = np.random.default_rng(1).permutation(300)[:100]
    _, labels = draw(split, 0.7, 5, 10)
    _, fewer = draw(split.take(order), 0.7, 5, 10)
    np.testing.assert_array_equal(fewer, labels[order])


def test_another_seed_draws_other_labels():
    one, other = (draw(noise(300), 1.0, seed, 10)[1] for seed in (0, 1))
    assert 0.5 < (one != other).mean() < 1


def test_the_labels_are_the_same_on_every_machine_and_for_ever():
    # Runs that were recorded rest on these.
    images = np.arange(8 * 16, dtype=np.uint8).reshape(8, 4, 4, 1)
    split = Split(images, np.zeros(8, np.int32))
    # BLAKE2b of the image, then of that under the seed; the second half of it.
    expected = [0, 0, 3, 7, 7, 5, 9, 5]
    assert draw(split, 1.0, 0, 10)[1].tolist() == expected


def test_points_have_random_labels_too():
    data, told = randomize(load_dataset("xor"), 1.0, 0)
    assert 0.4 < told.changed / len(data.train) < 0.6


def test_numbers_to_predict_are_refused():
    with pytest.raises(UserError, match="--randomize_labels=0.5 .*sine"):
        randomize(load_dataset("sine"), 0.5, 0)


def test_a_set_of_ones_own_arrays_has_random_labels_too():
    split = noise(100)
    data = Dataset.from_arrays(split.images, split.labels)
    mixed, told = randomize(data, 1.0, 0)
    assert told.replaced == len(data.train)
    assert dataclasses.replace(mixed, train=data.train) == data
