"""A contact sheet: a few images of each class, and those to look at twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo import drawing, files
from zoo.drawing import BAD, GAP, INK, LINE, MARGIN, PALE
from zoo.errors import UserError
from zoo.inspection.collection import Collection

SIDE = 96  # pixels of a tile
COLUMNS = 8
MOST_CLASSES = 40
MOST_PAIRS = 16
GROUND = 244  # the grey level around what is no square


def check_path(path: Path, collected: Path | None) -> None:
    """Raises `UserError` if no contact sheet can be written there.

    Args:
        path: of the sheet.
        collected: the folder of the pictures, if they are in one.
    """
    if path.suffix.lower() != ".png":
        raise UserError(
            f"--out={path} is no name of a PNG file; write for example "
            "--out=sheet.png."
        )
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "is in no folder that exists"
        raise UserError(
            f"--out={path} {what}; give the name of a file in one that exists."
        )
    inside = collected and path.resolve().is_relative_to(collected.resolve())
    if inside:
        raise UserError(
            f"--out={path} lies among the pictures that are looked at, and "
            "might be taken for one of them; choose another folder."
        )


def write(path: Path, collection: Collection) -> None:
    """Draws the sheet and writes it, whole or not at all."""
    from PIL import Image

    picture = draw(collection)
    with files.replacing(path) as file:
        Image.fromarray(picture).save(file, "PNG")


def draw(collection: Collection) -> np.ndarray:
    """Returns the sheet, uint8 `[H, W, 3]`."""
    names = collection.class_names
    rows = [_row(collection, k) for k in range(len(names))[:MOST_CLASSES]]
    title = f"{collection.dataset}: {len(collection.looks):,} images"
    if len(names) > MOST_CLASSES:
        title += f", the first {MOST_CLASSES} of {len(names)} classes"
    rows += _doubtful(collection)
    return drawing.titled(np.concatenate(drawing.as_wide(rows, align=0)), title)


def _row(collection: Collection, label: int) -> np.ndarray:
    """Returns a class: its name, and images from its first to its last."""
    mine = np.flatnonzero(collection.labels == label)
    shown = mine[_spread(len(mine), COLUMNS)]
    head = drawing.canvas(LINE + 4, COLUMNS * (SIDE + GAP))
    name = drawing.fit(collection.class_names[label], head.shape[1] - 120)
    drawing.write(head, name, 0, 2, INK)
    x = drawing.text_width(name) + GAP
    drawing.write(head, f"{len(mine):,} images", x, 2, PALE)
    if not len(shown):
        return head
    tiles = np.stack([tile(collection.pixels(i), SIDE) for i in shown])
    sheet = drawing.sheet(tiles, columns=COLUMNS)
    return np.concatenate(drawing.as_wide([head, sheet], align=0))


def _spread(count: int, wanted: int) -> np.ndarray:
    """Returns places from the first to the last, evenly."""
    return np.unique(
        np.linspace(0, count - 1, min(count, wanted)).round()
    ).astype(int)


def _doubtful(collection: Collection) -> list[np.ndarray]:
    """Returns images that are the same, or nearly, under two labels."""
    pairs = [
        pair
        for group in collection.groups
        for pair in zip(group, group[1:], strict=False)
    ]
    pairs += [(pair.first, pair.second) for pair in collection.twins]
    looks = collection.looks
    pairs = [(i, j) for i, j in pairs if looks[i].label != looks[j].label]
    if not pairs:
        return []
    head = drawing.canvas(LINE + MARGIN, COLUMNS * (SIDE + GAP))
    text = "Is a label wrong? The same or nearly the same image under two"
    drawing.write(head, text, 0, 2, BAD)
    shown = [i for pair in pairs[:MOST_PAIRS] for i in pair]
    tiles = np.stack([tile(collection.pixels(i), SIDE) for i in shown])
    captions = [
        [(collection.name_of(i), BAD), (Path(looks[i].name).name, PALE)]
        for i in shown
    ]
    return [head, drawing.sheet(tiles, captions, columns=COLUMNS)]


def tile(pixels: np.ndarray, side: int) -> np.ndarray:
    """Returns an image in a square, as large as it fits, uint8 `[s, s, 3]`.

    Small ones grow by a whole factor, so that their pixels can be seen.

    Args:
        pixels: uint8 `[H, W, C]`.
        side: of the square in pixels.
    """
    from PIL import Image

    picture = Image.fromarray(drawing.in_colour(pixels))
    longest = max(picture.size)
    if longest <= side:
        factor = side // longest
        width, height = (factor * length for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.NEAREST)
    else:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    ground = Image.new("RGB", (side, side), (GROUND,) * 3)
    left, top = (side - length for length in picture.size)
    ground.paste(picture, (left // 2, top // 2))
    return np.asarray(ground)
