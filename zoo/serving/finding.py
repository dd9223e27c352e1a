"""Which files are meant by the words of a command: files, folders, patterns."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Iterable
from pathlib import Path

from zoo.data import formats, walking
from zoo.errors import UserError, close_matches, join_or


@dataclasses.dataclass(frozen=True)
class Found:
    """The files that words stand for.

    Attributes:
        paths: each once, in the order given.
        left_out: a sentence about files in folders that are no images, if
            there are such.
    """

    paths: list[Path]
    left_out: str | None


def find_files(words: Iterable[str]) -> Found:
    """Returns the files that words stand for.

    Args:
        words: paths of files; folders, which stand for the pictures at any
            depth inside, as in `folder:PATH`; patterns, such as `x/*.png`.

    Raises:
        UserError: a word stands for nothing.
    """
    found: list[Path] = []
    others: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            images, rest = _images_in(path)
            found += images
            others += rest
        else:
            found += _files_of(word, path)
    counts = walking.count_kinds(dict.fromkeys(others))
    return Found(list(dict.fromkeys(found)), formats.left_out(counts))


def _files_of(word: str, path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not glob.has_magic(word):
        raise _missing(path)
    fits = sorted(map(Path, glob.glob(str(path), recursive=True)))
    files = [fit for fit in fits if fit.is_file()]
    if not files:
        raise UserError(
            f"{word} fits no file; give the path of a picture, of a folder of "
            "pictures, or another pattern."
        )
    return files


def _images_in(folder: Path) -> tuple[list[Path], list[Path]]:
    images, others = walking.divide(folder)
    if not images:
        told = formats.left_out(walking.count_kinds(others))
        raise UserError(
            f"{folder} has no pictures ({formats.named()}); give a folder "
            f"that has some.{' ' + told if told else ''}"
        )
    return images, others


def _missing(path: Path) -> UserError:
    """Builds the error for a file that is not there."""
    folder = path.parent
    if not folder.is_dir():
        return UserError(
            f"there is no file {path}, nor a folder {folder}; give the path "
            "of a picture."
        )
    names = [entry.name for entry in folder.iterdir()]
    close = close_matches(path.name, names)
    if close:
        likely = join_or(str(folder / name) for name in close)
        return UserError(f"there is no file {path}; did you mean {likely}?")
    return UserError(
        f"there is no file {path}; give the path of a picture, of a folder of "
        "pictures, or a pattern."
    )
