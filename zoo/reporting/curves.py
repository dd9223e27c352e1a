"""Loss and accuracy by epoch, with the epoch that was kept."""

from __future__ import annotations

import math
from typing import Any

from zoo.reporting import figures
from zoo.reporting.elements import NOTHING, Markup, element, section
from zoo.reporting.figures import ACCENT, INK, PAPER, QUIET, SECOND
from zoo.reporting.gathering import Story

WIDTH, HEIGHT = 3.9, 2.5  # inches of a picture
WIDE = 50  # largest beside least loss, from which the axis is logarithmic
LINES = (("", "training", ACCENT), ("val_", "validation", SECOND))


def curves(story: Story) -> Markup:
    """Returns the section, or nothing where no epoch was finished."""
    drawn = [
        _picture(story, column)
        for column in ("loss", "accuracy")
        if any(_points(story, start + column) for start, _, _ in LINES)
    ]
    if not drawn or not story.facts.history[-1]["step"]:
        return NOTHING
    note = "Training is the mean over an epoch while weights still change, "
    note += "with dropout and augmentation where there are; it may lie below "
    note += "validation."
    return section(
        "How it learned", element("div", drawn, class_="pair"), note=note
    )


def _picture(story: Story, column: str) -> Markup:
    points = {start: _points(story, start + column) for start, _, _ in LINES}
    with figures.theme():
        figure, axes = figures.new(WIDTH, HEIGHT)
        for start, name, colour in LINES:
            if points[start]:
                _line(axes, points[start], name, colour)
        _mark_best(axes, story, points["val_"])
        if column == "loss" and _is_wide(points):
            _draw_logarithmic(axes)
        axes.set_title(_title(story, column))
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=8)
        axes.margins(x=0.02)
        axes.legend(handlelength=1.2, borderaxespad=0.2)
        picture = figures.svg(figure, _alt(story, column, points))
    return figures.figure(picture)


def _points(story: Story, column: str) -> list[tuple[float, float]]:
    return [
        (row["epoch"], row[column])
        for row in story.facts.history
        if row.get(column) is not None and math.isfinite(row[column])
    ]


def _line(axes: Any, points: list, name: str, colour: str) -> None:
    epochs, values = zip(*points, strict=True)
    marker = "o" if len(points) == 1 else None
    axes.plot(epochs, values, color=colour, label=name, marker=marker)


def _mark_best(axes: Any, story: Story, points: list) -> None:
    """Draws a line at the epoch whose weights were kept, and a ring there."""
    best = story.metrics.get("best_epoch")
    if not best:
        return
    axes.axvline(best, color=QUIET, linewidth=0.8, linestyle=(0, (2, 2)))
    for epoch, value in points:
        if epoch == best:
            axes.plot(
                [epoch], [value], "o", markersize=6, color=PAPER,
                markeredgecolor=INK, markeredgewidth=1.2,
                label=f"best, epoch {best}", linestyle="none", zorder=5,
            )  # fmt: skip


def _is_wide(points: dict[str, list]) -> bool:
    values = [value for line in points.values() for _, value in line]
    return min(values) > 0 and max(values) > WIDE * min(values)


def _draw_logarithmic(axes: Any) -> None:
    from matplotlib.ticker import FormatStrFormatter, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)


def _title(story: Story, column: str) -> str:
    if column == "accuracy":
        return "Accuracy"
    loss = story.resolved["config"]["loss"].replace("_", " ")
    return f"Loss ({loss})"


def _alt(story: Story, column: str, points: dict[str, list]) -> str:
    ends = [
        f"{name} {line[0][1]:.4g} to {line[-1][1]:.4g}"
        for start, name, _ in LINES
        if (line := points[start])
    ]
    return f"Curves of {column} by epoch of {story.name}: {', '.join(ends)}"
