"""How time and memory grow with the images, with width and with depth.

An exponent is the slope of a straight line through logarithms: 1 doubles a
figure where the size doubles, 2 makes it four times as large.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.asked import Asked, Report, Row
from benchmarks.cases import Case
from benchmarks.columns import columns
from benchmarks.sides import OURS

ROUNDS = 1  # at most


@dataclasses.dataclass(frozen=True)
class Growth:
    """Trainings that differ in one size.

    Attributes:
        name: what grows, in words.
        sizes: of the trainings, ascending.
        cases: one for each size.
    """

    name: str
    sizes: tuple[int, ...]
    cases: tuple[Case, ...]


def _with_images(count: int) -> Case:
    return Case("lenet5", 128, 3, "mnist", count, 1_000)


def _on_colour(model: str, count: int) -> Case:
    return Case(model, 128, 3, "cifar10", count, 128)


IMAGES, WIDTHS, DEPTHS = (2_000, 8_000, 32_000), (1, 2, 4), (20, 32, 44)
GROWTHS = (
    Growth("images, lenet5 on mnist", IMAGES, tuple(map(_with_images, IMAGES))),
    Growth(
        "width of wrn16 on 128 images",
        WIDTHS,
        tuple(_on_colour(f"wrn16_{width}", 128) for width in WIDTHS),
    ),
    Growth(
        "depth of resnet on 256 images",
        DEPTHS,
        tuple(_on_colour(f"resnet{depth}", 256) for depth in DEPTHS),
    ),
)


def measure(asked: Asked) -> list[Row]:
    """Trains every size by turns; a row for each thing that grows."""
    return [_measure_growth(growth, asked) for growth in GROWTHS]


def _measure_growth(growth: Growth, asked: Asked) -> Row:
    asked.say(f"growth with {growth.name}")
    ours = OURS[0]
    rounds = [
        [
            asked.run(ours.trains, **ours.task, **asked.about(case))
            for case in growth.cases
        ]
        for _ in range(asked.rounds(ROUNDS))
    ]
    return {
        "key": growth.name,
        "stand_in": asked.images.stand_in(growth.cases[0].dataset),
        **compare(growth.sizes, rounds),
    }


def compare(
    sizes: Sequence[int], rounds: Sequence[Sequence[Report]]
) -> dict[str, Any]:
    """Returns medians by size, and the exponents with which they grow."""
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
    """Returns the mean seconds of an epoch's updates, the first left out."""
    return statistics.mean(report["update_seconds"][1:])


def exponent(sizes: Sequence[float], figures: Sequence[float]) -> float:
    """Returns the slope of log figure over log size, by least squares."""
    import numpy as np

    line = np.polynomial.Polynomial.fit(np.log(sizes), np.log(figures), 1)
    return float(line.convert().coef[1])


def table(rows: list[Row]) -> str:
    """Returns seconds and memory by size, and their exponents."""
    head = ["growth with", "sizes", "seconds an epoch", "exponent"]
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
        "updates of an epoch, and peak memory of the whole process; an "
        "exponent of 1 doubles where\nthe size doubles"
    )
    return f"{title}\n{columns(cells)}"


def _listed(values: Sequence[float], form: str) -> str:
    return " / ".join(f"{value:{form}}" for value in values)
