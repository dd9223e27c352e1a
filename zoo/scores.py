"""Scores from counts and logits, with NumPy and SciPy alone."""

from __future__ import annotations

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Proportion:
    """A count of right answers with its exact 95 % interval."""

    correct: int
    examples: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share that is right, 0..1."""
        return self.correct / self.examples

    def __str__(self):
        return (
            f"{self.correct:,} of {self.examples:,} right, "
            f"{100 * self.value:.2f} % "
            f"(95 % interval {100 * self.low:.2f} to {100 * self.high:.2f})"
        )


def proportion(correct: int, examples: int, level: float = 0.95) -> Proportion:
    """Returns a share with its Clopper-Pearson interval.

    Exact for the binomial (Clopper and Pearson 1934): it covers the true share
    at least `level` of the time, whatever the share is.
    """
    from scipy.stats import binomtest

    interval = binomtest(correct, examples).proportion_ci(level, "exact")
    return Proportion(correct, examples, interval.low, interval.high)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns log-probabilities, float64 `[N, K]`, in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean negative log-likelihood of the true classes, in nats."""
    rows = np.arange(len(labels))
    return float(-log_softmax(logits)[rows, labels].mean())


def count_correct(logits: np.ndarray, labels: np.ndarray) -> int:
    """Returns how many examples have their largest logit at the true class."""
    return int((logits.argmax(axis=1) == labels).sum())


def correct_by_class(
    logits: np.ndarray, labels: np.ndarray, num_classes: int
) -> list[tuple[int, int]]:
    """Returns (correct, examples) for each class, in the order of classes."""
    right = logits.argmax(axis=1) == labels
    return [
        (int(right[labels == k].sum()), int((labels == k).sum()))
        for k in range(num_classes)
    ]


def confusion(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns how often each class got each answer, int `[K, K]`.

    True classes in rows, predicted ones in columns.
    """
    pairs = labels.astype(np.int64) * num_classes + predictions
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def count_in_top(logits: np.ndarray, labels: np.ndarray, most: int) -> int:
    """Returns how often the true class is among the `most` largest logits.

    Of equal logits those of earlier classes come first, as in `argmax`.
    """
    best = np.argsort(-logits, axis=1, kind="stable")[:, :most]
    return int((best == labels[:, None]).any(axis=1).sum())


def precision(matrix: np.ndarray) -> np.ndarray:
    """Returns which share of each class's answers is right, float `[K]`.

    Args:
        matrix: as `confusion` gives it. NaN for what was never answered.
    """
    return _shares(matrix.diagonal(), matrix.sum(axis=0))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Returns which share of each class's examples is found, float `[K]`.

    Args:
        matrix: as `confusion` gives it. NaN for a class without examples.
    """
    return _shares(matrix.diagonal(), matrix.sum(axis=1))


def balanced_accuracy(matrix: np.ndarray) -> float:
    """Returns the mean recall of the classes that have examples, 0..1.

    Args:
        matrix: as `confusion` gives it, of one example at least.
    """
    return float(np.nanmean(recall(matrix)))


def _shares(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    nothing = np.full(len(wholes), np.nan)
    return np.divide(parts, wholes, out=nothing, where=wholes > 0)


def brier(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean squared distance of probabilities from the truth.

    Summed over classes, so that 0 is best and 2 worst (Brier 1950,
    "Verification of forecasts expressed in terms of probability").
    """
    distances = np.exp(log_softmax(logits))
    distances[np.arange(len(labels)), labels] -= 1
    return float(np.square(distances).sum(axis=1).mean())


def mean_squared_error(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Returns the mean of squared differences of `[N, 1]` from `[N]`."""
    return float(np.square(outputs[:, 0].astype(np.float64) - targets).mean())


def explained(error: float, targets: np.ndarray) -> float:
    """Returns R2: 1 for no error, 0 for that of predicting the mean.

    Args:
        error: mean squared error on these targets.
        targets: float `[N]`; NaN comes back if they are all the same.
    """
    variance = float(targets.astype(np.float64).var())
    return 1 - error / variance if variance else math.nan


def guessing(labels: np.ndarray, num_classes: int) -> tuple[float, float]:
    """Returns what knowing nothing scores: loss ln K, and the largest class.

    Returns:
        The cross-entropy of equal probabilities in nats, and the share of the
        most frequent class.
    """
    counts = np.bincount(labels, minlength=num_classes)
    return math.log(num_classes), float(counts.max() / len(labels))


def majority(labels: np.ndarray) -> float:
    """Returns the accuracy of always naming the largest class, 0..1.

    Args:
        labels: class numbers, int `[N]`, of one example at least.
    """
    return float(np.bincount(labels).max() / len(labels))


def margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the true class's logit minus the largest wrong one, `[N]`.

    Positive where the answer is right; in the unit of logits.
    """
    rows = np.arange(len(labels))
    wrong = np.asarray(logits, np.float64).copy()
    wrong[rows, labels] = -np.inf
    return logits[rows, labels] - wrong.max(axis=1)


@dataclasses.dataclass(frozen=True)
class CalibrationBin:
    """The answers whose confidence lies in (low, high].

    Attributes:
        confidence: their mean confidence, 0..1; 0 without examples.
        accuracy: the share of them that is right; 0 without examples.
    """

    low: float
    high: float
    examples: int
    confidence: float
    accuracy: float


def calibration_bins(
    logits: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> list[CalibrationBin]:
    """Returns answers by confidence, in bins of equal width.

    Confidence is the probability of the predicted class. The first bin takes
    a confidence of 0 as well.
    """
    confidence = np.exp(log_softmax(logits).max(axis=1))
    right = logits.argmax(axis=1) == labels
    edges = np.linspace(0, 1, num_bins + 1)
    # Half open on the left: a confidence of 1 is in the last bin.
    at = np.clip(np.searchsorted(edges, confidence) - 1, 0, num_bins - 1)
    bins = []
    for index in range(num_bins):
        inside = at == index
        count = int(inside.sum())
        bins.append(
            CalibrationBin(
                float(edges[index]),
                float(edges[index + 1]),
                count,
                float(confidence[inside].mean()) if count else 0.0,
                float(right[inside].mean()) if count else 0.0,
            )
        )
    return bins


def expected_calibration_error(
    logits: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> float:
    """Returns the mean distance of confidence from accuracy over bins, 0..1.

    Weighted by the examples of each bin (Guo et al. 2017, "On Calibration of
    Modern Neural Networks", arXiv:1706.04599).
    """
    return sum(
        part.examples * abs(part.confidence - part.accuracy) / len(labels)
        for part in calibration_bins(logits, labels, num_bins)
    )
