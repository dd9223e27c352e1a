"""New points: the numbers of a CSV file, or a NumPy array of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from zoo.data import array_files
from zoo.errors import UserError
from zoo.serving import arrays

TEXTS = (".csv", ".txt")


def read(path: Path, size: int) -> tuple[list[str], np.ndarray]:
    """Reads points, and names them.

    Args:
        path: of a CSV file, a line a point, with or without a line of
            headings; or of a `.npy` or `.npz` file, `[N, D]` or `[D]`.
        size: D, how many coordinates the model takes.

    Returns:
        `N` names, by line or by index, and float32 `[N, D]`, finite.

    Raises:
        UserError: the file holds no such points.
    """
    suffix = path.suffix.lower()
    if suffix in TEXTS:
        lines, values = _read_text(path)
        names = [f"{path}:{line}" for line in lines]
    elif suffix in array_files.SUFFIXES:
        return check_points(arrays.read_values(path), size, str(path))
    else:
        raise UserError(
            f"{path} is no file of points, which the model takes; give a .csv "
            "or .npy file of them."
        )
    return names, _checked(values, names, size, str(path))


def check_points(
    values: np.ndarray, size: int, name: str
) -> tuple[list[str], np.ndarray]:
    """Names and checks the points of an array; see `read`.

    Args:
        name: what the sentence calls where they are from, if one is needed.
    """
    if values.dtype.kind not in "uif":
        raise UserError(f"the array of {name} holds no numbers.")
    values = values[None] if values.shape == (size,) else values
    names = arrays.names_of(name, len(values) if values.ndim else 0)
    return names, _checked(values, names, size, name)


def _checked(
    values: np.ndarray, names: list[str], size: int, name: str
) -> np.ndarray:
    """Returns points as float32 `[N, D]`, or says what is wrong with them."""
    if values.ndim != 2 or values.shape[1] != size or not len(values):
        raise UserError(
            f"{name} has numbers of the shape {list(values.shape)}, and the "
            f"model takes [N, {size}], a point a line."
        )
    if not np.isfinite(values).all():
        wrong = names[int(np.argmin(np.isfinite(values).all(axis=1)))]
        raise UserError(
            f"{wrong} has a value that is no finite number; mend or remove it."
        )
    return values.astype(np.float32)


def _read_text(path: Path) -> tuple[range, np.ndarray]:
    """Returns the numbers of the lines, from 1, and what is on them."""
    try:
        with warnings.catch_warnings():
            # Of an empty file, which has no lines and is told of as that.
            warnings.simplefilter("ignore", UserWarning)
            values = np.genfromtxt(
                path, delimiter=",", ndmin=2, encoding="utf-8-sig"
            )
    except (ValueError, UnicodeDecodeError):
        raise UserError(
            f"{path} cannot be read as a CSV file; write a line a point, all "
            "with as many numbers, such as 0.5,-1.25."
        ) from None
    has_heading = len(values) > 1 and np.isnan(values[0]).all()
    first = int(has_heading)
    return range(1 + first, 1 + len(values)), values[first:]
