"""The table of datasets, and names that are not in it."""

import subprocess
import sys

import pytest

from zoo.data import load_dataset
from zoo.data.datasets import find_dataset, list_datasets
from zoo.data.loading import download
from zoo.errors import UserError


def test_the_table_is_in_the_order_of_the_lessons():
    assert [source.name for source in list_datasets()] == [
        "digits", "low_contrast_digits", "shifted_digits", "mnist",
        "fashion_mnist", "svhn", "street_digits", "cifar10",
        "cifar100", "cifar10_1", "folder:", "npz:", "csv:", "tfds:", "arrays:",
        "moons", "circles", "spiral", "xor", "points:", "sine", "step", "bumps",
    ]  # fmt: skip


def test_reading_the_table_imports_no_numpy():
    code = (
        "import sys, zoo.data.datasets as s; s.list_datasets()\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("source", list_datasets(), ids=lambda s: s.name)
def test_every_reader_is_there(source):
    assert callable(source.load_reader())


def test_a_path_may_hold_colons():
    source, path = find_dataset("folder:C:/pictures")
    assert (source.name, path) == ("folder:", "C:/pictures")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnsit", "no dataset 'mnsit'; did you mean mnist"),
        ("xyzzy", "no dataset 'xyzzy'.*`zoo datasets` lists"),
        ("folder:", "folder: needs a path"),
        ("npz", "write npz:PATH"),
        ("points:", "points: needs a path.*points:points.csv"),
        ("mnist:3", "no dataset 'mnist:3'; did you mean mnist"),
        ("cifar10_1", "cifar10_1 is only a test set"),
    ],
)
def test_a_wrong_name_is_explained(name, words):
    with pytest.raises(UserError, match=words):
        load_dataset(name)


@pytest.mark.parametrize("fraction", [-0.1, 1, float("nan")])
def test_a_fraction_out_of_range_is_explained(fraction):
    with pytest.raises(UserError, match="from 0 to below 1"):
        load_dataset("digits", val_fraction=fraction)


def test_download_returns_the_sizes_of_the_splits():
    assert download("digits") == {"train": 1_437, "test": 360}


@pytest.mark.data
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_prepared_sets_are_what_the_table_says(name):
    source, _ = find_dataset(name)
    data = load_dataset(name)
    assert len(data.train) + len(data.val) == source.num_train
    assert data.num_test_examples == source.num_test
    assert data.input_shape == source.input_shape
    assert data.num_classes == source.num_classes
    assert len(data.val) == source.num_train // 10
