"""The files below a folder: links are followed, hidden ones are not seen."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo.data import formats

# What systems leave behind beside the names that begin with a dot.
SYSTEM = {"__macosx", "@eadir", "thumbs.db", "desktop.ini"}


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is never looked at."""
    return name.startswith(".") or name.lower() in SYSTEM


def folders(root: Path) -> list[Path]:
    """Returns the visible sub-folders, also linked ones, sorted by name."""
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not is_hidden(path.name)
    )


def divide(root: Path) -> tuple[list[Path], list[Path]]:
    """Returns the images at any depth below a folder, and its other files.

    Both are sorted. Linked folders are followed, each real folder once, and
    none that contains `root`.
    """
    images, others = [], []
    real = Path(os.path.realpath(root))
    above = {str(folder) for folder in real.parents}
    for path in sorted(_files(root, above)):
        (images if formats.is_image(path) else others).append(path)
    return images, others


def images_in(root: Path) -> list[Path]:
    """Returns the images that lie in a folder itself, sorted."""
    return sorted(
        path
        for path in root.iterdir()
        if not is_hidden(path.name)
        and path.is_file()
        and formats.is_image(path)
    )


def _files(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    below = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                below.append((entry.is_symlink(), entry.name))
            else:
                yield folder / entry.name
    # Own folders first: a link to one of them adds nothing.
    for _, name in sorted(below):
        yield from _files(folder / name, seen)


def count_kinds(paths: Iterable[Path]) -> dict[str, int]:
    """Counts files by suffix in lower case, or by name, the most first."""
    kinds = (path.suffix.lower() or path.name for path in paths)
    return dict(collections.Counter(kinds).most_common())
