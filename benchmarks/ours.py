"""Our side of a comparison: `zoo.train`, default summaries and all."""

from __future__ import annotations

import os
import tempfile

from benchmarks import images
from benchmarks.cases import Case
from benchmarks.stopwatch import Stopwatch, task


def main() -> None:
    """Trains once and prints what the stopwatch says."""
    given = task()
    watch = Stopwatch(given["started"])
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    watch.note("imported")
    case = Case(**given["case"])
    data = images.load(given["images"], case)
    watch.note("loaded")
    from zoo.training.console import Console
    from zoo.training.train import train

    class TimedConsole(Console):
        """Hears of every step and epoch, as a person would see them."""

        def progress(self, now, state, plan, clock):
            watch.note("first_step")
            super().progress(now, state, plan, clock)

        def epoch(self, row, state, plan):
            watch.update_seconds.append(row["seconds"])
            watch.epoch()
            super().epoch(row, state, plan)

    with tempfile.TemporaryDirectory() as runs_dir, open(os.devnull, "w") as no:
        config = case.config(runs_dir, given["precision"])
        run = train(config, data, console=TimedConsole(no))
        accuracy = run.metrics["val_accuracy"]
    print(
        watch.report(
            examples=len(data.train),
            val_examples=len(data.val),
            val_accuracy=accuracy,
        )
    )


if __name__ == "__main__":
    main()
