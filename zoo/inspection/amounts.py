"""Findings on amounts: too few images, and classes of unequal size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zoo import metrics
from zoo.errors import join_words
from zoo.inspection.collection import Collection
from zoo.inspection.finding import HINT, POOR, Finding
from zoo.tables import many

ENOUGH = 100  # validation images, with which 80 % is known to 8 points or so
ENOUGH_OF_A_CLASS = 5
UNEQUAL, VERY_UNEQUAL = 2.0, 5.0  # the largest class beside the smallest


def few(collection: Collection) -> Iterator[Finding]:
    """A validation part that is too small to choose a model by."""
    if not collection.counts.all():
        return  # said already, and the cut needs every class
    val = collection.parts["val"]
    by_class = np.bincount(
        collection.labels[val], minlength=len(collection.class_names)
    )
    if not by_class.all():
        names = _names(collection, by_class == 0)
        yield Finding(
            "few",
            POOR,
            f"the validation part would have no image of {names}",
            "whether that is learned could not be seen before the test",
            "add images, at least 30 of each class",
        )
    elif len(val) < ENOUGH:
        # As good as a fair model would be: 80 % right.
        share = metrics.binomial_ci(round(0.8 * len(val)), len(val))
        yield Finding(
            "few",
            POOR if len(val) < ENOUGH / 2 else HINT,
            f"the validation part would have {many(len(val), 'image')}",
            f"{share.correct} right of {share.examples} would mean an accuracy "
            f"anywhere from {share.low:.2f} to {share.high:.2f}, so that "
            "models could hardly be told apart",
            "add images, or hold out more with --val_fraction=0.3",
        )
    elif by_class.min() < ENOUGH_OF_A_CLASS:
        names = _names(collection, by_class < ENOUGH_OF_A_CLASS)
        yield Finding(
            "few",
            HINT,
            "the validation part would have fewer than "
            f"{ENOUGH_OF_A_CLASS} images of {names}",
            "each of them moves what is said of its class by over 20 points",
            "add images there",
        )


def imbalance(collection: Collection) -> Iterator[Finding]:
    """A class with many more images than another."""
    counts = collection.counts
    most, least = int(counts.argmax()), int(counts.argmin())
    if not counts.all() or counts[most] <= UNEQUAL * counts[least]:
        return
    ratio = counts[most] / counts[least]
    names = collection.class_names
    share = 100 * counts[most] / counts.sum()
    yield Finding(
        "imbalance",
        POOR if ratio > VERY_UNEQUAL else HINT,
        f"the class {names[most]} has {many(int(counts[most]), 'image')}, "
        f"{ratio:.1f} times as many as {names[least]} with {counts[least]:,}",
        f"always answering {names[most]} would be right in {share:.0f} % of "
        "all images, and learning leans that way",
        "read balanced accuracy, try --class_weight=balanced, or add images "
        f"of {names[least]}",
    )


def _names(collection: Collection, which: np.ndarray) -> str:
    names = [collection.class_names[k] for k in np.flatnonzero(which)]
    shown = names[:3] + [f"{len(names) - 3} more"] * (len(names) > 3)
    return join_words(shown, "and")
