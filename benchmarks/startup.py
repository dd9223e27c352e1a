"""Start-up time of commands, time to the first training step, peak memory."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.config import (
    BenchmarkConfig,
    Report,
    Row,
)
from benchmarks.results import below, columns
from benchmarks.subprocesses import Stopwatch, python, task

FUNCTION = "benchmarks.startup:train_first_step"
COMMANDS = {
    "python": ("-c", "pass"),
    "zoo models": ("-m", "zoo", "models"),
    "import keras, tensorflow": ("-c", "import tensorflow, keras"),
}
MAX_COMMAND_SECONDS = {"zoo models": 0.5}  # seconds
# The stages of a first training, each from the end of the one before it.
STAGES = {
    "python": "python",
    "keras": "import of Keras and TensorFlow",
    "zoo": "import of zoo",
    "data": "reading digits",
    "built": "building lenet5, its run folder",
    "evaluated": "evaluating the untrained network",
    "first_step": "tracing to the end of the first execution",
}
MAX_FIRST_STEP_SECONDS = 2.0  # seconds after Keras and TensorFlow are imported


def measure_startup(config: BenchmarkConfig) -> list[Row]:
    """Measures commands, and the stages of a first training; a row each."""
    config.say("start-up")
    commands = [
        {
            "key": name,
            "seconds": statistics.median(
                python(*words).seconds for _ in range(config.repeats)
            ),
            "expected": MAX_COMMAND_SECONDS.get(name),
        }
        for name, words in COMMANDS.items()
    ]
    config.say("the first training step")
    return commands + stages(
        [config.run(FUNCTION) for _ in range(config.repeats)]
    )


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
    about = "zoo train: first training step, after Keras and TensorFlow"
    return [
        *rows,
        {"key": about, "seconds": after, "expected": MAX_FIRST_STEP_SECONDS},
    ]


def _spent(report: Report, stage: str) -> float:
    """Returns the seconds from the end of the stage before to its own."""
    before = dict(pairwise(["", *STAGES][::-1]))[stage]
    moments = {"": 0.0, **report["moments"]}
    return moments[stage] - moments[before]


def train_first_step() -> None:
    """Trains lenet5 on digits to its first step; prints a report."""
    given = task()
    watch = Stopwatch(given["started"])
    watch.note("python")
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    watch.note("keras")
    from zoo import TrainConfig
    from zoo.data import load_dataset
    from zoo.training.console import TrainingConsole
    from zoo.training.train import train

    watch.note("zoo")
    data = load_dataset("digits")
    watch.note("data")

    class TimedConsole(TrainingConsole):
        """Records when the run has a folder, and what follows."""

        def log_to(self, path):
            watch.note("built")
            super().log_to(path)

        def print_fields(self, rows):
            if "initial" in rows:
                watch.note("evaluated")
            super().print_fields(rows)

        def progress(self, now, state, plan, clock):
            watch.note("first_step")

    with (
        tempfile.TemporaryDirectory() as runs_dir,
        open(os.devnull, "w", encoding="utf-8") as no,
    ):
        config = TrainConfig(
            model="lenet5", dataset="digits", epochs=1, runs_dir=runs_dir
        )
        train(config, data, console=TimedConsole(no))
    print(watch.report())


def startup_table(rows: list[Row]) -> str:
    """Returns the table of seconds and limits."""
    cells = [["wall time", "seconds", "expected"]]
    for row in rows:
        seconds = f"{row['seconds']:.2f}"
        cells.append([row["key"], seconds, below(row["expected"])])
    return columns(cells)


MAX_BYTES = 2 * 10**9  # bytes
GB = 1e9


def measure_memory(config: BenchmarkConfig) -> list[Row]:
    """Measures a run of `lenet5` with reading the dataset."""
    config.say("memory")
    dataset = config.images.dataset_flag("mnist")
    imports = python("-c", "import tensorflow, keras")
    with tempfile.TemporaryDirectory() as runs_dir:
        run = python(
            *("-m", "zoo", "train", "--model=lenet5", f"--dataset={dataset}"),
            *("--epochs=2", f"--runs_dir={runs_dir}"),
        )
    return [
        {
            "key": "import keras, tensorflow",
            "peak_bytes": imports.peak_bytes,
            "expected": None,
        },
        {
            "key": "zoo train --model=lenet5 --dataset=mnist",
            "peak_bytes": run.peak_bytes,
            "expected": MAX_BYTES,
            "stand_in": config.images.substitute("mnist"),
        },
    ]


def memory_table(rows: list[Row]) -> str:
    """Returns the table of gigabytes and limits."""
    cells = [["peak resident memory", "GB", "expected"]]
    for row in rows:
        limit = below(row["expected"], GB)
        cells.append([row["key"], f"{row['peak_bytes'] / GB:.2f}", limit])
    return columns(cells)
