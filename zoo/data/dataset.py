"""Datasets and their splits, divided by a hash of the pixels.

A `Dataset` has the examples to train on and those to validate on. It never has
the test examples, which only `zoo.evaluation.test_set` loads. An example is an
image or a vector: a point in the plane, or features of an image.

Splits go by the rank of a hash of the pixels, class by class. They depend on
no seed and on no order of files, so that they are the same on every machine,
and their sizes are exact. Equal images, also of different classes, are one
unit that is never divided between splits, and so are the images of one group.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Hashable, Iterable, Sequence
from pathlib import PurePosixPath

import numpy as np

from zoo.data import arrays
from zoo.data.arrays import MemmapView, iter_chunks, load_or_memmap, take
from zoo.errors import UserError

MAX_IMAGES_FOR_MEANS = 10_000


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples with their labels, in a fixed order.

    Attributes:
        images: Raw pixels 0..255, uint8 `[N, H, W, C]`, or finite vectors in
            any unit, float32 `[N, D]`. In memory, or, where that would be too
            much, a `MemmapView` of an array in a file.
        labels: Indices into the class names, int32 `[N]`, or targets of a
            regression, float32 `[N]`.
        file_names: `N` paths relative to the folder that was read; empty
            where images do not come from files.
        sample_weight: Weight of each example in the training loss, float32
            `[N]`, at least 0; `None` where all count the same.
    """

    images: np.ndarray | MemmapView
    labels: np.ndarray
    file_names: tuple[str, ...] = ()
    sample_weight: np.ndarray | None = None

    def __post_init__(self):
        object.__setattr__(self, "images", load_or_memmap(self.images))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def strata(self) -> np.ndarray:
        """Labels to stratify by, int `[N]`; all 0 for a regression."""
        if self.labels.dtype.kind == "f":
            return np.zeros(len(self.labels), np.int32)
        return self.labels

    def take(self, indices: np.ndarray) -> Split:
        """Returns the examples at `indices`, int `[M]`, in that order."""
        names = tuple(self.file_names[i] for i in indices if self.file_names)
        images = take(self.images, indices)
        weight = self.sample_weight
        if weight is not None:
            weight = weight[indices]
        return Split(images, self.labels[indices], names, weight)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The examples that a model is trained and selected on.

    Attributes:
        name: Name as requested, such as `mnist` or `folder:PATH`.
        train: Training examples, to which weights and statistics are fitted.
        val: Validation examples for model selection; may be empty.
        class_names: One name per label; empty for a regression.
        hflip_safe: Whether a horizontal flip preserves the class.
        num_test_examples: Number of held-out test examples, of all classes of
            the source; `None` if there is no test split.
        notes: Sentences about files that were skipped and images that were
            changed while reading.
        has_own_val: Whether the source has a validation split, so that it was
            not cut from the training examples.
        unit_scaled: Whether pixels were given in 0..1 and multiplied by 255. A
            model with preprocessing of its own is given 0..1 again.
        fingerprint: SHA-256 of membership, pixels, labels, order and class
            names of both splits; the same on every machine.
    """

    name: str
    train: Split
    val: Split
    class_names: tuple[str, ...]
    hflip_safe: bool
    num_test_examples: int | None
    notes: tuple[str, ...] = ()
    has_own_val: bool = False
    unit_scaled: bool = False
    fingerprint: str = dataclasses.field(init=False)

    def __post_init__(self):
        splits = {"train": self.train, "val": self.val}
        value = fingerprint(splits, self.class_names)
        object.__setattr__(self, "fingerprint", value)

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
        """Makes a dataset from images and labels in memory.

        Args:
            x: raw pixels 0..255, `[N, H, W, C]`, or `[N, H, W]` for gray.
            y: class indices `[N]`, whole numbers 0..K-1.
            val_fraction: fraction of the images for validation, in [0, 1).
            class_names: `K` names; the labels themselves by default.
            name: shown in logs and used for run folders.

        Raises:
            UserError: the arrays are not valid labelled images.
        """
        check_val_fraction(val_fraction)
        split = Split(*arrays.check_examples(x, y, name))
        names = arrays.check_classes(split.labels, class_names, name)
        train, val = train_val_split(split, val_fraction)
        return cls(name, train, val, names, False, None)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of an example: `(H, W, C)` of images, `(D,)` of vectors."""
        return tuple(self.train.images.shape[1:])

    @property
    def task(self) -> str:
        """Either `classification` or `regression` (one number)."""
        is_float = self.train.labels.dtype.kind == "f"
        return "regression" if is_float else "classification"

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 for a regression."""
        return len(self.class_names)

    @property
    def class_counts(self) -> np.ndarray:
        """Number of training examples of each class, int `[K]`."""
        return np.bincount(self.train.labels, minlength=self.num_classes)

    @property
    def has_vectors(self) -> bool:
        """Whether examples are vectors rather than images."""
        return len(self.input_shape) == 1

    @property
    def unit_name(self) -> str:
        """Plural noun for the examples in logs."""
        return "points" if self.has_vectors else "images"

    @property
    def capabilities(self) -> set[str]:
        """Properties, as in `zoo.summaries.registry.SummarySpec.requires`."""
        shape = self.input_shape
        holds = {
            "classes": self.task == "classification",
            "images": not self.has_vectors,
            "plane": shape == (2,),
            "line": shape == (1,) and self.task == "regression",
        }
        return {word for word in holds if holds[word]}

    @functools.cached_property
    def pixel_range(self) -> tuple[int, int] | None:
        """Smallest and largest training pixel; `None` for vectors."""
        if self.has_vectors:
            return None
        return arrays.pixel_range(self.train.images)

    @functools.cached_property
    def image_mean_range(self) -> tuple[float, float] | None:
        """Smallest and largest mean pixel of a training image.

        Of at most `MAX_IMAGES_FOR_MEANS` images, evenly spaced; `None` for
        vectors.
        """
        if self.has_vectors or not len(self.train):
            return None
        count = min(len(self.train), MAX_IMAGES_FOR_MEANS)
        indices = np.linspace(0, len(self.train) - 1, count).astype(np.int64)
        sample = take(self.train.images, indices)
        means = [
            chunk.mean(axis=(1, 2, 3), dtype=np.float64)
            for chunk in iter_chunks(sample)
        ]
        return (
            float(min(chunk.min() for chunk in means)),
            float(max(chunk.max() for chunk in means)),
        )


def fingerprint(splits: dict[str, Split], class_names: Sequence[str]) -> str:
    """Returns the SHA-256, in hex, of all that a run learns from."""
    total = hashlib.sha256(json.dumps(list(class_names)).encode())
    for name, split in splits.items():
        images = split.images
        total.update(f"{name} {images.dtype.str} {images.shape}".encode())
        for chunk in iter_chunks(images):
            total.update(np.ascontiguousarray(chunk).data)
        kind = "<f4" if split.labels.dtype.kind == "f" else "<i4"
        total.update(np.ascontiguousarray(split.labels, kind).data)
        if split.sample_weight is not None:
            weight = np.ascontiguousarray(split.sample_weight, "<f4")
            total.update(b"sample_weight" + weight.tobytes())
    return total.hexdigest()


def check_val_fraction(val_fraction: float) -> None:
    """Raises `UserError` for a fraction outside [0, 1)."""
    if not 0 <= val_fraction < 1:
        raise UserError(
            f"invalid val_fraction={val_fraction}; give a number from 0 to "
            "below 1, such as 0.1."
        )


def train_val_split(
    split: Split,
    val_fraction: float,
    hashes: Sequence[bytes] | None = None,
    groups: Sequence[str] | None = None,
) -> tuple[Split, Split]:
    """Divides examples, none of them of the test split, in two.

    Args:
        split: the examples to divide.
        val_fraction: fraction of the examples for validation, in [0, 1).
        hashes: one hash per image, where they are known already.
        groups: one key per image; equal keys stay together.
    """
    if not val_fraction:
        return split, split.take(np.arange(0))
    hashes = hash_images(split.images) if hashes is None else hashes
    size = round(val_fraction * len(split))
    train, val = stratified_split(hashes, split.strata, size, groups=groups)
    return split.take(train), split.take(val)


def fold_split(
    split: Split,
    number: int,
    count: int,
    hashes: Sequence[bytes],
    groups: Sequence[str] | None = None,
) -> tuple[Split, Split]:
    """Divides examples as cross-validation does: each is validated once.

    Args:
        split: the examples to divide, none of them of the test split.
        number: of the fold for validation, from 1.
        count: number of folds.
        hashes: one per image.
        groups: one key per image; equal keys stay together.

    Raises:
        UserError: there are fewer images than folds, or a class would be
            validated without any image to train on.
    """
    folds = stratified_folds(hashes, split.strata, count, groups)
    sizes = np.bincount(folds, minlength=count)
    if not sizes.all():
        raise UserError(
            f"{len(split):,} training images do not fill {count} folds; give "
            "fewer."
        )
    train = np.flatnonzero(folds != number - 1)
    missing = set(np.unique(split.strata)) - set(np.unique(split.strata[train]))
    if missing:
        raise UserError(
            "folds would leave a class without training images, since all of "
            "its images belong together; add images to it, or take it out "
            "with --classes."
        )
    return split.take(train), split.take(np.flatnonzero(folds == number - 1))


def stratified_folds(
    hashes: Sequence[bytes],
    labels: np.ndarray,
    count: int,
    groups: Sequence[Hashable] | None = None,
) -> np.ndarray:
    """Returns the fold of each image, int `[N]` from 0, stratified by class.

    Sizes of folds, in total and of each class, differ by at most one image
    where no images belong together.

    Args:
        hashes: one hash per image.
        labels: int `[N]`.
        count: number of folds.
        groups: one key per image; images with equal keys stay together.
    """
    folds = np.zeros(len(labels), np.int64)
    totals = np.zeros(count, np.int64)
    units = _units(hashes, groups)
    for ranked in _ranked_by_class(units, hashes, labels):
        of_class = np.zeros(count, np.int64)
        for unit in sorted(ranked, key=len, reverse=True):
            # The smallest fold of this class, then the smallest of all.
            fold = np.lexsort((totals, of_class))[0]
            folds[unit] = fold
            of_class[fold] += len(unit)
            totals[fold] += len(unit)
    return folds


def hash_images(images: Iterable[np.ndarray]) -> list[bytes]:
    """Returns the hash of every image, in order."""
    return [hash_image(image) for image in images]


def hash_image(image: np.ndarray) -> bytes:
    """Returns a 16-byte hash of the pixels and the shape of one image."""
    header = f"{image.dtype.str} {image.shape} ".encode()
    return hashlib.blake2b(header + image.tobytes(), digest_size=16).digest()


def stratified_split(
    hashes: Sequence[bytes],
    labels: np.ndarray,
    size: int,
    *,
    groups: Sequence[Hashable] | None = None,
    min_first: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Divides images in two splits, stratified by class.

    The second split has `size` images unless units of several images, or
    classes that must have one there, make that impossible. A class of more
    than `min_first` units has at least one in the second split and
    `min_first` in the first; a smaller class is all in the first.

    Args:
        hashes: one hash per image.
        labels: int `[N]`.
        size: number of images wanted in the second split.
        groups: one key per image; images with equal keys stay together.
        min_first: units of every class that must be in the first split.

    Returns:
        Ascending indices of the first and of the second split, int64.
    """
    units = _units(hashes, groups)
    by_class = _ranked_by_class(units, hashes, labels)
    sizes = _allocate(by_class, size, min_first)
    second = np.zeros(len(labels), bool)
    for ranked, wanted in zip(by_class, sizes, strict=True):
        for unit in _choose(ranked, wanted, min_first):
            second[unit] = True
    return np.flatnonzero(~second), np.flatnonzero(second)


def _units(
    hashes: Sequence[bytes], groups: Sequence[Hashable] | None
) -> list[list[int]]:
    """Joins the images that share a hash or a group, however indirectly."""
    parent = list(range(len(hashes)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for keys in (hashes, groups or ()):
        first: dict[Hashable, int] = {}
        for i, key in enumerate(keys):
            parent[root(i)] = root(first.setdefault(key, i))
    units: dict[int, list[int]] = {}
    for i in range(len(hashes)):
        units.setdefault(root(i), []).append(i)
    return list(units.values())


def _ranked_by_class(
    units: list[list[int]], hashes: Sequence[bytes], labels: np.ndarray
) -> list[list[list[int]]]:
    """Sorts units by hash within the class that most of their images have."""
    ranked: dict[int, list[tuple[bytes, list[int]]]] = {}
    for unit in units:
        label = int(labels[unit[0]])
        if len(unit) > 1:
            label = int(np.bincount(labels[unit]).argmax())
        # The hash of all members: ranked by the smallest hash of a member,
        # large units would come first.
        rank = hashlib.blake2b(b"".join(sorted(hashes[i] for i in unit)))
        ranked.setdefault(label, []).append((rank.digest(), unit))
    return [[unit for _, unit in sorted(ranked[c])] for c in sorted(ranked)]


def _allocate(
    by_class: list[list[list[int]]], size: int, min_first: int
) -> list[int]:
    """Distributes `size` among classes, by largest remainder."""
    counts = np.array([sum(map(len, ranked)) for ranked in by_class])
    can_give = np.array([len(ranked) > min_first for ranked in by_class])
    low = can_give.astype(int)
    high = np.where(can_give, counts - min_first, 0)
    quota = size * counts / max(counts.sum(), 1)
    given = np.clip(np.floor(quota).astype(int), low, high)
    while given.sum() > size and (given > low).any():
        given[np.where(given > low, given - quota, -np.inf).argmax()] -= 1
    while given.sum() < size and (given < high).any():
        given[np.where(given < high, quota - given, -np.inf).argmax()] += 1
    return given.tolist()


def _choose(
    ranked: list[list[int]], wanted: int, min_first: int
) -> list[list[int]]:
    """Chooses units whose sizes add up as near to `wanted` as possible.

    Among those it prefers units of low rank. The `min_first` largest stay.
    """
    if not wanted:
        return []
    by_size = sorted(range(len(ranked)), key=lambda i: len(ranked[i]))
    stay = set(by_size[len(ranked) - min_first :])
    units = [unit for i, unit in enumerate(ranked) if i not in stay]
    reachable = _subset_sums([len(unit) for unit in units])
    total = sum(map(len, units))
    rest = min(
        (s for s in range(1, total + 1) if s in reachable[0]),
        key=lambda s: abs(s - wanted),
    )
    chosen = []
    for i, unit in enumerate(units):
        if rest - len(unit) in reachable[i + 1]:
            chosen.append(unit)
            rest -= len(unit)
    return chosen


class _BitSet:
    """A set of whole numbers: s is a member where bit s is set."""

    def __init__(self, bits: int):
        self.bits = bits

    def __contains__(self, number: int) -> bool:
        return number >= 0 and bool(self.bits >> number & 1)


def _subset_sums(sizes: Sequence[int]) -> list[range | _BitSet]:
    """Returns for each i the sums of subsets of `sizes[i:]`.

    With enough small sizes these are all numbers up to a maximum: a range,
    which takes no memory. Bits of 50,000 sums of 50,000 images take 150 MB.
    """
    sums: list[range | _BitSet] = [range(1)]
    for size in reversed(sizes):
        last = sums[-1]
        if isinstance(last, range) and size <= len(last):
            sums.append(range(len(last) + size))
            continue
        bits = (1 << len(last)) - 1 if isinstance(last, range) else last.bits
        bits |= bits << size
        is_range = bits == (1 << bits.bit_length()) - 1
        sums.append(range(bits.bit_length()) if is_range else _BitSet(bits))
    return sums[::-1]


def group_keys(
    file_names: Sequence[str], group_by: str | None, class_depth: int = 0
) -> list[str] | None:
    """Returns one key per image; images with equal keys stay together.

    Args:
        file_names: paths relative to the folder that was read, with `/`.
        group_by: a regular expression, whose first group or, without one,
            whose match in the path is the key; `folder`, the folder of the
            file; or `None`.
        class_depth: number of folders that lead to the images of a class and
            are no groups themselves: 2 for `train/CLASS/`.

    Raises:
        UserError: the expression is invalid, or an image has no key.
    """
    if group_by is None:
        return None
    if not file_names:
        raise UserError(
            f"--group_by={group_by} groups by file names, and these images "
            "have none; use it with --dataset=folder:PATH."
        )
    if group_by == "folder":
        return [_folder_key(name, class_depth) for name in file_names]
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UserError(
            f"--group_by={group_by} is not a valid regular expression "
            f"({error}); correct it, or give the word folder."
        ) from None
    return [_pattern_key(pattern, name) for name in file_names]


def _folder_key(name: str, class_depth: int) -> str:
    """Returns the folder of a file, which must be below that of its class."""
    folder = PurePosixPath(name).parent
    if len(folder.parts) <= class_depth:
        where = "in no folder"
        if class_depth:
            where = (
                "directly in the folder of its class, so that the whole class "
                "would be one group"
            )
        raise UserError(
            f"--group_by=folder: {name} is {where}; put the images of each "
            "object in a sub-folder of their own."
        )
    return str(folder)


def _pattern_key(pattern: re.Pattern, name: str) -> str:
    match = pattern.search(name)
    if not match:
        raise UserError(
            f"--group_by={pattern.pattern} does not match {name}; the "
            "expression must match the path of every image."
        )
    return match[1] or "" if pattern.groups else match[0]
