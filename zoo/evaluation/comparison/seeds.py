"""Tests over the seeds of two recipes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def chance(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Returns how likely means so far apart are if the recipes are equal.

    Welch's test (Welch 1947), or Student's where one recipe has one seed.

    Args:
        first: the score of each seed of one recipe.
        second: of the other.

    Returns:
        p, two-sided; `None` where seeds show no spread: one run each, or
        scores that are all the same.
    """
    if len(first) + len(second) < 3:
        return None
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return None
    from scipy.stats import ttest_ind_from_stats

    alone = min(len(first), len(second)) == 1
    facts = [fact for scores in (first, second) for fact in _facts(scores)]
    return float(ttest_ind_from_stats(*facts, equal_var=alone).pvalue)


def interval(
    first: Sequence[float], second: Sequence[float]
) -> tuple[float, float] | tuple[None, None]:
    """Returns the 95 % interval of the difference of two means, after Welch.

    Args:
        first: the score of each seed of one recipe.
        second: of the other, which is taken from it.

    Returns:
        Its ends; `None` where a recipe has one seed, or no seed differs.
    """
    if min(len(first), len(second)) < 2:
        return None, None
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return None, None
    from scipy.stats import ttest_ind

    found = ttest_ind(first, second, equal_var=False).confidence_interval()
    return float(found.low), float(found.high)


def _facts(scores: Sequence[float]) -> tuple[float, float, int]:
    """Returns mean, standard deviation (0 of one score) and count."""
    several = len(scores) > 1
    deviation = float(np.std(scores, ddof=1)) if several else 0.0
    return float(np.mean(scores)), deviation, len(scores)
