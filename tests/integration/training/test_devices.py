"""What a person is told of the devices that share batches."""

import pytest
import tensorflow as tf

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.training import data_parallel
from zoo.training.train import train


@pytest.mark.parametrize(
    ("count", "processes", "batch_size", "words"),
    [
        (1, 1, 33, ""),
        (1, 1, None, ""),  # of a model that learns by heart
        (2, 1, 32, "batches split over 2 devices, "),
        (2, 1, 33, "batches split over 2 devices, at most 17 images each, "),
        (4, 2, 30, "4 devices in 2 processes, at most 8 images each, "),
    ],
)
def test_a_batch_that_does_not_divide_evenly_is_told(
    count, processes, batch_size, words
):
    machine = {"devices": count, "processes": processes}
    found = data_parallel.describe_devices(machine, batch_size)
    assert found.endswith(words) and bool(found) == bool(words)


@pytest.fixture
def two_devices(monkeypatch):
    """Lets TensorFlow tell of two devices, as a new process could have."""
    one = tf.config.list_logical_devices("CPU")
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind: one * 2 if kind == "CPU" else [],
    )


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"batch_size": 1}, "at least --batch_size=2, or --devices=1"),
        ({"jit": "on"}, "--jit=on does not go with 2 devices"),
    ],
)
def test_what_two_devices_cannot_do_is_refused(
    option, words, two_devices, tmp_path
):
    config = TrainConfig(model="lr", devices=2, runs_dir=str(tmp_path))
    with pytest.raises(UserError, match=words):
        train(config.replace(**option))
    assert not list(tmp_path.iterdir())
