"""Runs whose loss surface is measured, trained once for all tests."""

import pytest

from zoo.config import TrainConfig
from zoo.evaluation.landscape import LandscapeConfig
from zoo.evaluation.landscape.scan import scan_landscape
from zoo.training.console import TrainingConsole
from zoo.training.train import train

PLAIN = {
    "optimizer": "sgd",
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "summaries": ("none",),
}


@pytest.fixture(scope="session")
def runs_dir(tmp_path_factory):
    """A folder of runs for the whole session."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def trained(runs_dir):
    """Returns a function that trains a run quietly: name and options."""

    def train_one(name, **options):
        config = TrainConfig(
            runs_dir=str(runs_dir), run_name=name, **{**PLAIN, **options}
        )
        return train(config, console=TrainingConsole(quiet=True))

    return train_one


@pytest.fixture(scope="session")
def linear(trained):
    """Softmax regression after one step on all of digits."""
    return trained(
        "linear", model="lr", l2=0.01, batch_size="full", steps=1,
        learning_rate=0.1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def normed(trained):
    """A small perceptron with batch norm and dropout."""
    return trained(
        "normed", model="mlp", model_arg={"hidden": (8,)},
        norm="batch", dropout=0.2, steps=12, learning_rate=0.1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def surface(linear):
    """The surface around `linear`."""
    return scan_landscape(linear, LandscapeConfig(points=5, examples=10_000))
