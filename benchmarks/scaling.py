"""How time and memory scale with the problem, and sweeps with workers.

An exponent is the slope of a straight line through logarithms: 1 doubles a
value where the size doubles, 2 quadruples it. A sweep runs with one and with
two workers on the same two cores, each trial with one thread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.config import (
    ZOO_VARIANTS,
    BenchmarkConfig,
    Case,
    Report,
    Row,
)
from benchmarks.results import at_least, columns, span
from benchmarks.subprocesses import Stopwatch, task

MAX_SCALING_ROUNDS = 1


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Trainings that differ in one size.

    Attributes:
        name: What is scaled.
        sizes: Sizes, ascending.
        cases: One for each size.
    """

    name: str
    sizes: tuple[int, ...]
    cases: tuple[Case, ...]


def _with_images(count: int) -> Case:
    return Case("lenet5", 128, 3, "mnist", count, 1_000)


def _on_color(model: str, count: int) -> Case:
    return Case(model, 128, 3, "cifar10", count, 128)


IMAGES, WIDTHS, DEPTHS = (2_000, 8_000, 32_000), (1, 2, 4), (20, 32, 44)
SCALINGS = (
    Scaling(
        "images, lenet5 on mnist", IMAGES, tuple(map(_with_images, IMAGES))
    ),
    Scaling(
        "width of wrn16 on 128 images",
        WIDTHS,
        tuple(_on_color(f"wrn16_{width}", 128) for width in WIDTHS),
    ),
    Scaling(
        "depth of resnet on 256 images",
        DEPTHS,
        tuple(_on_color(f"resnet{depth}", 256) for depth in DEPTHS),
    ),
)


def measure_scaling(config: BenchmarkConfig) -> list[Row]:
    """Trains every size by turns; a row per scaling."""
    return [_measure_scaling(scaling, config) for scaling in SCALINGS]


def _measure_scaling(scaling: Scaling, config: BenchmarkConfig) -> Row:
    config.say(f"scaling of {scaling.name}")
    ours = ZOO_VARIANTS[0]
    rounds = [
        [
            config.run(ours.trains, **ours.task, **config.task(case))
            for case in scaling.cases
        ]
        for _ in range(config.rounds(MAX_SCALING_ROUNDS))
    ]
    return {
        "key": scaling.name,
        "stand_in": config.images.substitute(scaling.cases[0].dataset),
        **compare_sizes(scaling.sizes, rounds),
    }


def compare_sizes(
    sizes: Sequence[int], rounds: Sequence[Sequence[Report]]
) -> dict[str, Any]:
    """Returns medians by size, and their exponents."""
    seconds = [
        statistics.median(map(epoch_seconds, reports))
        for reports in zip(*rounds, strict=True)
    ]
    peaks = [
        statistics.median(report["peak_bytes"] for report in reports)
        for reports in zip(*rounds, strict=True)
    ]
    return {
        "sizes": list(sizes),
        "seconds": seconds,
        "seconds_exponent": exponent(sizes, seconds),
        "peak_bytes": peaks,
        "peak_exponent": exponent(sizes, peaks),
    }


def epoch_seconds(report: Report) -> float:
    """Returns the mean seconds of an epoch's steps, without the first."""
    return statistics.mean(report["update_seconds"][1:])


def exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """Returns the slope of log value over log size, by least squares."""
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(figures), 1)[0])


def scaling_table(rows: list[Row]) -> str:
    """Returns the table of seconds and memory by size."""
    head = ["scaling with", "sizes", "seconds an epoch", "exponent"]
    cells = [[*head, "peak GB", "exponent"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                _listed(row["sizes"], ",d"),
                _listed(row["seconds"], ".3g"),
                f"{row['seconds_exponent']:.2f}",
                _listed([peak / 1e9 for peak in row["peak_bytes"]], ".2f"),
                f"{row['peak_exponent']:.2f}",
            ]
        )
    title = (
        "steps of an epoch, and peak memory of the whole process; an "
        "exponent of 1 doubles where\nthe size doubles"
    )
    return f"{title}\n{columns(cells)}"


def _listed(values: Sequence[float], form: str) -> str:
    return " / ".join(f"{value:{form}}" for value in values)


SWEEP_FUNCTION = "benchmarks.scaling:run_sweep"
CORES = 2


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep whose trials take equally long.

    Attributes:
        expected: Speed-up that two workers should reach.
    """

    model: str
    dataset: str
    trials: int
    epochs: int
    expected: float = 1.7


SWEEP = Sweep("lenet5", "digits", trials=6, epochs=40)
MAX_SWEEP_ROUNDS = 2


def measure_sweeps(config: BenchmarkConfig, sweep: Sweep = SWEEP) -> list[Row]:
    """Runs it with one worker and with two by turns; one row."""
    config.say("a sweep with one and two workers")
    task = {"sweep": dataclasses.asdict(sweep)}
    rounds = []
    for number in range(config.rounds(MAX_SWEEP_ROUNDS)):
        order = (1, CORES) if number % 2 == 0 else (CORES, 1)
        rounds.append(
            {
                count: config.run(SWEEP_FUNCTION, workers=count, **task)
                for count in order
            }
        )
    return [
        {
            "key": f"{sweep.model} on {sweep.dataset}, {sweep.trials} trials "
            f"of {sweep.epochs} epochs",
            "expected": sweep.expected,
            **compare_workers(rounds),
        }
    ]


def compare_workers(rounds: list[dict[int, Report]]) -> dict[str, Any]:
    """Returns the paired ratios of wall time and their median."""
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


def run_sweep() -> None:
    """Runs one sweep; prints a report."""
    given = task()
    watch = Stopwatch(given["started"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    from zoo.cli.main import main as zoo
    from zoo.tuning.workers import CUDA_DEVICES, THREAD_VARIABLES

    threads = {name: "1" for name in THREAD_VARIABLES}
    os.environ.update(threads | {CUDA_DEVICES: ""})
    sweep = Sweep(**given["sweep"])
    with (
        tempfile.TemporaryDirectory() as runs_dir,
        open(os.devnull, "w", encoding="utf-8") as no,
    ):
        with contextlib.redirect_stdout(no):
            code = zoo(
                [
                    "sweep",
                    f"--model={sweep.model}",
                    f"--dataset={sweep.dataset}",
                    f"--epochs={sweep.epochs}",
                    f"--trials={sweep.trials}",
                    "--space=learning_rate=log:1e-4:1e-2",
                    "--retrain_seeds=0",
                    f"--workers={given['workers']}",
                    f"--runs_dir={runs_dir}",
                ]
            )
        watch.note("ended")
    if code:
        raise RuntimeError(f"the sweep ended with {code}")
    print(watch.report())


def sweeps_table(rows: list[Row]) -> str:
    """Returns the table of wall times."""
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
