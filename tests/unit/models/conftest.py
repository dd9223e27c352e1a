"""What several tests of models need."""

import functools

import pytest

from zoo.models import MODELS, builder_options, create_model
from zoo.models.costs import layer_costs, total_costs


@functools.cache
def _totals(name, shape, classes=10, **options):
    # Equal weights cost no random numbers, of which large models have many.
    if "initializer" in builder_options(MODELS.find(name)):
        options = {"initializer": "equal", **options}
    model = create_model(name, classes, shape, **options)
    found = total_costs(layer_costs(model))
    assert model.count_params() == found["trainable"] + found["non_trainable"]
    return found


@pytest.fixture(scope="session")
def totals():
    """Returns a function: the summed costs of a model, counted once."""
    return _totals
