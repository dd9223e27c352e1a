"""The plane before and after one layer of ReLUs, with a net drawn on it.

The linear classifier behind the hidden layer weighs what speaks for the one
class against what speaks for the other. These two sums are the axes after the
fold: nothing else matters to the answer, and the boundary is the straight line
on which they are equal, but for the bias.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.figures import boundaries
from experiments.figures.looking import look
from zoo.runs import Run
from zoo.summaries import plane
from zoo.summaries.chart import Axes
from zoo.summaries.view import View

SIDE = 260  # pixels of the map behind, drawn twice as large
NET = 11  # lines of the net in each direction
PLACES = 201  # at which each is followed
LINE = {"color": "0.35", "linewidth": 0.6, "zorder": 1}
MASK = 300  # points in each direction, at which a unit is found on or off


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws the plane and what becomes of it."""
    (group,) = runs.values()
    seen = look(group[0])
    before, after = figure.subplots(1, 2)
    axes = Axes.around(seen.inputs, SIDE, SIDE)
    boundaries.show_answers(before, axes, plane.scores_on(seen.view, axes))
    creases(before, seen.view, axes)
    places = evidence(seen.view, seen.inputs)
    folded = Axes.around(places, SIDE, SIDE)
    boundaries.show_answers(after, folded, answers(seen.view, folded))
    lines = net(axes)
    for line in lines:
        before.plot(*line.T, **LINE)
        after.plot(*evidence(seen.view, line).T, **LINE)
    for panel, points, shown in (
        (before, seen.inputs, axes),
        (after, places, folded),
    ):
        boundaries.show_points(panel, points, seen)
        panel.set_xlim(shown.low[0], shown.high[0])
        panel.set_ylim(shown.low[1], shown.high[1])
    before.set_title("the plane, and where it will be folded")
    after.set_title("after ReLU: a straight line is enough")
    first, second = seen.plan.data.class_names
    after.set_xlabel(f"what speaks for \u201c{first}\u201d")
    after.set_ylabel(f"what speaks for \u201c{second}\u201d")
    figure.legend(
        *before.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        markerscale=1.3,
    )


def evidence(view: View, points: np.ndarray) -> np.ndarray:
    """Returns what speaks for the first and the second class, `[N, 2]`.

    Logits of the second less those of the first are the second number less
    the first, and the difference of the biases.

    Args:
        view: of a network with a linear classifier of two classes.
        points: inputs `[N, D]`.
    """
    kernel, _ = view.classifier()
    weights = np.float64(kernel[:, 1]) - kernel[:, 0]
    features = view.features(points.astype(np.float32))
    return features @ np.stack(
        [np.maximum(-weights, 0), np.maximum(weights, 0)], 1
    )


def answers(view: View, axes: Axes) -> np.ndarray:
    """Returns logits `[plane.GRID, plane.GRID, 2]` by the sums of evidence."""
    _, bias = view.classifier()
    logits = axes.grid(plane.GRID, plane.GRID) + bias
    return plane.lowered(logits).reshape(plane.GRID, plane.GRID, 2)


def net(axes: Axes) -> list[np.ndarray]:
    """Returns lines `[PLACES, 2]` along both directions of a plane."""
    (left, bottom), (right, top) = axes.low, axes.high
    along = np.linspace(0, 1, PLACES)
    lines = []
    for share in np.linspace(0, 1, NET):
        x, y = left + share * (right - left), bottom + share * (top - bottom)
        across = left + along * (right - left)
        upward = bottom + along * (top - bottom)
        lines.append(np.stack([across, np.full(PLACES, y)], 1))
        lines.append(np.stack([np.full(PLACES, x), upward], 1))
    return lines


def creases(panel: Any, view: View, axes: Axes) -> None:
    """Draws where hidden units begin: there the plane is folded."""
    grid = axes.grid(MASK, MASK)
    x, y = grid.reshape(MASK, MASK, 2).transpose(2, 0, 1)
    look = {"colors": "black", "linestyles": "dashed", "linewidths": 1.6}
    for outputs in view.activations(grid).values():
        for unit in outputs.T:
            is_on = (unit > 0).reshape(MASK, MASK)
            if is_on.any() and not is_on.all():
                panel.contour(x, y, is_on.astype(float), levels=[0.5], **look)
    panel.plot([], [], "k--", linewidth=1.6, label="fold")
