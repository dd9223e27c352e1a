"""What is known of a collection of images when each was looked at once.

An image is decoded as training would decode it, and forgotten but for a
thumbnail and a few numbers, so that ten thousand photographs fit in memory.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from zoo.data.dataset import Split, hold_out
from zoo.data.loading import divide
from zoo.data.parts import TEST, TRAIN, VAL, Parts

SIDE = 32  # pixels of a thumbnail
VAL_FRACTION = 0.1  # as `zoo train` holds out unless told otherwise


@dataclasses.dataclass(frozen=True)
class Look:
    """What was seen of one image.

    Attributes:
        name: of its file, below the folder; or its part and its number.
        part: `train` or `val`, as the collection itself has them.
        label: index into the class names.
        size: height and width in pixels, before any resizing.
        mode: of its pixels, in words: `colour`, `16-bit grey`.
        format: of its file, such as `JPEG`; empty without a file.
        frames: pictures in its file.
        digest: hash of the pixels, as training cuts parts by.
        thumbnail: uint8 `[32, 32]`, grey, squeezed to a square.
        highest: largest of its pixels, 0..255.
    """

    name: str
    part: str
    label: int
    size: tuple[int, int]
    mode: str
    format: str
    frames: int
    digest: bytes
    thumbnail: np.ndarray
    highest: int

    @property
    def brightness(self) -> float:
        """Mean of the grey levels, 0..255."""
        return float(self.thumbnail.mean())

    @property
    def contrast(self) -> float:
        """Standard deviation of the grey levels."""
        return float(self.thumbnail.std())


@dataclasses.dataclass(frozen=True)
class Bad:
    """A file that is no picture: its name, and why not."""

    name: str
    label: int
    why: str


@dataclasses.dataclass(frozen=True)
class Collection:
    """Everything that was looked at.

    Attributes:
        dataset: what to give to `--dataset`.
        class_names: `K` names.
        looks: one an image that could be read, in order.
        bad: files that could not.
        passed_over: files that training does not look at, by suffix.
        sealed: test images that the collection brings; they stay unseen.
        pixels: from an index into `looks` to uint8 `[H, W, C]`.
        notes: sentences about folders and files that are not used.
    """

    dataset: str
    class_names: tuple[str, ...]
    looks: tuple[Look, ...]
    bad: tuple[Bad, ...]
    passed_over: dict[str, int]
    sealed: int | None
    pixels: Callable[[int], np.ndarray]
    notes: tuple[str, ...] = ()

    @cached_property
    def labels(self) -> np.ndarray:
        """Labels of the images, int32 `[N]`."""
        return np.array([look.label for look in self.looks], np.int32)

    @cached_property
    def counts(self) -> np.ndarray:
        """Images of each class, int `[K]`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    @cached_property
    def thumbnails(self) -> np.ndarray:
        """All thumbnails, uint8 `[N, 32, 32]`."""
        return np.stack([look.thumbnail for look in self.looks])

    def name_of(self, index: int) -> str:
        """Returns the name of a class, from that of an image."""
        return self.class_names[self.looks[index].label]

    @cached_property
    def twins(self) -> list:
        """Pairs that look nearly alike; see `likeness.pairs`."""
        from zoo.inspection import likeness

        digests = [look.digest for look in self.looks]
        return likeness.pairs(self.thumbnails, digests)

    @cached_property
    def groups(self) -> list[list[int]]:
        """Indices of images with the same pixels, of two images or more."""
        by_digest = collections.defaultdict(list)
        for index, look in enumerate(self.looks):
            by_digest[look.digest].append(index)
        return [group for group in by_digest.values() if len(group) > 1]

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """Indices of the images that each part of a training would have.

        What `zoo train` would do with the images that can be read, when no
        option says otherwise. Of `test` only what would be cut off.
        """
        whole = self._in_part(TRAIN)
        hashes = [self.looks[i].digest for i in whole]
        split = Split(np.zeros((len(whole), 0), np.uint8), self.labels[whole])
        sizes = {} if self.sealed is None else {TEST: self.sealed}
        source = Parts(self.class_names, sizes, _never)
        kept, test = divide(source, split, hashes, None)
        val = self._in_part(VAL)
        train = whole[kept]
        if not len(val):
            numbered = dataclasses.replace(
                split.take(kept), file_names=tuple(map(str, train))
            )
            found = hold_out(numbered, VAL_FRACTION, [hashes[i] for i in kept])
            train, val = (
                np.array([int(name) for name in part.file_names], np.int64)
                for part in found
            )
        return {TRAIN: train, VAL: val, TEST: whole[test]}

    def _in_part(self, part: str) -> np.ndarray:
        inside = [i for i, look in enumerate(self.looks) if look.part == part]
        return np.array(inside, np.int64)


def _never(part: str):
    raise RuntimeError(f"{part} is not to be read")


def tally(values: Iterable) -> dict:
    """Returns how often each value occurs, the most frequent first."""
    return dict(collections.Counter(values).most_common())
