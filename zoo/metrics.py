"""Accuracy, calibration and confidence intervals of predictions.

With NumPy and SciPy. scikit-learn's functions work from probabilities where
these work from logits, refuse the NaN that a diverged model returns, and warn
of a single class; tests hold these against them.

Logits are `[N, K]` and labels int `[N]`; losses are in nats, accuracies and
fractions 0..1.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Proportion:
    """Number of correct predictions with its exact confidence interval.

    Attributes:
        correct: Number of correct predictions.
        examples: Number of predictions, at least 1.
        low: Lower end of the interval of the accuracy.
        high: Upper end of it.
    """

    correct: int
    examples: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Accuracy, 0..1."""
        return self.correct / self.examples

    def __str__(self):
        return (
            f"{self.correct:,} of {self.examples:,} correct, "
            f"{100 * self.value:.2f}% "
            f"(95% CI {100 * self.low:.2f} to {100 * self.high:.2f})"
        )


def binomial_ci(
    correct: int, examples: int, confidence: float = CONFIDENCE
) -> Proportion:
    """Returns an accuracy with its Clopper-Pearson interval.

    Exact for the binomial (Clopper and Pearson 1934): it covers the true
    accuracy with a probability of at least `confidence`, whatever that is.
    """
    from scipy.stats import binomtest

    ci = binomtest(correct, examples).proportion_ci(confidence, "exact")
    return Proportion(correct, examples, ci.low, ci.high)


@dataclasses.dataclass(frozen=True)
class ProportionDifference:
    """Difference of two proportions with its 95% confidence interval.

    Attributes:
        value: First minus second, -1..1.
        low: Lower end of the interval.
        high: Upper end of it.
    """

    value: float
    low: float
    high: float


def difference_ci(
    first: Proportion, second: Proportion, confidence: float = CONFIDENCE
) -> ProportionDifference:
    """Returns the first proportion minus the second, of independent examples.

    The hybrid score interval, method 10 of Newcombe 1998, "Interval
    estimation for the difference between independent proportions": the
    distances of both proportions from the ends of their Wilson intervals,
    added in squares. It is valid near 0 and 1 too, and never leaves -1..1.
    """
    from scipy.stats import binomtest

    ends = [
        binomtest(p.correct, p.examples).proportion_ci(confidence, "wilson")
        for p in (first, second)
    ]
    value = first.value - second.value
    below = first.value - ends[0].low, ends[1].high - second.value
    above = ends[0].high - first.value, second.value - ends[1].low
    return ProportionDifference(
        value, value - math.hypot(*below), value + math.hypot(*above)
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns log-probabilities, float64 `[N, K]`, in nats."""
    from scipy.special import log_softmax

    return log_softmax(logits.astype(np.float64), axis=1)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean negative log-likelihood of the labels, in nats."""
    rows = np.arange(len(labels))
    return float(-log_softmax(logits)[rows, labels].mean())


def count_correct(logits: np.ndarray, labels: np.ndarray) -> int:
    """Returns how many examples have the largest logit at the label."""
    return int((logits.argmax(axis=1) == labels).sum())


def correct_per_class(
    logits: np.ndarray, labels: np.ndarray, num_classes: int
) -> list[tuple[int, int]]:
    """Returns (correct, examples) of each class, in order of class."""
    correct = logits.argmax(axis=1) == labels
    return [
        (int(correct[labels == k].sum()), int((labels == k).sum()))
        for k in range(num_classes)
    ]


def top_k_correct(logits: np.ndarray, labels: np.ndarray, k: int) -> int:
    """Returns the number of examples with the label among the k largest logits.

    Ties go to the class with the lower index, as in `argmax`, where
    scikit-learn's `top_k_accuracy_score` gives them to the higher one.
    """
    top = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return int((top == labels[:, None]).any(axis=1).sum())


def confusion_matrix(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns the number of examples by label and prediction, int `[K, K]`.

    Rows are labels, columns predictions.
    """
    pairs = labels.astype(np.int64) * num_classes + predictions
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def precision_per_class(matrix: np.ndarray) -> np.ndarray:
    """Returns the precision of each class, float `[K]`.

    Args:
        matrix: Confusion matrix. A class that is never predicted has NaN.
    """
    return _fractions(matrix.diagonal(), matrix.sum(axis=0))


def recall_per_class(matrix: np.ndarray) -> np.ndarray:
    """Returns the recall of each class, float `[K]`.

    Args:
        matrix: Confusion matrix. A class without examples has NaN.
    """
    return _fractions(matrix.diagonal(), matrix.sum(axis=1))


def balanced_accuracy(matrix: np.ndarray) -> float:
    """Returns the mean recall of the classes that have examples, 0..1.

    Args:
        matrix: Confusion matrix of at least one example.
    """
    return float(np.nanmean(recall_per_class(matrix)))


def _fractions(parts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    nan = np.full(len(totals), np.nan)
    return np.divide(parts, totals, out=nan, where=totals > 0)


def brier_score(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean squared distance of probabilities from one-hot labels.

    Summed over classes: 0 is best, 2 worst (Brier 1950, "Verification of
    forecasts expressed in terms of probability").
    """
    distances = np.exp(log_softmax(logits))
    distances[np.arange(len(labels)), labels] -= 1
    return float(np.square(distances).sum(axis=1).mean())


def mean_squared_error(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Returns the mean squared difference of `[N, 1]` and `[N]`."""
    return float(np.square(outputs[:, 0].astype(np.float64) - targets).mean())


def r2_score(error: float, targets: np.ndarray) -> float:
    """Returns R2: 1 for no error, 0 for always predicting the mean.

    Args:
        error: Mean squared error on these targets.
        targets: Float `[N]`. Where all are equal, R2 is NaN.
    """
    variance = float(targets.astype(np.float64).var())
    return 1 - error / variance if variance else math.nan


def chance_level(labels: np.ndarray, num_classes: int) -> tuple[float, float]:
    """Returns loss and accuracy of predictions that ignore the input.

    Returns:
        The cross-entropy of equal probabilities, ln K, and the fraction of
        the largest class.
    """
    counts = np.bincount(labels, minlength=num_classes)
    return math.log(num_classes), float(counts.max() / len(labels))


def majority_baseline(labels: np.ndarray) -> float:
    """Returns the accuracy of always predicting the largest class, 0..1.

    Args:
        labels: At least one label.
    """
    return float(np.bincount(labels).max() / len(labels))


def margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the logit of the label minus the largest other logit, `[N]`.

    Positive where the prediction is correct; in the unit of logits.
    """
    rows = np.arange(len(labels))
    others = np.asarray(logits, np.float64).copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] - others.max(axis=1)


@dataclasses.dataclass(frozen=True)
class CalibrationBin:
    """Predictions with a confidence in (low, high].

    Attributes:
        low: Lower edge of the bin, 0..1.
        high: Upper edge of the bin, 0..1.
        examples: Number of predictions.
        confidence: Mean confidence, 0..1; 0 without predictions.
        accuracy: Fraction that is correct, 0..1; 0 without predictions.
    """

    low: float
    high: float
    examples: int
    confidence: float
    accuracy: float


def calibration_bins(
    logits: np.ndarray, labels: np.ndarray, num_bins: int = 15
) -> list[CalibrationBin]:
    """Returns predictions by confidence, in bins of equal width.

    Confidence is the probability of the predicted class. The first bin takes
    a confidence of 0 as well.
    """
    confidence = np.exp(log_softmax(logits).max(axis=1))
    correct = logits.argmax(axis=1) == labels
    edges = np.linspace(0, 1, num_bins + 1)
    # Half open on the left: a confidence of 1 is in the last bin.
    bin_of = np.clip(np.searchsorted(edges, confidence) - 1, 0, num_bins - 1)
    bins = []
    for index in range(num_bins):
        inside = bin_of == index
        count = int(inside.sum())
        bins.append(
            CalibrationBin(
                float(edges[index]),
                float(edges[index + 1]),
                count,
                float(confidence[inside].mean()) if count else 0.0,
                float(correct[inside].mean()) if count else 0.0,
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
