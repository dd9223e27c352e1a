"""A person's own pictures, `folder:PATH`.

Sub-folders are the classes, sorted by name; with `train/` above them, and
`val/` (or `validation/`) and `test/` if there, those are the splits. Images
are found at any depth below the folder of their class.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from zoo.commands import command
from zoo.data import pictures
from zoo.data.folder_arrays import Files, Reader
from zoo.data.parts import TEST, TRAIN, VAL, Parts, Request
from zoo.errors import UserError, join_words

FOLDERS = {TRAIN: (TRAIN,), VAL: (VAL, "validation"), TEST: (TEST,)}


def read(request: Request) -> Parts:
    """Lists the images; they are decoded split by split."""
    root = Path(request.place).expanduser()
    roots = split_roots(root)
    classes = find_classes(roots[TRAIN])
    files = {
        part: _list_files(folder, classes, part == TRAIN)
        for part, folder in roots.items()
    }
    telling = functools.partial(_telling_where_all_are_listed, root)
    with telling():
        reader = Reader(root, request, files)
    return Parts(
        tuple(classes),
        {part: len(listed) for part, listed in files.items()},
        telling()(reader.read),
        reader.form.came,
        prepare=telling()(reader.prepare),
    )


def split_roots(root: Path) -> dict[str, Path]:
    """Returns the folder of each split that is there.

    Raises:
        UserError: there is no such folder.
    """
    if not root.exists():
        raise UserError(
            f"folder:{root} does not exist; give the path of a folder whose "
            "sub-folders are the classes."
        )
    if not root.is_dir():
        raise UserError(
            f"folder:{root} is a file; give the path of a folder whose "
            "sub-folders are the classes."
        )
    if not (root / TRAIN).is_dir():
        return {TRAIN: root}
    return {
        part: root / name
        for part, names in FOLDERS.items()
        for name in names
        if (root / name).is_dir()
    }


def class_folders(root: Path) -> list[Path]:
    """Returns the folders of the classes, sorted by name."""
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )


def find_classes(root: Path) -> list[str]:
    """Returns the names of the classes, sorted.

    Raises:
        UserError: there are fewer than two.
    """
    classes = [folder.name for folder in class_folders(root)]
    if len(classes) < 2:
        raise UserError(
            f"folder:{root} has {_count_classes(classes)}; put the images of "
            "each class in a sub-folder of its own, at least two."
        )
    return classes


def _count_classes(classes: list[str]) -> str:
    return f"one class only, {classes[0]}" if classes else "no sub-folders"


def divide_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns the pictures at any depth, by their suffixes, and what else.

    Both are sorted. Hidden files are in neither.
    """
    pairs = [], []
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith("."):
            other = path.suffix.lower() not in pictures.SUFFIXES
            if not other or path.is_file():
                pairs[other].append(path)
    return pairs


def _list_files(root: Path, classes: list[str], all_classes: bool) -> Files:
    """Returns the picture files below the class folders, sorted."""
    files = []
    for folder in class_folders(root):
        if folder.name not in classes:
            raise unknown_class(root, folder.name, classes)
        found, _ = divide_files(folder)
        if not found and all_classes:
            raise UserError(
                f"folder:{folder} has no images; put some there "
                f"({join_words(sorted(pictures.SUFFIXES))}), or remove it."
            )
        files += [(path, classes.index(folder.name)) for path in found]
    if not files:
        raise UserError(f"folder:{root} has no images; put some there.")
    return files


def unknown_class(root: Path, name: str, classes: list[str]) -> UserError:
    """Builds the error for a class that the training images lack."""
    return UserError(
        f"folder:{root} has the class {name}, which the training images lack; "
        f"they have {join_words(classes, 'and')}."
    )


@contextlib.contextmanager
def _telling_where_all_are_listed(root: Path) -> Iterator[None]:
    """Adds to the name of one bad file how to see the names of all."""
    try:
        yield
    except pictures.Unreadable as error:
        raise UserError(
            f"{error} `{command('data', str(root))}` lists all such files."
        ) from error
