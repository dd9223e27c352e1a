"""What TensorBoard summaries add to the CPU time of an epoch."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import tempfile
from typing import Any

from benchmarks.config import (
    BenchmarkConfig,
    Report,
    Row,
)
from benchmarks.results import columns, span
from benchmarks.subprocesses import Stopwatch, task
from benchmarks.training import cpu_seconds

FUNCTION = "benchmarks.summary_overhead:train"
KINDS = ("none", "default", "all")
EXPECTED = {"default": 0.03, "all": 0.15}  # fractions of an epoch


@dataclasses.dataclass(frozen=True)
class LoggedTraining:
    """One training with more and more summaries.

    Attributes:
        train_examples: Number of training images; `None` is all.
        val_fraction: Fraction of the images for validation.
        whole: How many times longer a full epoch is, on all images with a
            tenth of them for validation; summaries take as long in both.
        rounds: Maximum number of rounds.
    """

    model: str
    dataset: str
    epochs: int
    train_examples: int | None = None
    val_fraction: float = 0.1
    whole: float = 1.0
    rounds: int = 5

    @property
    def name(self) -> str:
        """Model and dataset."""
        return f"{self.model} on {self.dataset}"


# An image held out costs a third of one trained on: 54,000 and 6,000 of MNIST
# take 5 times as long as 10,800 and 1,200, and 45,000 and 5,000 of CIFAR-10
# 275 times as long as 128 and 125.
TRAININGS = (
    LoggedTraining(
        "lenet5",
        "mnist",
        epochs=8,
        train_examples=10_800,
        val_fraction=0.02,
        whole=5.0,
        rounds=3,
    ),
    LoggedTraining(
        "wrn16_4",
        "cifar10",
        epochs=3,
        train_examples=128,
        val_fraction=0.0025,
        whole=275.0,
        rounds=2,
    ),
)


def measure(config: BenchmarkConfig) -> list[Row]:
    """Trains with each of `KINDS` by turns; a row per network."""
    return [_measure_training(training, config) for training in TRAININGS]


def _measure_training(training: LoggedTraining, config: BenchmarkConfig) -> Row:
    config.say(f"the summaries of {training.name}")
    data = config.images.dataset_flag(training.dataset)
    task = {"training": dataclasses.asdict(training), "dataset": data}
    rounds = [
        {
            kinds: config.run(FUNCTION, summaries=kinds, **task)
            for kinds in KINDS
        }
        for _ in range(config.rounds(training.rounds))
    ]
    return {
        "key": training.name,
        "epochs": training.epochs,
        "stand_in": config.images.substitute(training.dataset),
        **compare(rounds, training.whole),
    }


def compare(rounds: list[dict[str, Report]], whole: float) -> dict[str, Any]:
    """Returns the fractions added, and the bytes of the event files."""
    found = {}
    for kinds in KINDS[1:]:
        shares = [added_fraction(r[kinds], r["none"], whole) for r in rounds]
        found[kinds] = {
            "share": statistics.median(shares),
            "shares": shares,
            "event_bytes": max(r[kinds]["event_bytes"] for r in rounds),
        }
    return found


def added_fraction(logged: Report, plain: Report, whole: float) -> float:
    """Returns the fraction that summaries add to a full epoch."""
    added = cpu_seconds(logged) - cpu_seconds(plain)
    return added / (whole * cpu_seconds(plain))


def train() -> None:
    """Trains once; prints a report."""
    given = task()
    watch = Stopwatch(given["started"])
    from zoo import TrainConfig
    from zoo.training.console import TrainingConsole
    from zoo.training.train import train

    class TimedConsole(TrainingConsole):
        """Records every epoch after its summaries are written."""

        def epoch(self, row, state, plan):
            watch.epoch()
            super().epoch(row, state, plan)

    training = LoggedTraining(**given["training"])
    with (
        tempfile.TemporaryDirectory() as runs_dir,
        open(os.devnull, "w", encoding="utf-8") as no,
    ):
        config = TrainConfig(
            model=training.model,
            dataset=given["dataset"],
            epochs=training.epochs,
            train_examples=training.train_examples,
            val_fraction=training.val_fraction,
            summaries=(given["summaries"],),
            runs_dir=runs_dir,
        )
        run = train(config, console=TimedConsole(no))
        print(watch.report(event_bytes=event_bytes(run.path)))


def event_bytes(folder: pathlib.Path) -> int:
    """Returns the size of the event files of a run."""
    return sum(p.stat().st_size for p in folder.rglob("events.out.tfevents.*"))


def table(rows: list[Row]) -> str:
    """Returns the table of fractions and their limits."""
    cells = [["summaries", "kinds", "added", "range", "expected", "MB"]]
    for row in rows:
        for kinds, limit in EXPECTED.items():
            found = row[kinds]
            shares = [100 * share for share in found["shares"]]
            cells.append(
                [
                    row["key"],
                    kinds,
                    f"{100 * found['share']:.1f}%",
                    span(shares, ".1f") + "%",
                    f"at most {100 * limit:.0f}%",
                    f"{found['event_bytes'] / 1e6:.1f}",
                ]
            )
    title = (
        "what summaries add to the processor time of a whole epoch, and the "
        "size of the event files"
    )
    return f"{title}\n{columns(cells)}"
