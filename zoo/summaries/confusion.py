"""Kind `confusion`: what is taken for what, and right answers by class.

With many classes the matrix shows those with most errors. A class of which
there are no examples is said to be missing: it has no share that is right.
"""

from __future__ import annotations

import numpy as np

from zoo import drawing, metrics
from zoo.drawing import BAD, GAP, GOOD, LINE, LINES, PALE
from zoo.summaries.events import EventLog
from zoo.summaries.snapshot import Snapshot

MOST = 20  # classes in a picture
NAMES_WIDTH = 120  # pixels at most for class names
MATRIX = 400  # pixels, about, for the cells of a matrix
BAR = 260  # pixels that stand for 100 %
RIGHT: drawing.Colour = (127, 191, 123)


def write(log: EventLog, snapshot: Snapshot) -> None:
    """Writes the pictures `confusion` and `correct_by_class`."""
    judged, names = snapshot.judged, snapshot.class_names
    if not np.isfinite(judged.logits).all():
        log.image("confusion", drawing.not_numbers(), snapshot.step)
        return
    predictions = judged.logits.argmax(axis=1)
    counts = metrics.confusion_matrix(judged.labels, predictions, len(names))
    log.image("confusion", matrix(counts, names), snapshot.step)
    log.image("correct_by_class", bars(counts, names), snapshot.step)


def worst(counts: np.ndarray) -> np.ndarray:
    """Returns the classes to show, in order: all, or those most often wrong.

    Args:
        counts: int `[K, K]`, true by predicted. An error counts for the
            class that was missed and for the one that was said.
    """
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return np.sort(np.argsort(-errors, kind="stable")[:MOST])


def matrix(counts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Returns the matrix as a picture: true in rows, predicted in columns."""
    shown = worst(counts)
    cell = max(24, min(44, MATRIX // len(shown)))
    cells = _paint(_shares(counts)[np.ix_(shown, shown)], cell)
    for row, true in enumerate(shown):
        middle = row * cell + (cell - LINE) // 2
        for column, predicted in enumerate(shown):
            x = column * cell + cell // 2
            _write_count(cells, counts[true, predicted], x, middle, cell)
    beside = _beside(names, shown, cell)
    below = _below(names, shown, cell)
    corner = drawing.canvas(len(below), beside.shape[1])
    picture = np.concatenate(
        [
            np.concatenate([beside, cells], axis=1),
            np.concatenate([corner, below], axis=1),
        ]
    )
    return drawing.titled(picture, _matrix_title(counts, shown))


def bars(counts: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Returns the share of each class that is right, as bars."""
    shown, totals = worst(counts), counts.sum(axis=1)
    left, deep = _names_width(names, shown), LINE + 3
    picture = drawing.canvas(deep * len(shown), left + BAR + 130)
    for row, k in enumerate(shown):
        top = row * deep
        drawing.write(picture, drawing.fit(names[k], left - GAP), 0, top)
        right, total = counts[k, k], totals[k]
        if not total:
            drawing.write(picture, "no examples", left, top, PALE)
            continue
        end = left + round(BAR * right / total)
        picture[top : top + LINE, left : left + BAR] = LINES
        picture[top : top + LINE, left:end] = RIGHT
        text = f"{100 * right / total:.0f} %  ({right:,} of {total:,})"
        drawing.write(picture, text, left + BAR + GAP, top)
    return drawing.titled(
        picture, f"Right answers by class{_which(counts, shown)}"
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    """Returns each count as a share of its row; 0 in rows without any."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _paint(shares: np.ndarray, cell: int) -> np.ndarray:
    """Colours cells: right answers green, errors red, none white."""
    # The root makes rare errors visible beside frequent right answers.
    strength = np.sqrt(shares)[..., None]
    right = np.eye(len(shares), dtype=bool)[..., None]
    colour = np.where(right, np.array(GOOD), np.array(BAD))
    cells = 255 + (colour - 255) * 0.75 * strength
    picture = cells.round().astype(np.uint8)
    picture = picture.repeat(cell, axis=0).repeat(cell, axis=1)
    picture[::cell], picture[:, ::cell] = LINES, LINES
    return picture


def _beside(names: tuple[str, ...], shown: np.ndarray, cell: int) -> np.ndarray:
    """Returns the names of the rows, each ending where its row begins."""
    width = _names_width(names, shown)
    strip = drawing.canvas(cell * len(shown), width)
    for row, k in enumerate(shown):
        name = drawing.fit(names[k], width - GAP)
        y = row * cell + (cell - LINE) // 2
        drawing.write(strip, name, width - GAP // 2, y, align=1)
    return strip


def _below(names: tuple[str, ...], shown: np.ndarray, cell: int) -> np.ndarray:
    """Returns the names of the columns, on their side if they are long."""
    if _names_width(names, shown) > cell:
        return np.rot90(_beside(names, shown, cell))
    strip = drawing.canvas(LINE, cell * len(shown))
    for column, k in enumerate(shown):
        x = column * cell + cell // 2
        drawing.write(strip, names[k], x, 0, align=0.5)
    return strip


def _write_count(
    picture: np.ndarray, count: int, x: int, y: int, cell: int
) -> None:
    text = str(count)
    if count and drawing.text_width(text) < cell:
        drawing.write(picture, text, x, y, align=0.5)


def _names_width(names: tuple[str, ...], shown: np.ndarray) -> int:
    widest = max(drawing.text_width(names[k]) for k in shown)
    return min(widest, NAMES_WIDTH) + GAP


def _matrix_title(counts: np.ndarray, shown: np.ndarray) -> str:
    right, total = np.trace(counts), counts.sum()
    return (
        f"Rows: the label; columns: the answer. {right:,} of {total:,} "
        f"right{_which(counts, shown)}."
    )


def _which(counts: np.ndarray, shown: np.ndarray) -> str:
    if len(shown) == len(counts):
        return ""
    return f"; the {MOST} of {len(counts):,} classes with most errors are shown"
