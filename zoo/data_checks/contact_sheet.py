"""A contact sheet: a few images of each class, and doubtful labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.data_checks.stats import DatasetStats
from zoo.errors import UserError
from zoo.io import OTHER_OUT, atomic_write
from zoo.summaries import drawing
from zoo.summaries.drawing import (
    GAP,
    INCORRECT,
    LINE_HEIGHT,
    MARGIN,
    MUTED,
    TEXT,
)

TILE_SIDE = 96  # pixels
COLUMNS = 8
MAX_CLASSES = 40
MAX_PAIRS = 16
BACKGROUND = 244  # gray level around images that are not square


def check_path(path: Path, folder: Path | None) -> None:
    """Raises `UserError` if no contact sheet can be written to a path.

    Args:
        path: Path of the contact sheet.
        folder: Folder of the images, if they are in one.
    """
    if path.suffix.lower() != ".png":
        raise UserError(
            f"--out={path} is not the name of a PNG file; write for example "
            "--out=sheet.png."
        )
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else "is in a missing folder"
        raise UserError(
            f"--out={path} {problem}; give the path of a file in an existing "
            "folder."
        )
    if folder and path.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"--out={path} is among the images to inspect, and would become "
            "one of them; choose another folder."
        )


def write(path: Path, stats: DatasetStats) -> None:
    """Writes the contact sheet atomically."""
    from PIL import Image

    sheet = draw(stats)
    with atomic_write(path, OTHER_OUT) as file:
        Image.fromarray(sheet).save(file, "PNG")


def draw(stats: DatasetStats) -> np.ndarray:
    """Returns the contact sheet, uint8 `[H, W, 3]`."""
    names = stats.class_names
    rows = [_class_row(stats, k) for k in range(len(names))[:MAX_CLASSES]]
    title = f"{stats.dataset}: {len(stats.images):,} images"
    if len(names) > MAX_CLASSES:
        title += f", the first {MAX_CLASSES} of {len(names)} classes"
    rows += _doubtful_rows(stats)
    sheet = np.concatenate(drawing.pad_to_widest(rows, align=0))
    return drawing.with_title(sheet, title)


def _class_row(stats: DatasetStats, label: int) -> np.ndarray:
    """Returns the name of a class, and images spread over it evenly."""
    indices = np.flatnonzero(stats.labels == label)
    shown = indices[_spread(len(indices), COLUMNS)]
    head = drawing.blank(LINE_HEIGHT + 4, COLUMNS * (TILE_SIDE + GAP))
    name = drawing.truncate(stats.class_names[label], head.shape[1] - 120)
    drawing.draw_text(head, name, 0, 2, TEXT)
    x = drawing.text_width(name) + GAP
    drawing.draw_text(head, f"{len(indices):,} images", x, 2, MUTED)
    if not len(shown):
        return head
    tiles = np.stack([tile(stats.pixels(i), TILE_SIDE) for i in shown])
    sheet = drawing.image_grid(tiles, columns=COLUMNS)
    return np.concatenate(drawing.pad_to_widest([head, sheet], align=0))


def _spread(count: int, wanted: int) -> np.ndarray:
    """Returns indices from the first to the last, evenly spaced."""
    return np.unique(
        np.linspace(0, count - 1, min(count, wanted)).round()
    ).astype(int)


def _doubtful_rows(stats: DatasetStats) -> list[np.ndarray]:
    """Returns duplicates and near-duplicates with different labels."""
    pairs = [
        pair
        for group in stats.duplicates
        for pair in zip(group, group[1:], strict=False)
    ]
    pairs += [(pair.first, pair.second) for pair in stats.near_duplicates]
    images = stats.images
    pairs = [(i, j) for i, j in pairs if images[i].label != images[j].label]
    if not pairs:
        return []
    head = drawing.blank(LINE_HEIGHT + MARGIN, COLUMNS * (TILE_SIDE + GAP))
    text = "Duplicates and near-duplicates with different labels"
    drawing.draw_text(head, text, 0, 2, INCORRECT)
    shown = [i for pair in pairs[:MAX_PAIRS] for i in pair]
    tiles = np.stack([tile(stats.pixels(i), TILE_SIDE) for i in shown])
    captions = [
        [(stats.class_of(i), INCORRECT), (Path(images[i].name).name, MUTED)]
        for i in shown
    ]
    return [head, drawing.image_grid(tiles, captions, columns=COLUMNS)]


def tile(pixels: np.ndarray, side: int) -> np.ndarray:
    """Returns an image centered in a square, uint8 `[side, side, 3]`.

    Small ones grow by a whole factor, so that their pixels can be seen.

    Args:
        pixels: Uint8 `[H, W, C]`.
        side: Side of the square in pixels.
    """
    from PIL import Image

    image = Image.fromarray(drawing.to_rgb(pixels))
    longest = max(image.size)
    if longest <= side:
        factor = side // longest
        width, height = (factor * length for length in image.size)
        image = image.resize((width, height), Image.Resampling.NEAREST)
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (side, side), (BACKGROUND,) * 3)
    left, top = (side - length for length in image.size)
    square.paste(image, (left // 2, top // 2))
    return np.asarray(square)
