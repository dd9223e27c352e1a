"""What a person is told of the devices that share batches."""

import pytest

from zoo.training.distribution import sharing


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
