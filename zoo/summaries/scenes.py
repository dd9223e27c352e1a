"""The frames of a film: the numbers behind them, and how they are drawn.

Nothing but the network moves: all frames have the same axes.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing
from zoo.drawing import INK, Colour
from zoo.summaries import function, plane
from zoo.summaries.chart import Axes, Chart
from zoo.summaries.function import Fit
from zoo.summaries.snapshot import Snapshot

SIDE = 320  # pixels of a chart
MOST_CLASSES = 10  # the numbers of more would be too many to keep
LOWEST = -1_000.0  # logits; lower ones are none to float16


def numbers(snapshot: Snapshot) -> np.ndarray:
    """Returns what a frame is drawn from, float16.

    Of a plane `[GRID, GRID, K]`, logits; of a line `[N, 1 + U]`, the function
    and the shares of its units, if they are few.
    """
    if snapshot.class_names:
        axes = Axes.around(snapshot.inputs, SIDE, SIDE)
        maps = plane.scores_on(snapshot.view, axes)
        return np.maximum(maps, LOWEST).astype(np.float16)
    fit = function.fitted(snapshot.view, snapshot.inputs)
    few = fit.shares.shape[1] <= function.UNITS
    shares = fit.shares if few else fit.shares[:, :0]
    columns = np.concatenate([fit.y[:, None], shares], axis=1)
    with np.errstate(over="ignore"):
        return columns.astype(np.float16)


def colours(snapshot: Snapshot) -> list[Colour]:
    """Returns what frames are drawn in, besides white."""
    if snapshot.class_names:
        return [INK, *plane.CLASSES[: len(snapshot.class_names)]]
    return [INK, function.POINT, function.CURVE, *plane.CLASSES]


def pictures(
    snapshot: Snapshot, steps: np.ndarray, values: np.ndarray
) -> list[np.ndarray]:
    """Draws frames, all of one size.

    Args:
        snapshot: of the same run; its inputs and labels are drawn.
        steps: int `[T]`, updates made.
        values: `[T, ...]` as `numbers` has them.
    """
    draw = _planes if snapshot.class_names else _lines
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    return [
        drawing.titled(picture, f"update {step:,}")
        for step, picture in zip(steps, draw(snapshot, values), strict=True)
    ]


def _planes(snapshot: Snapshot, values: np.ndarray) -> list[np.ndarray]:
    axes = Axes.around(snapshot.inputs, SIDE, SIDE)
    found = []
    for maps in values:
        chart = Chart(axes, plane.painted(maps, axes))
        points, labels = snapshot.inputs, snapshot.labels
        plane.mark_points(chart, points, labels, np.ones(len(labels), bool))
        found.append(chart.picture())
    return found


def _lines(snapshot: Snapshot, values: np.ndarray) -> list[np.ndarray]:
    x = function.places(snapshot.inputs)[:, 0]
    targets = snapshot.labels
    found = []
    for columns in values:
        y, shares = columns[:, 0], columns[:, 1:]
        fit = Fit(x, y, shares, 0.0, np.zeros(0))
        picture = function.curve(fit, snapshot.inputs, targets, targets)
        if shares.shape[1]:
            below = function.shares(fit, values[..., 1:])
            picture = np.concatenate(drawing.as_wide([picture, below], 1))
        found.append(picture)
    return found
