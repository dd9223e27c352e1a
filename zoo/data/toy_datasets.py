"""Small datasets: digits, points in the plane and curves; points of a CSV file.

The digits are the test part of "Optical Recognition of Handwritten Digits"
(E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository), which comes
with scikit-learn: 1,797 real digits by 13 writers, scanned and averaged down
to 8x8 cells of 0..16. Points in the plane have two classes that no straight
line separates; `circles`, `spiral` and `xor` are those of the TensorFlow
Playground, at its scale. Curves are functions of one number, for regression.

Whatever is random comes from NumPy's legacy generator, whose stream never
changes; points are rounded to four decimals, so that they are the same on
every machine.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from zoo.data.dataset import Split
from zoo.data.datasets import check_path
from zoo.data.loading import (
    TEST,
    TRAIN,
    DatasetReader,
    ReadRequest,
    reader_in_memory,
    refuse_resizing,
    split_test,
)
from zoo.errors import UserError

NUM_TEST_DIGITS = 360
DARKEST_CELL = 16
NUM_TEST_POINTS = 150
DECIMALS = 4
POINTS_PER_CLASS = 500
NUM_CURVE_POINTS = 1_000
NOISE_STD = 0.05  # of curves; its square is the least error of a network
# Where each bump begins to rise, is up, begins to fall and is down again, and
# its height.
BUMPS = (
    (-2.8, -2.2, -1.8, -1.2, 1.0),
    (-0.8, -0.2, 0.2, 0.8, -0.8),
    (1.2, 1.8, 2.2, 2.8, 0.6),
)


def read_digits(request: ReadRequest) -> DatasetReader:
    """Reads the digits."""
    cells, labels = _load_digits()
    images = np.round(cells * (255 / DARKEST_CELL)).astype(np.uint8)
    return _digits_reader(images, labels, request)


def read_low_contrast_digits(request: ReadRequest) -> DatasetReader:
    """Reads the digits on backgrounds of very different brightness.

    A cell adds its count of dark pixels, 0..16, to a background of 0..239 that
    is drawn for the image: to the eye there is nothing but the background, as
    long as nobody subtracts it.
    """
    cells, labels = _load_digits()
    background = np.random.RandomState(0).randint(
        0, 256 - DARKEST_CELL, (len(cells), 1, 1, 1)
    )
    images = (background + cells).astype(np.uint8)
    return _digits_reader(images, labels, request)


def read_shifted_digits(request: ReadRequest) -> DatasetReader:
    """Reads the test images of `digits`, each moved by half a pixel.

    Up, down, left or right or in between, as drawn for the image: its mean with
    itself moved by one pixel, where white paper comes in at the other side.
    Nobody takes them for other digits, and no image was trained on: a new test
    set that is a little different.
    """
    cells, labels = _load_digits()
    images = np.round(cells * (255 / DARKEST_CELL)).astype(np.uint8)
    test = split_test(Split(images, labels), NUM_TEST_DIGITS)[TEST]
    moves = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    drawn = np.random.RandomState(0).randint(len(moves), size=len(test))
    framed = np.pad(test.images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = test.images.shape[1:3]
    moved = [
        image[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        for image, (y, x) in zip(framed, (moves[i] for i in drawn), strict=True)
    ]
    means = (test.images.astype(np.uint16) + np.stack(moved) + 1) // 2
    names = tuple(str(digit) for digit in range(10))
    splits = {TEST: Split(means.astype(np.uint8), test.labels)}
    return reader_in_memory(
        splits, names, request.image_size, resize=request.resize
    )


def _load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns cells `[N, 8, 8, 1]`, 0..16, and labels, int32 `[N]`."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    return raw.images[..., None], raw.target.astype(np.int32)


def _digits_reader(
    images: np.ndarray, labels: np.ndarray, request: ReadRequest
) -> DatasetReader:
    names = tuple(str(digit) for digit in range(10))
    splits = split_test(Split(images, labels), NUM_TEST_DIGITS)
    return reader_in_memory(
        splits, names, request.image_size, resize=request.resize
    )


def read_points(request: ReadRequest) -> DatasetReader:
    """Draws the points of a dataset in the plane."""
    refuse_resizing(request)
    draw, class_names = POINTS[request.info.name]
    random = np.random.RandomState(0)
    points = np.concatenate([draw(random, label) for label in (0, 1)])
    everything = Split(
        np.round(points, DECIMALS).astype(np.float32),
        np.repeat(np.arange(2, dtype=np.int32), POINTS_PER_CLASS),
    )
    splits = split_test(everything, NUM_TEST_POINTS)
    return reader_in_memory(splits, class_names)


def _draw_moon(random: np.random.RandomState, label: int) -> np.ndarray:
    """Draws half a circle of radius 1 that reaches into the other's middle."""
    angle = random.uniform(0, np.pi, POINTS_PER_CLASS)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    moon = np.array([1, 0.5]) - upper if label else upper
    return moon + random.normal(0, 0.1, moon.shape)


def _draw_circle(random: np.random.RandomState, label: int) -> np.ndarray:
    """Draws a disc of radius 2.5, or the ring from 3.5 to 5 around it."""
    radius = random.uniform(3.5, 5, POINTS_PER_CLASS)
    if not label:
        radius = random.uniform(0, 2.5, POINTS_PER_CLASS)
    return _polar(radius, random.uniform(0, 2 * np.pi, POINTS_PER_CLASS))


def _draw_spiral(random: np.random.RandomState, label: int) -> np.ndarray:
    """Draws an arm of radius up to 5 that turns one and three quarter times."""
    position = random.uniform(0, 1, POINTS_PER_CLASS)
    arm = _polar(5 * position, 2 * np.pi * (1.75 * position + label / 2))
    return arm + random.normal(0, 0.1, arm.shape)


def _draw_xor(random: np.random.RandomState, label: int) -> np.ndarray:
    """Draws two opposite squares, from 0.3 to 5 in each direction."""
    size = random.uniform(0.3, 5, (POINTS_PER_CLASS, 2))
    sign = random.choice([-1, 1], POINTS_PER_CLASS)
    return size * np.stack([sign, sign if label else -sign], axis=1)


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


# What draws the points `[N, 2]` of a class, and the names of both classes.
POINTS: dict[str, tuple[Callable, tuple[str, str]]] = {
    "moons": (_draw_moon, ("upper", "lower")),
    "circles": (_draw_circle, ("inner", "outer")),
    "spiral": (_draw_spiral, ("first", "second")),
    "xor": (_draw_xor, ("different", "same")),
}


def read_curve(request: ReadRequest) -> DatasetReader:
    """Draws the points of a curve, with noise."""
    refuse_resizing(request)
    curve = CURVES[request.info.name]
    random = np.random.RandomState(0)
    x = random.uniform(-3, 3, NUM_CURVE_POINTS)
    y = curve(x) + random.normal(0, NOISE_STD, NUM_CURVE_POINTS)
    everything = Split(
        np.round(x, DECIMALS).astype(np.float32)[:, None],
        np.round(y, DECIMALS).astype(np.float32),
    )
    return reader_in_memory(split_test(everything, NUM_TEST_POINTS), ())


def sine(x: np.ndarray) -> np.ndarray:
    """Returns sin 2x: not quite two waves from -3 to 3."""
    return np.sin(2 * x)


def step(x: np.ndarray) -> np.ndarray:
    """Returns -1 below zero and 1 above it."""
    return np.where(x < 0, -1.0, 1.0)


def bumps(x: np.ndarray) -> np.ndarray:
    """Returns three bumps with straight flanks, each a sum of four ReLUs."""
    return sum(
        height * np.interp(x, corners, (0, 1, 1, 0))
        for *corners, height in BUMPS
    )


CURVES: dict[str, Callable] = {"sine": sine, "step": step, "bumps": bumps}


# Points of the user's own, `points:FILE.csv`.
#
# A line is a point: its coordinates, and its class in the last column. A first
# line without numbers is a header. Classes may be text.


Line = tuple[int, list[str]]  # number in the file, and cells


def read_points_file(request: ReadRequest) -> DatasetReader:
    """Reads and checks all lines of the file."""
    refuse_resizing(request)
    path = Path(request.path).expanduser()
    lines = _read_lines(path)
    header = lines.pop(0)[1] if _is_header(lines[0][1]) else []
    if not lines:
        raise UserError(f"points:{path} has a header and no points.")
    _check_shape(lines, header, path)
    points = np.array(
        [_numbers(line, header, path) for line in lines], np.float32
    )
    names, labels = _classes(lines, path)
    notes = ()
    if _is_index(header, points):
        points = points[:, 1:]
        notes = (
            f"the first column of {path} numbers the rows; it is left out.",
        )
    reader = reader_in_memory({TRAIN: Split(points, labels)}, names)
    return dataclasses.replace(reader, notes=lambda: notes)


def _is_index(header: list[str], points: np.ndarray) -> bool:
    """Whether the first column is the index that pandas writes.

    In any order, and of some rows alone, as a split into parts leaves it.
    """
    if not header or points.shape[1] < 2:
        return False
    is_unnamed = re.fullmatch(r"|Unnamed: \d+", header[0].strip())
    numbers = np.unique(points[:, 0])
    is_number = (numbers >= 0).all() and (numbers == np.rint(numbers)).all()
    return bool(is_unnamed and is_number and len(numbers) == len(points))


def _read_lines(path: Path) -> list[Line]:
    """Returns the lines that are not blank, at least one."""
    check_path(f"points:{path}")
    # Spreadsheets write a byte order mark, which utf-8-sig skips.
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            lines = [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if any(cell.strip() for cell in cells)
            ]
        except (UnicodeDecodeError, csv.Error):
            raise UserError(
                f"points:{path} cannot be read as a CSV file; write "
                "UTF-8 text with one point per line, such as 0.5,-1.25,red."
            ) from None
    if not lines:
        raise UserError(
            f"points:{path} is empty; write one point per line, such as "
            "0.5,-1.25,red."
        )
    return lines


def _is_header(cells: list[str]) -> bool:
    """Whether no cell but perhaps the last, a class, is a number."""
    return not any(_is_number(cell) for cell in cells[:-1] or cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_shape(lines: Sequence[Line], header: list[str], path: Path) -> None:
    """Raises `UserError` unless all lines have as many columns, above one."""
    number, cells = lines[0]
    columns = len(header or cells)
    if columns < 2:
        raise UserError(
            f"line {number} of points:{path} has one column; write the "
            "coordinates and then the class, separated by commas."
        )
    for number, cells in lines:
        if len(cells) != columns:
            raise UserError(
                f"line {number} of points:{path} has {len(cells)} columns, "
                f"but the first line has {columns}; all lines need as many."
            )


def _numbers(line: Line, header: list[str], path: Path) -> list[float]:
    """Returns the coordinates of a point."""
    number, cells = line
    for column, cell in enumerate(cells[:-1]):
        name = header[column] if header else f"x{column + 1}"
        if not _is_number(cell):
            raise UserError(
                f"line {number} of points:{path} has {cell!r} where a number "
                f"belongs, in column {name}."
            )
        if not np.isfinite(_float32(cell)):
            raise UserError(
                f"line {number} of points:{path} has {cell} in column "
                f"{name}, which is not a finite number; correct or delete the "
                "line."
            )
    return [float(cell) for cell in cells[:-1]]


def _float32(text: str) -> np.float32:
    with np.errstate(over="ignore"):
        return np.float32(float(text))


def _classes(
    lines: Sequence[Line], path: Path
) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the names in order, and int32 `[N]` indices into them."""
    for number, cells in lines:
        if not cells[-1]:
            raise UserError(
                f"line {number} of points:{path} has no class in its last "
                "column."
            )
    classes = [cells[-1] for _, cells in lines]
    numeric = all(map(_is_number, classes))
    names = sorted(set(classes), key=float if numeric else None)
    if len(names) < 2:
        raise UserError(
            f"points:{path} has only one class, {names[0]}; give at least two "
            "in the last column."
        )
    if len(names) > len(lines) / 2:
        raise UserError(
            f"points:{path} has {len(names):,} different values in the last "
            f"column of {len(lines):,} points, too many for classes; write "
            "the class there."
        )
    index = {name: number for number, name in enumerate(names)}
    return tuple(names), np.array([index[c] for c in classes], np.int32)
