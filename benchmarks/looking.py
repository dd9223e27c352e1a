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
from collections.abc import Callable
from typing import Any

from benchmarks.pairs import Report, cpu_seconds
from benchmarks.stopwatch import Stopwatch, task

HERE = "benchmarks.looking"
KINDS = ("none", "default", "all")


@dataclasses.dataclass(frozen=True)
class Look:
    """One training that is looked at more and more closely.

    Attributes:
        train_examples: images to train on; `None` takes all.
        val_fraction: share of the images that is held out.
        whole: how many times as long a whole epoch is, on all images and
            with a tenth of them held out; summaries cost as much beside a
            long epoch as beside a short one.
    """

    model: str
    dataset: str
    epochs: int
    train_examples: int | None = None
    val_fraction: float = 0.1
    whole: float = 1.0


LOOKS = (
    Look("lenet5", "mnist", epochs=20),
    # An image held out costs a third of one trained on: 45,000 and 5,000
    # take 59.6 times as long as 450 and 1,000.
    Look(
        "wrn16_4",
        "cifar10",
        epochs=5,
        train_examples=450,
        val_fraction=0.02,
        whole=59.6,
    ),
)


def measure(
    look: Look, repeats: int, run: Callable[..., Report]
) -> dict[str, Any]:
    """Trains with each of `KINDS` by turns and returns what looking costs.

    Args:
        repeats: rounds; figures are medians over them.
        run: from a module and its task to a report.
    """
    asked = dataclasses.asdict(look)
    rounds = [
        {kinds: run(HERE, look=asked, summaries=kinds) for kinds in KINDS}
        for _ in range(repeats)
    ]
    return {
        "look": f"{look.model} on {look.dataset}",
        "epochs": look.epochs,
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
    from zoo.training.loop import train

    class TimedConsole(Console):
        """Hears of every epoch, after its summaries are written."""

        def epoch(self, row, state, plan):
            watch.epoch()
            super().epoch(row, state, plan)

    look = Look(**given["look"])
    with tempfile.TemporaryDirectory() as runs_dir, open(os.devnull, "w") as no:
        config = TrainConfig(
            model=look.model,
            dataset=look.dataset,
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


if __name__ == "__main__":
    sys.exit(main())
