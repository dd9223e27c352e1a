"""Kind `mistakes`: misclassified images, the most confident first.

What a network gets wrong although it is sure shows what it has not seen, or
a label that is wrong. The surest of all stand larger in `suspects`, once, at
the end of training, from everything that is held out.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing, metrics
from zoo.drawing import BAD, GOOD, PALE
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Judged, Snapshot

MOST = 24  # images of `mistakes`
SIDE = 88  # pixels, about, of each
SUSPECTS = 9
SUSPECT_SIDE = 140


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the picture `mistakes`; at the end `suspects` too."""
    judged, names = snapshot.judged, snapshot.class_names
    if not np.isfinite(judged.logits).all():
        log.image("mistakes", drawing.not_numbers(), snapshot.step)
        return
    probabilities = np.exp(metrics.log_softmax(judged.logits))
    wrong = surest_first(probabilities, judged.labels)
    picture = mistakes(judged, probabilities, wrong, names)
    log.image("mistakes", picture, snapshot.step)
    if snapshot.last and len(wrong):
        picture = suspects(judged, probabilities, wrong, names)
        log.image("suspects", picture, snapshot.step)


def surest_first(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the indices of wrong answers, the most confident first.

    Args:
        probabilities: float `[N, K]`.
        labels: int `[N]`.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidence = probabilities[wrong].max(axis=1)
    return wrong[np.argsort(-confidence, kind="stable")]


def mistakes(
    judged: Judged,
    probabilities: np.ndarray,
    wrong: np.ndarray,
    names: tuple[str, ...],
) -> np.ndarray:
    """Returns a sheet of the first of the wrong answers."""
    total = f"{len(judged.labels):,} images"
    if not len(wrong):
        return drawing.note(f"No mistakes among {total}.")
    shown = wrong[:MOST]
    tiles = _tiles(judged.inputs[shown], SIDE)
    captions = [
        [
            _says(names, probabilities[index], 0, tiles.shape[2], BAD),
            (f"is {names[judged.labels[index]]}", GOOD),
        ]
        for index in shown
    ]
    which = f"{len(shown)} of {len(wrong):,}" if len(wrong) > MOST else "All"
    return drawing.titled(
        drawing.sheet(tiles, captions),
        f"{which} mistakes among {total}, the surest first. Red: what the "
        "network says, and how surely; green: the label.",
    )


def suspects(
    judged: Judged,
    probabilities: np.ndarray,
    wrong: np.ndarray,
    names: tuple[str, ...],
) -> np.ndarray:
    """Returns the surest mistakes, larger, each with the second answer."""
    shown = wrong[:SUSPECTS]
    tiles = _tiles(judged.inputs[shown], SUSPECT_SIDE)
    captions = [
        [
            (f"label: {names[judged.labels[index]]}", GOOD),
            _says(names, probabilities[index], 0, tiles.shape[2], BAD),
            _says(names, probabilities[index], 1, tiles.shape[2], PALE),
        ]
        for index in shown
    ]
    return drawing.titled(
        drawing.sheet(tiles, captions, columns=3),
        "Is the label wrong? The mistakes that the network is surest of; red: "
        "its answer, grey: its second.",
    )


def _tiles(images: np.ndarray, side: int) -> np.ndarray:
    pixels = drawing.to_pixels(images, 0, 255)
    return drawing.resized(drawing.in_colour(pixels), side)


def _says(
    names: tuple[str, ...],
    probabilities: np.ndarray,
    rank: int,
    width: int,
    colour: drawing.Colour,
) -> drawing.Line:
    """Returns an answer and its probability as a line that fits a tile."""
    answer = np.argsort(-probabilities, kind="stable")[rank]
    sure = f", {percent(probabilities[answer])}"
    name = drawing.fit(names[answer], width - drawing.text_width(sure))
    return name + sure, colour


def percent(share: float) -> str:
    """Writes a probability as `98 %`; `99.9 %` is the most."""
    # 100 % would be more than any network knows.
    text = f"{min(99.9, 100 * share):.1f}" if share > 0.99 else ""
    return f"{text or round(100 * share)} %"
