"""What `make bench` times of prediction: each side does the whole task."""

import numpy as np
import pytest

from benchmarks import config, inference
from benchmarks.config import Case

CASE = Case("lr", 8, epochs=2, dataset="digits", train_examples=40)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "digits.npz"
    config.write_images("digits", path)
    return config.load_images(path, CASE)


def test_zoo_evaluates_and_predicts_all_images(data):
    with inference.zoo_tasks(CASE, data) as tasks:
        result = tasks["evaluate"]().result
        found = tasks["predict"]().probabilities
    assert result["examples"] == len(data.val)
    assert found.shape == (len(data.val), data.num_classes)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_keras_evaluates_and_predicts_all_images(data):
    with inference.keras_tasks(CASE, data) as tasks:
        assert len(tasks["predict"]()) == len(data.val)
        loss, accuracy = tasks["evaluate"]()
    assert loss > 0 and 0 <= accuracy <= 1
