"""The table of data sets, and names that are not in it."""

import subprocess
import sys

import numpy as np
import pytest

from zoo.data import load_dataset
from zoo.data.loading import prepare
from zoo.data.sources import find_source, list_datasets
from zoo.errors import UserError


def test_the_table_is_in_the_order_of_the_lessons():
    assert [source.name for source in list_datasets()] == [
        "digits", "faint_digits", "mnist", "fashion_mnist", "svhn",
        "street_digits", "cifar10",
        "cifar100", "cifar10_1", "folder:", "npz:", "moons", "circles",
        "spiral", "xor", "points:", "sine", "step", "bumps",
    ]  # fmt: skip


def test_reading_the_table_imports_no_numpy():
    code = (
        "import sys, zoo.data.sources as s; s.list_datasets()\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("source", list_datasets(), ids=lambda s: s.name)
def test_every_reader_is_there(source):
    assert callable(source.load())


def test_a_path_may_hold_colons():
    source, path = find_source("folder:C:/pictures")
    assert (source.name, path) == ("folder:", "C:/pictures")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnsit", "no data set 'mnsit'; did you mean mnist"),
        ("imagenet", "no data set 'imagenet'.*`zoo datasets` lists"),
        ("folder:", "folder: names no path"),
        ("npz", "write npz:PATH"),
        ("points:", "points: names no path.*points:points.csv"),
        ("mnist:3", "no data set 'mnist:3'; did you mean mnist"),
        ("cifar10_1", "cifar10_1 is a test set only"),
    ],
)
def test_a_wrong_name_is_explained(name, words):
    with pytest.raises(UserError, match=words):
        load_dataset(name)


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_explained(fraction):
    with pytest.raises(UserError, match="from 0 to below 1"):
        load_dataset("digits", val_fraction=fraction)


def test_digits_are_those_of_scikit_learn_and_always_cut_alike():
    data = load_dataset("digits")
    assert (len(data.train), len(data.val), data.test_examples) == (
        1_293, 144, 360,
    )  # fmt: skip
    assert data.input_shape == (8, 8, 1)
    assert data.num_classes == 10
    assert not data.flips
    assert data.fingerprint == (
        "45573fca041c7d3842a1eae32cb584ae7a3c7972e216596c3a18a2e952a993b2"
    )


def test_digits_use_all_of_0_to_255():
    images = load_dataset("digits").train.images
    # The 17 grey levels of the original.
    assert set(np.unique(images)) == {
        round(level * 255 / 16) for level in range(17)
    }


def test_faint_digits_are_the_digits_on_grounds_of_their_own():
    # Cut by their own pixels, so that only the sums of classes can be held
    # against the digits themselves.
    faint = load_dataset("faint_digits", val_fraction=0).train.images
    ground = faint.min(axis=(1, 2, 3), keepdims=True)
    assert (faint - ground).max() == 16
    assert ground.min() == 0
    assert ground.max() == 239
    assert 60 < ground.std() < 80


def test_digits_are_enlarged_if_asked():
    small = load_dataset("digits")
    large = load_dataset("digits", image_size=28)
    assert large.input_shape == (28, 28, 1)
    np.testing.assert_array_equal(small.val.labels, large.val.labels)


def test_to_prepare_is_to_count():
    assert prepare("digits") == {"train": 1_437, "test": 360}


@pytest.mark.data
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_prepared_sets_are_what_the_table_says(name):
    source, _ = find_source(name)
    data = load_dataset(name)
    assert len(data.train) + len(data.val) == source.train
    assert data.test_examples == source.test
    assert data.input_shape == source.shape
    assert data.num_classes == source.classes
    assert len(data.val) == source.train // 10
