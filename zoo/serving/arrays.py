"""Images in NumPy files: raw pixels of the model's own size, or a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.data import array_files
from zoo.data.arrays import check_pixels
from zoo.errors import UserError, join_and

KEY = "x"  # of the images, where a .npz file holds several arrays


def read_images(
    path: Path,
    shape: tuple[int, int, int],
    known: tuple[int, int] | None = None,
) -> tuple[list[str], np.ndarray]:
    """Reads the images of a file.

    Args:
        path: of a `.npy` or `.npz` file.
        shape: `(H, W, C)`, what the model takes.
        known: range of its training images.

    Returns:
        A name for each of `N` images, and uint8 `[N, H, W, C]`.

    Raises:
        UserError: they are no raw pixels 0..255 of this shape, and what they
            are instead.
    """
    return check_images(read_values(path), shape, str(path), known)


def check_images(
    values: np.ndarray,
    shape: tuple[int, int, int],
    name: str,
    known: tuple[int, int] | None = None,
) -> tuple[list[str], np.ndarray]:
    """Names and checks the images of an array; see `read_images`.

    Args:
        name: what the sentence calls where they are from, if one is needed.
    """
    images = _in_shape(values, shape, name)
    pixels = check_pixels(images, f"the array of {name}", known)
    return names_of(name, len(pixels), is_one=values.shape == shape), pixels


def read_values(path: Path) -> np.ndarray:
    """Reads the array of a file: of several, the one with the key `x`."""
    if path.suffix.lower() == ".npy":
        return array_files.read_array(path, str(path))
    held = array_files.read_archive(path, str(path))
    if KEY in held:
        return held[KEY]
    if len(held) == 1:
        return next(iter(held.values()))
    raise UserError(
        f"{path} holds {join_and(held) or 'no array'}; name the "
        f"array of examples {KEY}."
    )


def names_of(name: str, count: int, is_one: bool = False) -> list[str]:
    """Names examples by file and index, as Python would get at them."""
    return [name] if is_one else [f"{name}[{i}]" for i in range(count)]


def _in_shape(
    x: np.ndarray, shape: tuple[int, int, int], name: str
) -> np.ndarray:
    """Returns `[N, H, W, C]`, or says what the axes seem to be instead."""
    if x.shape == shape:
        return x[None]
    if x.ndim == 4 and x.shape[1:] == shape and len(x):
        return x
    if shape[2] == 1 and x.shape == shape[:2]:
        return x[None, ..., None]
    if shape[2] == 1 and x.ndim == 3 and x.shape[1:] == shape[:2] and len(x):
        return x[..., None]
    given, taken = list(x.shape), f"[N, {', '.join(map(str, shape))}]"
    height, width, channels = shape
    hint = ""
    if x.shape[-3:] == (channels, height, width):
        hint = (
            "; the channels stand before the rows, so move them: "
            f"numpy.moveaxis(x, {x.ndim - 3}, -1)"
        )
    elif x.ndim in (3, 4) and x.shape[-3:-1] == (height, width):
        hint = f"; it has {x.shape[-1]} channels instead of {channels}"
    elif channels > 1 and x.ndim in (2, 3) and x.shape[-2:] == shape[:2]:
        hint = (
            "; it is grey, so repeat it: "
            f"numpy.repeat(x[..., None], {channels}, axis=-1)"
        )
    elif x.ndim in (3, 4) and x.shape[-1] == channels:
        hint = "; resize the images, or give picture files, which are resized"
    raise UserError(
        f"the array of {name} has the shape {given}, and the model takes "
        f"{taken}{hint}."
    )
