"""Pictures drawn with NumPy and Pillow: text, colours and sheets of tiles.

No display, no window system and no font file is needed: Pillow brings a font.
Every picture is uint8 `[H, W, 3]`. Someone reads it 300 to 600 pixels wide.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

INK: Colour = (40, 40, 40)
PALE: Colour = (140, 140, 140)
GOOD: Colour = (27, 120, 55)
BAD: Colour = (178, 24, 43)
LINES: Colour = (225, 225, 225)
# Zero is white; the ends are as dark as each other (ColorBrewer's RdBu).
BELOW_ZERO = np.array((33, 102, 172), np.float32)
ABOVE_ZERO = np.array((178, 24, 43), np.float32)

TEXT = 12  # pixels, the font's size
LINE = 15  # pixels from one line of text to the next
GAP = 8  # pixels between tiles
LETTER = 6  # pixels, the mean width of a letter
MARGIN = 6  # pixels around a picture
WIDTH = 480  # pixels, about, of a sheet
NARROWEST = 360  # pixels, of a picture with words above

WHITE = {"constant_values": 255}

Line = tuple[str, Colour]


def canvas(height: int, width: int) -> np.ndarray:
    """Returns a white picture."""
    return np.full((height, width, 3), 255, np.uint8)


def write(
    picture: np.ndarray,
    text: str,
    x: int,
    y: int,
    colour: Colour = INK,
    align: float = 0.0,
) -> None:
    """Writes one line of text, top at y; what does not fit is cut off.

    Args:
        align: where in the text x lies: 0 at its left, 0.5 in its middle, 1
            at its right.
    """
    ink = _ink(text)
    x = max(0, x - round(align * ink.shape[1]))
    there = picture[y : y + ink.shape[0], x : x + ink.shape[1]]
    ink = ink[: there.shape[0], : there.shape[1], None]
    there[:] = there + (np.array(colour) - there) * ink


def fit(text: str, width: int) -> str:
    """Returns a text cut to a width in pixels, with an ellipsis if cut."""
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
    """Returns how much of each pixel a line of text covers, 0..1."""
    font = _font()
    text = " ".join(text.split())
    mask = Image.new("L", (max(1, round(font.getlength(text))), LINE))
    ImageDraw.Draw(mask).text((0, 0), text, 255, font)
    return np.asarray(mask, np.float32) / 255


@lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(TEXT)


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    """Returns a picture with words above it, and a margin around both."""
    missing = max(0, NARROWEST - picture.shape[1])
    picture = np.pad(picture, ((0, 0), (0, missing), (0, 0)), **WHITE)
    letters = picture.shape[1] // LETTER
    lines = textwrap.wrap(title, letters)
    above = canvas(LINE * len(lines) + MARGIN, picture.shape[1])
    for number, line in enumerate(lines):
        write(above, line, 0, LINE * number)
    whole = np.concatenate([above, picture])
    return np.pad(whole, ((MARGIN,) * 2, (MARGIN,) * 2, (0, 0)), **WHITE)


def as_wide(pictures: Sequence[np.ndarray], align: float) -> list[np.ndarray]:
    """Returns pictures made as wide as the widest, with white at their sides.

    Args:
        align: where they go: 0 to the left, 1 to the right.
    """
    widest = max(picture.shape[1] for picture in pictures)
    found = []
    for picture in pictures:
        missing = widest - picture.shape[1]
        left = round(align * missing)
        sides = ((0, 0), (left, missing - left), (0, 0))
        found.append(np.pad(picture, sides, **WHITE))
    return found


def note(text: str) -> np.ndarray:
    """Returns a small picture of words alone, where nothing can be drawn."""
    return titled(canvas(GAP, NARROWEST), text)


def not_numbers() -> np.ndarray:
    """Returns what is shown in place of a network that has come apart."""
    return note("Not drawn: some values are infinite or no numbers.")


def to_pixels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Maps numbers to uint8: low is black, high is white."""
    span = high - low if high > low else 1.0
    return (np.clip((values - low) / span, 0, 1) * 255).round().astype(np.uint8)


def in_colour(images: np.ndarray) -> np.ndarray:
    """Makes `[..., C]` to `[..., 3]`: the mean of the channels if not RGB."""
    if images.shape[-1] == 3:
        return images
    grey = images.mean(axis=-1, keepdims=True)
    return np.repeat(grey.astype(images.dtype), 3, axis=-1)


def diverging(values: np.ndarray, limit: float) -> np.ndarray:
    """Colours numbers: -limit is blue, 0 white, +limit red.

    Returns:
        uint8, with an axis of 3 added at the end.
    """
    share = np.clip(values / (limit or 1.0), -1, 1)[..., None]
    end = np.where(share < 0, BELOW_ZERO, ABOVE_ZERO)
    return (255 + (end - 255) * np.abs(share)).round().astype(np.uint8)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Makes images about `side` pixels large, by a whole factor.

    Every pixel becomes a square, or a square of pixels their mean.

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


def sheet(
    tiles: np.ndarray,
    captions: Sequence[Sequence[Line]] = (),
    columns: int | None = None,
) -> np.ndarray:
    """Lays tiles out in rows, with lines of text under each.

    Args:
        tiles: uint8 `[N, h, w, 3]`.
        captions: lines of text, with their colours, for every tile.
        columns: tiles in a row; as many as fit in `WIDTH` if not given.
    """
    count, height, width = tiles.shape[:3]
    deep = LINE * max(map(len, captions), default=0)
    columns = columns or max(1, (WIDTH + GAP) // (width + GAP))
    columns = min(columns, count)
    rows = -(-count // columns)
    cells = np.full(
        (rows * columns, height + deep + GAP, width + GAP, 3), 255, np.uint8
    )
    cells[:count, :height, :width] = tiles
    for cell, lines in zip(cells, captions, strict=False):
        for number, (text, colour) in enumerate(lines):
            top = height + LINE * number
            write(cell[:, :width], fit(text, width), 0, top, colour)
    cells = cells.reshape(rows, columns, *cells.shape[1:])
    return np.concatenate(np.concatenate(cells, axis=1), axis=1)
