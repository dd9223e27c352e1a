"""Points of the user's own, `points:FILE.csv`.

A line is a point: its coordinates, and its class in the last column. A first
line without numbers is a header. Classes may be text.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.data.dataset import Split
from zoo.data.datasets import check_path
from zoo.data.loading import (
    TRAIN,
    DatasetReader,
    ReadRequest,
    reader_in_memory,
    refuse_resizing,
)
from zoo.errors import UserError

Line = tuple[int, list[str]]  # number in the file, and cells


def read(request: ReadRequest) -> DatasetReader:
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
    return reader_in_memory({TRAIN: Split(points, labels)}, names)


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
