"""What a person is told of the devices that share batches."""

import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.training.distribution import sharing
from zoo.training.distribution.sharing import Sharing
from zoo.training.loop import train


@pytest.mark.parametrize(
    ("devices", "processes", "batch_size", "words"),
    [
        (1, 1, 33, ""),
        (1, 1, None, ""),  # of a model that learns by heart
        (2, 1, 32, "batches shared by 2 devices, "),
        (2, 1, 33, "batches shared by 2 devices, at most 17 images each, "),
        (4, 2, 30, "4 devices in 2 processes, at most 8 images each, "),
    ],
)
def test_a_batch_that_does_not_divide_evenly_is_told(
    devices, processes, batch_size, words
):
    machine = {"devices": devices, "processes": processes}
    found = sharing.in_words(machine, batch_size)
    assert found.endswith(words) and bool(found) == bool(words)


def test_more_devices_than_there_are_is_one_sentence(tmp_path):
    config = TrainConfig(model="lr", devices=9, runs_dir=str(tmp_path))
    with pytest.raises(UserError, match="this machine has 1 CPU device; give"):
        train(config)
    assert not list(tmp_path.iterdir())


def test_a_batch_that_leaves_devices_idle_is_refused():
    two = Sharing(("CPU:0", "CPU:1"))
    with pytest.raises(UserError, match="at least --batch_size=2, or --dev"):
        sharing.check_batch_size(two, 1)
    sharing.check_batch_size(two, 2)
    sharing.check_batch_size(Sharing(), 1)
    sharing.check_batch_size(two, None)  # a model that learns by heart
