"""Kind `calibration`: is the network as often right as it is sure?

The reliability diagram of Guo et al. 2017, "On Calibration of Modern Neural
Networks", arXiv:1706.04599: bars below the line say that it is too sure.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing, metrics
from zoo.drawing import GAP, INK, LINE, LINES, PALE
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

SIDE = 300  # pixels of the diagram
COUNTS = 60  # pixels of the bars that count examples
BINS = 15
LEFT = 46  # pixels for the numbers beside the axis
RIGHT: drawing.Colour = (67, 147, 195)
TOO_SURE: drawing.Colour = (244, 165, 130)


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the picture `calibration`."""
    logits, labels = snapshot.judged.logits, snapshot.judged.labels
    if np.isfinite(logits).all():
        picture = diagram(logits, labels)
    else:
        picture = drawing.not_numbers()
    log.image("calibration", picture, snapshot.step)


def diagram(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the reliability diagram, and below it how many are how sure."""
    bins = metrics.calibration_bins(logits, labels, BINS)
    error = metrics.expected_calibration_error(logits, labels, BINS)
    picture = drawing.canvas(
        SIDE + GAP + COUNTS + 2 * LINE + GAP, LEFT + SIDE + LEFT
    )
    _paint_accuracy(picture, bins)
    _paint_counts(picture[SIDE + GAP :], bins)
    _write_axes(picture)
    return drawing.titled(
        picture,
        "Blue: how often it is right when it is so sure; red: what is missing "
        "to be as often right as sure. Expected calibration error "
        f"{100 * error:.1f} % over {len(labels):,} examples.",
    )


def _columns(index: int) -> slice:
    """Returns the pixels across of a bin, with a white one at its right."""
    width = SIDE // BINS
    return slice(LEFT + index * width, LEFT + (index + 1) * width - 1)


def _paint_accuracy(picture: np.ndarray, bins: list) -> None:
    for tenth in range(0, 11, 2):
        y = SIDE - round(SIDE * tenth / 10)
        picture[min(y, SIDE - 1), LEFT : LEFT + SIDE] = LINES
    for index, part in enumerate(bins):
        if not part.examples:
            continue
        right = round(SIDE * part.accuracy)
        sure = round(SIDE * part.confidence)
        across = _columns(index)
        picture[SIDE - right : SIDE, across] = RIGHT
        # Red hangs from the line where confidence is above the accuracy.
        picture[SIDE - max(sure, right) : SIDE - right, across] = TOO_SURE
    for x in range(SIDE):
        picture[SIDE - 1 - x, LEFT + x] = INK


def _paint_counts(picture: np.ndarray, bins: list) -> None:
    most = max(part.examples for part in bins)
    for index, part in enumerate(bins):
        height = -(-COUNTS * part.examples // most)  # one pixel if any
        picture[COUNTS - height : COUNTS, _columns(index)] = PALE


def _write_axes(picture: np.ndarray) -> None:
    for percent in (0, 50, 100):
        y = SIDE - round(SIDE * percent / 100)
        y = min(max(0, y - LINE // 2), SIDE - LINE)
        drawing.write(picture, f"{percent} %", LEFT - 4, y, align=1)
        x = LEFT + round(SIDE * percent / 100)
        below = SIDE + GAP + COUNTS + 2
        drawing.write(picture, f"{percent} %", x, below, align=0.5)
    middle = SIDE + GAP + (COUNTS - LINE) // 2
    drawing.write(picture, "count", LEFT - 4, middle, align=1)
    x = LEFT + SIDE // 2
    drawing.write(picture, "confidence", x, below + LINE, align=0.5)
