"""New examples from files, in the form in which a run knows its own.

Pictures are decoded and resized by the functions that made the training data
of `folder:PATH --image_size=N`: both sides are stretched to those of the
model, whatever shape the picture has. Arrays are taken as they are, and
refused if they are no raw pixels of the model's own size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from zoo.data import array_files, pictures
from zoo.errors import UserError
from zoo.serving import arrays, points

SIZE = 256  # examples; answers do not depend on it


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A picture that is none, and why, in a sentence."""

    name: str
    why: str


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some examples, and the files among them that cannot be read.

    Attributes:
        names: where each of the `N` examples is from.
        values: uint8 `[N, H, W, C]`, raw pixels 0..255, or float32 `[N, D]`.
        unreadable: pictures that are not among the examples.
        squeezed: how many of the pictures had other proportions.
    """

    names: tuple[str, ...]
    values: np.ndarray
    unreadable: tuple[Unreadable, ...] = ()
    squeezed: int = 0


def read(
    paths: Sequence[Path],
    shape: tuple[int, ...],
    known: tuple[int, int] | None = None,
) -> Iterator[Batch]:
    """Yields the examples of files, in their order.

    Args:
        paths: pictures, `.npy` and `.npz` files; for a run on points, arrays
            and `.csv` files.
        shape: of one example, `(H, W, C)` or `(D,)`.
        known: smallest and largest pixel of the training images.

    Raises:
        UserError: a file holds other things than the run takes.
    """
    waiting: list[Path] = []
    for path in paths:
        names, values = _in_memory(path, shape, known)
        if values is None:
            waiting.append(path)
        if waiting and (values is not None or len(waiting) == SIZE):
            yield _decode(waiting, shape)
            waiting = []
        if values is not None:
            yield from _parts(names, values)
    if waiting:
        yield _decode(waiting, shape)


def of_array(
    values: np.ndarray,
    shape: tuple[int, ...],
    known: tuple[int, int] | None = None,
) -> Iterator[Batch]:
    """Yields the examples of an array, as `read` those of a file.

    Args:
        values: `[N, H, W, C]`, raw pixels 0..255, or `[N, D]`; or one of them.
        shape: of one example, `(H, W, C)` or `(D,)`.
        known: smallest and largest pixel of the training images.

    Raises:
        UserError: they are other things than the run takes.
    """
    if len(shape) == 1:
        names, values = points.check_points(values, shape[0], "points")
    else:
        names, values = arrays.check_images(values, shape, "images", known)
    yield from _parts(names, values)


def _parts(names: Sequence[str], values: np.ndarray) -> Iterator[Batch]:
    for start in range(0, len(names), SIZE):
        part = slice(start, start + SIZE)
        yield Batch(tuple(names[part]), values[part])


def _in_memory(
    path: Path, shape: tuple[int, ...], known: tuple[int, int] | None
) -> tuple[list[str], np.ndarray | None]:
    """Returns names and values of a file that is no picture, else `None`."""
    if len(shape) == 1:
        return points.read(path, shape[0])
    if path.suffix.lower() in array_files.SUFFIXES:
        return arrays.read_images(path, shape, known)
    if shape[2] not in (1, 3):
        raise UserError(
            f"{path} would be read as a picture, and the model takes images "
            f"of {shape[2]} channels; give them as a NumPy .npy file."
        )
    return [], None


def _decode(paths: Sequence[Path], shape: tuple[int, ...]) -> Batch:
    """Decodes pictures in parallel; those that are none are told apart."""
    form = pictures.Form(tuple(shape), resize=True)

    def decode(path: Path) -> tuple[np.ndarray, bool] | Unreadable:
        try:
            pixels = pictures.decode(path, shape[2])
            squeezed = pictures.is_squeezed(pixels.shape[:2], *shape[:2])
            return pictures.fit(pixels, form, path), squeezed
        except UserError as error:
            return Unreadable(str(path), str(error))

    with pictures.bombs_refused(), ThreadPoolExecutor() as pool:
        found = list(pool.map(decode, paths))
    good = [i for i, one in enumerate(found) if isinstance(one, tuple)]
    values = np.empty((len(good), *shape), np.uint8)
    for place, i in enumerate(good):
        values[place] = found[i][0]
    return Batch(
        tuple(str(paths[i]) for i in good),
        values,
        tuple(one for one in found if isinstance(one, Unreadable)),
        sum(found[i][1] for i in good),
    )
