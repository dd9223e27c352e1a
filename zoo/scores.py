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


def guessing(labels: np.ndarray, num_classes: int) -> tuple[float, float]:
    """Returns what knowing nothing scores: loss ln K, and the largest class.

    Returns:
        The cross-entropy of equal probabilities in nats, and the share of the
        most frequent class.
    """
    counts = np.bincount(labels, minlength=num_classes)
    return math.log(num_classes), float(counts.max() / len(labels))
