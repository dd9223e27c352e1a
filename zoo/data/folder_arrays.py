"""The pictures of a folder, read once: many of them are kept as arrays.

From `KEPT_FROM` files on, or where the images would take more memory than
`rows.MOST_IN_MEMORY`, a split is kept in `zoo/folder/<name>-<hash>/<split>`
of the folder of data sets. It is made anew when a file has come, gone, or
another size or time, and may be removed at any time.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import array_store, decoding, keeping, rows
from zoo.data.dataset import Split
from zoo.data.parts import TRAIN, Request
from zoo.data.pictures import Form
from zoo.data.tfds import find_dir
from zoo.errors import UserError

KEPT_FROM = 5_000  # files; fewer are decoded in less than a second or two

SKIPPED = "skipped"  # in what is kept: indices of files, and why

# One picture file and the index of its class.
Files = list[tuple[Path, int]]


class Reader:
    """Reads the splits of one folder.

    Args:
        root: the folder.
        request: what was asked of it.
        files: of each split.

    Attributes:
        form: of all images.
    """

    def __init__(self, root: Path, request: Request, files: dict[str, Files]):
        self._root = root
        self._listed = files
        self._skips = request.skip_unreadable
        self._skipped: dict[str, dict[int, str]] = {}
        self._origins: dict[str, str] = {}
        self._side = request.image_size
        self._name = f"folder:{root}"
        which = f"{root.resolve()} {self._side} skips={self._skips}"
        key = hashlib.sha256(which.encode())
        home = f"{root.resolve().name}-{key.hexdigest()[:16]}"
        self._home = find_dir(request.data_dir) / "zoo" / "folder" / home
        about = self._kept_about(TRAIN)
        self.form = _form(about) if about else self._survey()

    def _survey(self) -> Form:
        paths = [path for path, _ in self._files(TRAIN)]
        return decoding.survey(paths, self._side, self._name)

    def _kept_about(self, part: str) -> dict[str, Any] | None:
        """Returns what is written beside the images of a part, if kept."""
        folder = self._home / part
        if not folder.is_dir():
            return None
        try:
            return array_store.describe(folder, self._origin(part))
        except array_store.Damaged:
            return None

    def _files(self, part: str) -> Files:
        """Returns the files of a part that are read."""
        listed = self._listed[part]
        if not self._skips:
            return listed
        if part not in self._skipped:
            self._skipped[part] = self._find_unreadable(part)
        skipped = self._skipped[part]
        files = [file for i, file in enumerate(listed) if i not in skipped]
        _check_left(listed, files, self._name, part)
        return files

    def _find_unreadable(self, part: str) -> dict[int, str]:
        about = self._kept_about(part)
        if about:
            return {int(i): why for i, why in about[SKIPPED].items()}
        paths = [path for path, _ in self._listed[part]]
        return decoding.find_unreadable(paths, f"{self._name}, {part}")

    def notes(self) -> list[str]:
        """Returns sentences about what was left out or changed so far."""
        found = []
        bad = [
            (self._listed[part][i][0], why)
            for part, skipped in self._skipped.items()
            for i, why in skipped.items()
        ]
        if bad:
            path, why = bad[0]
            verb = "file is" if len(bad) == 1 else "files are"
            found.append(
                f"{len(bad):,} {verb} left out by --skip_unreadable, such as "
                f"{path}: {why}."
            )
        if count := self.form.squeezed:
            height, width, _ = self.form.shape
            verb = "image has" if count == 1 else "images have"
            found.append(
                f"{count:,} training {verb} other proportions than "
                f"{height}x{width}, and are squeezed to them."
            )
        return found

    def read(self, part: str) -> tuple[Split, list[bytes]]:
        """Returns a split, and a hash of each image as it came."""
        files = self._files(part)
        labels = np.array([label for _, label in files], np.int32)
        paths = [path for path, _ in files]
        pieces = functools.partial(decoding.pieces, paths, labels, self.form)
        name, about = f"{self._name}, {part}", dataclasses.asdict(self.form)
        if self._skips:
            about[SKIPPED] = self._skipped[part]
        if self._is_kept(part):
            kept = keeping.read(
                self._home / part,
                self._origin(part),
                about,
                len(files),
                pieces,
                name,
            )
        else:
            found = keeping.shown(pieces(), len(files), name)
            kept = keeping.into_memory(found, len(files), about)
        names = tuple(self._name_of(path) for path, _ in files)
        split = dataclasses.replace(kept.split, file_names=names)
        return split, kept.hashes

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def prepare(self, part: str) -> None:
        """Makes the arrays of a split, if it is one that is kept."""
        if self._is_kept(part):
            self.read(part)

    def _is_kept(self, part: str) -> bool:
        count = len(self._listed[part])
        size = count * math.prod(self.form.shape)
        return count >= KEPT_FROM or size > rows.MOST_IN_MEMORY

    def _origin(self, part: str) -> str:
        """Returns a hash of names, classes, sizes and times of the files."""
        if part in self._origins:
            return self._origins[part]
        # The form of the others is that of the training images.
        form = self._side if part == TRAIN else self.form
        total = hashlib.sha256(f"{form}".encode())
        for path, label in self._listed[part]:
            name = self._name_of(path)
            total.update(f"\0{name}\0{label}\0{_state(path)}".encode())
        self._origins[part] = total.hexdigest()
        return self._origins[part]


def _check_left(listed: Files, left: Files, name: str, part: str) -> None:
    """Raises `UserError` if no readable image of a class is left."""
    lost = {label for _, label in listed} - {label for _, label in left}
    if lost:
        first = next(path for path, label in listed if label in lost)
        raise UserError(
            f"{name} has no readable {part} image of the class of {first}; "
            "replace these files, or remove the class."
        )


def _state(path: Path) -> tuple[int, int]:
    """Returns bytes and time of a file; a broken link has neither."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _form(about: dict[str, Any]) -> Form:
    came = about["came"] and tuple(about["came"])
    return Form(tuple(about["shape"]), about["resize"], came, about["squeezed"])
