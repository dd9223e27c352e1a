"""Which files are meant by the words of a command: files, folders, patterns."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from zoo.data.pictures import SUFFIXES
from zoo.errors import UserError, join_words, nearest


def find_files(words: Iterable[str]) -> list[Path]:
    """Returns the files that words stand for, each once, in the order given.

    Args:
        words: paths of files; folders, which stand for the pictures at any
            depth inside, as in `folder:PATH`; patterns, such as `x/*.png`.

    Raises:
        UserError: a word stands for nothing.
    """
    found: list[Path] = []
    for word in words:
        found += _files_of(word)
    return list(dict.fromkeys(found))


def _files_of(word: str) -> list[Path]:
    path = Path(word).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        return _pictures_in(path)
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


def _pictures_in(folder: Path) -> list[Path]:
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not found:
        raise UserError(
            f"{folder} has no pictures ({join_words(sorted(SUFFIXES))}); "
            "give a folder that has some."
        )
    return found


def _missing(path: Path) -> UserError:
    """Builds the error for a file that is not there."""
    folder = path.parent
    if not folder.is_dir():
        return UserError(
            f"there is no file {path}, nor a folder {folder}; give the path "
            "of a picture."
        )
    names = [entry.name for entry in folder.iterdir()]
    close = nearest(path.name, names)
    if close:
        likely = join_words(str(folder / name) for name in close)
        return UserError(f"there is no file {path}; did you mean {likely}?")
    return UserError(
        f"there is no file {path}; give the path of a picture, of a folder of "
        "pictures, or a pattern."
    )
