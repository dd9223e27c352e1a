"""Runs whose loss surface is measured, trained once for all tests."""

import functools

import pytest

from zoo.evaluation.landscape import LandscapeConfig
from zoo.evaluation.landscape.scan import scan_landscape


@pytest.fixture(scope="session")
def trained(make):
    """Returns a function that trains by plain gradient descent."""
    return functools.partial(
        make, optimizer="sgd", schedule="constant", warmup_epochs=0.0,
        learning_rate=0.1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def linear(trained):
    """Softmax regression after one step on all of digits."""
    return trained("linear", l2=0.01, batch_size="full", steps=1)


@pytest.fixture(scope="session")
def normed(trained):
    """A small perceptron with batch norm and dropout."""
    return trained(
        "normed", model="mlp", model_arg={"hidden": (8,)}, norm="batch",
        dropout=0.2, steps=12,
    )  # fmt: skip


@pytest.fixture(scope="session")
def surface(linear):
    """The surface around `linear`."""
    return scan_landscape(linear, LandscapeConfig(points=5, examples=10_000))
