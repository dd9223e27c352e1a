"""What is left behind when a run ends: its page, whatever becomes of that."""

from __future__ import annotations

import traceback

from zoo.cli.stderr import Held
from zoo.data import Dataset
from zoo.runs import Run
from zoo.training.console import Console


def console(held: Held, runs_dir: str) -> Console:
    """Returns a console for a run that leaves a page in its folder.

    Args:
        held: standard error, which goes to the run's log.
        runs_dir: where the ledger of looks at test sets is.
    """

    def on_end(run: Run, data: Dataset) -> None:
        try:
            from zoo.reporting import writing

            place = writing.write_at_end(run, data, runs_dir)
            found.print_fields({"report": str(place)})
        except (Exception, KeyboardInterrupt):
            # The run has ended and its numbers are safe; this is but a view.
            _log(run, traceback.format_exc())
            found.print_fields(
                {"report": "could not be written; log.txt says why"}
            )

    found = Console(on_log=held.move_to, on_end=on_end)
    return found


def _log(run: Run, text: str) -> None:
    try:
        with (run.path / "log.txt").open("a") as file:
            file.write(text)
    except OSError:
        pass  # as on a full disk: nowhere is left to say it
