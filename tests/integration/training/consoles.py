"""Consoles for trainings in tests: one is quiet, one dies."""

from zoo.training.console import TrainingConsole

QUIET = TrainingConsole(quiet=True)


class Killed(BaseException):
    """Stands for SIGKILL: no handler of the product knows it."""


class KillingConsole(TrainingConsole):
    """Dies at the end of an epoch, before its checkpoint is written."""

    def __init__(self, epoch):
        super().__init__(quiet=True)
        self._last = epoch

    def epoch(self, row, state, plan):
        if row["epoch"] == self._last:
            raise Killed
