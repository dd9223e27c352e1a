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

KEPT_FROM = 5_000  # files; fewer are decoded in less than a second or two

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
        self._files = files
        self._names = {
            part: tuple(p.relative_to(root).as_posix() for p, _ in listed)
            for part, listed in files.items()
        }
        self._origins: dict[str, str] = {}
        self._side = request.image_size
        self._name = f"folder:{root}"
        key = hashlib.sha256(f"{root.resolve()} {self._side}".encode())
        home = f"{root.resolve().name}-{key.hexdigest()[:16]}"
        self._home = find_dir(request.data_dir) / "zoo" / "folder" / home
        paths = [path for path, _ in files[TRAIN]]
        self.form = self._kept_form() or decoding.survey(
            paths, self._side, self._name
        )

    def _kept_form(self) -> Form | None:
        """Returns the form of the training images, if they are kept."""
        folder = self._home / TRAIN
        if not folder.is_dir():
            return None
        try:
            about = array_store.describe(folder, self._origin(TRAIN))
        except array_store.Damaged:
            return None
        return about and _form(about)

    def read(self, part: str) -> tuple[Split, list[bytes]]:
        """Returns a split, and a hash of each image as it came."""
        files = self._files[part]
        labels = np.array([label for _, label in files], np.int32)
        paths = [path for path, _ in files]
        pieces = functools.partial(decoding.pieces, paths, labels, self.form)
        name, about = f"{self._name}, {part}", dataclasses.asdict(self.form)
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
        split = dataclasses.replace(kept.split, file_names=self._names[part])
        return split, kept.hashes

    def prepare(self, part: str) -> None:
        """Makes the arrays of a split, if it is one that is kept."""
        if self._is_kept(part):
            self.read(part)

    def _is_kept(self, part: str) -> bool:
        count = len(self._files[part])
        size = count * math.prod(self.form.shape)
        return count >= KEPT_FROM or size > rows.MOST_IN_MEMORY

    def _origin(self, part: str) -> str:
        """Returns a hash of names, classes, sizes and times of the files."""
        if part in self._origins:
            return self._origins[part]
        # The form of the others is that of the training images.
        form = self._side if part == TRAIN else self.form
        total = hashlib.sha256(f"{form}".encode())
        files = zip(self._files[part], self._names[part], strict=True)
        for (path, label), name in files:
            total.update(f"\0{name}\0{label}\0{_state(path)}".encode())
        self._origins[part] = total.hexdigest()
        return self._origins[part]


def _state(path: Path) -> tuple[int, int]:
    """Returns bytes and time of a file; a broken link has neither."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _form(about: dict[str, Any]) -> Form:
    came = about["came"] and tuple(about["came"])
    return Form(tuple(about["shape"]), about["resize"], came)
