"""What summaries cost: the same training with none, the default, and all.

Each training runs in a process of its own, the three by turns; a share is the
median, over the rounds, of the processor time that summaries add to an epoch,
beside that of an epoch without any.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import sys
import tempfile
from typing import Any

from benchmarks.asked import Asked, Report, Row
from benchmarks.columns import columns, span
from benchmarks.stopwatch import Stopwatch, task
from benchmarks.training import cpu_seconds

HERE = "benchmarks.looking"
KINDS = ("none", "default", "all")
EXPECTED = {"default": 0.03, "all": 0.15}  # shares of an epoch


@dataclasses.dataclass(frozen=True)
class Look:
    """One training that is looked at more and more closely.

    Attributes:
        train_examples: images to train on; `None` takes all.
        val_fraction: share of the images that is held out.
        whole: how many times as long a whole epoch is, on all images and
            with a tenth of them held out; summaries cost as much beside a
            long epoch as beside a short one.
        rounds: at most.
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
        """Model and data set, in words."""
        return f"{self.model} on {self.dataset}"


# An image held out costs a third of one trained on: 54,000 and 6,000 of MNIST
# take 5 times as long as 10,800 and 1,200, and 45,000 and 5,000 of CIFAR-10
# 275 times as long as 128 and 125.
LOOKS = (
    Look(
        "lenet5",
        "mnist",
        epochs=8,
        train_examples=10_800,
        val_fraction=0.02,
        whole=5.0,
        rounds=3,
    ),
    Look(
        "wrn16_4",
        "cifar10",
        epochs=3,
        train_examples=128,
        val_fraction=0.0025,
        whole=275.0,
        rounds=2,
    ),
)


def measure(asked: Asked) -> list[Row]:
    """Trains with each of `KINDS` by turns; a row a network."""
    return [_measure_look(look, asked) for look in LOOKS]


def _measure_look(look: Look, asked: Asked) -> Row:
    asked.say(f"what summaries cost {look.name}")
    data = asked.images.for_zoo(look.dataset)
    task = {"look": dataclasses.asdict(look), "dataset": data}
    rounds = [
        {kinds: asked.run(HERE, summaries=kinds, **task) for kinds in KINDS}
        for _ in range(asked.rounds(look.rounds))
    ]
    return {
        "key": look.name,
        "epochs": look.epochs,
        "stand_in": asked.images.stand_in(look.dataset),
        **compare(rounds, look.whole),
    }


def compare(rounds: list[dict[str, Report]], whole: float) -> dict[str, Any]:
    """Returns the shares added by default and by all, and bytes of events."""
    found = {}
    for kinds in KINDS[1:]:
        shares = [added_share(r[kinds], r["none"], whole) for r in rounds]
        found[kinds] = {
            "share": statistics.median(shares),
            "shares": shares,
            "event_bytes": max(r[kinds]["event_bytes"] for r in rounds),
        }
    return found


def added_share(looked: Report, plain: Report, whole: float) -> float:
    """Returns what looking adds to a whole epoch, beside that epoch."""
    added = cpu_seconds(looked) - cpu_seconds(plain)
    return added / (whole * cpu_seconds(plain))


def main() -> None:
    """Trains once and prints what the stopwatch says."""
    given = task()
    watch = Stopwatch(given["started"])
    from zoo import TrainConfig
    from zoo.training.console import Console
    from zoo.training.train import train

    class TimedConsole(Console):
        """Hears of every epoch, after its summaries are written."""

        def epoch(self, row, state, plan):
            watch.epoch()
            super().epoch(row, state, plan)

    look = Look(**given["look"])
    with tempfile.TemporaryDirectory() as runs_dir, open(os.devnull, "w") as no:
        config = TrainConfig(
            model=look.model,
            dataset=given["dataset"],
            epochs=look.epochs,
            train_examples=look.train_examples,
            val_fraction=look.val_fraction,
            summaries=(given["summaries"],),
            runs_dir=runs_dir,
        )
        run = train(config, console=TimedConsole(no))
        print(watch.report(event_bytes=event_bytes(run.path)))


def event_bytes(folder: pathlib.Path) -> int:
    """Returns how much the event files of a run weigh."""
    return sum(p.stat().st_size for p in folder.rglob("events.out.tfevents.*"))


def table(rows: list[Row]) -> str:
    """Returns the shares added, and what is asked of them."""
    cells = [["summaries", "kinds", "added", "range", "expected", "MB"]]
    for row in rows:
        for kinds, limit in EXPECTED.items():
            found = row[kinds]
            shares = [100 * share for share in found["shares"]]
            cells.append(
                [
                    row["key"],
                    kinds,
                    f"{100 * found['share']:.1f} %",
                    span(shares, ".1f") + " %",
                    f"at most {100 * limit:.0f} %",
                    f"{found['event_bytes'] / 1e6:.1f}",
                ]
            )
    title = (
        "what summaries add to the processor time of a whole epoch, and the "
        "size of the event files"
    )
    return f"{title}\n{columns(cells)}"


if __name__ == "__main__":
    sys.exit(main())
