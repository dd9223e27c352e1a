"""How a score varies over the seeds of one recipe."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.evaluation.kinship import by_recipe
from zoo.runs import Run

LEVEL = 0.95
LIMITS = {
    "accuracy": (0.0, 1.0),
    "r2": (-math.inf, 1.0),
    "mean_squared_error": (0.0, math.inf),
}


@dataclasses.dataclass(frozen=True)
class Spread:
    """The mean of a score over seeds, with its 95 % interval.

    Attributes:
        deviation: standard deviation over seeds, of n - 1; `None` for one.
        low: end of Student's interval of the mean; `None` for one seed.
        high: its other end.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None


def spread(
    values: Sequence[float], least: float = -math.inf, most: float = math.inf
) -> Spread:
    """Returns mean, deviation and interval of at least one value.

    Student's interval takes the scores of seeds for normal ones; it counts
    the chance of the seed, and not that of the examples.

    Args:
        values: a score of each seed.
        least: what no score is below; the interval ends there.
        most: what no score is above.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Spread(mean, None, None, None)
    from scipy.stats import t

    deviation = float(np.std(values, ddof=1))
    reach = t.ppf((1 + LEVEL) / 2, len(values) - 1) * deviation
    reach = float(reach) / math.sqrt(len(values))
    low, high = max(mean - reach, least), min(mean + reach, most)
    return Spread(mean, deviation, low, high)


def summarize(
    runs: Sequence[Run], results: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Returns how runs of one recipe vary, a row for each recipe.

    Args:
        runs: seeds of one recipe or of several.
        results: the scores of each, as `scoring.score_all` returns them.
    """
    by_path = {
        run.path: result for run, result in zip(runs, results, strict=True)
    }
    score = next(s for s in LIMITS if s in results[0])
    rows = []
    for group in by_recipe(runs):
        values = [by_path[run.path][score] for run in group]
        rows.append(
            {
                "runs": [run.name for run in group],
                "seeds": [run.resolved["config"]["seed"] for run in group],
                "score": score,
                **dataclasses.asdict(spread(values, *LIMITS[score])),
            }
        )
    return rows
