"""What a network says of every point of a plane, and how that is coloured.

The network is asked on a grid. Between the grid's points its logits are
filled in, since they change more evenly than probabilities, so that the
boundary lies where it should within a small part of a cell.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from zoo import drawing, metrics
from zoo.drawing import GAP, INK, LINE, Colour
from zoo.summaries.chart import FINE, Axes, Chart
from zoo.summaries.view import View

GRID = 80  # points in each direction
STRENGTH = 0.5  # of a class's colour where the network is sure of it
CLASSES: tuple[Colour, ...] = (
    (31, 110, 180),
    (225, 110, 20),
    (40, 140, 60),
    (200, 40, 50),
    (125, 85, 175),
    (130, 80, 65),
    (215, 95, 175),
    (110, 110, 110),
    (155, 155, 30),
    (20, 160, 180),
)  # and again from the first
WHITE: Colour = (255, 255, 255)
DOT = 11  # pixels, the sides of a square in the legend


def colour_of(label: int) -> Colour:
    """Returns the colour of a class."""
    return CLASSES[int(label) % len(CLASSES)]


def scores_on(view: View, axes: Axes) -> np.ndarray:
    """Returns logits float32 `[GRID, GRID, K]`, the largest of each point 0."""
    logits = view.logits(axes.grid(GRID, GRID))
    return lowered(logits).reshape(GRID, GRID, -1)


def lowered(logits: np.ndarray) -> np.ndarray:
    """Returns logits with the largest of each row at 0; says the same."""
    return logits - logits.max(axis=-1, keepdims=True)


def certainty(logits: np.ndarray) -> np.ndarray:
    """Returns how sure an answer is: 0 all classes alike, 1 certain."""
    rows = logits.reshape(-1, logits.shape[-1])
    probabilities = np.exp(metrics.log_softmax(rows)).reshape(logits.shape)
    guess = 1 / logits.shape[-1]
    return (probabilities.max(axis=-1) - guess) / (1 - guess)


def painted(maps: np.ndarray, axes: Axes) -> np.ndarray:
    """Returns a chart's background: the surer the stronger, lines between.

    Args:
        maps: finite logits `[rows, columns, K]`, as a picture is read.
    """
    size = (FINE * axes.width, FINE * axes.height)
    ends = np.array(CLASSES)[maps.argmax(axis=-1) % len(CLASSES)]
    share = STRENGTH * certainty(maps)[..., None]
    colours = (255 + (ends - 255) * share).round().astype(np.uint8)
    image = Image.fromarray(colours).resize(size, Image.Resampling.BILINEAR)
    background = np.array(image)
    background[boundary(answers(maps, size))] = INK
    return background


def answers(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the class at each pixel, int `[height, width]`.

    Args:
        maps: logits `[rows, columns, K]`.
        size: width and height.
    """
    found = np.unique(maps.argmax(axis=-1))
    layers = [
        Image.fromarray(np.ascontiguousarray(maps[..., k], np.float32))
        for k in found
    ]
    filled = [layer.resize(size, Image.Resampling.BILINEAR) for layer in layers]
    return found[np.argmax([np.asarray(layer) for layer in filled], axis=0)]


def boundary(found: np.ndarray) -> np.ndarray:
    """Returns where another class begins, bool, two or three pixels wide."""
    edge = np.zeros(found.shape, bool)
    right, down = found[:, 1:] != found[:, :-1], found[1:] != found[:-1]
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def mark_points(
    chart: Chart, points: np.ndarray, labels: np.ndarray, right: np.ndarray
) -> None:
    """Draws points in the colours of their classes, the wrong ones larger.

    Args:
        points: float `[N, 2]`.
        labels: int `[N]`.
        right: bool `[N]`, whether the network says so too.
    """
    for some, radius, edge in ((right, 3.5, WHITE), (~right, 4.5, INK)):
        colours = [colour_of(label) for label in labels[some]]
        chart.dots(points[some], colours, radius, edge)


def legend(names: tuple[str, ...], width: int) -> np.ndarray:
    """Returns the names of the classes beside their colours, in rows."""
    rows, x = [drawing.canvas(LINE + 3, width)], 0
    for label, name in enumerate(names[: len(CLASSES)]):
        name = drawing.fit(name, width // 2)
        if x + DOT + GAP + drawing.text_width(name) > width:
            rows.append(drawing.canvas(LINE + 3, width))
            x = 0
        rows[-1][2 : 2 + DOT, x : x + DOT] = colour_of(label)
        drawing.write(rows[-1], name, x + DOT + GAP // 2, 0)
        x += DOT + 2 * GAP + drawing.text_width(name)
    return np.concatenate(rows)
