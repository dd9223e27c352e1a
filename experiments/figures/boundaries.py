"""The answers of several networks at every point of the plane, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.figures.looking import Look, look
from zoo import metrics
from zoo.runs import Run
from zoo.summaries import plane
from zoo.summaries.chart import Axes

WIDTH, HEIGHT = 200, 150  # pixels of the map behind, drawn twice as large
SHAPES = "os"  # of the points of either class


def draw(figure: Any, runs: dict[str, list[Run]]) -> None:
    """Draws one panel a rung, all with the same axes."""
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True)
    for panel, (title, group) in zip(panels, runs.items(), strict=True):
        seen = look(group[0])
        axes = Axes.around(seen.inputs, WIDTH, HEIGHT)
        show_answers(panel, axes, plane.scores_on(seen.view, axes))
        show_points(panel, seen.inputs, seen)
        panel.set_title(title)
        panel.set_xlabel(_scores(seen))
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=3, markerscale=1.3
    )


def show_answers(panel: Any, axes: Axes, maps: np.ndarray) -> None:
    """Colours the plane by the answer, with a line where it changes.

    Args:
        maps: logits `[rows, columns, K]`, as a picture is read.
    """
    (left, bottom), (right, top) = axes.low, axes.high
    panel.imshow(
        plane.painted(maps, axes),
        extent=(left, right, bottom, top),
        interpolation="bilinear",
        aspect="auto",
    )
    panel.tick_params(length=0, labelbottom=False, labelleft=False)


def show_points(panel: Any, places: np.ndarray, seen: Look) -> None:
    """Draws the training points, with a ring where a label is wrong.

    Args:
        places: float `[N, 2]`, where each is.
        seen: the network that was trained on them.
    """
    for label, name in enumerate(seen.plan.data.class_names):
        panel.scatter(
            *places[seen.labels == label].T,
            s=26,
            marker=SHAPES[label],
            color=[np.array(plane.colour_of(label)) / 255],
            edgecolor="white",
            linewidth=0.6,
            label=f"labelled {name}",
            zorder=2,
        )
    if seen.is_wrong.any():
        panel.scatter(
            *places[seen.is_wrong].T,
            s=70,
            facecolor="none",
            edgecolor="black",
            linewidth=1.2,
            label="labelled wrongly",
            zorder=3,
        )


def _scores(seen: Look) -> str:
    """Says how many labels of training and validation are met."""
    told = []
    held_out = seen.plan.data.val
    for name, inputs, labels in (
        ("training", seen.inputs, seen.labels),
        ("validation", held_out.images, held_out.labels),
    ):
        right = metrics.count_correct(seen.view.logits(inputs), labels)
        told.append(f"{name} {100 * right / len(labels):.0f} %")
    return ", ".join(told)
