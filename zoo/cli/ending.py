"""The console of a training whose end leaves a report in the run folder."""

from __future__ import annotations

from zoo.cli.stderr import Held
from zoo.data import Dataset
from zoo.runs import Run
from zoo.training.console import Console


def console(held: Held, runs_dir: str) -> Console:
    """Returns a console for a run that leaves a report in its folder.

    Args:
        held: standard error, which goes to the run's log.
        runs_dir: folder of the log of test-set evaluations.
    """

    def on_end(run: Run, data: Dataset) -> None:
        from zoo.reporting.render import write_after_training

        path = write_after_training(run, data, runs_dir)
        failed = "could not be written; see log.txt"
        found.print_fields({"report": str(path or failed)})

    found = Console(on_log=held.move_to, on_end=on_end)
    return found
