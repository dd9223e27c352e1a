"""Intervals of differences between shares, with SciPy alone."""

from __future__ import annotations

import dataclasses
import math

from zoo.scores import Proportion


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far one share lies above another, with the 95 % interval of that."""

    value: float
    low: float
    high: float


def difference(
    first: Proportion, second: Proportion, level: float = 0.95
) -> Difference:
    """Returns the first share minus the second, of independent examples.

    The hybrid score interval, method 10 of Newcombe 1998, "Interval
    estimation for the difference between independent proportions": the
    distances of both shares from the ends of their Wilson intervals, added in
    squares. It holds near 0 and 1 too, and never leaves -1..1.
    """
    from scipy.stats import binomtest

    ends = [
        binomtest(share.correct, share.examples).proportion_ci(level, "wilson")
        for share in (first, second)
    ]
    value = first.value - second.value
    below = first.value - ends[0].low, ends[1].high - second.value
    above = ends[0].high - first.value, second.value - ends[1].low
    return Difference(
        value, value - math.hypot(*below), value + math.hypot(*above)
    )
