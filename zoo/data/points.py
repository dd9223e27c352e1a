"""Points with their classes from a file of one's own, `points:FILE.csv`.

A line is a point: its coordinates, and its class in the last column. A first
line without numbers is taken for headings. Classes may be text.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data.dataset import Split
from zoo.data.parts import TRAIN, Parts, Request, in_memory, refuse_resizing
from zoo.errors import UserError

Line = tuple[int, list[str]]  # its number in the file, and its cells


def read(request: Request) -> Parts:
    """Reads and checks all lines of the file."""
    refuse_resizing(request)
    place = Path(request.place).expanduser()
    lines = _read_lines(place)
    heads = lines.pop(0)[1] if _is_heading(lines[0][1]) else []
    if not lines:
        raise UserError(f"points:{place} holds headings and no points.")
    _check_shape(lines, heads, place)
    points = np.array(
        [_numbers(line, heads, place) for line in lines], np.float32
    )
    names, labels = _classes(lines, place)
    return in_memory({TRAIN: Split(points, labels)}, names)


def _read_lines(place: Path) -> list[Line]:
    """Returns the lines that are not blank, at least one."""
    if not place.is_file():
        raise UserError(
            f"points:{place} is not a file; give the path of a CSV file."
        )
    # Spreadsheets write a mark of the byte order, which utf-8-sig leaves out.
    with place.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            lines = [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if any(cell.strip() for cell in cells)
            ]
        except (UnicodeDecodeError, csv.Error):
            raise UserError(
                f"points:{place} cannot be read as a CSV file; write one as "
                "UTF-8 text, a line a point, such as 0.5,-1.25,red."
            ) from None
    if not lines:
        raise UserError(
            f"points:{place} is empty; write a line a point, such as "
            "0.5,-1.25,red."
        )
    return lines


def _is_heading(cells: list[str]) -> bool:
    """Whether no cell but perhaps the last, a class, is a number."""
    return not any(_is_number(cell) for cell in cells[:-1] or cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_shape(lines: Sequence[Line], heads: list[str], place: Path) -> None:
    """Raises `UserError` unless all lines have as many columns, above one."""
    number, cells = lines[0]
    columns = len(heads or cells)
    if columns < 2:
        raise UserError(
            f"line {number} of points:{place} has one column; write the "
            "coordinates and then the class, separated by commas."
        )
    for number, cells in lines:
        if len(cells) != columns:
            raise UserError(
                f"line {number} of points:{place} has {len(cells)} columns, "
                f"but the first line has {columns}; all must have as many."
            )


def _numbers(line: Line, heads: list[str], place: Path) -> list[float]:
    """Returns the coordinates of a point."""
    number, cells = line
    for column, cell in enumerate(cells[:-1]):
        name = heads[column] if heads else f"x{column + 1}"
        if not _is_number(cell):
            raise UserError(
                f"line {number} of points:{place} has {cell!r} where a number "
                f"belongs, in column {name}."
            )
        if not np.isfinite(_float32(cell)):
            raise UserError(
                f"line {number} of points:{place} has {cell} in column "
                f"{name}, which is no finite number; mend or drop the line."
            )
    return [float(cell) for cell in cells[:-1]]


def _float32(text: str) -> np.float32:
    with np.errstate(over="ignore"):
        return np.float32(float(text))


def _classes(
    lines: Sequence[Line], place: Path
) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the names in order, and int32 `[N]` indices into them."""
    for number, cells in lines:
        if not cells[-1]:
            raise UserError(
                f"line {number} of points:{place} names no class in its last "
                "column."
            )
    classes = [cells[-1] for _, cells in lines]
    numeric = all(map(_is_number, classes))
    names = sorted(set(classes), key=float if numeric else None)
    if len(names) < 2:
        raise UserError(
            f"points:{place} has one class only, {names[0]}, so there is "
            "nothing to tell apart; the last column names the classes."
        )
    if len(names) > len(lines) / 2:
        raise UserError(
            f"points:{place} has {len(names):,} different words in the last "
            f"column of {len(lines):,} points, too many for classes; write "
            "the class there."
        )
    index = {name: number for number, name in enumerate(names)}
    return tuple(names), np.array([index[c] for c in classes], np.int32)
