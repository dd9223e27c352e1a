"""Which folders of a data set are its parts, and which are its classes.

A part holds class folders; a class holds images. The parts are recognized in
any case and with `_`, `-`, spaces or a number between or behind the words, by
the names that people and tools give them:

    train       train, training (MNIST as PNG), train_set, training_set
                (cats and dogs), TrainData, train_images (Kaggle), seg_train
                (Intel scenes), train2017 (COCO)
    validation  val, valid (Roboflow), validation (Keras), dev, eval,
                evaluation, and the same with set, data, images, ...
    test        test, testing, heldout, holdout, and the same

There are parts only where one of them is for training. A folder of such a
name inside a folder of the same name, as some archives have it, is the same
part.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from zoo.data import walking
from zoo.data.parts import TEST, TRAIN, VAL
from zoo.errors import UserError, join_and, join_or

WORDS = {
    TRAIN: {"train", "training", "trainset", "trainingset", "traindata"},
    VAL: {
        "val", "valid", "validation", "dev", "eval", "evaluation", "valset",
        "validset", "validationset", "devset", "valdata",
    },
    TEST: {"test", "testing", "testset", "testdata", "heldout", "holdout"},
}  # fmt: skip
FILLERS = {
    "set", "data", "dataset", "split", "part", "folder", "dir", "seg",
    "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures",
}  # fmt: skip
# Names of parts that may as well be names of classes: valid and invalid.
ORDINARY = {"train", "training", "valid", "dev", "eval", "evaluation"}


@dataclasses.dataclass(frozen=True)
class Layout:
    """The folders of a data set.

    Attributes:
        roots: the folder of each part that is there; of `train` alone where
            the classes lie in the folder itself.
        notes: sentences about folders that are not used.
    """

    roots: dict[str, Path]
    notes: tuple[str, ...] = ()


def part_named(name: str) -> str | None:
    """Returns the part that a folder's name stands for, if it does."""
    words = _words(name)
    rest = [word for word in words if word not in FILLERS]
    if len(rest) != 1:
        return None
    return next((part for part in WORDS if rest[0] in WORDS[part]), None)


def _words(name: str) -> list[str]:
    """Returns the words of a name: `TrainImages2` has train and images."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+", apart.lower())


def find(root: Path) -> Layout:
    """Looks which sub-folders are parts.

    Raises:
        UserError: there is no such folder, or its sub-folders can be read in
            two ways.
    """
    _check(root)
    children = walking.folders(root)
    named: dict[str, list[Path]] = {TRAIN: [], VAL: [], TEST: []}
    for child in children:
        if part := part_named(child.name):
            named[part].append(child)
    full = {
        part: [child for child in found if walking.folders(child)]
        for part, found in named.items()
    }
    others = [child for child in children if not part_named(child.name)]
    if full[TRAIN] and not _is_class(full[TRAIN], full, others):
        return _with_parts(root, named, full, others)
    _refuse_parts_as_classes(root, named, full, others)
    return Layout({TRAIN: root}, (*_stray(root, root), *_alike(children)))


def _check(root: Path) -> None:
    right = "give the path of a folder whose sub-folders are the classes."
    if not root.exists():
        raise UserError(f"folder:{root} does not exist; {right}")
    if not root.is_dir():
        raise UserError(f"folder:{root} is a file; {right}")


def _is_class(
    trains: list[Path], full: dict[str, list[Path]], others: list[Path]
) -> bool:
    """Whether a folder called train is a class, with folders and images."""
    return (
        any(walking.images_in(train) for train in trains)
        and any(walking.images_in(other) for other in others)
        and not (full[VAL] or full[TEST])
    )


def _with_parts(
    root: Path,
    named: dict[str, list[Path]],
    full: dict[str, list[Path]],
    others: list[Path],
) -> Layout:
    roots, notes = {}, []
    for part, found in named.items():
        # Of several names, an empty folder or one of loose images is no part.
        usable = full[part] or ([] if part == TRAIN else _empty(found))
        if len(usable) > 1:
            names = join_and(child.name for child in usable)
            raise UserError(
                f"folder:{root} has {names}, which both look like the {part} "
                f"part; keep one of them there, called {part}."
            )
        if usable:
            roots[part] = _inner(usable[0], part)
        others = others + [child for child in found if child not in usable]
    notes += _stray(root, roots[TRAIN])
    for other in sorted(others):
        part = part_named(other.name)
        if part and walking.images_in(other):
            notes.append(
                f"{other} is not used: its images are not in class folders; "
                "use `zoo predict` for images without a class."
            )
        else:
            known = join_or(child.name for child in roots.values())
            notes.append(
                f"{other} is not used: it lies beside {known} and has not the "
                "name of a part, such as train, val or test."
            )
    return Layout(roots, tuple(notes))


def _empty(found: list[Path]) -> list[Path]:
    return [child for child in found if not any(child.iterdir())]


def _inner(folder: Path, part: str) -> Path:
    """Returns the folder with the classes: training/training has them."""
    inside = walking.folders(folder)
    if (
        len(inside) == 1
        and part_named(inside[0].name) == part
        and walking.folders(inside[0])
        and not walking.images_in(folder)
    ):
        return inside[0]
    return folder


def _stray(root: Path, train: Path) -> list[str]:
    """Tells of images that lie outside the folders of classes."""
    notes = []
    for folder in dict.fromkeys((root, train)):
        if loose := walking.images_in(folder):
            verb = "image is" if len(loose) == 1 else "images are"
            notes.append(
                f"{len(loose):,} {verb} not used, such as {loose[0]}: move "
                "them into the folders of their classes."
            )
    return notes


def _refuse_parts_as_classes(
    root: Path,
    named: dict[str, list[Path]],
    full: dict[str, list[Path]],
    others: list[Path],
) -> None:
    """Refuses folders that would be classes, and look like parts."""
    suspects = [
        child
        for part, found in named.items()
        for child in found
        if child in full[part]
        and part != TRAIN
        or not others
        or not ORDINARY.intersection(_words(child.name))
    ]
    if not suspects:
        return
    names = join_and(child.name for child in suspects)
    looks = "looks like a part" if len(suspects) == 1 else "look like parts"
    if not others:
        raise UserError(
            f"folder:{root} has no class folders: {names} {looks} of a data "
            "set; put the images of each class in a sub-folder of its own "
            "inside train."
        )
    raise UserError(
        f"folder:{root} has {names}, which {looks} of a data set, beside "
        f"{_some(others)}, which look like classes; move the classes into a "
        f"folder train, or {names} elsewhere (`zoo predict` takes images "
        "without a class)."
    )


def _some(folders: list[Path]) -> str:
    shown = [folder.name for folder in folders[:3]]
    more = len(folders) - len(shown)
    return join_and(shown + [f"{more} more"] * (more > 0))


def _alike(children: list[Path]) -> tuple[str, ...]:
    """Tells of classes that hold the same folders, as parts would."""
    below = [tuple(p.name for p in walking.folders(c)) for c in children]
    if len(children) < 2 or len(set(below)) > 1 or len(below[0]) < 2:
        return ()
    if any(walking.images_in(child) for child in children):
        return ()
    return (
        f"{_some(children)} are taken for the classes, and all hold the same "
        f"folders ({join_and(below[0][:3])}, ...); if they are parts, "
        "call them train, val and test.",
    )
