"""Many picture files at once: their common form, and their pixels."""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.data import pictures, workers
from zoo.data.array_store import Piece
from zoo.data.keeping import shown
from zoo.data.pictures import Form
from zoo.data.splits import digest
from zoo.errors import UserError

Sizes = collections.Counter[tuple[int, int]]


def survey(
    paths: Sequence[Path], side: int | tuple[int, int] | None, name: str
) -> Form:
    """Looks at the headers of pictures to find the form they should get.

    Args:
        paths: the training images.
        side: height and width to resize all to, or one number for both, if
            given.
        name: what lines on the screen call them.

    Raises:
        UserError: a file is no picture or too large, or sizes differ and no
            `side` is given.
    """
    sizes: Sizes = collections.Counter()
    all_grey = True
    tallies = workers.in_order(_tally, paths)
    for found, grey in shown(
        tallies, len(paths), f"{name}, sizes", lambda tally: tally[0].total()
    ):
        sizes += found
        all_grey = all_grey and grey
    channels = 1 if all_grey else 3
    (height, width), _ = sizes.most_common(1)[0]
    came = (height, width, channels) if len(sizes) == 1 else None
    if side is not None:
        sides = pictures.sides(side)
        squeezed = sum(
            count
            for size, count in sizes.items()
            if pictures.is_squeezed(size, *sides)
        )
        return Form((*sides, channels), True, came, squeezed)
    if len(sizes) > 1:
        raise UserError(
            f"{len(paths):,} images have {len(sizes)} different sizes, most "
            f"often {height}x{width} pixels; give the side to resize all to, "
            "for example --image_size=32."
        )
    return Form((height, width, channels), False, came)


def pieces(
    paths: Sequence[Path], labels: np.ndarray, form: Form
) -> Iterator[Piece]:
    """Decodes pictures, side by side, in the order of the list.

    Args:
        paths: of the files.
        labels: int32 `[N]`.
        form: that all get.

    Raises:
        UserError: a file is no picture, is damaged, or has another size.
    """
    done = 0
    job = functools.partial(_decode, form=form)
    for images, hashes in workers.in_order(job, paths):
        yield images, labels[done : done + len(images)], hashes
        done += len(images)


def find_unreadable(paths: Sequence[Path], name: str) -> dict[int, str]:
    """Decodes pictures, and returns why some cannot be, by their index.

    Args:
        paths: of the files.
        name: what lines on the screen call them.
    """
    found, done = {}, 0
    reasons = workers.in_order(_reasons, paths)
    for some in shown(reasons, len(paths), f"{name}, checking", len):
        found |= {done + i: why for i, why in enumerate(some) if why}
        done += len(some)
    return found


def _reasons(paths: Sequence[Path]) -> list[str]:
    """Returns why each picture cannot be read; empty where it can."""
    return [_reason(path) for path in paths]


def _reason(path: Path) -> str:
    try:
        pictures.decode(path, 3)
    except pictures.Unreadable as error:
        return error.why
    return ""


def _tally(paths: Sequence[Path]) -> tuple[Sizes, bool]:
    """Returns how many pictures have which size, and whether all are grey."""
    headers = [pictures.look(path) for path in paths]
    sizes = collections.Counter(size for size, _ in headers)
    return sizes, all(mode in pictures.GREY_MODES for _, mode in headers)


def _decode(
    paths: Sequence[Path], form: Form
) -> tuple[np.ndarray, list[bytes]]:
    """Returns images, uint8 `[B, H, W, C]`, and hashes of them as they came."""
    images, hashes = np.empty((len(paths), *form.shape), np.uint8), []
    for i, path in enumerate(paths):
        pixels = pictures.decode(path, form.shape[2])
        images[i] = pictures.fit(pixels, form, path)
        hashes.append(digest(pixels))
    return images, hashes
