"""What is printed while a run trains.

On a terminal a progress bar moves; elsewhere each epoch is one line.
Everything but progress goes to `log.txt` too.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from zoo import console
from zoo.console import format_duration
from zoo.training.checkpoints import TrainState

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.runs import Run


class TrainingConsole(console.Console):
    """Prints to a stream and, once a run has a folder, to its log.

    Args:
        stream: where to print; `None` is standard output.
        quiet: print nothing, keep only the log.
        on_log: called with the path of the log, once there is one.
        on_end: called with the run and its data when it has ended, however
            that came; the run is still held.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        quiet: bool = False,
        on_log: Callable[[pathlib.Path], None] | None = None,
        on_end: Callable[[Run, Dataset], None] | None = None,
    ):
        super().__init__(stream, quiet, on_log)
        self._on_end = on_end

    def ended(self, run: Run, data: Dataset) -> None:
        """Is called when a run has ended, with what it was trained on."""
        if self._on_end:
            self._on_end(run, data)

    def epoch(self, row: dict, state: TrainState, config) -> None:
        """Prints the line of a finished epoch."""
        width = len(str(config.num_epochs))
        parts = [f"epoch {row['epoch']:>{width}}/{config.num_epochs}"]
        parts += [
            f"{name} {row[name]:.4f}"
            for name in ("loss", "accuracy", "val_loss", "val_accuracy")
            if row[name] is not None
        ]
        parts.append(f"{row['seconds']:.1f} s")
        best = "  best" if state.best.epoch == row["epoch"] else ""
        self.print("  ".join(parts) + best)

    def extracting(self, done: int, total: int) -> None:
        """Shows how many images have their features, if it takes long."""
        self.show_progress("features of images", done, total)

    def progress(self, now, state: TrainState, setup, throughput) -> None:
        """Shows the running epoch."""
        if not self.is_progress_due:
            return
        config = setup.config
        rate = throughput.examples_per_second()
        left = config.total_steps - state.step
        seconds = left * config.batch_size / rate if rate else None
        details = f"loss {now.loss:.4f}"
        if now.accuracy is not None:
            details += f"  accuracy {now.accuracy:.4f}"
        if seconds is not None:
            details += f"  {rate:,.0f} {setup.source.unit_name}/s"
            details += f"  {format_duration(seconds)} left"
        self.show_progress(
            f"epoch {state.epoch + 1}/{config.num_epochs}  step",
            state.step,
            config.total_steps,
            details,
        )
