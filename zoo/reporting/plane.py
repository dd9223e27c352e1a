"""Data that can be drawn whole: points of a plane, a function of a number."""

from __future__ import annotations

import numpy as np

from zoo.reporting import figures
from zoo.reporting.elements import NOTHING, Markup, section
from zoo.reporting.figures import ACCENT, QUIET, SECOND
from zoo.reporting.gathering import Story
from zoo.summaries import function, plane
from zoo.summaries.chart import Axes, Chart

SIDE = 420  # pixels of the plane


def plane_picture(story: Story) -> Markup:
    """Returns the answer at every point, or the curve; nothing for images."""
    shape = tuple(story.resolved["data"]["input_shape"])
    if not story.scored or not np.isfinite(story.scored.outputs).all():
        return NOTHING
    if story.is_regression:
        picture = _curve(story) if shape == (1,) else _predicted(story)
        return section("What it predicts", picture)
    if shape == (2,):
        return section("What it says of the plane", _boundary(story))
    return NOTHING


class _Asked:
    """A model as the pictures of `zoo.summaries` ask it."""

    def __init__(self, model):
        self._model = model

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        return self._model.predict(inputs, batch_size=len(inputs), verbose=0)


def _boundary(story: Story) -> Markup:
    scored, names = story.scored, story.resolved["data"]["class_names"]
    inputs, labels = scored.part.images, scored.part.labels
    axes = Axes.around(inputs, SIDE, SIDE)
    maps = plane.scores_on(_Asked(scored.model), axes)
    chart = Chart(axes, plane.painted(maps, axes))
    right = scored.outputs.argmax(axis=1) == labels
    plane.mark_points(chart, inputs, labels, right)
    picture = chart.picture(("first number", "second number"))
    words = plane.legend(tuple(names), picture.shape[1])
    pixels = np.concatenate([words, picture])
    alt = f"The answer of {story.name} at every point of the plane"
    return figures.figure(
        figures.png(pixels, alt, class_="card"),
        "The answer at every point, the paler the less sure, and the "
        "validation points; wrong ones are larger and ringed.",
    )


def _curve(story: Story) -> Markup:
    scored = story.scored
    x = function.places(scored.part.images)
    y = _Asked(scored.model).logits(x)[:, 0]
    with figures.theme():
        figure, axes = figures.new(5.6, 3)
        axes.plot(
            scored.part.images[:, 0], scored.part.labels, "o", color=ACCENT,
            markersize=3, alpha=0.5, label="validation points",
        )  # fmt: skip
        axes.plot(x[:, 0], y, color=SECOND, linewidth=2, label="prediction")
        axes.legend()
        axes.set_xlabel("input")
        axes.set_title("Target")
        alt = f"Validation points and the function that {story.name} fitted"
        picture = figures.svg(figure, alt)
    return figures.figure(picture)


def _predicted(story: Story) -> Markup:
    scored = story.scored
    ends = [scored.part.labels.min(), scored.part.labels.max()]
    with figures.theme():
        figure, axes = figures.new(4, 3.4)
        axes.plot(ends, ends, color=QUIET, linewidth=1)
        axes.plot(
            scored.part.labels, scored.outputs[:, 0], "o", color=ACCENT,
            markersize=3, alpha=0.5,
        )  # fmt: skip
        axes.set_xlabel("target")
        axes.set_title("Prediction")
        alt = f"Predictions of {story.name} against targets"
        picture = figures.svg(figure, alt)
    return figures.figure(picture)
