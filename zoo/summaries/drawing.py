"""Images drawn with NumPy and Pillow: text, colors, image grids and charts.

They need no display, no window system and no font file: Pillow brings a font.
Every image is uint8 `[H, W, 3]`, meant to be read 300 to 600 pixels wide.
Matplotlib would take thirty times as long, and training waits for it.
"""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]

TEXT: Color = (40, 40, 40)
MUTED: Color = (140, 140, 140)
CORRECT: Color = (27, 120, 55)
INCORRECT: Color = (178, 24, 43)
LIGHT: Color = (225, 225, 225)
# Zero is white; the ends are as dark as each other (ColorBrewer's RdBu).
NEGATIVE = np.array((33, 102, 172), np.float32)
POSITIVE = np.array((178, 24, 43), np.float32)

FONT_SIZE = 12  # pixels
LINE_HEIGHT = 15  # pixels
GAP = 8  # pixels between tiles
CHAR_WIDTH = 6  # pixels, mean width of a character
MARGIN = 6  # pixels around an image
GRID_WIDTH = 480  # pixels, about, of an image grid
MIN_WIDTH = 360  # pixels, of an image with a title

WHITE = {"constant_values": 255}

CaptionLine = tuple[str, Color]


def blank(height: int, width: int) -> np.ndarray:
    """Returns a white image."""
    return np.full((height, width, 3), 255, np.uint8)


def draw_text(
    image: np.ndarray,
    text: str,
    x: int,
    y: int,
    color: Color = TEXT,
    align: float = 0.0,
) -> None:
    """Draws one line of text with its top at y, clipped to the image.

    Args:
        align: position of x in the text: 0 left, 0.5 center, 1 right.
    """
    ink = _ink(text)
    x = max(0, x - round(align * ink.shape[1]))
    area = image[y : y + ink.shape[0], x : x + ink.shape[1]]
    ink = ink[: area.shape[0], : area.shape[1], None]
    area[:] = area + (np.array(color) - area) * ink


def truncate(text: str, width: int) -> str:
    """Returns a text truncated to a width in pixels, with an ellipsis."""
    if text_width(text) <= width:
        return text
    while text and text_width(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def text_width(text: str) -> int:
    """Returns the width of a line of text in pixels."""
    return _ink(text).shape[1]


@lru_cache(maxsize=4096)
def _ink(text: str) -> np.ndarray:
    """Returns the coverage of each pixel by a line of text, 0..1."""
    font = _font()
    text = " ".join(text.split())
    mask = Image.new("L", (max(1, round(font.getlength(text))), LINE_HEIGHT))
    ImageDraw.Draw(mask).text((0, 0), text, 255, font)
    return np.asarray(mask, np.float32) / 255


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(FONT_SIZE)


def with_title(image: np.ndarray, title: str) -> np.ndarray:
    """Returns an image with a title above it, and a margin around both."""
    missing = max(0, MIN_WIDTH - image.shape[1])
    image = np.pad(image, ((0, 0), (0, missing), (0, 0)), **WHITE)
    lines = textwrap.wrap(title, image.shape[1] // CHAR_WIDTH)
    above = blank(LINE_HEIGHT * len(lines) + MARGIN, image.shape[1])
    for number, line in enumerate(lines):
        draw_text(above, line, 0, LINE_HEIGHT * number)
    both = np.concatenate([above, image])
    return np.pad(both, ((MARGIN,) * 2, (MARGIN,) * 2, (0, 0)), **WHITE)


def pad_to_widest(
    images: Sequence[np.ndarray], align: float
) -> list[np.ndarray]:
    """Returns images padded with white to the width of the widest.

    Args:
        align: position of the image: 0 left, 1 right.
    """
    widest = max(image.shape[1] for image in images)
    padded = []
    for image in images:
        missing = widest - image.shape[1]
        left = round(align * missing)
        sides = ((0, 0), (left, missing - left), (0, 0))
        padded.append(np.pad(image, sides, **WHITE))
    return padded


def placeholder(text: str) -> np.ndarray:
    """Returns a small image with a text, where nothing can be drawn."""
    return with_title(blank(GAP, MIN_WIDTH), text)


def nonfinite_placeholder() -> np.ndarray:
    """Returns what is shown where weights or outputs are not finite."""
    return placeholder("Not drawn: some values are NaN or infinite.")


def to_pixels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Maps numbers to gray levels, uint8: low is black, high is white."""
    span = high - low if high > low else 1.0
    return (np.clip((values - low) / span, 0, 1) * 255).round().astype(np.uint8)


def to_rgb(images: np.ndarray) -> np.ndarray:
    """Converts `[..., C]` to `[..., 3]`: the channel mean if not RGB."""
    if images.shape[-1] == 3:
        return images
    gray = images.mean(axis=-1, keepdims=True)
    return np.repeat(gray.astype(images.dtype), 3, axis=-1)


def diverging_colors(values: np.ndarray, limit: float) -> np.ndarray:
    """Maps numbers to colors: -limit is blue, 0 white, +limit red.

    Returns:
        uint8, with an axis of 3 added at the end.
    """
    fraction = np.clip(values / (limit or 1.0), -1, 1)[..., None]
    end = np.where(fraction < 0, NEGATIVE, POSITIVE)
    return (255 + (end - 255) * np.abs(fraction)).round().astype(np.uint8)


def resize(images: np.ndarray, side: int) -> np.ndarray:
    """Resizes images to about `side` pixels, by an integer factor.

    Every pixel becomes a square, or a square of pixels becomes its mean.

    Args:
        images: uint8 `[N, H, W, 3]`.
    """
    longest = max(images.shape[1:3])
    grow = max(1, round(side / longest))
    shrink = max(1, round(longest / side))
    if shrink > 1:
        images = _means(images, shrink)
    return images.repeat(grow, axis=1).repeat(grow, axis=2)


def _means(images: np.ndarray, factor: int) -> np.ndarray:
    count, height, width, channels = images.shape
    rows, columns = max(1, height // factor), max(1, width // factor)
    kept = images[:, : rows * factor, : columns * factor]
    shape = (count, rows, -1, columns, kept.shape[2] // columns, channels)
    return kept.reshape(shape).mean(axis=(2, 4)).round().astype(np.uint8)


def image_grid(
    tiles: np.ndarray,
    captions: Sequence[Sequence[CaptionLine]] = (),
    columns: int | None = None,
) -> np.ndarray:
    """Arranges tiles in rows, with lines of text under each.

    Args:
        tiles: uint8 `[N, h, w, 3]`.
        captions: lines of text, with their colors, for every tile.
        columns: tiles in a row; as many as fit in `GRID_WIDTH` if not given.
    """
    count, height, width = tiles.shape[:3]
    deep = LINE_HEIGHT * max(map(len, captions), default=0)
    columns = columns or max(1, (GRID_WIDTH + GAP) // (width + GAP))
    columns = min(columns, count)
    rows = -(-count // columns)
    cells = np.full(
        (rows * columns, height + deep + GAP, width + GAP, 3), 255, np.uint8
    )
    cells[:count, :height, :width] = tiles
    for cell, lines in zip(cells, captions, strict=False):
        for number, (text, color) in enumerate(lines):
            top = height + LINE_HEIGHT * number
            draw_text(cell[:, :width], truncate(text, width), 0, top, color)
    cells = cells.reshape(rows, columns, *cells.shape[1:])
    return np.concatenate(np.concatenate(cells, axis=1), axis=1)


# Charts: lines and points over a background, with tick labels.

SUPERSAMPLING = 2  # drawn at this scale, then reduced, for smooth edges
CLIP = 10_000  # pixels, to which points far outside are clipped
PADDING = 0.08  # fraction of the range that is left free around points
PIXELS_PER_TICK = 45
RIGHT_MARGIN = 16  # pixels, for half of the last tick label
TICK_STEPS = (1, 2, 2.5, 5, 10)  # times a power of ten

Tick = tuple[int, str]  # pixels from the left or the top, and the label


@dataclasses.dataclass(frozen=True)
class Axes:
    """The region of a plane that a chart shows.

    Attributes:
        low: x and y of the lower left corner.
        high: x and y of the upper right corner.
        width: Width in pixels.
        height: Height in pixels.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    width: int
    height: int

    @classmethod
    def around(cls, points: np.ndarray, width: int, height: int) -> Axes:
        """Returns axes that contain all points `[N, 2]`, with some padding."""
        points = np.asarray(points, np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        low, high = low - PADDING * span, high + PADDING * span
        return cls(tuple(low.tolist()), tuple(high.tolist()), width, height)

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Returns points `[N, 2]` as pixels from the left and from the top."""
        low, high = np.array(self.low), np.array(self.high)
        fraction = (np.asarray(points, np.float64) - low) / (high - low)
        fraction[:, 1] = 1 - fraction[:, 1]
        return fraction * (self.width, self.height)

    def grid(self, rows: int, columns: int) -> np.ndarray:
        """Returns the centers of cells, float32 `[rows * columns, 2]`.

        Row by row from the top left, as the pixels of an image.
        """
        (left, bottom), (right, top) = self.low, self.high
        x = left + (right - left) * (np.arange(columns) + 0.5) / columns
        y = top - (top - bottom) * (np.arange(rows) + 0.5) / rows
        points = np.stack(np.meshgrid(x, y), axis=-1)
        return points.reshape(-1, 2).astype(np.float32)


class Chart:
    """Lines and points over a background.

    Args:
        axes: the region shown.
        background: uint8 `[H, W, 3]`, `SUPERSAMPLING` times the size of the
            axes; white by default.
    """

    def __init__(self, axes: Axes, background: np.ndarray | None = None):
        if background is None:
            size = (SUPERSAMPLING * axes.height, SUPERSAMPLING * axes.width)
            background = blank(*size)
        self.axes = axes
        self._image = Image.fromarray(background)
        self._pen = ImageDraw.Draw(self._image)

    def line(
        self, points: np.ndarray, color: Color, width: float = 1.0
    ) -> None:
        """Draws a line through points `[N, 2]`."""
        pixels = [tuple(pixel) for pixel in self._to_pixels(points).tolist()]
        self._pen.line(pixels, color, round(SUPERSAMPLING * width), "curve")

    def scatter(
        self,
        points: np.ndarray,
        colors: Iterable[Color],
        radius: float = 3.0,
        edge: Color = (255, 255, 255),
    ) -> None:
        """Draws a disc with an edge of one pixel at each point of `[N, 2]`."""
        reach = SUPERSAMPLING * radius
        for (x, y), color in zip(self._to_pixels(points), colors, strict=True):
            box = (x - reach, y - reach, x + reach, y + reach)
            self._pen.ellipse(box, color, edge, SUPERSAMPLING)

    def render(self, labels: tuple[str, str] = ("", "")) -> np.ndarray:
        """Returns the chart with ticks and the labels of the axes, uint8."""
        small = np.asarray(self._image.reduce(SUPERSAMPLING)).copy()
        small[[0, -1]] = small[:, [0, -1]] = MUTED
        left = _y_axis(self._ticks(1), self.axes.height, labels[1])
        indent = left.shape[1]
        below = _x_axis(self._ticks(0), indent, self.axes.width, labels[0])
        small = np.pad(small, ((0, 0), (0, RIGHT_MARGIN), (0, 0)), **WHITE)
        return np.concatenate([np.concatenate([left, small], axis=1), below])

    def _to_pixels(self, points: np.ndarray) -> np.ndarray:
        points = points[np.isfinite(points).all(axis=1)]
        return np.clip(SUPERSAMPLING * self.axes.to_pixels(points), -CLIP, CLIP)

    def _ticks(self, axis: int) -> list[Tick]:
        low, high = self.axes.low[axis], self.axes.high[axis]
        length = (self.axes.width, self.axes.height)[axis]
        values = ticks(low, high, length // PIXELS_PER_TICK)
        fraction = (values - low) / (high - low)
        pixels = length * (1 - fraction if axis else fraction)
        pixels = np.minimum(pixels.round().astype(int), length - 1)
        return list(zip(pixels.tolist(), tick_labels(values), strict=True))


def _y_axis(ticks: list[Tick], height: int, label: str) -> np.ndarray:
    """Returns the strip at the left of a chart: ticks, and a label."""
    widest = max((text_width(text) for _, text in ticks), default=0)
    strip = blank(height, (LINE_HEIGHT if label else 0) + widest + GAP)
    for pixel, text in ticks:
        y = min(max(0, pixel - LINE_HEIGHT // 2), height - LINE_HEIGHT)
        draw_text(strip, text, strip.shape[1] - GAP // 2, y, align=1)
        strip[pixel, -GAP // 4 :] = MUTED
    if label:
        horizontal = blank(LINE_HEIGHT, height)
        draw_text(horizontal, label, height // 2, 0, align=0.5)
        strip[:, :LINE_HEIGHT] = np.rot90(horizontal)
    return strip


def _x_axis(
    ticks: list[Tick], indent: int, width: int, label: str
) -> np.ndarray:
    """Returns the strip below a chart that starts at an indent in pixels."""
    height = LINE_HEIGHT * (2 if label else 1) + 2
    strip = blank(height, indent + width + RIGHT_MARGIN)
    for pixel, text in ticks:
        strip[:2, indent + pixel] = MUTED
        draw_text(strip, text, indent + pixel, 2, align=0.5)
    draw_text(strip, label, indent + width // 2, LINE_HEIGHT, align=0.5)
    return strip


def ticks(low: float, high: float, number: int) -> np.ndarray:
    """Returns round numbers from low to high, about `number`."""
    rough = (high - low) / max(1, number)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in TICK_STEPS if power * n >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return step * np.arange(first, last + 1, dtype=np.float64)


def tick_labels(values: np.ndarray) -> list[str]:
    """Formats evenly spaced numbers, all with the same number of digits."""
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
