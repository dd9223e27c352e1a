"""How long commands take to start, and a training to its first update."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.asked import Asked, Report, Row
from benchmarks.children import python
from benchmarks.columns import below, columns
from benchmarks.stopwatch import Stopwatch, task

HERE = "benchmarks.startup"
COMMANDS = {
    "python": ("-c", "pass"),
    "zoo models": ("-m", "zoo", "models"),
    "import keras, tensorflow": ("-c", "import tensorflow, keras"),
}
EXPECTED = {"zoo models": 0.5}  # seconds
# The stages of a first training, each from the end of the one before it.
STAGES = {
    "python": "python",
    "keras": "import of Keras and TensorFlow",
    "zoo": "import of the zoo",
    "data": "reading digits",
    "built": "building lenet5, its run folder",
    "looked": "looking at the untrained network",
    "first_step": "tracing to the end of the first execution",
}
FIRST_STEP = 2.0  # seconds after Keras and TensorFlow are imported


def measure(asked: Asked) -> list[Row]:
    """Times commands, and the stages of a first training; a row each."""
    asked.say("start-up")
    commands = [
        {
            "key": name,
            "seconds": statistics.median(
                python(*words).seconds for _ in range(asked.repeats)
            ),
            "expected": EXPECTED.get(name),
        }
        for name, words in COMMANDS.items()
    ]
    asked.say("the way to the first update")
    return commands + stages([asked.run(HERE) for _ in range(asked.repeats)])


def stages(reports: Sequence[Report]) -> list[Row]:
    """Returns the median seconds of each stage, and of all after Keras."""
    rows = [
        {
            "key": f"zoo train: {about}",
            "seconds": statistics.median(_spent(r, stage) for r in reports),
            "expected": None,
        }
        for stage, about in STAGES.items()
    ]
    after = statistics.median(
        r["moments"]["first_step"] - r["moments"]["keras"] for r in reports
    )
    about = "zoo train: first update, after Keras and TensorFlow"
    return [*rows, {"key": about, "seconds": after, "expected": FIRST_STEP}]


def _spent(report: Report, stage: str) -> float:
    """Returns the seconds from the end of the stage before to its own."""
    before = dict(pairwise(["", *STAGES][::-1]))[stage]
    moments = {"": 0.0, **report["moments"]}
    return moments[stage] - moments[before]


def main() -> None:
    """Trains lenet5 on digits to its first update, and prints the moments."""
    given = task()
    watch = Stopwatch(given["started"])
    watch.note("python")
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    watch.note("keras")
    from zoo import TrainConfig
    from zoo.data import load_dataset
    from zoo.training.console import Console
    from zoo.training.train import train

    watch.note("zoo")
    data = load_dataset("digits")
    watch.note("data")

    class TimedConsole(Console):
        """Hears when the run has a folder, and of everything after that."""

        def log_to(self, path):
            watch.note("built")
            super().log_to(path)

        def print_fields(self, rows):
            if "untrained" in rows:
                watch.note("looked")
            super().print_fields(rows)

        def progress(self, now, state, plan, clock):
            watch.note("first_step")

    with tempfile.TemporaryDirectory() as runs_dir, open(os.devnull, "w") as no:
        config = TrainConfig(
            model="lenet5", dataset="digits", epochs=1, runs_dir=runs_dir
        )
        train(config, data, console=TimedConsole(no))
    print(watch.report())


def table(rows: list[Row]) -> str:
    """Returns seconds, and what is asked of them."""
    cells = [["wall time", "seconds", "expected"]]
    for row in rows:
        seconds = f"{row['seconds']:.2f}"
        cells.append([row["key"], seconds, below(row["expected"])])
    return columns(cells)


if __name__ == "__main__":
    sys.exit(main())
