"""Datasets derived from a dataset: fewer classes, fewer or random labels.

All of it happens after the splits into training, validation and test images,
so that an image is in the same split whatever is asked for here.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset, Split, hash_images, stratified_split
from zoo.errors import UserError, join_or, unknown_name_error

# Separates these random numbers from all others.
RNG_STREAM = b"random labels"


def select_classes(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Returns a dataset with only the images of some classes.

    The classes keep the order of the dataset; their labels are renumbered
    from 0.

    Args:
        dataset: the count of its test examples is left as it is.
        names: names of the classes to keep; all if empty.

    Raises:
        UserError: there is no such class, or there are fewer than two names.
    """
    if not names:
        return dataset
    labels = find_labels(names, dataset.class_names, dataset.name)
    return dataclasses.replace(
        dataset,
        train=filter_split(dataset.train, labels),
        val=filter_split(dataset.val, labels),
        class_names=tuple(dataset.class_names[label] for label in labels),
    )


def find_labels(
    names: Sequence[str], class_names: Sequence[str], dataset_name: str
) -> list[int]:
    """Returns the labels of some classes, ascending.

    Raises:
        UserError: there is no such class, or there are fewer than two names.
    """
    names = _join_at_commas([str(name) for name in names], class_names)
    flag = f"--classes={','.join(names)}"
    if not class_names:
        raise UserError(
            f"{flag}: {dataset_name} is a regression without classes; leave "
            "it out."
        )
    for name in names:
        if name not in class_names:
            raise unknown_name_error(
                f"class of {dataset_name}", name, class_names, ""
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{flag} names {twice} twice; name each class once.")
    if len(names) < 2:
        others = [name for name in class_names if name not in names]
        raise UserError(
            f"{flag} is only one class; name at least two, such as "
            f"{join_or([*names, others[0]])}."
        )
    return sorted(class_names.index(name) for name in names)


def _join_at_commas(names: list[str], class_names: Sequence[str]) -> list[str]:
    """Restores class names that the command line split at their commas."""
    whole = {tuple(map(str.strip, c.split(","))): c for c in class_names}
    longest = max(map(len, whole), default=1)
    joined, start = [], 0
    while start < len(names):
        for length in range(longest, 0, -1):
            words = tuple(names[start : start + length])
            if len(words) == length and words in whole:
                joined.append(whole[words])
                break
        else:
            length = 1
            joined.append(names[start])
        start += length
    return joined


def filter_split(split: Split, labels: Sequence[int]) -> Split:
    """Returns the examples of some classes, in their order.

    Args:
        labels: labels to keep, ascending; they become 0, 1, ...
    """
    kept = split.take(np.flatnonzero(np.isin(split.labels, labels)))
    renumbered = np.searchsorted(labels, kept.labels).astype(np.int32)
    return dataclasses.replace(kept, labels=renumbered)


def subsample(dataset: Dataset, count: int | None) -> Dataset:
    """Returns a dataset with fewer training examples, stratified by class.

    The choice depends on the examples alone, by the rank of their hashes. A
    smaller subset is not part of a larger one where classes are unequal.

    Args:
        dataset: its validation split is left as it is.
        count: number of training examples to keep; all if `None`.

    Raises:
        UserError: there are fewer, or a class would have none.
    """
    if count is None:
        return dataset
    if count > len(dataset.train):
        raise UserError(
            f"--train_examples={count} is more than the "
            f"{len(dataset.train):,} training examples of {dataset.name} "
            "(without validation); give at most that."
        )
    if count < dataset.num_classes:
        raise UserError(
            f"--train_examples={count} leaves no example for some of the "
            f"{dataset.num_classes} classes of {dataset.name}; give at least "
            f"{dataset.num_classes}."
        )
    train = dataset.train
    hashes = hash_images(train.images)
    kept = stratified_split(hashes, train.strata, count, min_first=0)[1]
    return dataclasses.replace(dataset, train=train.take(kept))


@dataclasses.dataclass(frozen=True)
class RandomLabels:
    """Statistics of randomized training labels.

    Attributes:
        fraction: Probability with which each label was replaced.
        replaced: Number of labels that were replaced.
        changed: Number of these that differ from the true label.
        fingerprint: SHA-256, in hex, of the labels that are trained on.
    """

    fraction: float
    replaced: int
    changed: int
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """Returns the values for `resolved.json`."""
        return dataclasses.asdict(self)


def randomize_labels(
    dataset: Dataset, fraction: float, seed: int
) -> tuple[Dataset, RandomLabels | None]:
    """Replaces a fraction of the training labels by random classes.

    As in Zhang, Bengio, Hardt, Recht and Vinyals 2017, "Understanding deep
    learning requires rethinking generalization", arXiv:1611.03530. Validation
    labels are left as they are.

    Args:
        dataset: returned as it is for a fraction of 0.
        fraction: probability with which each label is replaced, 0..1.
        seed: seed of the run.

    Raises:
        UserError: the dataset is a regression.
    """
    if not fraction:
        return dataset, None
    if dataset.task != "classification":
        raise UserError(
            f"--randomize_labels={fraction:g} needs classes, and "
            f"{dataset.name} is a regression; leave it out."
        )
    train = dataset.train
    replaced, labels = draw_labels(train, fraction, seed, dataset.num_classes)
    statistics = RandomLabels(
        fraction,
        int(replaced.sum()),
        int((labels != train.labels).sum()),
        hashlib.sha256(labels.astype("<i4").tobytes()).hexdigest(),
    )
    train = dataclasses.replace(train, labels=labels)
    return dataclasses.replace(dataset, train=train), statistics


def draw_labels(
    split: Split, fraction: float, seed: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws random labels, uniformly from all classes.

    A label is a function of the seed and the example alone: a hash of both
    gives two 64-bit numbers, which decide whether it is replaced and by which
    class. So it is the same on every machine and for any training subset; a
    larger fraction replaces what a smaller one does and more, and equal
    examples get equal classes.

    Args:
        split: examples with their true labels.
        fraction: probability with which each label is replaced, 0..1.
        seed: seed of the run.
        num_classes: number of classes to draw from.

    Returns:
        Which labels are replaced, bool `[N]`, and all labels, int32 `[N]`.
    """
    key = seed.to_bytes(8, "little")
    raw = b"".join(
        hashlib.blake2b(
            image_hash, digest_size=16, key=key, person=RNG_STREAM
        ).digest()
        for image_hash in hash_images(split.images)
    )
    numbers = np.frombuffer(raw, "<u8").reshape(len(split), 2)
    # In [0, 1): 53 bits, since a float64 would round 64 bits up to 1.
    replaced = (numbers[:, 0] >> np.uint64(11)) / 2**53 < fraction
    random = (numbers[:, 1] % np.uint64(num_classes)).astype(np.int32)
    return replaced, np.where(replaced, random, split.labels)
