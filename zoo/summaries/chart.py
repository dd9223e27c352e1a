"""A chart: lines and points over a background, with numbers at its sides."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from zoo import drawing
from zoo.drawing import GAP, LINE, PALE, Colour

FINE = 2  # everything is drawn so many times larger, then made small: smooth
FAR = 10_000  # pixels; what lies further outside is drawn as if it lay there
AROUND = 0.08  # share of the whole that is left free around points
PIXELS_PER_TICK = 45
RIGHT = 16  # pixels free at the right, for half of the last number
STEPS = (1, 2, 2.5, 5, 10)  # times a power of ten, from one tick to the next

Mark = tuple[int, str]  # pixels from the left or the top; the number there


@dataclasses.dataclass(frozen=True)
class Axes:
    """The part of a plane that a chart shows.

    Attributes:
        low: x and y of the lower left corner.
        high: x and y of the upper right corner.
        width: pixels.
        height: pixels.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    width: int
    height: int

    @classmethod
    def around(cls, points: np.ndarray, width: int, height: int) -> Axes:
        """Returns axes that hold all points `[N, 2]`, and a little more."""
        points = np.asarray(points, np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        low, high = low - AROUND * span, high + AROUND * span
        return cls(tuple(low.tolist()), tuple(high.tolist()), width, height)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Returns points `[N, 2]` as pixels from the left and the top."""
        low, high = np.array(self.low), np.array(self.high)
        share = (np.asarray(points, np.float64) - low) / (high - low)
        share[:, 1] = 1 - share[:, 1]
        return share * (self.width, self.height)

    def grid(self, rows: int, columns: int) -> np.ndarray:
        """Returns the middles of cells, float32 `[rows * columns, 2]`.

        Row by row as a picture is read: from the top left.
        """
        (left, bottom), (right, top) = self.low, self.high
        x = left + (right - left) * (np.arange(columns) + 0.5) / columns
        y = top - (top - bottom) * (np.arange(rows) + 0.5) / rows
        points = np.stack(np.meshgrid(x, y), axis=-1)
        return points.reshape(-1, 2).astype(np.float32)


class Chart:
    """Something to draw on.

    Args:
        axes: what it shows.
        background: uint8 `[FINE * height, FINE * width, 3]`; else white.
    """

    def __init__(self, axes: Axes, background: np.ndarray | None = None):
        if background is None:
            background = drawing.canvas(FINE * axes.height, FINE * axes.width)
        self.axes = axes
        self._image = Image.fromarray(background)
        self._pen = ImageDraw.Draw(self._image)

    def line(
        self, points: np.ndarray, colour: Colour, width: float = 1.0
    ) -> None:
        """Draws lines from each of points `[N, 2]` to the next."""
        places = [tuple(place) for place in self._places(points).tolist()]
        self._pen.line(places, colour, round(FINE * width), "curve")

    def dots(
        self,
        points: np.ndarray,
        colours: Iterable[Colour],
        radius: float = 3.0,
        edge: Colour = (255, 255, 255),
    ) -> None:
        """Draws a disc with an edge of one pixel at each of `[N, 2]`."""
        reach = FINE * radius
        for (x, y), colour in zip(self._places(points), colours, strict=True):
            box = (x - reach, y - reach, x + reach, y + reach)
            self._pen.ellipse(box, colour, edge, FINE)

    def picture(self, names: tuple[str, str] = ("", "")) -> np.ndarray:
        """Returns the chart with its numbers and the names of the axes."""
        small = np.asarray(self._image.reduce(FINE)).copy()
        small[[0, -1]] = small[:, [0, -1]] = PALE
        left = _left(self._ticks(1), self.axes.height, names[1])
        free = left.shape[1]
        below = _below(self._ticks(0), free, self.axes.width, names[0])
        small = np.pad(small, ((0, 0), (0, RIGHT), (0, 0)), **drawing.WHITE)
        return np.concatenate([np.concatenate([left, small], axis=1), below])

    def _places(self, points: np.ndarray) -> np.ndarray:
        points = points[np.isfinite(points).all(axis=1)]
        return np.clip(FINE * self.axes.place(points), -FAR, FAR)

    def _ticks(self, axis: int) -> list[Mark]:
        low, high = self.axes.low[axis], self.axes.high[axis]
        length = (self.axes.width, self.axes.height)[axis]
        values = ticks(low, high, length // PIXELS_PER_TICK)
        share = (values - low) / (high - low)
        places = length * (1 - share if axis else share)
        places = np.minimum(places.round().astype(int), length - 1)
        return list(zip(places.tolist(), words(values), strict=True))


def _left(marks: list[Mark], height: int, name: str) -> np.ndarray:
    """Returns the numbers at the left of a chart, and the axis's name."""
    longest = max((drawing.text_width(word) for _, word in marks), default=0)
    begin = LINE if name else 0
    strip = drawing.canvas(height, begin + longest + GAP)
    for place, word in marks:
        y = min(max(0, place - LINE // 2), height - LINE)
        drawing.write(strip, word, strip.shape[1] - GAP // 2, y, align=1)
        strip[place, -GAP // 4 :] = PALE
    if name:
        lying = drawing.canvas(LINE, height)
        drawing.write(lying, name, height // 2, 0, align=0.5)
        strip[:, :LINE] = np.rot90(lying)
    return strip


def _below(marks: list[Mark], free: int, width: int, name: str) -> np.ndarray:
    """Returns the numbers below a chart that begins after some free pixels."""
    strip = drawing.canvas(LINE * (2 if name else 1) + 2, free + width + RIGHT)
    for place, word in marks:
        strip[:2, free + place] = PALE
        drawing.write(strip, word, free + place, 2, align=0.5)
    drawing.write(strip, name, free + width // 2, LINE, align=0.5)
    return strip


def ticks(low: float, high: float, most: int) -> np.ndarray:
    """Returns round numbers from low to high, about `most` of them."""
    rough = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in STEPS if power * n >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return step * np.arange(first, last + 1, dtype=np.float64)


def words(values: np.ndarray) -> list[str]:
    """Returns evenly spaced numbers as short texts, all with as many digits."""
    largest = np.abs(values).max(initial=0)
    if not 0.01 <= largest < 1e6:
        return [f"{value:.3g}" for value in values]
    step = values[1] - values[0] if len(values) > 1 else largest
    digits = 0
    while (
        digits < 8 and np.abs(values.round(digits) - values).max() > step / 99
    ):
        digits += 1
    return [f"{value + 0.0:.{digits}f}" for value in values.round(digits)]
