"""Images that are enlarged inside the model."""

import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.training.setup import prepare


@pytest.fixture(scope="module")
def model():
    config = TrainConfig(model="lenet5", dataset="digits", dropout=0.5)
    return prepare(config, None).model


def test_digits_are_enlarged_to_what_lenet5_takes(model):
    assert model.get_layer("enlarge").output.shape == (None, 28, 28, 1)


def test_a_model_that_enlarges_drops_no_unit_out_of_training(model):
    images = np.full((2, 8, 8, 1), 100, np.float32)
    assert np.array_equal(model(images), model(images))
    assert np.array_equal(model(images), model.predict(images, verbose=0))


def test_a_model_that_enlarges_drops_units_in_training(model):
    images = np.full((2, 8, 8, 1), 100, np.float32)
    first, second = (model(images, training=True) for _ in range(2))
    assert not np.array_equal(first, second)
