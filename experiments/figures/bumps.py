"""Bumps as a sum of ReLUs: built by hand, and as descent finds them.

A bump with straight flanks is a sum of four ReLUs, one for each of its corners;
4K units make K bumps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.figures.looking import Look, look
from zoo.data import curves
from zoo.evaluation.comparison.drawing import COLOURS, STYLES
from zoo.runs import Run
from zoo.summaries import function
from zoo.summaries.function import Fit

CURVE = "#D55E00"


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the functions above, their parts below."""
    (group,) = runs.values()
    seen = look(group[0])
    found = function.fitted(seen.view, seen.inputs)
    built = by_hand(found.x)
    above, below = figure.subplots(2, 2, sharex=True, height_ratios=(3, 2))
    for whole, parts, fit in zip(above, below, (built, found), strict=True):
        show(whole, parts, fit, seen, per_bump=fit is built)
    units = found.shares.shape[1]
    above[0].set_title(f"{built.shares.shape[1]} ReLUs, set by hand")
    above[1].set_title(f"{units} ReLUs, found by descent")
    below[0].set_title("their shares: a bump has one colour")
    below[1].set_title("their shares")
    above[1].sharey(above[0])
    figure.legend(
        *above[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
    )


def by_hand(x: np.ndarray) -> Fit:
    """Returns the three bumps of the data as four ReLUs each.

    Args:
        x: float32 `[N]`.
    """
    shares, kinks = [], []
    for rises, up, falls, down, height in curves.BUMPS:
        flanks = height / (up - rises), height / (down - falls)
        for corner, slope in (
            (rises, flanks[0]),
            (up, -flanks[0]),
            (falls, -flanks[1]),
            (down, flanks[1]),
        ):
            shares.append(slope * np.maximum(np.float64(x) - corner, 0))
            kinks.append(corner)
    shares = np.stack(shares, axis=1)
    return Fit(x, shares.sum(axis=1), shares, 0.0, np.array(kinks))


def show(whole: Any, parts: Any, fit: Fit, seen: Look, per_bump: bool) -> None:
    """Draws one function over the examples, and its parts.

    Args:
        per_bump: whether four parts after each other make a bump.
    """
    whole.scatter(
        seen.inputs[:, 0], seen.labels, s=7, color="0.78", label="examples"
    )
    whole.plot(fit.x, fit.y, color=CURVE, linewidth=2.4, label="sum of ReLUs")
    at = np.interp(fit.kinks, fit.x, fit.y)
    whole.plot(fit.kinks, at, "k.", markersize=9, label="kinks")
    for index, share in enumerate(fit.shares.T):
        group, member = divmod(index, 4) if per_bump else (index, index // 7)
        parts.plot(
            fit.x,
            share,
            color=COLOURS[group % len(COLOURS)],
            linestyle=STYLES[member % len(STYLES)],
            linewidth=1.8,
        )
