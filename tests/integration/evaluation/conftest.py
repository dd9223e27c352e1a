"""Runs to compare, trained once for all tests."""

import pytest

from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train


@pytest.fixture(scope="session")
def make(tmp_path_factory):
    """Returns a function that trains a run quietly, once: name, options."""
    runs_dir = str(tmp_path_factory.mktemp("compared"))
    known = {}

    def make(name, **options):
        if name not in known:
            given = {"model": "lr", "steps": 10, "learning_rate": 0.01}
            config = TrainConfig(
                run_name=name,
                runs_dir=runs_dir,
                summaries=("none",),
                **{**given, **options},
            )
            known[name] = train(config, console=TrainingConsole(quiet=True))
        return known[name]

    return make


@pytest.fixture(scope="session")
def run(make):
    """Softmax regression that has learned a little."""
    return make("run", steps=20, learning_rate=None)


@pytest.fixture(scope="session")
def weak(make):
    """Softmax regression after ten updates."""
    return make("weak")


@pytest.fixture(scope="session")
def weak_again(make):
    """The same with another seed."""
    return make("weak-again", seed=1)


@pytest.fixture(scope="session")
def strong(make):
    """A model that has every training image by heart."""
    return make("strong", model="knn", steps=None, learning_rate=None)
