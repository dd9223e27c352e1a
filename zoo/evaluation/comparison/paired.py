"""Tests of two classifiers, or two recipes, on the same examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

DRAWS = 10_000
SEED = 1  # the same runs get the same interval each time
CHUNK = 100  # draws at once, which bounds the memory


@dataclasses.dataclass(frozen=True)
class McNemar:
    """How often only one of two is right, and how surprising that is.

    Attributes:
        only_first: examples that the first alone has right.
        only_second: examples that the second alone has right.
        p: chance of so uneven a split, or a more uneven one, if each example
            of these were as likely to be the one's as the other's.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Tests whether one of two is right more often; exact.

    McNemar 1947, "Note on the sampling error of the difference between
    correlated proportions or percentages", with the binomial in place of its
    approximation.

    Args:
        first: bool `[N]`, whether each example is right.
        second: the same of the other, for the same examples.
    """
    from scipy.stats import binomtest

    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    disputed = only_first + only_second
    p = binomtest(only_first, disputed).pvalue if disputed else 1.0
    return McNemar(only_first, only_second, float(p))


@dataclasses.dataclass(frozen=True)
class Difference:
    """The mean of second - first over examples, with its 95 % interval.

    Attributes:
        p: twice the share of draws on the other side of 0, at most 1.
    """

    mean: float
    low: float
    high: float
    p: float


def bootstrap(first: np.ndarray, second: np.ndarray) -> Difference:
    """Draws examples anew, both scores of an example together.

    Efron 1979, "Bootstrap methods: another look at the jackknife"; the
    interval is that of percentiles, of `DRAWS` draws.

    Args:
        first: float `[N]`, a score of each example.
        second: the same of the other, for the same examples.
    """
    # Equal differences are one outcome: so many of each is what a draw is.
    values, counts = np.unique(second - first, return_counts=True)
    total = counts.sum()
    generator = np.random.default_rng(SEED)
    means = np.concatenate(
        [
            generator.multinomial(total, counts / total, CHUNK) @ values / total
            for _ in range(DRAWS // CHUNK)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    # One more on either side: no number of draws shows that p is 0.
    less = 1 + min((means <= 0).sum(), (means >= 0).sum())
    p = min(1.0, 2 * float(less) / (DRAWS + 1))
    return Difference(
        float((second - first).mean()), float(low), float(high), p
    )


def holm(chances: Sequence[float]) -> list[float]:
    """Corrects p-values for their number (Holm 1979).

    The chance that any comparison of equals is called a difference is then
    at most the level, however many are made.
    """
    order = np.argsort(chances, kind="stable")
    corrected = [1.0] * len(chances)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, (len(chances) - rank) * chances[index])
        corrected[index] = min(1.0, float(highest))
    return corrected
