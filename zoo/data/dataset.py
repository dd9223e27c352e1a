"""A data set: raw inputs, labels, and which example is for what.

A `Dataset` holds the examples to train on and those to validate on. It never
holds test examples: they stay sealed in `zoo.data.seal`. An example is an
image or a vector of numbers: a point in the plane, or features of an image.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence

import numpy as np

from zoo.data.pixel_range import range_of
from zoo.data.rows import Rows, chunks, settled, take
from zoo.data.splits import cut, digests
from zoo.errors import UserError

MEANS_OF = 10_000  # images whose brightness is measured


@dataclasses.dataclass(frozen=True)
class Split:
    """Images, or vectors, with their labels, in a fixed order.

    Attributes:
        images: uint8 `[N, H, W, C]`, raw pixels 0..255; or vectors, float32
            `[N, D]`, finite, in any unit. In memory, or, where that would be
            much, `Rows` of an array in a file.
        labels: int32 `[N]`, indices into the class names; or, where numbers
            are to be predicted, those numbers, float32 `[N]`.
        file_names: `N` paths relative to the folder that was read; empty
            where images do not come from files.
    """

    images: np.ndarray | Rows
    labels: np.ndarray
    file_names: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "images", settled(self.images))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def strata(self) -> np.ndarray:
        """Labels int `[N]` whose shares a cut keeps; all 0 for numbers."""
        if self.labels.dtype.kind == "f":
            return np.zeros(len(self.labels), np.int32)
        return self.labels

    def take(self, indices: np.ndarray) -> Split:
        """Returns the images at `indices`, int `[M]`, in that order."""
        names = tuple(self.file_names[i] for i in indices if self.file_names)
        images = take(self.images, indices)
        return Split(images, self.labels[indices], names)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What a model is trained and selected on.

    Attributes:
        name: as it was asked for, such as `mnist` or `folder:PATH`.
        train: the images that weights and statistics are fitted to.
        val: the images that models are selected by; empty if none were asked.
        class_names: one name a label; none where numbers are predicted.
        flips: whether an image keeps its class in the mirror.
        test_examples: how many test images are sealed, of all classes of the
            source; `None` if there is no test split.
        notes: sentences about files that were left out and images that were
            changed when the data set was read.
        fingerprint: SHA-256 of membership, pixels, labels, order and class
            names of both splits; the same on every machine.
    """

    name: str
    train: Split
    val: Split
    class_names: tuple[str, ...]
    flips: bool
    test_examples: int | None
    notes: tuple[str, ...] = ()
    fingerprint: str = dataclasses.field(init=False)

    def __post_init__(self):
        parts = {"train": self.train, "val": self.val}
        found = fingerprint(parts, self.class_names)
        object.__setattr__(self, "fingerprint", found)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of every example: `(H, W, C)` of images, `(D,)` of vectors."""
        return tuple(self.train.images.shape[1:])

    @functools.cached_property
    def pixel_range(self) -> tuple[int, int] | None:
        """Smallest and largest pixel of the training images; no vectors'."""
        return None if self.has_vectors else range_of(self.train.images)

    @functools.cached_property
    def image_means(self) -> tuple[float, float] | None:
        """Smallest and largest mean pixel of a training image.

        Of `MEANS_OF` images at most, evenly spread; no vectors'.
        """
        if self.has_vectors or not len(self.train):
            return None
        count = min(len(self.train), MEANS_OF)
        chosen = np.linspace(0, len(self.train) - 1, count).astype(np.int64)
        some = take(self.train.images, chosen)
        means = [
            chunk.mean(axis=(1, 2, 3), dtype=np.float64)
            for chunk in chunks(some)
        ]
        return (
            float(min(part.min() for part in means)),
            float(max(part.max() for part in means)),
        )

    def class_counts(self) -> np.ndarray:
        """Returns the number of training examples of each class, int `[K]`."""
        return np.bincount(self.train.labels, minlength=self.num_classes)

    @property
    def has_vectors(self) -> bool:
        """Whether examples are vectors of numbers, and not images."""
        return len(self.input_shape) == 1

    @property
    def noun(self) -> str:
        """What logs call the examples."""
        return "points" if self.has_vectors else "images"

    @property
    def task(self) -> str:
        """What is predicted: `classes`, or one number, `numbers`."""
        return "numbers" if self.train.labels.dtype.kind == "f" else "classes"

    @property
    def num_classes(self) -> int:
        """How many classes there are; 0 where numbers are predicted."""
        return len(self.class_names)

    @property
    def traits(self) -> set[str]:
        """Properties, as in `zoo.summaries.registry.SummarySpec.requires`."""
        shape = self.input_shape
        found = {
            "classes": self.task == "classes",
            "images": not self.has_vectors,
            "plane": shape == (2,),
            "line": shape == (1,) and self.task == "numbers",
        }
        return {word for word, holds in found.items() if holds}

    @classmethod
    def from_arrays(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        *,
        val_fraction: float = 0.1,
        class_names: Sequence[str] | None = None,
        name: str = "arrays",
    ) -> Dataset:
        """Makes a data set of a person's own arrays.

        Args:
            x: raw pixels 0..255, `[N, H, W, C]`, or `[N, H, W]` for grey.
            y: whole numbers `[N]`, the classes 0..K-1.
            val_fraction: share of the images to hold out, in [0, 1).
            class_names: `K` names; the numbers themselves if not given.
            name: what logs and run folders call it.

        Raises:
            UserError: the arrays do not make sense as labelled images.
        """
        from zoo.data.arrays import check_classes, check_split

        check_fraction(val_fraction)
        split = check_split(x, y, name)
        names = check_classes(split.labels, class_names, name)
        train, val = hold_out(split, val_fraction)
        return cls(name, train, val, names, flips=False, test_examples=None)


def check_fraction(val_fraction: float) -> None:
    """Raises `UserError` for what is no share of the training images."""
    if not 0 <= val_fraction < 1:
        raise UserError(
            f"val_fraction={val_fraction} is no share of the training images; "
            "give a number from 0 to below 1, such as 0.1."
        )


def hold_out(
    split: Split,
    fraction: float,
    hashes: Sequence[bytes] | None = None,
    groups: Sequence[str] | None = None,
) -> tuple[Split, Split]:
    """Cuts a validation part off the images that are not for testing.

    Args:
        split: what to divide.
        fraction: share of the images to hold out, in [0, 1).
        hashes: one hash an image, where they are known already.
        groups: one key an image; equal keys stay together.
    """
    if not fraction:
        return split, split.take(np.arange(0))
    hashes = digests(split.images) if hashes is None else hashes
    size = round(fraction * len(split))
    kept, held = cut(hashes, split.strata, size, groups=groups, leave=1)
    return split.take(kept), split.take(held)


def fingerprint(parts: dict[str, Split], class_names: Sequence[str]) -> str:
    """Returns the SHA-256, in hex, of everything that a run learns from."""
    total = hashlib.sha256(json.dumps(list(class_names)).encode())
    for name, split in parts.items():
        images = split.images
        total.update(f"{name} {images.dtype.str} {images.shape}".encode())
        for chunk in chunks(images):
            total.update(np.ascontiguousarray(chunk).data)
        kind = "<f4" if split.labels.dtype.kind == "f" else "<i4"
        total.update(np.ascontiguousarray(split.labels, kind).data)
    return total.hexdigest()
