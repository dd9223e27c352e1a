"""The images, drawn once and kept in the folder of data sets."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from zoo.console import print_status
from zoo.data.dataset import Split
from zoo.data.parts import TEST, TRAIN, Parts, Request, in_memory
from zoo.data.street_digits.camera import SIDE, digit_mask
from zoo.data.street_digits.light import photograph
from zoo.data.tfds import find_dir
from zoo.errors import UserError
from zoo.io import atomic_write

VERSION = 1  # of the drawing: what changes a pixel changes this
NAMES = tuple(str(digit) for digit in range(10))
SEEDS = {TRAIN: 0, TEST: 1}


def read(request: Request) -> Parts:
    """Reads the images from disk, or draws them first."""
    sizes = {TRAIN: request.source.train, TEST: request.source.test}
    folder = find_dir(request.data_dir) / request.source.name
    path = folder / f"{request.source.name}-{VERSION}.npz"
    splits = _kept(path, sizes)
    if splits is None:
        print_status(
            f"street_digits: drawing {sum(sizes.values()):,} images, once; "
            f"they are kept in {folder}"
        )
        splits = {
            name: draw(size, seed=SEEDS[name]) for name, size in sizes.items()
        }
        _keep(path, splits)
    return in_memory(splits, NAMES, request.image_size)


def draw(count: int, seed: int) -> Split:
    """Draws images, uint8 `[count, 32, 32, 3]`, and their digits.

    Each image has its own stream of NumPy's legacy generator, which never
    changes: the first thousand of many are the same as a thousand.
    """
    images = np.empty((count, SIDE, SIDE, 3), np.uint8)
    labels = np.empty(count, np.int32)
    for index in range(count):
        random = np.random.RandomState([VERSION, seed, index])
        labels[index] = random.randint(10)
        mask = digit_mask(random, labels[index])
        images[index] = photograph(random, mask)
    return Split(images, labels)


def _kept(path: Path, sizes: dict[str, int]) -> dict[str, Split] | None:
    """Returns the images on disk, if they are all there."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            splits = {
                name: Split(file[f"{name}_x"], file[f"{name}_y"])
                for name in sizes
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
    whole = all(len(splits[name]) == size for name, size in sizes.items())
    return splits if whole else None


def _keep(path: Path, splits: dict[str, Split]) -> None:
    # A name of this process's own: two runs may draw at the same time.
    own = path.with_suffix(f".{os.getpid()}.npz")
    arrays = {f"{name}_x": s.images for name, s in splits.items()}
    arrays |= {f"{name}_y": s.labels for name, s in splits.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(own) as file:
            np.savez(file, **arrays)
        os.replace(own, path)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UserError(
            f"{path.parent} cannot be written: {why}; name another folder "
            "with --data_dir."
        ) from error
