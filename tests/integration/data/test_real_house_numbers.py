"""Real house numbers: labeled digits of SVHN, where there are some.

SVHN is for non-commercial use and does not come with the zoo. `SVHN_NPZ` names
a file of some of its digits: `x`, `y`, `x_test`, `y_test`, as `npz:PATH` takes
them.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import zoo
from tests.conftest import tfds_folder
from zoo import recipes

pytestmark = [pytest.mark.data, pytest.mark.slow]
OPTIONS = {"batch_size": 32, "summaries": ("scalars",), "verbose": False}


@pytest.fixture(scope="module")
def house_numbers():
    """Path of the file."""
    default = tfds_folder() / "svhn" / "digits.npz"
    path = Path(os.environ.get("SVHN_NPZ", default))
    if not path.is_file():
        pytest.skip(f"no digits of SVHN in {path}; SVHN_NPZ names a file")
    return path


@pytest.fixture
def train(house_numbers, tmp_path):
    """Returns a function that trains on the real digits, tested once."""

    def train_and_test(model, **options):
        run = zoo.train(
            model,
            f"npz:{house_numbers}",
            val_fraction=0.1,
            runs_dir=str(tmp_path),
            **{**OPTIONS, **options},
        )
        return zoo.evaluate(run, "test", runs_dir=str(tmp_path))["correct"]

    return train_and_test


@pytest.mark.parametrize("mean", ["none", "image"])
def test_a_linear_classifier_of_few_digits_reads_hardly_any(
    train, house_numbers, mean
):
    with np.load(house_numbers) as file:
        number = len(file["y_test"])
    scale = {"scale": "none"} if mean == "none" else {}
    correct = train(
        "lr",
        mean_subtraction=mean,
        optimizer="adam",
        learning_rate=0.001,
        epochs=30,
        **scale,
    )
    assert correct < 0.3 * number


def test_a_network_with_convolutions_reads_what_the_linear_one_does_not(train):
    linear = train("lr", mean_subtraction="image", epochs=30)
    network = train("lenet5", mean_subtraction="image", epochs=30)
    assert network > 1.5 * linear


def test_a_network_of_synthetic_digits_alone_reads_most_real_ones(
    house_numbers, tmp_path
):
    run = zoo.train(
        recipes.read_config("street_digits/street_cnn_cpncpnfdf_shifted", []),
        runs_dir=str(tmp_path),
        verbose=False,
    )
    with np.load(house_numbers) as file:
        images, labels = file["x"], file["y"]
    logits = run.load_model().predict(images, verbose=0)
    assert np.mean(logits.argmax(axis=1) == labels) > 0.6
