"""Features before a classifier as images: HoG glyphs, visual words.

A HoG glyph (Dalal and Triggs 2005) has a line for each orientation of edges in
each cell, as bright as the edges are strong; the lines lie along the edges. The
codebook of a bag of visual words is its cluster centers as patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from zoo.features import hog
from zoo.features.bag_of_visual_words import NEARNESS
from zoo.summaries import drawing
from zoo.summaries.drawing import TEXT

if TYPE_CHECKING:
    import keras

SIDE = 120  # pixels, about, of an image and of its glyphs
MAX_IMAGES = 8
WORD_SIDE = 24  # pixels, about, of a visual word
WORDS_IN_A_ROW = 20
SUPERSAMPLING = 4  # glyphs are drawn at this scale, then reduced


def draw_hog(
    images: np.ndarray, labels: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """Returns images, and beside each its HoG glyphs.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
        labels: int `[N]`.
        names: of the classes.
    """
    histograms = hog.cell_histograms(images)
    pixels = drawing.to_rgb(drawing.to_pixels(images, 0, 255))
    shown = drawing.resize(pixels, SIDE)
    glyphs = np.stack(
        [draw_glyphs(each, shown.shape[1:3]) for each in histograms]
    )
    tiles = np.stack([shown, glyphs], axis=1).reshape(-1, *shown.shape[1:])
    captions = []
    for label in labels:
        captions += [[(names[label], TEXT)], [("", TEXT)]]
    cell = hog.cell_size(images.shape[1:])
    return drawing.with_title(
        drawing.image_grid(tiles, captions, columns=4),
        f"HoG: in each cell of {cell} x {cell} pixels the strength of edges in "
        f"{hog.NUM_ORIENTATIONS} directions.",
    )


def draw_glyphs(cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the glyphs of one image, uint8 `[H, W, 3]`.

    Args:
        cells: strength by orientation of the gradient, float `[h, w, 9]`,
            that of d from d * 20 to (d + 1) * 20 degrees, downwards from the
            right.
        size: height and width of the image.
    """
    rows, columns, count = cells.shape
    height, width = (SUPERSAMPLING * side for side in size)
    canvas = Image.new("L", (width, height))
    pen = ImageDraw.Draw(canvas)
    reach = 0.46 * min(height / rows, width / columns)
    largest = cells.max() or 1.0
    # Weak lines first, so that strong ones lie on top.
    for index in np.argsort(cells, axis=None):
        row, column, d = np.unravel_index(index, cells.shape)
        brightness = round(255 * np.sqrt(cells[row, column, d] / largest))
        # An edge is at a right angle to its gradient.
        angle = np.pi * (d + 0.5) / count + np.pi / 2
        y = (row + 0.5) * height / rows
        x = (column + 0.5) * width / columns
        dy, dx = reach * np.sin(angle), reach * np.cos(angle)
        pen.line(
            (x - dx, y - dy, x + dx, y + dy), brightness, SUPERSAMPLING + 2
        )
    small = np.asarray(canvas.reduce(SUPERSAMPLING))
    return np.repeat(small[..., None], 3, axis=-1)


def visual_words(extractor: keras.Model) -> np.ndarray:
    """Returns the words of a bag of visual words, float32 `[K, p, p, C]`.

    Args:
        extractor: from images `[B, H, W, C]` to their histograms.
    """
    kernel = np.asarray(extractor.get_layer(NEARNESS).kernel)  # [p * p * C, K]
    channels = extractor.input_shape[-1]
    side = round((len(kernel) / channels) ** 0.5)
    return kernel.T.reshape(-1, side, side, channels)


def draw_codebook(words: np.ndarray) -> np.ndarray:
    """Returns visual words as patches, the flattest first.

    Args:
        words: contrasts, float `[K, p, p, C]`; 0 is shown as gray.
    """
    order = np.argsort(words.std(axis=(1, 2, 3)), kind="stable")
    limit = float(np.percentile(np.abs(words), 99.5))
    pixels = drawing.to_rgb(drawing.to_pixels(words[order], -limit, limit))
    tiles = drawing.resize(pixels, WORD_SIDE)
    side = words.shape[1]
    # Closer together than images with captions.
    count, height, width = tiles.shape[:3]
    rows = -(-count // WORDS_IN_A_ROW)
    grid = np.full(
        (rows * WORDS_IN_A_ROW, height + 2, width + 2, 3), 255, np.uint8
    )
    grid[:count, :height, :width] = tiles
    grid = grid.reshape(rows, WORDS_IN_A_ROW, *grid.shape[1:])
    image = np.concatenate(np.concatenate(grid, axis=1), axis=1)
    return drawing.with_title(
        image,
        f"The codebook: {count} visual words of {side} x {side} pixels, after "
        "mean and contrast of a patch are taken out.",
    )
