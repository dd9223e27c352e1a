"""Fewer training examples, chosen by the examples alone."""

import numpy as np
import pytest

from zoo.data import load_dataset
from zoo.errors import UserError


@pytest.fixture(scope="module")
def whole():
    return load_dataset("digits")


def keys(split):
    return {image.tobytes() for image in split.images}


def test_there_are_exactly_so_many_of_every_class_its_share(whole):
    few = load_dataset("digits", train_examples=200)
    assert len(few.train) == 200
    counts = np.bincount(few.train.labels)
    shares = np.bincount(whole.train.labels) * 200 / len(whole.train)
    assert np.abs(counts - shares).max() < 1


def test_they_are_training_images_in_their_order(whole):
    few = load_dataset("digits", train_examples=200)
    places = [
        np.flatnonzero((whole.train.images == image).all(axis=(1, 2, 3)))[0]
        for image in few.train.images
    ]
    assert places == sorted(places)


def test_the_validation_part_stays_as_it_is(whole):
    few = load_dataset("digits", train_examples=200)
    np.testing.assert_array_equal(few.val.images, whole.val.images)
    assert not keys(few.val) & keys(few.train)
    assert few.fingerprint != whole.fingerprint


def test_all_of_them_is_the_whole_data_set(whole):
    all_of_them = load_dataset("digits", train_examples=len(whole.train))
    assert all_of_them.fingerprint == whole.fingerprint


@pytest.mark.parametrize(
    "count, words", [(9, "at least 10"), (1294, "which is 1,293")]
)
def test_too_few_and_too_many_are_refused(count, words):
    with pytest.raises(UserError, match=words):
        load_dataset("digits", train_examples=count)
