"""A person's own images, `folder:PATH`.

Sub-folders are the classes, sorted by name; or there are folders of parts
above them, see `zoo.data.layout`. Images are found at any depth below the
folder of their class, see `zoo.data.walking`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from zoo.commands import command
from zoo.data import formats, layout, pictures, walking
from zoo.data.folder_arrays import Files, Reader
from zoo.data.parts import TRAIN, Parts, Request
from zoo.errors import UserError, join_and


def read(request: Request) -> Parts:
    """Lists the images; they are decoded split by split."""
    root = Path(request.place).expanduser()
    found = layout.find(root)
    classes = find_classes(found.roots[TRAIN])
    files, others, notes = {}, [], list(found.notes)
    for part, folder in found.roots.items():
        files[part], rest = _list_files(folder, classes, part == TRAIN)
        others += rest
        if missing := missing_classes(folder, classes):
            notes.append(missing)
    if told := formats.left_out(walking.count_kinds(others)):
        notes.append(told)
    telling = functools.partial(_telling_where_all_are_listed, root)
    with telling():
        reader = Reader(root, request, files)
    return Parts(
        tuple(classes),
        {part: len(listed) for part, listed in files.items()},
        telling()(reader.read),
        reader.form.came,
        prepare=telling()(reader.prepare),
        notes=lambda: (*notes, *reader.notes()),
    )


def find_classes(root: Path) -> list[str]:
    """Returns the names of the classes, sorted.

    Raises:
        UserError: there are fewer than two.
    """
    classes = [folder.name for folder in walking.folders(root)]
    if len(classes) < 2:
        raise UserError(
            f"folder:{root} has {_count_classes(classes)}; put the images of "
            "each class in a sub-folder of its own, at least two."
        )
    return classes


def _count_classes(classes: list[str]) -> str:
    return f"one class only, {classes[0]}" if classes else "no sub-folders"


def missing_classes(root: Path, classes: list[str]) -> str | None:
    """Says which classes of the training part another part lacks."""
    there = {folder.name for folder in walking.folders(root)}
    lacking = [name for name in classes if name not in there]
    if not lacking:
        return None
    shown = lacking[:5] + [f"{len(lacking) - 5} more"] * (len(lacking) > 5)
    noun = "class" if len(lacking) == 1 else "classes"
    return f"{root} has no images of the {noun} {join_and(shown)}."


def _list_files(
    root: Path, classes: list[str], all_classes: bool
) -> tuple[Files, list[Path]]:
    """Returns the images below the class folders, sorted, and other files."""
    files, others = [], []
    for folder in walking.folders(root):
        if folder.name not in classes:
            raise unknown_class(root, folder.name, classes)
        found, rest = walking.divide(folder)
        others += rest
        if not found and all_classes:
            raise UserError(
                f"folder:{folder} has no images; put some there "
                f"({formats.named()}), or remove it."
                f"{_what_instead(rest)}"
            )
        files += [(path, classes.index(folder.name)) for path in found]
    if not files:
        raise UserError(f"folder:{root} has no images; put some there.")
    return files, others


def _what_instead(others: list[Path]) -> str:
    told = formats.left_out(walking.count_kinds(others))
    return f" {told}" if told else ""


def unknown_class(root: Path, name: str, classes: list[str]) -> UserError:
    """Builds the error for a class that the training images lack."""
    return UserError(
        f"folder:{root} has the class {name}, which the training images lack; "
        f"they have {join_and(classes)}."
    )


@contextlib.contextmanager
def _telling_where_all_are_listed(root: Path) -> Iterator[None]:
    """Adds to the name of one bad file how to see the names of all."""
    try:
        yield
    except pictures.Unreadable as error:
        raise UserError(
            f"{error} `{command('inspect', str(root))}` lists all such files, "
            "and --skip_unreadable leaves them out."
        ) from error
