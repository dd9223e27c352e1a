"""Public data sets: from arrays on disk, which are made at the first reading.

tensorflow-datasets fetches them, and keeps pictures that must be decoded at
each start. They are kept as arrays too, in `zoo/<name>/<version>/<split>` of
the same folder; where these are, tensorflow-datasets is not asked.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.commands import command
from zoo.data import array_store, keeping, pictures, rows, tfds
from zoo.data.array_store import Kept, Piece
from zoo.data.dataset import Split
from zoo.data.parts import TEST, TRAIN, Parts, Request, resized
from zoo.errors import UserError

HOME = "zoo"  # inside the folder of data sets


def read(request: Request) -> Parts:
    """Finds a data set that is on disk, or fetches it first."""
    reader = Reader(request)
    return Parts(
        tuple(reader.about["class_names"]),
        reader.about["sizes"],
        reader.read,
        tuple(reader.about["shape"]),
        prepare=reader.prepare,
    )


class Reader:
    """Reads the splits of one data set.

    Attributes:
        about: its version, class names, sizes of splits and shape of images.
    """

    def __init__(self, request: Request):
        self._request = request
        self._root = tfds.find_dir(request.data_dir)
        self._home = self._root / HOME / request.source.name
        self._builder = functools.cache(
            lambda: tfds.fetch(request.source, request.data_dir)
        )
        self.about = self._kept_about() or tfds.describe(
            request.source, self._builder()
        )

    def _kept_about(self) -> dict[str, Any] | None:
        """Returns what is written beside arrays of the newest version."""
        folders = [p for p in self._home.glob("*/*") if p.name in (TRAIN, TEST)]
        for folder in sorted(folders, key=_version, reverse=True):
            origin = self._origin(folder.parent.name, folder.name)
            # What is damaged is made anew when its images are wanted.
            with contextlib.suppress(array_store.Damaged):
                about = array_store.describe(folder, origin)
                if about is not None:
                    return about
        return None

    def read(self, part: str) -> tuple[Split, list[bytes]]:
        """Returns a split, in the size that was asked for, and its hashes."""
        whole = self._read_whole(part)
        side = self._request.image_size
        if side is None or not self._is_large(part):
            return resized(whole.split, side), whole.hashes
        sides = pictures.sides(side)
        kept = self._keep(
            part, f"-{sides[0]}x{sides[1]}", lambda: _resizing(whole, sides)
        )
        return kept.split, kept.hashes

    def prepare(self, part: str) -> None:
        """Makes the arrays of a split, unless they are there and sound."""
        self._read_whole(part)

    def _read_whole(self, part: str) -> Kept:
        return self._keep(
            part,
            "",
            lambda: tfds.pieces(self._builder(), self._request.source, part),
        )

    def _keep(self, part: str, suffix: str, pieces) -> Kept:
        folder, version = self._folder(part, suffix), self.about["version"]
        if self._origin(version, part) is None:
            # There is nothing to make them of: they are taken as they are.
            try:
                kept = keeping.found(folder, None, self._name(part))
            except array_store.Damaged as error:
                raise self._beyond_repair(error, folder) from error
            if kept is not None:
                return kept
            self._builder()  # fetches, or says why it cannot
        origin = self._origin(version, part) or ""
        count, name = self.about["sizes"][part], self._name(part)
        return keeping.read(folder, origin, self.about, count, pieces, name)

    def _name(self, part: str) -> str:
        return f"{self._request.source.name}/{part}"

    def _folder(self, part: str, suffix: str = "") -> Path:
        return self._home / f"{self.about['version']}{suffix}" / part

    def _origin(self, version: str, part: str) -> str | None:
        """Returns the names and sizes of what tensorflow-datasets has."""
        version = version.partition("-")[0]
        folder = self._root / self._request.source.builder / version
        sizes = {
            path.name: path.stat().st_size
            for path in sorted(folder.glob(f"*-{part}.*"))
        }
        return json.dumps(sizes) if sizes else None

    def _beyond_repair(self, error: UserError, folder: Path) -> UserError:
        """Builds the error for damaged arrays that are all there is."""
        request = self._request
        again = command(
            "download", request.source.name, data_dir=request.data_dir
        )
        return UserError(
            f"{error}; remove the folder {folder} and run `{again}`."
        )

    def _is_large(self, part: str) -> bool:
        sides = pictures.sides(self._request.image_size)
        if sides == tuple(self.about["shape"][:2]):
            return False
        pixels = math.prod((*sides, self.about["shape"][2]))
        return self.about["sizes"][part] * pixels > rows.MOST_IN_MEMORY


def _version(folder: Path) -> list[int]:
    """Returns what versions are sorted by; those of other sizes come last."""
    numbers = folder.parent.name.split(".")
    return [int(n) if n.isdecimal() else -1 for n in numbers]


def _resizing(whole: Kept, sides: tuple[int, int]) -> Iterator[Piece]:
    done = 0
    for images in rows.chunks(whole.split.images):
        here = slice(done, done + len(images))
        done = here.stop
        split = resized(Split(images, whole.split.labels[here]), sides)
        yield split.images, split.labels, whole.hashes[here]
