"""Classes of unequal size: what they weigh, what is said of them, and scores.

Where one class has most of the images, an answer that is always the same has
a fine accuracy. Balanced accuracy, the mean of the classes' recalls, does not
fall for that: always the same answer has 1/K.
"""

from __future__ import annotations

import numpy as np

from zoo import metrics
from zoo.data import Dataset, Split
from zoo.models.inference import predict_batched

UNEQUAL = 2.0  # examples of the largest class beside the smallest


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns what an example of each class counts, float32 `[K]`.

    n / (K n_k) for n_k of n examples (King and Zeng 2001, "Logistic
    regression in rare events data"): each class counts the same in all, and
    the mean over the examples is 1. A class without examples gets 0.
    """
    counts = np.bincount(labels, minlength=num_classes)
    weights = np.zeros(num_classes)
    present = counts > 0
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights.astype(np.float32)


def is_unequal(data: Dataset) -> bool:
    """Whether a class has over twice the training examples of another."""
    if data.task != "classes":
        return False
    counts = _counts(data)
    return bool(counts.max() > UNEQUAL * counts.min())


def in_words(data: Dataset, class_weight: str) -> dict[str, str]:
    """Returns a line that says how unequal classes are; none if they are not.

    Args:
        class_weight: as in `TrainConfig`.
    """
    if not is_unequal(data):
        return {}
    counts = _counts(data)
    most, least = int(counts.argmax()), int(counts.argmin())
    names = data.class_names
    if class_weight == "balanced":
        weights = class_weights(data.train.labels, data.num_classes)
        advice = (
            f"in the loss an example of {names[least]} counts "
            f"{weights[least]:.3g}, one of {names[most]} {weights[most]:.3g}"
        )
    else:
        advice = (
            "watch balanced accuracy; --class_weight=balanced makes all "
            "classes count the same"
        )
    return {
        "classes": f"unequal: {counts[most]:,} training {data.noun} are "
        f"{names[most]}, {counts[least]:,} {names[least]}; {advice}"
    }


def balanced_accuracy(model, part: Split) -> float:
    """Returns the mean recall of the classes that a split has, 0..1."""
    logits = predict_batched(model, part.images)
    matrix = metrics.confusion_matrix(
        part.labels, logits.argmax(axis=1), logits.shape[1]
    )
    return metrics.balanced_accuracy(matrix)


def _counts(data: Dataset) -> np.ndarray:
    return np.bincount(data.train.labels, minlength=data.num_classes)
