"""A long run takes no more memory at its end than at its beginning."""

import pathlib
import re

import pytest

from zoo.config import TrainConfig
from zoo.training.console import TrainingConsole
from zoo.training.train import train

STATUS = pathlib.Path("/proc/self/status")
EPOCHS = 100
SLACK = 5 * 2**20  # bytes; a leak of a hundredth of that an epoch is found


class Weighing(TrainingConsole):
    """Notes after every epoch what this process holds."""

    def __init__(self):
        super().__init__(quiet=True)
        self.held = []

    def epoch(self, row, state, plan):
        self.held.append(anonymous_bytes())


def anonymous_bytes():
    """Returns resident memory that no file backs."""
    found = re.search(
        r"^RssAnon:\s*(\d+) kB$", STATUS.read_text(encoding="utf-8"), re.M
    )
    return int(found[1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(
    not STATUS.exists(), reason="only Linux tells what a process holds"
)
def test_memory_does_not_grow_over_a_hundred_epochs(tmp_path):
    console = Weighing()
    config = TrainConfig(
        model="lenet5", epochs=EPOCHS, runs_dir=str(tmp_path), run_name="long"
    )
    train(config, console=console)
    first, last = console.held[:10], console.held[-10:]
    # The first epochs fill caches; what comes after must stay level.
    assert sorted(last)[5] - max(first) < SLACK, console.held[::10]
