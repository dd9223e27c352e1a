"""Hidden units that start alike stay alike: the lecture's broken symmetry."""

import numpy as np
import pytest

from zoo.cli.main import main
from zoo.run_store import RunStore


def train(folder, *flags):
    argv = [
        "train",
        "--recipe=lecture/equal_initial_weights",
        "--epochs=3",
        *flags,
    ]
    assert main([*argv, "--summaries=scalars", f"--runs_dir={folder}"]) == 0
    return RunStore(str(folder)).find("last")


@pytest.fixture(scope="module")
def equal(tmp_path_factory):
    return train(tmp_path_factory.mktemp("equal"))


def kernel(run, name):
    return run.load_model().get_layer("network").get_layer(name).kernel.numpy()


@pytest.mark.parametrize(
    "name, units", [("hidden1", 1), ("hidden2", 1), ("logits", 0)]
)
def test_equal_hidden_units_stay_equal_in_training(equal, name, units):
    # The units of the last hidden layer show in what the logits make of them.
    assert np.ptp(kernel(equal, name), axis=units).max() < 1e-6


def test_equal_hidden_units_learn_what_one_unit_can(equal, tmp_path):
    assert np.ptp(kernel(equal, "hidden1"), axis=0).min() > 1e-3
    repaired = train(tmp_path, "--initializer=he_normal")
    assert np.ptp(kernel(repaired, "hidden1"), axis=1).min() > 0.1
    assert equal.metrics["best_val_accuracy"] < 0.4
    assert repaired.metrics["best_val_accuracy"] > 0.8
