"""The answers themselves: the surest mistakes, and how sure it is rightly."""

from __future__ import annotations

import numpy as np

from zoo import drawing, metrics
from zoo.reporting import figures
from zoo.reporting.elements import (
    NOTHING,
    Markup,
    definitions,
    element,
    joined,
    section,
)
from zoo.reporting.figures import ACCENT, BAD, QUIET
from zoo.reporting.gathering import Story
from zoo.summaries.mistakes import surest_first

SHOWN = 12  # mistakes
SIDE = 96  # pixels at most of an image that is stored
BINS = 15


def mistakes(story: Story) -> Markup:
    """Returns the mistakes that the network was surest of, as pictures."""
    if not _has_sure_answers(story) or story.noun != "images":
        return NOTHING
    part, outputs = story.scored.part, story.scored.outputs
    probabilities = np.exp(metrics.log_softmax(outputs))
    wrong = surest_first(probabilities, part.labels)
    title = "Surest mistakes"
    if not len(wrong):
        text = f"None: all {len(part):,} validation images are right."
        return section(title, element("p", text))
    shown = [_mistake(story, i, probabilities[i]) for i in wrong[:SHOWN]]
    note = (
        f"{len(shown)} of {len(wrong):,} wrong answers. Look whether it is the "
        "network that is wrong, or the label."
    )
    return section(title, element("div", shown, class_="tiles"), note=note)


def _has_sure_answers(story: Story) -> bool:
    scored = story.scored
    if scored is None or story.is_regression:
        return False
    return bool(np.isfinite(scored.outputs).all())


def _mistake(story: Story, index: int, probabilities: np.ndarray) -> Markup:
    part, names = story.scored.part, story.resolved["data"]["class_names"]
    answer = int(probabilities.argmax())
    true, said = names[part.labels[index]], names[answer]
    sure = f"{100 * probabilities[answer]:.1f} %"
    file = part.file_names[index] if part.file_names else None
    pixels = drawing.to_pixels(part.images[index], 0, 255)
    picture = figures.png(
        _small(drawing.in_colour(pixels)),
        f"An image of {true}, taken for {said} with {sure}",
    )
    return figures.figure(
        picture,
        element("b", said, class_="wrong"), f" {sure}",
        element("span", "is ", element("b", true)),
        file and element("span", file, class_="file"),
    )  # fmt: skip


def _small(pixels: np.ndarray) -> np.ndarray:
    if max(pixels.shape[:2]) <= SIDE:
        return pixels
    return drawing.resized(pixels[None], SIDE)[0]


def calibration(story: Story) -> Markup:
    """Returns the reliability diagram, and the numbers that go with it."""
    if not _has_sure_answers(story):
        return NOTHING
    show = story.numbers
    numbers = definitions(
        [
            ("Calibration error", show.percent(
                "evaluate.expected_calibration_error")),
            ("Brier score", show.decimal("evaluate.brier_score")),
            ("Negative log-likelihood", joined(
                show.decimal("evaluate.negative_log_likelihood"), " nats")),
            ("Loss", show.decimal("evaluate.loss")),
        ]
    )  # fmt: skip
    about = element(
        "p",
        "The calibration error is the mean distance of confidence from "
        f"accuracy over {BINS} bins. The Brier score is 0 at best and 2 at "
        "worst. Bars below the line: surer than right.",
    )
    body = element(
        "div",
        _reliability(story),
        element("div", numbers, about),
        class_="beside",
    )
    return section("How sure it is", body)


def _reliability(story: Story) -> Markup:
    labels, outputs = story.scored.part.labels, story.scored.outputs
    bins = metrics.calibration_bins(outputs, labels, BINS)
    filled = [part for part in bins if part.examples]
    middles = [50 * (part.low + part.high) for part in filled]
    right = [100 * part.accuracy for part in filled]
    missing = [100 * max(0, p.confidence - p.accuracy) for p in filled]
    with figures.theme():
        figure, axes = figures.new(3.4, 2.7)
        width = 100 / BINS * 0.86
        axes.bar(middles, right, width, color=ACCENT, alpha=0.75)
        axes.bar(middles, missing, width, bottom=right, color=BAD, alpha=0.35)
        axes.plot([0, 100], [0, 100], color=QUIET, linewidth=1)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
        axes.set_xlabel("confidence, %")
        axes.set_title("Answers that are right, %")
        picture = figures.svg(figure, f"Reliability diagram of {story.name}")
    return figures.figure(picture)
