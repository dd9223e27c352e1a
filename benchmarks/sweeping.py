"""What a second worker is worth: one sweep with two, beside it with one.

Each sweep is a process of its own on the same two cores, start-up and all,
and each trial computes in one thread, so that one worker leaves a core idle.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import sys
import tempfile
from typing import Any

from benchmarks.asked import Asked, Report, Row
from benchmarks.columns import at_least, columns, span
from benchmarks.stopwatch import Stopwatch, task

HERE = "benchmarks.sweeping"
CORES = 2


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep whose trials all take equally long.

    Attributes:
        expected: how many times as fast it is to be with two workers.
    """

    model: str
    dataset: str
    trials: int
    epochs: int
    expected: float = 1.7


SWEEP = Sweep("lenet5", "digits", trials=6, epochs=40)
ROUNDS = 2  # at most


def measure(asked: Asked, sweep: Sweep = SWEEP) -> list[Row]:
    """Runs it with one worker and with two by turns; one row."""
    asked.say("what a second worker is worth to a sweep")
    task = {"sweep": dataclasses.asdict(sweep)}
    rounds = []
    for number in range(asked.rounds(ROUNDS)):
        order = (1, CORES) if number % 2 == 0 else (CORES, 1)
        rounds.append(
            {count: asked.run(HERE, workers=count, **task) for count in order}
        )
    return [
        {
            "key": f"{sweep.model} on {sweep.dataset}, {sweep.trials} trials "
            f"of {sweep.epochs} epochs",
            "expected": sweep.expected,
            **compare(rounds),
        }
    ]


def compare(rounds: list[dict[int, Report]]) -> dict[str, Any]:
    """Returns the median of the paired ratios of wall time, and all."""
    one, two = (
        [found[count]["moments"]["ended"] for found in rounds]
        for count in (1, CORES)
    )
    ratios = [a / b for a, b in zip(one, two, strict=True)]
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "seconds": [statistics.median(one), statistics.median(two)],
    }


def main() -> None:
    """Runs one sweep and prints what the stopwatch says."""
    given = task()
    watch = Stopwatch(given["started"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    from zoo.cli.main import main as zoo
    from zoo.tuning.devices import THREADS, VISIBLE

    os.environ.update({name: "1" for name in THREADS} | {VISIBLE: ""})
    sweep = Sweep(**given["sweep"])
    with tempfile.TemporaryDirectory() as runs_dir, open(os.devnull, "w") as no:
        with contextlib.redirect_stdout(no):
            code = zoo(
                [
                    "sweep",
                    f"--model={sweep.model}",
                    f"--dataset={sweep.dataset}",
                    f"--epochs={sweep.epochs}",
                    f"--trials={sweep.trials}",
                    "--space=learning_rate=log:1e-4:1e-2",
                    "--confirm_seeds=0",
                    f"--workers={given['workers']}",
                    f"--runs_dir={runs_dir}",
                ]
            )
        watch.note("ended")
    if code:
        raise RuntimeError(f"the sweep ended with {code}")
    print(watch.report())


def table(rows: list[Row]) -> str:
    """Returns both wall times and their ratio."""
    cells = [["sweep", "1 worker", "2", "ratio", "range", "expected"]]
    for row in rows:
        one, two = row["seconds"]
        cells.append(
            [
                row["key"],
                f"{one:.0f} s",
                f"{two:.0f} s",
                f"{row['ratio']:.2f}",
                span(row["ratios"]),
                at_least(row["expected"]),
            ]
        )
    title = "wall time of a sweep on two cores, trials of one thread"
    return f"{title}\n{columns(cells)}"


if __name__ == "__main__":
    sys.exit(main())
